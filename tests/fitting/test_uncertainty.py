"""Refits of resampled data, and intervals of what is computed from a fit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bundled import REPLAY, given_fit
from cptlaw import Convention, DataError, FitOptions, Study, datasets, fit, published, store
from cptlaw.fitting.observations import observe
from cptlaw.fitting.projection import huber_weight
from cptlaw.fitting.resampling import resampled_weights
from cptlaw.fitting.result import DomainFit, mean_law
from cptlaw.fitting.uncertainty import (
    bootstrap,
    ensemble_of,
    interval,
    limits,
    objective_of,
)
from cptlaw.laws.points import Points
from synthetic import two_run_study

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.98})


@pytest.fixture(scope="module")
def fitted():
    return given_fit(REPLAY, "cpt-cosine")


@pytest.fixture(scope="module")
def ensemble(fitted):
    return bootstrap(fitted, 40)


@pytest.fixture(scope="module")
def annealing():
    """Eq. 1 on two pre-training runs that determine it."""
    whole = two_run_study()
    runs = [r for r in whole.runs if r.data == "pt"]
    study = Study({"loss": "pt"}, tuple(runs))
    return fit(study, "eq1", options=FitOptions(Convention(), fixed={"lambda": 0.999}))


def place(fit, name="cpt-cosine", steps=(2100, 2500, 2800)):
    """Points on a run that was not fitted."""
    history = fit.study.history(name)
    return Points.along(history, np.array(steps), fit.convention)


# --- resampling ------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_refits_and_another_seed_others(fitted, ensemble):
    again, other = bootstrap(fitted, 40), bootstrap(fitted, 40, seed=1)
    points = place(fitted)
    for role in fitted.domains:
        assert np.array_equal(ensemble.losses(role, points), again.losses(role, points))
        assert not np.allclose(ensemble.losses(role, points), other.losses(role, points))


def test_domains_measured_alike_are_resampled_alike(fitted):
    one, other = (resampled_weights(fitted.observed(r), 5, seed=3) for r in ("pt", "cpt"))
    assert np.array_equal(one, other)


def test_weights_have_mean_1_and_neighbours_share_them(fitted):
    observed = fitted.observed("pt")
    weights = resampled_weights(observed, 7, seed=0)
    assert np.allclose(weights.mean(axis=1), 1.0) and (weights > 0).all()
    base = weights[0, observed.run == observed.runs.index("base")]
    width = round(np.sqrt(base.size))
    assert np.ptp(base[:width]) == 0 and base[width] != base[0]


def test_a_run_that_is_left_out_does_not_change_the_weights_of_the_others():
    study = datasets.load("tiny-cpt")
    some, every = (observe(s, "pt", Convention()) for s in (study.without(["annealed"]), study))
    both = [
        resampled_weights(o, 3, seed=0)[:, o.run == o.runs.index("cpt-const")]
        for o in (some, every)
    ]
    ratio = both[0] / both[1]
    assert np.allclose(ratio, ratio[:, :1])


# --- refits ----------------------------------------------------------------------------------


def exact_refit(fit, weight):
    """Minimises the weighted objective of the only domain, linearising anew at every step."""
    domain, observed = fit.domain("loss"), fit.observed("loss")
    objective = objective_of(fit, domain, observed)
    law, m = domain.law, objective.terms
    z = np.array([*(domain.params[c] for c in law.coefficients), *law.inner(domain.params)])
    free = objective.bounds[0] < objective.bounds[1]
    centre = objective.priors[0]
    pull = objective.drawn(z)
    for _ in range(50):
        place = objective.at(z)
        residual, jacobian = place.residual, place.jacobian
        robust = weight * objective.counts * huber_weight(residual, fit.options.delta) ** 2
        gradient = jacobian.T @ (robust * residual) + pull * (z - centre)
        hessian = jacobian.T @ (robust[:, None] * jacobian) + np.diag(pull)
        scale = np.sqrt(np.diag(hessian))[free]
        inner = hessian[np.ix_(free, free)] / np.outer(scale, scale)
        z[free] -= np.linalg.solve(inner, gradient[free] / scale) / scale
    values = [*z[:m], *(s.outer(u) for s, u in zip(law.shapes, z[m:], strict=True))]
    return dict(zip(law.parameters, map(float, values), strict=True))


def test_first_order_refits_agree_with_exact_ones_where_the_law_is_determined(annealing):
    count, observed = 12, annealing.observed("loss")
    weights = resampled_weights(observed, count, seed=0)
    refits = bootstrap(annealing, count)
    points = place(annealing, "pt-wsd", (5_000, 20_000, 30_000))
    quick = refits.losses("loss", points)
    law = annealing.domain("loss").law
    exact = np.stack([law.loss(points, exact_refit(annealing, weight)) for weight in weights])
    fitted = annealing.domain("loss").loss(points)
    spread = (exact - fitted).std(axis=0)
    assert (spread > 1e-5).all()
    assert (np.abs(quick - exact).max(axis=0) < 0.25 * spread).all()


def test_refits_scatter_as_repeated_data_do():
    studies = [
        Study({"loss": "pt"}, tuple(r for r in two_run_study(seed).runs if r.data == "pt"))
        for seed in range(25)
    ]
    fits = [
        fit(s, "eq1", options=FitOptions(Convention(), fixed={"lambda": 0.999})) for s in studies
    ]
    points = place(fits[0], "pt-wsd", (30_000,))
    true = np.std([f.domain("loss").loss(points)[0] for f in fits])
    said = np.median([bootstrap(f, 60).losses("loss", points).std() for f in fits[:8]])
    assert 0.5 < said / true < 2.0


@pytest.mark.parametrize("role", ["pt", "ood.docs"])
def test_refits_as_fits_agree_with_their_losses_to_first_order(fitted, ensemble, role):
    points = place(fitted)
    quick = ensemble.losses(role, points)
    whole = np.stack([f.domain(role).loss(points) for f in ensemble.fits()])
    moved = quick - fitted.domain(role).loss(points)
    size = np.sqrt((moved**2).mean(axis=0))
    assert (size > 0).all()
    assert (np.median(np.abs(whole - quick), axis=0) < 0.3 * size).all()


def test_every_refit_of_an_out_of_domain_set_combines_its_own_refits(ensemble):
    for refit in ensemble.fits():
        pt, cpt = refit.domain("ood.docs").combines
        assert pt is refit.domain("pt") and cpt is refit.domain("cpt")
        assert refit.domain("ood.docs").law.name == "eq6"


def test_an_average_moves_by_the_weighted_moves_of_its_members(fitted):
    pt = fitted.domain("pt")
    other = fit(fitted.study, "eq10", options=GIVEN).domain("pt")
    law = mean_law((pt, other))
    params = dict(zip(law.coefficients, (0.25, 0.75), strict=True))
    both = DomainFit("pt", law, pt.facts, params, members=(pt, other))
    alone = [bootstrap(replace(fitted, domains={"pt": d}), 20) for d in (pt, other)]
    mean = bootstrap(replace(fitted, domains={"pt": both}), 20)
    points = place(fitted)
    each = [e.losses("pt", points) for e in alone]
    assert np.allclose(mean.losses("pt", points), 0.25 * each[0] + 0.75 * each[1], rtol=1e-12)
    assert len([f.domain("pt").members for f in mean.fits()]) == 20


def test_fixed_parameters_stay_and_bounds_hold(fitted, ensemble):
    for refit in ensemble.fits():
        for role in ("pt", "cpt"):
            domain = refit.domain(role)
            assert domain.params["lambda"] == pytest.approx(0.98, rel=1e-12)
            for shape in domain.law.shapes:
                assert shape.low <= domain.params[shape.name] <= shape.high


def test_refitting_leaves_the_fit_and_its_json_alone(fitted):
    before = store.to_json(fitted)
    list(bootstrap(fitted, 3).fits())
    assert ensemble_of(fitted) is ensemble_of(fitted)
    assert store.to_json(fitted) == before


# --- intervals -------------------------------------------------------------------------------


def test_the_interval_of_a_number_holds_its_value(ensemble):
    points = place(ensemble.fit)
    found = interval(ensemble, lambda f: f.domain("cpt").loss(points)[-1], 0.8)
    assert found.low < found.value < found.high and found.level == 0.8
    wider = interval(ensemble, lambda f: f.domain("cpt").loss(points)[-1], 0.95)
    assert wider.low <= found.low and found.high <= wider.high


def test_few_runs_make_an_interval_wider(ensemble):
    def last(fit):
        return fit.domain("cpt").loss(place(ensemble.fit))[-1]

    found = interval(ensemble, last)
    runs = len(ensemble.fit.observed("cpt").runs)
    draws = np.log([last(each) / found.value for each in ensemble.fits()])
    few = np.sqrt(runs / (runs - 1)) * stats.t.ppf(0.95, runs - 1) / stats.norm.ppf(0.95)
    assert few > 1.2
    assert np.log(found.high / found.value) == pytest.approx(few * np.quantile(abs(draws), 0.9))


def test_the_interval_of_a_difference_lies_evenly_about_it(ensemble):
    at, own = place(ensemble.fit), ensemble.fit.domain("cpt")
    middle = own.loss(at)[-1] + 1e-4

    def gain(fit):
        return middle - fit.domain("cpt").loss(at)[-1]

    found = interval(ensemble, gain)
    assert found.value == pytest.approx(1e-4)
    assert found.low < 0 < found.high
    assert found.high - found.value == pytest.approx(found.value - found.low)
    wide = interval(ensemble, lambda fit: 1e3 * gain(fit))
    assert wide.high == pytest.approx(1e3 * found.high)


def test_infinite_draws_count_and_nan_ones_do_not():
    draws = np.array([1.0, 2.0, 3.0, 4.0, np.inf, np.nan])
    low, high = limits(draws, 0.9)
    assert (low, high) == (1.0, np.inf)


@pytest.mark.parametrize("level", [0.0, 1.0, 90, -0.1])
def test_a_level_that_is_none(level):
    with pytest.raises(DataError, match="between 0 and 1"):
        limits([1.0, 2.0], level)


def test_nothing_but_nan_has_no_interval(ensemble):
    with pytest.raises(DataError, match="none of the refits gives a value"):
        interval(ensemble, lambda _: np.nan)


def test_published_coefficients_and_too_few_refits_are_refused(fitted):
    with pytest.raises(DataError, match="published coefficients come without"):
        bootstrap(published.load("fineweb-kp-106m"))
    with pytest.raises(DataError, match="at least 2 refits"):
        bootstrap(fitted, 1)
