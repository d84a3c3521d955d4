import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import catalog, factors
from cptlaw.errors import DataError
from cptlaw.laws import dual
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.laws.factors import anchored_shift, relative_slope, replay_share, shift, solve_reach
from cptlaw.laws.factors.paper import ALPHA, BETA
from cptlaw.laws.law import Factor
from cptlaw.laws.points import Points, group_label
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from laws import EVERY

BASES = [Schedule.wsd(3e-4, 400, 100, warmup=50).lr(), Schedule.cosine(2e-4, 300, warmup=20).lr()]
CPTS = [
    Schedule.parse("warmup 20 to 1e-4 | cosine 180 to 1e-5").lr(),
    Schedule.parse("constant 100 to 2e-4 | linear 100 to 0").lr(),
]
BATCHES = [(4e6, 4096), (8e6, None)]
SHAPES = list(dict.fromkeys(s for n in EVERY for s in catalog.example(n).shapes))


def place(histories, seed=0, convention=None):
    """40 random points on every history, none before the first step."""
    rng = np.random.default_rng(seed)
    total = np.array([h.steps for h in histories])
    owner = np.repeat(np.arange(len(histories)), 40)
    return Points(histories, owner, rng.integers(1, total[owner] + 1), convention or Convention())


def known():
    """Two sizes, two replay shares, two batches; two bases, two continuations, one of them PT."""
    return [
        History(base, cpt, replay, size, batch)
        for base, size in zip(BASES, (1e8, 4e8), strict=True)
        for cpt, replay, batch in zip(
            [*CPTS, []], (0.0, 0.3, 0.0), [*BATCHES, BATCHES[0]], strict=True
        )
    ]


def unknown():
    return [
        History([], cpt, replay, size, unknown_base=name)
        for cpt, replay in zip(CPTS, (0.0, 0.3), strict=False)
        for name, size in (("a", 1e8), ("b", 4e8))
    ]


def law_and_points(name, role="pt", convention=None):
    open_ = "unknown" in catalog.find(name).traits.sees
    points = place(unknown() if open_ else known(), convention=convention)
    batches = sorted({group_label(h, "batch") for h in points.histories} - {""})
    bases = ("a", "b") if open_ else ()
    reference = float(points.s1_cpt.max())
    facts = Facts(role, reference, 400, bases, tuple(batches), replay=True, sizes=True)
    return catalog.get(name, facts), points


def dense_slopes(law, points, z):
    """Derivatives of the law's matrix, shape (k, n, m)."""
    dense = np.zeros((z.size, len(points), len(law.terms)))
    for s, t, slope in law.columns(points, z).slopes:
        dense[s, :, t] += slope
    return dense


# --- derivatives ------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", EVERY)
def test_slopes_are_central_differences(name, role, seed):
    convention = Convention("as-is", "carried") if seed else Convention()
    law, points = law_and_points(name, role, convention)
    rng = np.random.default_rng(seed)
    z = np.array([rng.uniform(s.inner(s.start[0]), s.inner(s.start[1])) for s in law.shapes])
    found, h = dense_slopes(law, points, z), 1e-5
    for i, shape in enumerate(law.shapes):
        step = np.eye(z.size)[i] * h
        high = law.columns(points, z + step, slopes=False).matrix
        low = law.columns(points, z - step, slopes=False).matrix
        expected = (high - low) / (2 * h)
        if shape.name == "omega":  # no data repeat at these points
            assert not found[i].any() and not expected.any()
            continue
        assert np.abs(expected).max() > 0, f"{shape.name} moves nothing"
        size = np.abs(high).max(axis=0) + np.abs(expected).max(axis=0)
        size[size == 0] = 1.0
        assert_allclose(found[i] / size, expected / size, atol=1e-8, err_msg=shape.name)


@pytest.mark.parametrize("name", EVERY)
def test_held_shapes_have_no_slopes(name):
    law, points = law_and_points(name)
    z = law.inner({s.name: s.start[0] for s in law.shapes})
    held = law.shapes[1].name
    columns = law.columns(points, z, held=[held])
    assert 1 not in {s for s, _, _ in columns.slopes}
    assert law.columns(points, z, slopes=False).slopes == ()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_search_coordinates(shape):
    assert shape.low <= shape.start[0] < shape.start[1] <= shape.high
    for value in (shape.low, *shape.start, shape.high):
        inner = shape.inner(value)
        assert shape.outer(inner) == pytest.approx(value, rel=1e-12, abs=1e-15)
        slope = (shape.outer(inner + 1e-6) - shape.outer(inner - 1e-6)) / 2e-6
        assert shape.slope(inner) == pytest.approx(slope, rel=1e-6, abs=1e-10)


def test_a_factor_of_floats_is_its_function_of_duals():
    """A factor without parameters has no derivatives, one with them has one for each."""
    _, points = law_and_points("eq4")
    product = Factor(
        (ALPHA, BETA), lambda x, a, b: a * b * x.s1, "", "", hidden=lambda x, a, b: a + b + x.s1
    )
    found = product.evaluate(points, 2.0, 5.0)
    assert_allclose(found.value, 10 * points.s1)
    assert_allclose(found.slopes, [5 * points.s1, 2 * points.s1])
    assert_allclose(product.value(points, 2.0, 5.0), 10 * points.s1)
    assert_allclose(product.value(points, 2.0, 5.0, hidden=True), 7 + points.s1)
    plain = Factor((), lambda x: dual.constant(x.s1), "", "")
    assert plain.evaluate(points).slopes.shape == (0, len(points))
    assert_allclose(plain.value(points, hidden=True), points.s1)


# --- the shift --------------------------------------------------------------------------------


def areas(values):
    """Points on CPT runs of the given forward areas."""
    histories = [History([1.0], [value]) for value in values]
    return Points.at_ends(histories, Convention())


@pytest.mark.parametrize("rate", [1e-3, 1.0, 100.0, 1e6])
@pytest.mark.parametrize("beta", [1e-3, 0.1, 1.0, 5.0])
def test_the_anchored_shift_is_the_plain_one_over_its_value_at_the_reference(rate, beta):
    reference = 2.5
    x = areas([0.0, 0.1, 1.0, reference, 10.0])
    k = relative_slope(rate * reference, beta)
    plain = shift(reference).evaluate(x, rate, beta).value
    anchored = anchored_shift(reference).evaluate(x, k, beta).value
    assert_allclose(anchored, plain / plain[3], rtol=1e-7)
    assert anchored[0] == 0
    assert anchored[3] == pytest.approx(1)


@pytest.mark.parametrize("beta", [1e-4, 0.03, 1.0, 20.0, 300.0, 1000.0])
@pytest.mark.parametrize("k", [0.01, 0.05, 0.5, 0.8, 0.999, 1 - 1e-6])
def test_the_reach_of_a_relative_slope(k, beta):
    assert relative_slope(solve_reach(k, beta), beta) == pytest.approx(k, rel=1e-9)


@pytest.mark.parametrize(("rate", "beta"), [(2.0, 0.5), (300.0, 0.05)])
def test_the_relative_slope_is_that_of_the_shift(rate, beta):
    x = areas([1.0, 1.0 + 1e-6])
    low, high = shift(1.0).evaluate(x, rate, beta).value
    slope = np.log(high / low) / np.log(1.0 + 1e-6)
    assert relative_slope(rate, beta) == pytest.approx(slope, rel=1e-4)


def test_the_shift_is_0_at_the_transfer_and_before_it():
    law, points = law_and_points("eq4")
    z = law.inner({s.name: s.start[0] for s in law.shapes})
    column = law.columns(points, z).matrix[:, law.coefficients.index("B")]
    assert (column[~points.is_cpt] == 0).all()
    assert (column[points.is_cpt] > 0).all()


# --- replay -----------------------------------------------------------------------------------

SHARES = np.linspace(0.0, 1.0, 11)


def at_shares(r_cpt):
    histories = [History([1.0], [1.0], replay=1.0 - r) for r in r_cpt]
    return Points.at_ends(histories, Convention())


def shift_factor(name, role, a2):
    """The replay factor of the shift of a law at r_cpt = 0, 0.1, ..., 1."""
    term = next(t for t in catalog.get(name, Facts(role)).terms if t.part == "shift")
    return term.factors[1].evaluate(at_shares(SHARES), a2).value


@pytest.mark.parametrize("a2", [0.01, 1.0, 5.0, 15.0])
@pytest.mark.parametrize(
    ("name", "role", "convex"),
    [
        ("eq8", "pt", True),
        ("eq8", "cpt", False),
        ("eq7+eq8", "pt", True),
        ("eq7+eq8", "cpt", False),
        ("eq8-printed", "pt", False),
        ("eq8-printed", "cpt", True),
    ],
)
def test_how_the_shift_grows_with_the_share_of_new_data(name, role, convex, a2):
    values = shift_factor(name, role, a2)
    assert values[0] == 0
    assert values[-1] == pytest.approx(1)
    assert (np.diff(values) > 0).all()
    bends = np.diff(values, 2)
    assert (bends > 0).all() if convex else (bends < 0).all()


def test_one_factor_is_the_other_upside_down():
    x, mirrored = at_shares(SHARES), at_shares(1.0 - SHARES)
    convex = replay_share("convex").evaluate(x, 3.0).value
    concave = replay_share("concave").evaluate(mirrored, 3.0).value
    assert_allclose(convex, 1.0 - concave, atol=1e-12)


@pytest.mark.parametrize(("role", "exponent"), [("pt", 0.3), ("cpt", 0.7)])
def test_the_annealing_of_a_replay_run(role, exponent):
    value = factors.exponential_share(role).evaluate(at_shares([0.7]), 0.5).value
    assert value == pytest.approx(np.exp(0.5 * exponent))


# --- the others -------------------------------------------------------------------------------


def test_sizes_are_in_millions():
    x = Points.at_ends([History([1.0], [], model_size=4e6)], Convention())
    assert factors.size_power("g").evaluate(x, 0.5).value == pytest.approx(2.0)
    assert factors.size_power("g", -1).evaluate(x, 0.5).value == pytest.approx(0.5)


def test_a_negative_area_keeps_its_sign_under_a_power():
    x = Points.along(History([1, 1], [3, 1, 0]), np.arange(2, 6), Convention())
    factor = factors.powered_annealing("cpt", factors.memory(5), "zeta")
    found = factor.evaluate(x, 0.0, 0.5)
    assert_allclose(found.value, [0, -np.sqrt(2), 0, 1])
    assert found.slopes[:, 0].tolist() == [0, 0]


@pytest.mark.parametrize("name", ["eq9", "eq10"])
def test_a_neutral_value_gives_eq4(name):
    law, points = law_and_points(name)
    plain, _ = law_and_points("eq4")
    values = {s.name: s.start[0] if s.neutral is None else s.neutral for s in law.shapes}
    found = law.columns(points, law.inner(values)).matrix
    assert_allclose(found, plain.columns(points, plain.inner(values)).matrix, rtol=1e-9, atol=1e-15)


def test_each_batch_has_its_own_shift():
    law, points = law_and_points("eq4-batch")
    z = law.inner({s.name: s.start[0] for s in law.shapes})
    shifts = law.columns(points, z).matrix[:, 4:]
    labels = [group_label(points.histories[i], "batch") for i in points.owner]
    for column, label in zip(shifts.T, ("4e+06x4096", "8e+06x?"), strict=True):
        mine = np.array(labels) == label
        assert (column[~mine] == 0).all()
        assert (column[mine & points.is_cpt] > 0).all()


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (History([], [1.0], unknown_base="c"), "no S1_pt for unknown base 'c', only for a, b"),
        (History([1.0], [1.0]), "no S1_pt for a known pre-training"),
    ],
)
def test_an_open_model_that_was_not_fitted(history, words):
    x = Points.along(history, np.array([1]), Convention())
    factor = factors.power_of_unknown_area(("a", "b"), 1.0)
    with pytest.raises(DataError, match=words):
        factor.evaluate(x, 0.5, 1.0, 2.0)


# --- a law as a sum of its parts --------------------------------------------------------------


def test_the_parts_add_up_to_the_loss():
    law, points = law_and_points("eq4")
    values = [3.0, 0.4, 90.0, 110.0, 0.3, 0.5, 0.99, 20.0, 0.2]
    params = dict(zip(law.parameters, values, strict=True))
    parts = law.parts(points, params)
    assert set(parts) == {"base", "annealing", "shift"}
    assert_allclose(law.loss(points, params), sum(parts.values()))
    s2 = points.annealing(0.99)
    expected = (
        3.0
        + 0.4 * points.s1**-0.5
        - 90.0 * s2.pt
        - 110.0 * s2.cpt
        + 0.3 * (1 - (1 + 20.0 * points.s1_cpt) ** -0.2)
    )
    assert_allclose(law.loss(points, params), expected, rtol=1e-12)


def test_a_missing_parameter_is_named():
    law, points = law_and_points("eq1")
    with pytest.raises(DataError, match="law eq1: no value for C, lambda"):
        law.loss(points, {"L0": 1, "A": 1, "alpha": 0.5})
