"""Profiles: the interval of one parameter, the rest refitted; and what trades off."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import default_fit
from cptlaw import (
    Convention,
    Curve,
    DataError,
    FitOptions,
    History,
    Run,
    Schedule,
    Study,
    catalog,
    fit,
    forecast,
    published,
)
from cptlaw.fitting.profile import profile
from cptlaw.fitting.tradeoffs import Tradeoff, tradeoffs
from cptlaw.fitting.uncertainty import objective_of
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from synthetic import two_run_study

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.999})
TRUE = {"L0": 2.5, "A": 0.6, "alpha": 0.5, "C": 0.4, "lambda": 0.999}


def one_run(seed=0, memory=0.0, points=120):
    """A run of Eq. 1 whose log residuals remember a share `memory` of those before them."""
    random, lr = np.random.default_rng(seed), Schedule.wsd(2e-4, 30_000, 6_000, warmup=500)
    step = np.unique(np.linspace(600, 30_000, points).astype(np.int64))
    noise = random.normal(0, 1e-3 * np.sqrt(1 - memory**2), step.size)
    for i in range(1, step.size):
        noise[i] += memory * noise[i - 1]
    place = Points.along(History(lr.lr(), np.empty(0)), step, Convention())
    loss = catalog.get("eq1", Facts("loss")).loss(place, TRUE) * np.exp(noise)
    return Study({"loss": "loss"}, (Run("a", {"loss": Curve(step, loss)}, schedule=lr),))


@pytest.fixture(scope="module")
def two():
    """Eq. 4 on two PT and two CPT runs."""
    return fit(two_run_study(points=120), "eq4", options=GIVEN)


@pytest.fixture(scope="module")
def one():
    return fit(one_run(), "eq1", options=GIVEN)


# --- profiles --------------------------------------------------------------------------------


def test_a_profile_is_lowest_at_the_fit_and_rises_to_both_sides(one):
    found = profile(one, "loss", "alpha")
    at = int(found.rise.argmin())
    assert found.values[at] == pytest.approx(one.domain("loss").params["alpha"], rel=1e-4)
    assert found.rise[at] == 0
    assert (np.diff(found.rise[: at + 1]) < 0).all()
    assert (np.diff(found.rise[at:]) > 0).all()
    assert not found.open_low
    assert not found.open_high
    assert found.interval.low < 0.5 < found.interval.high


def test_the_rise_is_that_of_the_objective_refitted(one):
    domain = one.domain("loss")
    found = profile(one, "loss", "alpha", [0.45, 0.5, 0.55])
    objective = objective_of(one, domain, one.observed("loss"))
    coefficients = [domain.params[c] for c in domain.law.coefficients]
    best = objective.value(np.array([*coefficients, *domain.law.inner(domain.params)]))
    for i, value in enumerate(found.values):
        params = {name: float(found.params[name][i]) for name in domain.params}
        z = np.array([*(params[c] for c in domain.law.coefficients), *domain.law.inner(params)])
        assert params["alpha"] == pytest.approx(value)
        assert objective.value(z) - best == pytest.approx(found.rise[i], abs=1e-12)
    other = fit(
        one.study,
        "eq1",
        options=FitOptions(Convention(), fixed={"lambda": 0.999, "alpha": 0.45}),
    )
    rise = other.domain("loss").scores.huber - domain.scores.huber
    assert found.rise[0] == pytest.approx(rise, rel=1e-4)


def test_a_determined_parameter_agrees_with_its_standard_error(one):
    found = profile(one, "loss", "alpha")
    half = 1.645 * one.domain("loss").stderr["alpha"]
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half, rel=0.5)


def test_neighbouring_points_that_are_alike_widen_the_interval():
    def found(memory):
        return [
            profile(fit(one_run(seed, memory, 400), "eq1", options=GIVEN), "loss", "alpha")
            for seed in range(4)
        ]

    free, alike = found(0.0), found(0.9)
    assert all(one.points_alike < 2 for one in free)
    assert all(one.points_alike > 4 for one in alike)
    widths = [sum(o.interval.high - o.interval.low for o in each) for each in (free, alike)]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize(("memory", "least"), [(0.0, 0.8), (0.7, 0.7)])
def test_intervals_cover_the_truth(memory, least):
    held = 0
    for seed in range(20):
        found = profile(fit(one_run(seed, memory), "eq1", options=GIVEN), "loss", "alpha")
        held += found.interval.low <= 0.5 <= found.interval.high
    assert held / 20 >= least


def test_a_kept_lambda_is_freed():
    result = fit(one_run(), "eq1", options=FitOptions(Convention()))
    assert "lambda" in result.domain("loss").kept
    found = profile(result, "loss", "lambda")
    assert 0.99 < found.interval.low < found.interval.high < 0.9999
    assert (np.diff(found.params["lambda"]) > 0).all()


def test_the_ridge_of_the_shift_is_wide(two):
    found = profile(two, "pt", "E", np.geomspace(0.5, 50, 9) * two.domain("pt").params["E"] / 5)
    b = found.params["B"]
    assert np.ptp(np.log(np.abs(b))) > 0.3  # B goes along with E
    assert found.limit > 0


def test_values_that_all_fit_set_no_limit(one):
    found = profile(one, "loss", "alpha", [0.4995, 0.501, 0.502])
    assert found.open_low
    assert found.open_high
    assert "no limit" in found.sentence
    assert found.sentence.startswith("alpha on loss: 0.5")


def test_a_prior_held_parameter_keeps_the_priors_width():
    result = fit(one_run(), "effective")
    found = profile(result, "loss", "decay")
    low, high = np.log(found.interval.low / 0.1), np.log(found.interval.high / 0.1)
    assert (high - low) / 2 == pytest.approx(1.645 * 0.5, rel=0.25)


def test_the_pre_training_of_an_open_model():
    """The area that made the curves lies within the profile's interval."""
    given, start = published.load("llama3.2-1b-law"), "unknown:llama3.2-1b"
    random, runs = np.random.default_rng(0), []
    for name, text in (
        ("a", "warmup 100 to 2e-5 | cosine 4900 to 0"),
        ("b", "constant 3000 to 1e-5"),
    ):
        made = forecast(given, text, after=start, every=50)
        curves = {
            role: Curve(d.step, d.loss * np.exp(random.normal(0, 5e-4, d.step.size)))
            for role, d in made.domains.items()
        }
        runs.append(Run(name, curves, schedule=made.schedule, data="cpt", after=start))
    options = FitOptions(fixed={"lambda": 0.999})
    result = fit(Study({"cpt": "cpt"}, tuple(runs)), "paper", options)
    found = profile(result, "cpt", "S1_pt")
    true = next(v for n, v in given.domain("cpt").params.items() if n.startswith("S1_pt"))
    assert found.interval.low < true < found.interval.high


@pytest.mark.parametrize(
    ("role", "name", "values", "message"),
    [
        ("loss", "C", None, "is a coefficient"),
        ("loss", "alphas", None, "Did you mean 'alpha'"),
        ("pt", "alpha", None, "no domain 'pt'"),
        ("loss", "alpha", [-1.0], "must lie in"),
    ],
)
def test_bad_requests(one, role, name, values, message):
    with pytest.raises(DataError, match=message):
        profile(one, role, name, values)


def test_a_sum_of_losses_has_no_profile():
    with pytest.raises(DataError, match="profile the law of a single domain"):
        profile(default_fit(), "ood.docs", "alpha")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (False, False, "0.45 to 0.55"),
        (True, False, "at most 0.55; the data set no lower limit down to 0.45"),
        (False, True, "at least 0.45; the data set no upper limit up to 0.55"),
        (True, True, "the data set no limit from 0.45 to 0.55"),
    ],
)
def test_the_sentence_of_a_profile(one, low, high, said):
    found = profile(one, "loss", "alpha", [0.45, 0.5, 0.55])
    given = replace(found.interval, low=0.45, high=0.55)
    told = replace(found, interval=given, open_low=low, open_high=high).sentence
    assert said in told


def test_published_coefficients_have_no_profile():
    with pytest.raises(DataError, match="published"):
        profile(published.load("fineweb-law-106m"), "pt", "E")


# --- what trades off -------------------------------------------------------------------------


def test_open_parameters_name_their_partner_and_what_both_determine():
    result = fit(two_run_study(points=120, noise=4e-3, roles=("pt",)), "eq4", options=GIVEN)
    domain = result.domain("pt")
    found = tradeoffs(result, "pt")
    assert {"B", "E", "beta"} <= set(domain.loose)
    assert found
    for one in found:
        assert one.name in domain.loose
        assert abs(one.correlation) > 0.9
        assert one.spread < one.alone / 2
        assert one.name in one.together
        assert one.partner in one.together


def test_what_is_determined_has_no_tradeoff(one):
    assert one.domain("loss").loose == ()
    assert tradeoffs(one, "loss") == ()


def test_the_sentence_of_a_tradeoff():
    found = Tradeoff("pt", "B", "E", -0.99, "B * E", 0.021, 0.4)
    assert found.sentence == (
        "B trades off against E: the data determine B * E to 2.1 %, B alone to a factor of 1.5."
    )
