"""The fitter: recovery, agreement whatever the order and seed, advice."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import default_fit
from cptlaw import (
    Convention,
    Curve,
    DataError,
    FitError,
    FitOptions,
    Run,
    Schedule,
    Study,
    catalog,
    datasets,
    fit,
    published,
    shift_at,
)
from cptlaw.fitting.weighing import pose
from synthetic import two_run_study

FITTED = ("base", "annealed", "cpt-const", "cpt-twostage")


@pytest.fixture(scope="module")
def bundled():
    study = datasets.load("tiny-cpt")
    return study.without(r.name for r in study.runs if r.name not in FITTED)


@pytest.fixture(scope="module")
def fits(bundled):
    return {law: fit(bundled, law) for law in (None, "paper")}


@pytest.fixture(params=[None, "paper"], ids=["default", "paper"])
def law(request):
    return request.param


@pytest.fixture
def fitted(fits, law):
    return fits[law]


@pytest.fixture
def papers(fits):
    return fits["paper"]


def recovered(result, truth):
    """Largest relative error of everything that the study determines."""
    errors = []
    for role, domain in result.domains.items():
        true = truth.domain(role)
        names = ("L0", "A", "alpha", "C1", "C2")
        errors += [domain.params[n] / true.params[n] - 1 for n in names]
        area = domain.facts.reference_area
        for at in (area, area / 3):
            found, real = shift_at(result, role, at), shift_at(truth, role, at)
            errors.append(found.value / real.value - 1)
        errors.append(found.slope / real.slope - 1)
    return np.abs(errors).max()


@pytest.mark.parametrize("seed", range(6))
def test_known_coefficients_come_back_with_lambda_given(seed):
    result = fit(two_run_study(seed), "paper", options=FitOptions(fixed={"lambda": 0.999}))
    assert recovered(result, published.load("fineweb-kp-106m")) < 0.05
    assert result.convention.warmup == "peak"


def test_known_coefficients_come_back_with_lambda_left_open():
    result = fit(two_run_study(9), "paper")
    assert recovered(result, published.load("fineweb-kp-106m")) < 0.05
    assert all(domain.kept == ("lambda",) for domain in result.domains.values())


def test_another_lambda_is_fitted_when_the_data_speak_for_it():
    study = two_run_study(0)
    truth = published.load("fineweb-kp-106m")
    domains = {
        r: replace(d, params={**d.params, "lambda": 0.995}) for r, d in truth.domains.items()
    }
    from cptlaw import History
    from synthetic import KINDS, losses

    runs = []
    for run in study.runs:
        kind = run.name.partition("-")[2]
        lr = KINDS[kind].lr()
        before = 30_000 if run.data == "cpt" else 0
        step = run.curves["pt"].steps + before
        curves = {
            r: Curve(step - before, losses(d.law, d.params, [History(lr, lr)], [step])[0])
            for r, d in domains.items()
        }
        runs.append(replace(run, curves=curves))
    result = fit(replace(study, runs=tuple(runs)), "paper", options=FitOptions(Convention()))
    for domain in result.domains.values():
        assert domain.params["lambda"] == pytest.approx(0.995, rel=1e-5)
        assert domain.kept == ()


def test_order_of_runs_and_seed_do_not_matter(bundled, fitted, law):
    observed = fitted.observed("cpt").points
    order = np.random.default_rng(1).permutation(len(bundled.runs))
    shuffled = replace(bundled, runs=tuple(bundled.runs[i] for i in order))
    again = fit(shuffled, law, options=FitOptions(seed=1))
    for role, domain in fitted.domains.items():
        other = again.domain(role)
        assert np.abs(other.loss(observed) - domain.loss(observed)).max() < 1e-6
        for name, value in domain.params.items():
            if not any(name in a.partition(":")[0] for a in domain.advice):
                assert other.params[name] == pytest.approx(value, rel=1e-4), (role, name)


@pytest.mark.parametrize(
    ("runs", "law", "role"),
    [
        (("base", "cpt-const", "cpt-cosine"), "eq4", "cpt"),
        (("base", "annealed", "cpt-const"), "eq4", "pt"),
        (FITTED, "eq9", "pt"),
    ],
)
def test_other_starts_lead_to_the_same_fit_of_few_runs(runs, law, role):
    study = datasets.load("tiny-cpt")
    part = study.without(r.name for r in study.runs if r.name not in runs)
    part = replace(part, domains={role: part.domains[role]})
    one, other = (fit(part, law, options=FitOptions(Convention("peak"), seed=s)) for s in (0, 5))
    points = one.observed(role).points
    assert np.abs(one.domain(role).loss(points) - other.domain(role).loss(points)).max() < 1e-6


def place(domain):
    """Coefficients and search coordinates of a fit, as the objective takes them."""
    coefficients = [domain.params[c] for c in domain.law.coefficients]
    return np.concatenate([coefficients, domain.law.inner(domain.params)])


def test_the_objective_is_no_worse_from_any_of_many_starts(fitted, law):
    from cptlaw.fitting.newton import minimise
    from cptlaw.fitting.projection import begun

    for role in ("pt", "cpt"):
        domain, observed = fitted.domain(role), fitted.observed(role)
        objective = pose(domain.law, observed, fitted.options)
        random = np.random.default_rng(5)
        low = np.array([s.inner(s.start[0]) for s in domain.law.shapes])
        high = np.array([s.inner(s.start[1]) for s in domain.law.shapes])
        for _ in range(8 if law else 3):
            start = begun(objective, low + (high - low) * random.random(low.size))
            reached = minimise(start, steps=200).value
            assert objective.value(place(domain)) <= reached * (1 + 1e-9)


def test_a_minimum_has_no_gradient_left(fitted):
    domain, observed = fitted.domain("cpt"), fitted.observed("cpt")
    objective = pose(domain.law, observed, fitted.options)
    z = place(domain)
    scale = np.abs(z) + 1e-3
    assert np.abs(objective.gradient(z) * scale).max() < 1e-8


def test_signs_are_kept(fitted):
    for role, sign in (("pt", 1), ("cpt", -1)):
        domain = fitted.domain(role)
        for term in domain.law.terms:
            value = domain.params[term.coefficient]
            assert (sign if term.coefficient == "B" else 1) * value >= 0, (role, term.coefficient)
        shift = domain.parts(fitted.observed(role).points)["shift"]
        assert (sign * shift >= 0).all() and shift.any()


def test_the_warm_up_convention_is_chosen_by_the_data_and_told(papers, bundled):
    assert papers.convention.warmup == "peak"
    assert any("warm-up is counted as if at the peak" in note for note in papers.notes)
    given = fit(bundled, "paper", options=FitOptions(Convention(warmup="as-is")))
    assert given.convention.warmup == "as-is"
    own = ("pt", "cpt")
    assert sum(papers.domain(r).scores.huber for r in own) < sum(
        given.domain(r).scores.huber for r in own
    )


def test_the_default_law_knows_no_warm_up_convention(fits, bundled):
    chosen = fits[None]
    assert chosen.convention.warmup == "as-is"
    assert not any("warm-up is counted" in note for note in chosen.notes)
    given = fit(bundled, options=FitOptions(Convention(warmup="peak")))
    assert given.convention.warmup == "peak"
    for role, domain in chosen.domains.items():
        assert given.domain(role).params == pytest.approx(dict(domain.params), rel=1e-6)


def test_out_of_domain_sets_are_sums_of_the_two_losses(fitted):
    domain = fitted.domain("ood.docs")
    assert domain.law.name == "eq6"
    points = fitted.observed("ood.docs").points
    pt, cpt = fitted.domain("pt").loss(points), fitted.domain("cpt").loss(points)
    expected = domain.params["l_pt"] * pt + domain.params["l_cpt"] * cpt
    assert np.allclose(domain.loss(points), expected, rtol=1e-12)
    parts = domain.parts(points)
    assert np.allclose(sum(parts.values()), expected, rtol=1e-12)
    assert parts["shift"].any()


def test_out_of_domain_sets_can_have_a_law_of_their_own(bundled):
    domains = {role: bundled.domains[role] for role in ("pt", "cpt", "ood.docs")}
    given = {"alpha": 0.8, "lambda": 0.98}
    options = FitOptions(Convention(), given, ood_law="eq4")
    result = fit(replace(bundled, domains=domains), "paper", options)
    assert result.domain("ood.docs").law.name == "eq4"


def test_priors_draw_shape_parameters_to_what_is_usual(bundled):
    """At the price of a higher objective; without them the fit is the data's alone."""
    runs = [r.name for r in bundled.runs if r.data == "cpt"]
    part = replace(bundled.without(runs), domains={"pt": bundled.domains["pt"]})

    def away(domain):
        shapes = domain.law.shapes
        u = domain.law.inner(domain.params)
        likely = [s.inner(s.prior.centre) for s in shapes]
        return np.abs((u - likely) / [s.prior.spread for s in shapes])

    drawn, free = fit(part), fit(part, options=FitOptions(prior_weight=0.0))
    assert drawn.options.prior_weight > free.options.prior_weight == 0
    drawn, free = drawn.domain("pt"), free.domain("pt")
    assert away(drawn).max() < 1.5 < away(free).max()
    assert free.scores.huber < 0.9 * drawn.scores.huber


def test_replay_is_fitted_where_it_varies(fits):
    result = default_fit()
    for role in ("pt", "cpt"):
        assert result.domain(role).law.name == "effective"
        assert set(result.domain(role).params) == {*fits[None].domain(role).params, "h", "k"}


def test_the_papers_replay_is_fitted_where_it_varies():
    whole = datasets.load("tiny-cpt")
    part = replace(whole, domains={"cpt": whole.domains["cpt"]})
    result = fit(part, "paper", options=FitOptions(Convention()))
    domain = result.domain("cpt")
    assert domain.law.name == "eq8"
    assert domain.status == "not identified"
    assert domain.params["a1"] == 0.0
    assert any("a1" in advice and "held at 0" in advice for advice in domain.advice)


def test_a_law_that_misses_what_varies_is_refused():
    with pytest.raises(
        DataError, match=r"differ in replay, which law eq4 does not see.*use effective"
    ):
        fit(datasets.load("tiny-cpt"), "eq4")


def test_cpt_losses_alone_say_what_they_cannot_tell(bundled):
    part = bundled.without(["base", "annealed"])
    alone = replace(part, domains={"cpt": part.domains["cpt"]})
    domain = fit(alone, "eq4", options=FitOptions(Convention(), fixed={"lambda": 0.98})).domain(
        "cpt"
    )
    assert domain.status == "not identified"
    assert "cannot tell L0, A, alpha and C1 apart" in domain.advice[0]


def unknown_study(names=("llama",), steps=2000):
    """CPT runs of open models, from the unknown-pt form with known coefficients."""
    from cptlaw.laws.points import Points

    truth = published.load("fineweb-as-unknown-law").domain("cpt")
    law = catalog.get("unknown-pt", replace(truth.facts, bases=names))
    params = dict(truth.params)
    if len(names) > 1:
        params |= {f"S1_pt[{n}]": 0.3 * (i + 1) for i, n in enumerate(names)}
    runs = []
    for name in names:
        for kind, schedule in (
            ("drop", Schedule.multi_step([2e-4, 4e-5], [steps // 2, steps // 2], warmup=100)),
            ("cosine", Schedule.cosine(2e-4, steps, warmup=100)),
        ):
            run = Run(f"{name}-{kind}", schedule=schedule, data="cpt", after=f"unknown:{name}")
            history = Study({"cpt": "x"}, (replace(run, curves={"x": Curve([0], [1.0])}),)).history(
                run.name
            )
            step = np.arange(0, schedule.steps + 1, 20)
            points = Points.along(history, step, Convention())
            curve = Curve(step, law.loss(points, params))
            runs.append(replace(run, curves={"loss_cpt": curve}))
    return Study({"cpt": "loss_cpt"}, tuple(runs))


def test_an_unknown_pre_training_is_fitted_without_its_log():
    study = unknown_study()
    result = fit(study, "paper")
    domain = result.domain("cpt")
    assert domain.law.name == "unknown-pt"
    assert domain.scores.worst < 1e-6


def test_every_unknown_base_has_its_own_area():
    study = unknown_study(("one", "two"))
    domain = fit(study, "paper", options=FitOptions(fixed={"lambda": 0.999})).domain("cpt")
    assert {"S1_pt[one]", "S1_pt[two]"} <= set(domain.params)
    assert domain.scores.worst < 1e-6
    assert domain.scores.n == sum(len(r.curves["loss_cpt"]) for r in study.runs)


@pytest.mark.parametrize(
    ("law", "parameters"),
    [("paper", "5 .* eq1"), (None, "2 .* effective that have no prior; 2 for")],
)
def test_too_few_points(law, parameters):
    curve = Curve([10, 20, 30], [3.0, 2.9, 2.8])
    study = Study({"loss": "x"}, (Run("a", {"x": curve}, schedule=Schedule.constant(1e-3, 30)),))
    with pytest.raises(FitError, match=f"3 points for the {parameters}"):
        fit(study, law)


@pytest.mark.parametrize(
    ("law", "fixed", "message"),
    [
        ("paper", {"lamda": 0.9}, "Did you mean 'lambda'"),
        ("paper", {"lambda": 1.5}, "must lie in"),
        (None, {"lambda": 0.9}, r"law effective has no such shape parameter.*\(--law paper\)"),
        (None, {"kapa": 9.0}, "Did you mean 'kappa'"),
        (None, {"alpha": 9.0}, "must lie in 0.02 to 5"),
    ],
)
def test_a_bad_fixed_parameter(bundled, law, fixed, message):
    with pytest.raises(DataError, match=message):
        fit(bundled, law, options=FitOptions(fixed=fixed))


def test_standard_errors_grow_with_autocorrelated_noise():
    """The same noise, once independent and once in blocks of ten equal values."""
    study = two_run_study(3, noise=0.0)
    random = np.random.default_rng(0)

    def noisy(block):
        runs = []
        for run in study.runs:
            curves = {}
            for name, curve in run.curves.items():
                noise = np.repeat(random.normal(0, 1e-3, len(curve) // block + 1), block)
                curves[name] = replace(curve, loss=curve.loss * np.exp(noise[: len(curve)]))
            runs.append(replace(run, curves=curves))
        return replace(study, runs=tuple(runs))

    options = FitOptions(Convention(), fixed={"lambda": 0.999})
    single, blocks = (fit(noisy(size), "paper", options) for size in (1, 10))
    for role in ("pt", "cpt"):
        ratio = blocks.domain(role).stderr["L0"] / single.domain(role).stderr["L0"]
        assert ratio > 1.7


def test_a_curvature_without_a_value_leaves_the_standard_errors_finite(monkeypatch):
    from cptlaw.fitting import covariance

    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    monkeypatch.setattr(covariance, "curvature", lambda *a: np.full((a[2].shape[1],) * 2, np.nan))
    found = fit(study, "eq4", options=FitOptions(fixed={"lambda": 0.98}))
    assert np.isfinite(found.domain("cpt").stderr["C2"])
