"""The field's laws: kernels against sums over all steps, LR 0, equations, derivatives."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, Curve, History, Run, Schedule, Study, catalog, fit
from cptlaw.fitting.domain import best_minimum
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.laws.catalog import Facts, field
from cptlaw.laws.factors import kernels, shifts
from cptlaw.laws.factors.effective import AREA
from cptlaw.laws.points import Points

NAMES = [entry.name for entry in field.ENTRIES]
VALUES = {
    "L0": 2.4, "A": 0.6, "alpha": 0.45, "C": 0.3, "B": 0.3, "B1": 0.2, "B2": 0.3, "D": 0.3,
    "R": 0.1, "omega": 1.0, "gamma4": 0.05,
    "F": 1.5, "G": 2.9, "E": 30.0, "E1": 100.0, "E2": 3.0, "b": 0.1, "beta": 0.4, "c": 0.1,
    "d": 0.08, "decay": 0.15, "epsilon": 0.1, "g": 0.9, "gamma3": 0.3, "h": 0.3, "kappa": 40.0,
    "lambda": 0.99, "nu": 0.1, "rho": 0.7, "sigma": 0.025, "zeta": 0.7,
}  # fmt: skip


def every_step(lr, cpt_lr=(), replay=0.0):
    """Points after every step of one history, so that blocks are steps."""
    count = len(lr) + len(cpt_lr)
    history = History(np.array(lr), np.array(cpt_lr, dtype=float), replay)
    steps = np.arange(1, count + 1)
    return Points.along(history, steps, Convention("as-is"))


def random_lr(seed, count=60):
    """A short schedule that rises and falls at every step."""
    return np.random.default_rng(seed).uniform(1e-4, 1e-3, count)


def falls(lr):
    """Falls of u = LR / 1e-3 at every step, from 0 before the first."""
    return -np.diff(np.append(0.0, lr)) / 1e-3


def since(lr):
    """(t, k) -> the area from step k to step t, both counted; 0 for k after t."""
    area = np.cumsum(lr)
    return np.tril(area[:, None] - (area - lr))


# --- kernels against sums over all steps ------------------------------------------------------


@pytest.mark.parametrize("rho", [0.1, 0.5, 1.0, 1.5])
@pytest.mark.parametrize(("kappa", "zeta"), [(3.0, 0.2), (60.0, 0.6), (2000.0, 1.5)])
def test_multi_power_drops_are_the_double_sum(kappa, rho, zeta):
    lr = random_lr(1)
    found, _ = kernels.multi_power_drops().evaluate(every_step(lr), kappa, rho, zeta)
    settled = 1 - (1 + kappa * (lr / 1e-3) ** -zeta * since(lr)) ** -rho
    expected = np.tril(settled) @ falls(lr)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_multi_power_drops_on_a_long_schedule():
    schedule = Schedule.parse("warmup 500 to 1e-3 | constant 3000 | cosine 3000 to 1e-4")
    lr, kappa, rho, zeta = schedule.lr(), 80.0, 0.5, 0.6
    at = np.array([500, 1000, 3500, 3700, 4500, 5500, 6500])
    x = Points.along(History(lr, []), at, Convention("as-is"))
    found, _ = kernels.multi_power_drops().evaluate(x, kappa, rho, zeta)
    area = np.cumsum(lr)
    gaps = np.maximum(area[at - 1][:, None] - area + lr, 0) * (np.arange(lr.size) < at[:, None])
    settled = 1 - (1 + kappa * (lr / 1e-3) ** -zeta * gaps) ** -rho
    assert_allclose(found, settled @ falls(lr), rtol=5e-3)


def test_settled_drops_are_the_double_sum():
    lr = random_lr(2)
    found, _ = kernels.settled_drops().evaluate(every_step(lr), 25.0)
    assert_allclose(found, np.tril(1 - np.exp(-25.0 * since(lr))) @ falls(lr), atol=1e-12)


@pytest.mark.parametrize("rho", [0.4, 0.7, 1.0])
def test_kernel_noise_is_the_integral_over_the_past(rho):
    lr, kappa, zeta = random_lr(3), 40.0, 0.8
    found, _ = kernels.kernel_noise().evaluate(every_step(lr), zeta, kappa, rho)
    gap = since(lr)
    to_end = np.tril(gap - lr)
    memory = np.tril((1 + kappa * to_end) ** -rho - (1 + kappa * gap) ** -rho)
    assert_allclose(found, memory @ (lr / 1e-3) ** zeta, rtol=1e-2)


def test_relaxing_noise_follows_its_recurrence():
    lr, state, expected = random_lr(4), 0.0, []
    for one in lr:
        state += -math.expm1(-30.0 * one) * ((one / 1e-3) ** 0.7 - state)
        expected.append(state)
    assert_allclose(kernels.relaxing_noise().evaluate(every_step(lr), 0.7, 30.0)[0], expected)


def test_the_smoothed_lr_follows_its_recurrence():
    lr, state, expected = random_lr(5), 0.0, []
    for one in lr:
        state = 0.9 * state + 0.1 * one / 1e-3
        expected.append(state**0.6)
    assert_allclose(kernels.smoothed_lr().evaluate(every_step(lr), 0.6, 0.9)[0], expected)


def test_forward_momentum_follows_its_recurrence():
    lr = random_lr(6)
    m = v = total = 0.0
    expected = [0.0]
    for i in range(1, lr.size):
        fall = lr[i - 1] - lr[i]
        m, v = 0.9 * m + 0.1 * fall, 0.999 * v + 0.001 * fall**2
        m_hat, v_hat = m / (1 - 0.9 ** (i + 1)), v / (1 - 0.999 ** (i + 1))
        total += m_hat / math.sqrt(1e5 * v_hat + 1e-8)
        expected.append(total)
    assert_allclose(kernels.momentum(every_step(lr)), expected, atol=1e-12)


def last_iterate(u):
    """The noise part of the bound, term by term."""
    steps = u.size
    total = (u**2).sum() / (2 * u.sum())
    for k in range(steps - 1):
        share = u[k] / u[k + 1 :].sum() / u[k:].sum()
        total += 0.5 * share * (u[k:] ** 2).sum()
    return total


def test_the_convex_bound_is_the_sum_over_steps():
    lr = random_lr(7)
    expected = [last_iterate(lr[: t + 1] / 1e-3) for t in range(lr.size)]
    assert_allclose(kernels.convex_bound(every_step(lr)), expected, rtol=1e-10)


def test_the_convex_bound_on_blocks_of_equal_steps():
    lr = np.repeat([1e-3, 5e-4, 8e-4], [300, 200, 100])
    x = Points.at_ends([History(lr, [])], Convention())
    assert len(x.blocks) < 100
    assert_allclose(kernels.convex_bound(x), last_iterate(lr / 1e-3), rtol=1e-9)


@pytest.mark.parametrize("g", [0.8, 1.0])
def test_powers_of_the_lr_in_the_area(g):
    lr = random_lr(8)
    found, _ = kernels.power_of_clock(kernels.POWERED_AREA).evaluate(every_step(lr), 0.5, g)
    assert_allclose(found, (1e-3 * np.cumsum((lr / 1e-3) ** g)) ** -0.5)


# --- several histories ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "shapes"),
    [
        (kernels.multi_power_drops(), (40.0, 0.5, 0.6)),
        (kernels.settled_drops(), (20.0,)),
        (kernels.kernel_noise(), (0.8, 40.0, 0.7)),
        (kernels.forward_momentum(), ()),
        (kernels.convex_noise(), ()),
    ],
)
def test_runs_that_share_a_base_do_not_touch_each_other(factor, shapes):
    base, one, other = random_lr(9), random_lr(10, 20), random_lr(11, 30)
    histories = [History(base, one), History(base, other), History(base, [])]
    owner = np.repeat(np.arange(3), 4)
    step = np.array([10, 50, 61, 80, 10, 50, 70, 90, 5, 40, 59, 60])
    together, _ = factor.evaluate(Points(histories, owner, step, Convention()), *shapes)
    for i, history in enumerate(histories):
        mine = owner == i
        x = Points.along(history, step[mine], Convention())
        assert_allclose(together[mine], factor.evaluate(x, *shapes)[0], rtol=0.05, atol=0.02)


# --- learning rates of 0 ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("name", NAMES)
def test_laws_at_a_learning_rate_of_0(name, role):
    pt = [0.0, 0.0, *np.linspace(1e-4, 1e-3, 10), *[1e-3] * 10, 0.0, 0.0]
    x = every_step(pt, [0.0, 1e-4, 1e-3, 5e-4, 0.0, 0.0], replay=0.2)
    live = x.step > 2  # nothing has moved before
    x = Points(x.histories, x.owner[live], x.step[live], x.convention)
    law = catalog.get(name, Facts(role, replay=True))
    values = law.inner({s.name: VALUES[s.name] for s in law.shapes})
    columns = law.columns(x, values)
    assert np.isfinite(columns.matrix).all()
    assert all(np.isfinite(slope).all() for _, _, slope in columns.slopes)


@pytest.mark.parametrize(
    ("factor", "shapes"),
    [(kernels.multi_power_drops(), (40.0, 0.5, 0.6)), (kernels.settled_drops(), (20.0,))],
)
def test_a_drop_to_0_is_not_settled_before_the_lr_is_back(factor, shapes):
    lr = [1e-3] * 50 + [0.0] * 5 + [1e-4] * 20
    found, _ = factor.evaluate(every_step(lr), *shapes)
    assert_allclose(found[50:55], found[49])
    assert found[-1] > found[54]


def test_steps_of_no_lr_do_not_move_the_convex_bound():
    lr = [1e-3] * 20 + [5e-4] * 5
    ended = kernels.convex_bound(every_step([*lr, 0.0, 0.0]))
    assert_allclose(ended[-3:], ended[-3])


# --- equations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("multi-power", "L = L0 + A*S^-alpha - C*drops(kappa, rho, zeta)"),
        ("functional", "L = L0 + A*S^-alpha + C*n(zeta, kappa, rho)"),
        ("clock", "L = L0 + A*S^-alpha - C*drops(kappa)"),
        ("momentum", "L = L0 + A*S^-alpha - C*M"),
        ("floor", "L = L0 + A*S(g)^-alpha + C*u(lambda)^zeta*S(g)^-nu"),
        ("relaxing", "L = L0 + A*S(g)^-alpha + C*n(zeta, kappa)*S(g)^-nu"),
        ("convex", "L = L0 + A*(2*S)^-1 + C*bound(u)"),
        ("step-power", "L = L0 + A*T^-alpha"),
        ("d-cpt", "L = L0 + A*T^-alpha"),
        ("effective+eq3", "L = L0 + A*S^-alpha + C*n(zeta, kappa, rho)"),
    ],
)
def test_equations_without_cpt(name, text):
    assert catalog.get(name, Facts("loss", has_cpt=False)).text == text


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("effective+eq3", "B*(1 - (1 + E*S_cpt)^-beta)"),
        (
            "effective+blend",
            "B*(1 - (1 + E*S_cpt)^-beta) + D*(1 - (1 + E*S_cpt)^-beta)*S^-alpha",
        ),
        (
            "effective+start",
            "B*((1 + E*S_cpt)^(b + d*log(S_pt)) - 1)/(b + d*log(S_pt))",
        ),
        ("effective+two-timescale", "B1*(1 - exp(-E1*S_cpt)) + B2*(1 - exp(-E2*S_cpt))"),
    ],
)
def test_shifts(name, shift):
    law = catalog.get(name, Facts("pt"))
    assert law.text == f"L = L0 + A*S^-alpha + C*n(zeta, kappa, rho) + {shift}"
    assert "<" not in law.latex


@pytest.mark.parametrize("name", NAMES)
def test_every_shape_parameter_has_a_prior_within_its_bounds(name):
    for role in ("pt", "cpt", "ood.x"):
        law = catalog.get(name, Facts(role, replay=True, sizes=True))
        assert law.counts_warmup_as_it_was
        for shape in law.shapes:
            assert shape.prior is not None
            assert shape.low < shape.prior.centre < shape.high


# --- shifts -----------------------------------------------------------------------------------


def shift_only(factor, x, given):
    return factor.evaluate(x, *(given[s.name] for s in factor.shapes))[0]


@pytest.mark.parametrize(
    "factor",
    [
        shifts.saturating(False, "pt", AREA),
        shifts.start_dependent(False, "pt", AREA),
        shifts.exponential("fast", False, "pt"),
    ],
)
def test_shifts_begin_at_the_transfer(factor):
    x = every_step(random_lr(12), random_lr(13, 30))
    found = shift_only(factor, x, VALUES)
    assert (found[~x.is_cpt] == 0).all()
    assert (np.diff(found[x.is_cpt], prepend=0.0) > 0).all()


def test_the_saturating_shift_along_the_area_is_eq_3():
    x = every_step(random_lr(14), random_lr(15, 30))
    found = shift_only(shifts.saturating(False, "pt", AREA), x, VALUES)
    assert_allclose(found, 1 - (1 + 30.0 * x.s1_cpt) ** -0.4, atol=1e-12)


def test_the_bend_of_the_start_is_that_of_the_pre_training():
    x = every_step(random_lr(16), random_lr(17, 30))
    found = shift_only(shifts.start_dependent(False, "pt", AREA), x, VALUES)
    bend = 0.1 + 0.08 * np.log(x.s1_pt[-1])
    assert_allclose(found, ((1 + 30.0 * x.s1_cpt) ** bend - 1) / bend, atol=1e-12)


def test_the_d_cpt_law_is_the_papers_after_the_transfer():
    x = every_step(random_lr(18), random_lr(19, 30), replay=0.3)
    law = catalog.get("d-cpt", Facts("cpt", replay=True))
    loss = law.loss(x, {n: VALUES[n] for n in law.parameters})
    steps = np.arange(1, 31) / 1000
    expected = 2.9 + 0.3 * 0.7**0.7 / steps**0.4 + 0.3 / (0.7 + 0.1) ** 0.7
    assert_allclose(loss[x.is_cpt], expected)
    assert_allclose(loss[~x.is_cpt], 2.4 + 0.6 * (np.arange(1, 61) / 1000) ** -0.45)


# --- derivatives and recovery -----------------------------------------------------------------


def study(losses=None):
    """A base, its annealed branch and CPT runs of two shares and two sizes."""
    step = np.arange(50, 1201, 50)
    runs = []
    for size in (50e6, 200e6):
        base = f"base-{size:g}"
        runs.append(Run(base, schedule=Schedule.wsd(1e-3, 1200, 400, warmup=60), model_size=size))
        for share in (0.0, 0.5):
            for kind in ("cosine 700 to 0", "constant 300 | constant 400 to 2e-4"):
                text = f"warmup 40 to 1e-3 | {kind}"
                runs.append(
                    Run(
                        f"{kind[:3]}-{share}-{size:g}",
                        schedule=Schedule.parse(text, 1e-3),
                        data="cpt",
                        after=base,
                        after_step=800 if share else 1200,
                        replay=share,
                    )
                )
    curves = [step[step <= run.steps] for run in runs]
    curves = [{"x": Curve(at, np.full(at.size, 3.0))} for at in curves]
    return [replace(run, curves=curve) for run, curve in zip(runs, curves, strict=True)]


def own(name, role):
    """A study with the law's own losses, where they lie, the law and its parameters."""
    blank = Study({role: "x"}, tuple(study()))
    observed = observe(blank, role, Convention("as-is"))
    law = catalog.get(name, facts(role, observed.points))
    signs = {t.coefficient: -1.0 if t.bound == "nonpositive" else 1.0 for t in law.terms}
    params = {n: VALUES[n] * signs.get(n, 1.0) for n in law.parameters}
    loss = law.loss(observed.points, params)
    runs = []
    for run in blank.runs:
        mine = observed.run == observed.runs.index(run.name)
        runs.append(replace(run, curves={"x": Curve(observed.step[mine], loss[mine])}))
    return replace(blank, runs=tuple(runs)), replace(observed, loss=loss), law, params


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_objective(name, role):
    _, observed, law, params = own(name, role)
    noise = np.random.default_rng(0).normal(0, 2e-3, observed.loss.size)
    objective = Objective(law, observed.points, observed.loss * np.exp(noise), delta=1e-2)
    z = np.concatenate([[params[c] for c in law.coefficients], law.inner(params)])
    gradient = objective.gradient(z)
    for i in range(z.size):
        step = 1e-6 * np.eye(z.size)[i]
        slope = (objective.value(z + step) - objective.value(z - step)) / 2e-6
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-7), law.parameters[i]


@pytest.mark.parametrize("name", ["multi-power", "functional", "clock", "relaxing", "convex"])
def test_a_law_finds_its_own_curves_without_priors(name):
    _, observed, law, _ = own(name, "pt")
    free = Objective(law, observed.points, observed.loss, prior_weight=0.0)
    found = best_minimum(free)
    assert np.abs(free.residual(found.z)).max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_follows_its_own_curves(name):
    made, *_ = own(name, "pt")
    result = fit(made, name, convention=Convention("as-is"))
    assert result.domain("pt").scores.mape < 1.5e-3
