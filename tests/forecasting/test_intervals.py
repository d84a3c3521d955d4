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
from cptlaw.forecasting.intervals import (
    band,
    calibration_of,
    contrast,
    distances,
    multiplier,
    noise_of,
    scales,
)
from cptlaw.forecasting.measured import OTHERS, Calibration, measured
from cptlaw.laws.points import Points

GIVEN = FitOptions(Convention(), fixed={"lambda": 0.98})
NOTHING = Calibration(*[0.0] * 9)


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


@pytest.mark.parametrize("part", ["residual", "floor"])
def test_a_part_alone_is_the_scale(fitted, points, part):
    found = scales(ensemble_of(fitted), "cpt", points, replace(NOTHING, **{part: 2.0}))[0]
    unit = 1.0 if part == "floor" else noise_of(fitted, "cpt").residual
    assert np.allclose(found, 2.0 * unit)


def test_parts_add_up_in_squares(fitted, points):
    ensemble = ensemble_of(fitted)
    each = [
        scales(ensemble, "cpt", points, replace(NOTHING, **{part: value}))[0]
        for part, value in (("refits", 1.5), ("residual", 0.5), ("floor", 1e-3))
    ]
    whole = scales(ensemble, "cpt", points, Calibration(1.5, 0.5, 1e-3, 0, 0, 0, 0, 0, 0))[0]
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
    values = astuple(calibration)
    assert min(values) >= 0 and values[0] > 0.3 and values[1] > 0.3
    assert all(value < 1 for value in values[2:])


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
