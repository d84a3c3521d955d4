"""Losses that a log averages over steps are compared with the law's loss, averaged likewise."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Convention, Curve, FitOptions, Run, Schedule, Study, backtest, catalog, fit
from cptlaw.errors import DataError
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.windows import along, middles
from cptlaw.laws.means import Averaged
from cptlaw.laws.points import Points

SHARP = Schedule.parse("warmup 100 to 1e-3 | constant 1400 | linear 100 to 0")
GENTLE = Schedule.parse("warmup 100 to 1e-3 | cosine 1500 to 1e-4")
CPT = Schedule.parse("warmup 50 to 1e-3 | constant 450 | constant 300 to 2e-4")
EQ1 = {"L0": 2.4, "A": 0.6, "alpha": 0.45, "C": 0.3, "lambda": 0.97}
SHIFTED = {
    "L0": 2.4, "A": 0.6, "alpha": 0.45, "C1": 0.3, "C2": 0.25, "B": 0.5, "E": 8.0, "beta": 0.4,
    "lambda": 0.97,
}  # fmt: skip
MEANS = [{"window": 10}, {"window": 50}, {"window": 200}, {"ema": 0.9}, {"ema": 0.98}]
means = pytest.mark.parametrize("mean", MEANS, ids=str)


def flat(schedule, every=50, first=50, **mean):
    steps = np.arange(first, schedule.steps + 1, every)
    return Curve(steps, np.full(steps.size, 3.0), "training", **mean)


def study_of(*runs, role="loss"):
    return Study({role: "x"}, runs)


def pretraining(**mean):
    runs = [Run(n, {"x": flat(s, **mean)}, schedule=s) for n, s in (("a", SHARP), ("b", GENTLE))]
    return study_of(*runs)


def continued(**mean):
    base = Run("base", {"x": flat(SHARP, **mean)}, schedule=SHARP)
    cpt = Run("cpt", {"x": flat(CPT, **mean)}, schedule=CPT, data="cpt", after="base")
    return study_of(base, cpt, role="pt")


def stepwise(law, params, study, run):
    """The law's loss after every step of a run, from its first on."""
    history, start = study.history(run.name), study.before(run).steps
    steps = np.arange(start + 1, history.steps + 1)
    return law.loss(Points.along(history, steps, Convention()), params)


def averaged(losses, curve):
    """Losses of every step as a log with this curve's habits has them, step by step."""
    found = []
    for last in curve.steps.tolist():
        first = 0 if curve.ema else max(last - curve.window, 0)
        age = np.arange(last - first)[::-1]
        weights = curve.ema**age if curve.ema else None
        found.append(np.average(losses[first:last], weights=weights))
    return np.array(found)


def logged(law, params, study):
    """The study with what its logs would hold, were the law true."""
    runs = []
    for run in study.runs:
        curve = run.curves["x"]
        loss = averaged(stepwise(law, params, study, run), curve)
        runs.append(replace(run, curves={"x": replace(curve, loss=loss)}))
    return replace(study, runs=tuple(runs))


def law_and_points(study, role, name):
    observed = observe(study, role, Convention())
    return catalog.get(name, facts(role, observed.points)), observed


# --- few steps stand for many -------------------------------------------------------------------


@means
@pytest.mark.parametrize(
    ("make", "role", "name", "params"),
    [(pretraining, "loss", "eq1", EQ1), (continued, "pt", "eq4", SHIFTED)],
)
def test_few_steps_give_the_mean_over_all(make, role, name, params, mean):
    study = make(**mean)
    law, observed = law_and_points(study, role, name)
    truth = logged(law, params, study)
    exact = observe(truth, role, Convention())
    error = law.loss(exact.points, params) / exact.loss - 1.0
    assert np.abs(error).max() < (2e-5 if "window" in mean else 2e-4)
    assert np.median(np.abs(error)) < 3e-6
    instant = law.loss(Points(*_places(observed)), params) / exact.loss - 1.0
    assert np.abs(instant).max() > 10 * np.abs(error).max()


def _places(observed):
    points = observed.points
    return points.histories, points.owner, points.step, points.convention


@means
def test_weights_add_up_to_one_and_keep_the_middle(mean):
    study = continued(**mean)
    _, observed = law_and_points(study, "pt", "eq4")
    points = observed.points
    assert points.mean(np.ones(len(points.every))) == pytest.approx(np.ones(len(observed)))
    assert len(points.every) <= 13 * len(observed)
    centre = points.mean(points.every.step.astype(float))
    assert (np.abs(points.step - centre) < 1).all()


def test_a_window_ends_at_the_start_of_its_run():
    """Also of a row that is a shorter mean, since the log begins anew at each row."""
    base = Run("base", {"x": flat(SHARP)}, schedule=SHARP)
    curve = Curve([7, 50, 100, 150, 180], [3.0] * 5, "training", window=50)
    cpt = Run("cpt", {"x": curve}, schedule=CPT, data="cpt", after="base")
    observed = observe(study_of(base, cpt, role="pt"), "pt", Convention())
    mine = np.flatnonzero(observed.run == observed.runs.index("cpt"))
    every, where = observed.points.every, np.arange(len(observed))
    row = np.repeat(where, observed.points._nodes.counts)
    own = [every.cpt_step[row == i] for i in mine]
    bounds = [(1, 7), (8, 50), (51, 100), (101, 150), (151, 180)]
    for steps, (first, last) in zip(own, bounds, strict=True):
        assert first <= steps.min() and steps.max() <= last
        assert steps.min() - first <= 6 and last - steps.max() <= 6


def test_windows_that_overlap_reach_back_over_the_row_before():
    curve = flat(SHARP, every=10, first=300, window=100)
    observed = observe(study_of(Run("a", {"x": curve}, schedule=SHARP)), "loss", Convention())
    assert (observed.points.step == observed.step - 49).all()


def test_a_mean_that_reaches_into_the_warmup_is_left_out():
    curve = flat(SHARP, window=50)
    observed = observe(study_of(Run("a", {"x": curve}, schedule=SHARP)), "loss", Convention())
    assert observed.step[0] == 150
    plain = observe(study_of(Run("a", {"x": flat(SHARP)}, schedule=SHARP)), "loss", Convention())
    assert plain.step[0] == 100


def test_a_mean_at_a_run_s_start_is_of_what_was_before():
    curve = Curve([0, 10, 20], [4.0, 3.9, 3.8], "training", window=10)
    run = Run("cpt", {"x": curve}, schedule=CPT, data="cpt", after="unknown:llama")
    observed = observe(study_of(run, role="cpt"), "cpt", Convention())
    assert observed.step.tolist() == [10, 20]
    assert any("before it" in note for note in observed.notes)


@means
def test_a_fit_knows_the_last_step_that_it_saw(mean):
    study = logged(catalog.example("eq4"), SHIFTED, continued(**mean))
    assert observe(study, "pt", Convention()).points.last.max() == 1600 + 800
    assert fit(study, "eq4", PLAIN).domain("pt").ranges["cpt_steps"] == (1.0, 800.0)


def test_losses_of_single_steps_are_plain_points():
    study = continued()
    assert type(observe(study, "pt", Convention()).points) is Points


def test_instant_losses_stand_beside_means():
    runs = list(pretraining(window=50).runs)
    runs[1] = replace(runs[1], curves={"x": flat(GENTLE)})
    observed = observe(study_of(*runs), "loss", Convention())
    assert isinstance(observed.points, Averaged)
    plain = observed.run == 1
    assert (observed.points.step[plain] == observed.step[plain]).all()


@pytest.mark.parametrize(
    ("mean", "steps"),
    [
        ({}, [0, 10, 20, 30]),
        ({"window": 10}, [0, 6, 16, 26]),
        ({"window": 20}, [0, 6, 11, 21]),
        ({"ema": 0.9}, [0, 6, 11, 21]),
    ],
)
def test_the_middle_of_a_row(mean, steps):
    curve = Curve([0, 10, 20, 30], [3.0] * 4, "training", **mean)
    assert middles(curve).tolist() == steps


@pytest.mark.parametrize("more", [{"ema": 1.0}, {"ema": -0.1}, {"ema": 0.9, "window": 5}])
def test_what_a_curve_cannot_be(more):
    with pytest.raises(DataError, match="moving average"):
        Curve([1], [3.0], **more)


def test_the_parts_of_a_mean_add_up():
    study = continued(window=50)
    law, observed = law_and_points(study, "pt", "eq4")
    parts = law.parts(observed.points, SHIFTED)
    assert sum(parts.values()) == pytest.approx(law.loss(observed.points, SHIFTED))


# --- what it is good for --------------------------------------------------------------------------


PLAIN = FitOptions(Convention(), prior_weight=0.0)


@means
def test_a_fit_of_means_finds_the_law_behind_them(mean):
    study = pretraining(**mean)
    truth = logged(catalog.example("eq1"), EQ1, study)
    found = fit(truth, "eq1", PLAIN).domain("loss")
    for name, value in EQ1.items():
        near = 0.03 if mean == {"ema": 0.98} else 0.01
        assert found.params[name] == pytest.approx(value, rel=near), name
    assert found.scores.worst < 2e-4


def taken_as(study, **mean):
    """The same numbers, told to be other means."""
    curves = {r.name: replace(r.curves["x"], window=1, ema=0.0, **mean) for r in study.runs}
    return replace(study, runs=tuple(replace(r, curves={"x": curves[r.name]}) for r in study.runs))


def test_means_taken_for_losses_of_single_steps_bend_the_law():
    truth = logged(catalog.example("eq1"), EQ1, pretraining(window=50))
    found = fit(taken_as(truth), "eq1", PLAIN).domain("loss").params
    assert abs(found["C"] / EQ1["C"] - 1) > 0.05


def test_a_forecast_is_scored_against_the_means_that_were_logged():
    truth = logged(catalog.example("eq1"), EQ1, pretraining(window=50))
    right = backtest(truth, ["a"], laws=["eq1"], options=PLAIN).rows[0].scores
    wrong = backtest(taken_as(truth), ["a"], laws=["eq1"], options=PLAIN).rows[0].scores
    assert right.worst < 1e-3 < 5e-3 < wrong.worst


@pytest.mark.parametrize("mean", [{"window": 50}, {"ema": 0.9}], ids=str)
def test_a_drawn_line_is_averaged_as_the_log_is(mean):
    study = continued(**mean)
    law, observed = law_and_points(study, "pt", "eq4")
    mine = np.flatnonzero(observed.run == observed.runs.index("cpt"))[2:]
    start = study.before(study.run("cpt")).steps
    points = along(
        study.history("cpt"), observed.points.step[mine], study.run("cpt").curves["x"], start,
        Convention(),
    )  # fmt: skip
    drawn = law.loss(points, SHIFTED)
    assert drawn == pytest.approx(law.loss(observed.points, SHIFTED)[mine], rel=5e-4)
