"""Intervals of forecasts: scales, distances, bands, and where none are given."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from bundled import REPLAY, given_fit
from command import run
from cptlaw import (
    Convention,
    DataError,
    FitOptions,
    Run,
    Schedule,
    backtest,
    catalog,
    datasets,
    fit,
    forecast,
    published,
    store,
)
from cptlaw.fitting.observations import observe
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.causes import causes, decayed, distances, misfit, noise_of
from cptlaw.forecasting.intervals import (
    FIELDS,
    band,
    calibration_of,
    contrast,
    multiplier,
    refit_weight,
    scales,
)
from cptlaw.forecasting.measured import OTHERS, Calibration, measured
from cptlaw.laws.points import Points

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.98})
NOTHING = Calibration(*[0.0] * len(FIELDS))


@pytest.fixture(scope="module", params=["effective", "paper"])
def fitted(request):
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25", "cpt-cosine"])
    study = replace(study, domains={role: study.domains[role] for role in ("pt", "cpt")})
    return fit(study, request.param, GIVEN if request.param == "paper" else FitOptions())


@pytest.fixture(scope="module")
def points(fitted):
    """The whole of a run that was not fitted."""
    observed = observe(datasets.load("tiny-cpt"), "cpt", fitted.convention)
    mine = observed.run == observed.runs.index("cpt-cosine")
    history, step = observed.points.histories[observed.runs.index("cpt-cosine")], None
    step = observed.points.step[mine]
    return Points.along(history, step, fitted.convention)


def width(forecast, role="cpt"):
    """Of the last interval, over the loss."""
    curve = forecast.domains[role]
    return (curve.high[-1] - curve.low[-1]) / curve.final


# --- scales ----------------------------------------------------------------------------------


@pytest.mark.parametrize("part", FIELDS)
def test_a_part_alone_is_the_scale(fitted, points, part):
    ensemble = ensemble_of(fitted)
    found = scales(ensemble, "cpt", points, replace(NOTHING, **{part: 2.0}))[0]
    assert np.allclose(found, 2.0 * causes(ensemble, "cpt", points)[:, FIELDS.index(part)])


def test_parts_add_up_in_squares(fitted, points):
    ensemble = ensemble_of(fitted)
    each = [
        scales(ensemble, "cpt", points, replace(NOTHING, **{part: value}))[0]
        for part, value in (("refits", 1.5), ("residual", 0.5), ("floor", 1e-3))
    ]
    three = replace(NOTHING, refits=1.5, residual=0.5, floor=1e-3)
    whole = scales(ensemble, "cpt", points, three)[0]
    assert np.allclose(whole**2, sum(one**2 for one in each))
    assert (each[0] > 0).all()


def test_the_mean_of_many_runs_is_surer_than_one(fitted, points):
    found = band(ensemble_of(fitted), "cpt", points)
    assert (found.low < found.mean_low).all() and (found.mean_high < found.high).all()
    loss = fitted.domain("cpt").loss(points)
    assert (found.mean_low < loss).all() and (loss < found.mean_high).all()


def test_bands_of_higher_levels_hold_those_of_lower_ones(fitted, points):
    half, nine = (band(ensemble_of(fitted), "cpt", points, level) for level in (0.5, 0.9))
    assert (nine.low < half.low).all() and (half.high < nine.high).all()
    assert multiplier(0.9) == pytest.approx(2.1318, abs=1e-4)  # Student's t, 4 dof


def test_noise_tells_what_neighbours_share_from_what_they_do_not(fitted):
    noise = noise_of(fitted, "pt")
    assert 0 < noise.white < noise.residual < 0.02


def test_calibrations_by_law():
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    functional = fit(study, "functional").domain("pt")
    known = measured().intervals
    assert calibration_of(functional) == known[OTHERS]
    traits = catalog.LAWS["effective"].traits
    effective = replace(functional, law=replace(functional.law, traits=traits))
    assert calibration_of(effective) == known["effective"]
    both = replace(functional, members=(functional, effective))
    assert calibration_of(both) == known[OTHERS]


@pytest.mark.parametrize("calibration", measured().intervals.values())
def test_calibrations_are_relative_errors(calibration):
    assert min(astuple(calibration)) >= 0
    assert calibration.refits + calibration.runs > 0.3 and calibration.residual > 0.2
    assert all(value < 1 for value in astuple(calibration)[FIELDS.index("floor") :])


# --- causes ----------------------------------------------------------------------------------


def of(fitted, cause, points, role="cpt"):
    return causes(ensemble_of(fitted), role, points)[:, FIELDS.index(cause)]


def along(fitted, lr, step=None):
    """Places on a CPT run from the base with these learning rates."""
    history = replace(datasets.load("tiny-cpt").history("cpt-cosine"), cpt_lr=np.array(lr))
    at = np.array([history.steps]) if step is None else step
    return Points.along(history, at, fitted.convention)


def test_the_spread_of_refits_counts_more_where_many_runs_were_fitted(fitted, points):
    runs = misfit(fitted, "cpt").runs
    assert runs > 3
    ratio = of(fitted, "runs", points) / of(fitted, "refits", points)
    assert np.allclose(ratio, np.sqrt(runs))
    weigh = calibration_of(fitted.domain("cpt"))
    both = np.hypot(weigh.refits, weigh.runs * np.sqrt(runs))
    assert refit_weight(fitted, "cpt") == pytest.approx(both)


def test_the_residual_is_that_of_points_about_as_far_in_a_run(fitted):
    observed = fitted.observed("cpt")
    residual = np.log(fitted.domain("cpt").loss(observed.points) / observed.loss)
    start = np.array([h.phase_start for h in observed.points.histories])[observed.run]
    own = observed.points.step - start
    near = observed.points.is_cpt & (own > 400 / 1.5) & (own < 400 * 1.5)
    at = along(fitted, cosine(), np.array([2400]))
    assert at.histories[0].phase_start == 2000
    found = of(fitted, "residual", at)[0]
    assert found == pytest.approx(np.sqrt((residual[near] ** 2).mean()), rel=0.1)


def test_an_lr_that_fell_farther_than_any_fitted_one_is_a_cause():
    study = datasets.load("tiny-cpt")
    keep = ("base", "cpt-const")
    flat = study.without([r.name for r in study.runs if r.name not in keep])
    flat = replace(flat, domains={role: study.domains[role] for role in ("pt", "cpt")})
    fitted = fit(flat, "effective")
    assert misfit(fitted, "cpt").fallen < 0.01 and misfit(fitted, "cpt").ends is None
    assert of(fitted, "fall", along(fitted, cosine()))[0] > 0.8
    assert of(fitted, "fall", along(fitted, np.full(800, 1e-3)))[0] == 0


def test_the_slope_is_the_change_for_a_factor_in_steps(fitted):
    lr = np.full(1600, 1e-3)
    at = along(fitted, lr, 2000 + np.array([700, 800]))
    domain = fitted.domain("cpt")
    parts = domain.parts(at)
    loss = sum(value for name, value in parts.items() if name != "annealing")
    expected = abs(loss[1] - loss[0]) / np.log(8 / 7) / domain.loss(at)[1]
    assert of(fitted, "slope", at)[1] == pytest.approx(expected, rel=0.2)


def test_an_lr_has_fallen_from_its_highest_so_far():
    history = replace(
        datasets.load("tiny-cpt").history("cpt-cosine"), cpt_lr=np.array([0, 1, 2, 2, 1, 0.0])
    )
    step = history.phase_start + np.arange(1, 7)
    assert decayed(history, step).tolist() == [0, 0, 0, 0, 0.5, 1]


def test_many_runs_make_narrower_intervals_than_few():
    study = datasets.load("tiny-cpt")
    study = replace(study, domains={role: study.domains[role] for role in ("pt", "cpt")})
    few = ["base", "cpt-const"]
    some = study.without([run.name for run in study.runs if run.name not in few])
    many = study.without(["cpt-cosine"])
    text = "warmup 50 to 1e-3 | cosine 750 to 1e-4"
    widths = [width(forecast(fit(s), text, after="base", replay=0)) for s in (some, many)]
    assert widths[1] < 0.7 * widths[0]


def test_a_difference_is_surer_than_its_ends_where_refits_move_them_together(fitted, points):
    ensemble = ensemble_of(fitted)
    same = contrast(ensemble, "cpt", points, points)
    found = band(ensemble, "cpt", points)
    assert same.value == 0 and same.low == pytest.approx(-same.high)
    apart = (found.high - found.low)[-1] / 2
    assert 0 < same.high < 1.1 * np.sqrt(2) * apart
    with pytest.raises(DataError, match="between 0 and 1"):
        contrast(ensemble, "cpt", points, points, level=2)


def test_a_difference_turns_its_sign_with_its_ends(fitted, points):
    ensemble, early = ensemble_of(fitted), points.step[:5]
    short = Points(points.histories, points.owner[:5], early, points.convention)
    one, other = (contrast(ensemble, "cpt", *pair) for pair in ((points, short), (short, points)))
    assert one.value == -other.value < 0
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


# --- distances -------------------------------------------------------------------------------


def away(fitted, **changes):
    """Distances at the end of the cosine run with a changed history."""
    history = replace(datasets.load("tiny-cpt").history("cpt-cosine"), **changes)
    return distances(fitted.domain("cpt"), history, np.array([history.steps]))[0]


def cosine(times=1.0, repeat=1):
    lr = datasets.load("tiny-cpt").history("cpt-cosine").cpt_lr
    return np.repeat(times * lr, repeat)


def test_a_run_like_the_fitted_ones_is_not_away(fitted):
    assert np.allclose(away(fitted), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"cpt_lr": cosine(repeat=4)}, 0, np.log(4)),
        ({"cpt_lr": cosine(times=2)}, 1, np.log(2)),
        ({"cpt_lr": cosine(times=0.5)}, 1, np.log(2)),
        ({"pt_lr": np.full(1000, 1e-3)}, 2, np.log(2)),
        ({"model_size": 3 * 150976}, 3, np.log(3)),
        ({"replay": 0.3}, 4, 0.3),
    ],
)
def test_each_way_to_leave_what_was_fitted_has_its_column(fitted, changes, column, value):
    found = away(fitted, **changes)
    assert found[column] == pytest.approx(value, abs=1e-3)
    assert np.allclose(np.delete(found, column), 0, atol=1e-3)


# --- forecasts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedules",
    [
        ("warmup 50 to 1e-3 | constant 750", "warmup 50 to 3e-3 | constant 750"),
        ("warmup 50 to 1e-3 | constant 750", "warmup 50 to 2e-4 | constant 750"),
        ("constant 800", "constant 8000"),
    ],
)
def test_intervals_widen_away_from_what_was_fitted(fitted, schedules):
    near, far = (forecast(fitted, text, after="base") for text in schedules)
    assert width(far) > width(near) > 0


def test_replay_that_no_run_had_counts_by_what_it_spares(fitted):
    base = fitted.study.before(fitted.study.run("cpt-const"))

    def replay(share):
        run = replace(fitted.study.run("cpt-const"), replay=share)
        points = Points.at_ends([base.then(run)], fitted.convention)
        found = causes(ensemble_of(fitted), "pt", points)[0, FIELDS.index("replay")]
        parts, loss = fitted.domain("pt").parts(points), fitted.domain("pt").loss(points)
        return found / float(abs(parts["shift"][0]) / loss[0])

    assert replay(0.0) == 0.0
    assert 0.5 < replay(0.05) < replay(0.25) < 1.0


def test_twice_as_far_as_was_ever_checked_is_twice_as_wide(fitted):
    domain, base = fitted.domain("cpt"), fitted.study.before(fitted.study.run("cpt-const"))
    reach = measured().reach[domain.law.traits.forecasts]
    highest = domain.ranges["cpt_peak_lr"][1]

    def floor(times):
        run = Run("x", schedule=Schedule.constant(times * highest, 800), after="base", data="cpt")
        points = Points.at_ends([base.then(run)], fitted.convention)
        return causes(ensemble_of(fitted), "cpt", points)[0, FIELDS.index("floor")]

    assert floor(1.0) == floor(reach.peak) == 1.0
    assert floor(reach.peak**2) == pytest.approx(2.0)


def test_a_forecast_has_the_asked_level(fitted):
    made = {
        level: forecast(fitted, "constant 800", after="base", level=level)
        for level in (0.5, 0.9, None)
    }
    assert [m.level for m in made.values()] == [0.5, 0.9, None]
    assert width(made[0.5]) < width(made[0.9])
    curve = made[None].domains["cpt"]
    assert curve.low is curve.high is curve.mean_low is curve.mean_high is None
    with pytest.raises(DataError, match="between 0 and 1"):
        forecast(fitted, "constant 800", after="base", level=90)


def test_published_coefficients_have_no_intervals():
    made = forecast(
        published.load("fineweb-kp-106m"),
        "cosine 20000 to 0",
        base_schedule="warmup 500 to 2e-4 | constant 39500",
    )
    assert made.level is None and all(c.low is None for c in made.domains.values())


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("warmup 50 to 1e-2 | constant 750", "peak LR is 10 times outside"),
        ("constant 30000", "length is 37.5 times outside"),
    ],
)
def test_nothing_is_forecast_where_nothing_is_known_unless_one_insists(fitted, schedule, said):
    with pytest.raises(DataError, match=said):
        forecast(fitted, schedule, after="base")
    made = forecast(fitted, schedule, after="base", anyway=True)
    assert width(made) > 0 and made.warnings


def test_the_command_refuses_and_insists(fitted, tmp_path):
    store.save(fitted, tmp_path / "fit.json")
    words = [tmp_path / "fit.json", "--after", "base", "--json"]
    words += ["--schedule", "warmup 50 to 1e-2 | constant 750"]
    refused, insisted = run("forecast", *words), run("forecast", *words, "--anyway")
    assert refused.status == 2 and "--anyway" in refused.stderr
    assert insisted.status == 0 and '"low": [' in insisted.stdout


# --- backtests -------------------------------------------------------------------------------


def test_the_coverage_of_a_backtest_is_the_share_of_points_within():
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    result = backtest(study, ["cpt-cosine"], laws=["paper"], options=GIVEN)
    (row,) = (r for r in result.rows if r.domain == "cpt")
    fitted = given_fit(REPLAY, "cpt-cosine")
    observed = observe(study, "cpt", fitted.convention)
    mine = observed.run == observed.runs.index("cpt-cosine")
    history, step = study.history("cpt-cosine"), observed.points.step[mine]
    points = Points.along(history, step, fitted.convention)
    low, high = band(ensemble_of(fitted), "cpt", points, 0.9)[:2]
    within = (low <= observed.loss[mine]) & (observed.loss[mine] <= high)
    assert row.coverage == pytest.approx(within.mean())
    assert row.coverage > 0.7


def test_the_multiplier_is_the_quantile_of_students_t():
    from scipy.stats import t

    for level in (0.1, 0.5, 0.9, 0.99):
        assert t.cdf(multiplier(level), 4) == pytest.approx(0.5 + level / 2, rel=1e-9)
