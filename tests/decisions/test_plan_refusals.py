"""What cannot be planned."""

import math
from dataclasses import replace

import pytest

from bundled import GIVEN, few
from cptlaw import (
    Aim,
    Convention,
    DataError,
    FitOptions,
    Knobs,
    PlanOptions,
    Run,
    Schedule,
    Study,
    datasets,
    fit,
    plan,
    published,
    with_first_run,
)
from cptlaw.decisions import first_run
from cptlaw.decisions.plan import asked
from cptlaw.forecasting.design import design_of
from plans import BASE, knobs


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ({"after": None}, {}, "needs its base"),
        ({"after": "cpt-const"}, {}, "is a CPT checkpoint"),
        ({"peak": 1e-1}, {}, "at peak 0.1 and 800 steps: the peak LR is 100 times"),
        ({"steps": "100..1000000"}, {}, r"1,000,000 steps: the length is"),
        ({"batch_tokens": 8192}, {}, "does not see the batch"),
        ({"replay": 0.1}, {"data": "pt"}, "replay belongs to a CPT run"),
        ({}, {"level": 1.0}, "level = 1 must"),
        ({}, {"level": math.nan}, "level = nan must"),
        ({}, {"model_size": -1.0}, "model_size = -1"),
        ({}, {"batch_tokens": 0.0}, "batch_tokens = 0"),
        ({}, {"reference": ""}, "is empty"),
        ({}, {"reference": "base@1000..2000"}, "expected one checkpoint"),
        ({}, {"reference": "bose"}, "Did you mean 'base'"),
        ({}, {"base_schedule": BASE}, "not both"),
        ({}, {"limits": ["docs<=3"]}, "limit 'docs<=3'"),
        ({}, {"goal": "ctp=1"}, "Did you mean 'cpt'"),
        ({}, {"goal": "cheapest tokens"}, "needs a loss to reach"),
        ({}, {"goal": "cheapest", "limits": ["steps<=9"]}, "needs a loss to reach"),
        (
            {"after": None, "peak": 1e-3},
            {"data": "pt", "goal": Aim.parse("pt=1", "change")},
            "a run from scratch has none",
        ),
    ],
)
def test_what_cannot_be_planned(simple, given, more, message):
    with pytest.raises(DataError, match=message):
        goal, limits = more.pop("goal", "cpt=1"), more.pop("limits", ())
        plan(simple, goal, knobs(**given), limits, PlanOptions(**more))


def test_what_lies_too_far_may_be_insisted_on(simple):
    far = plan(simple, "cpt=1", knobs(peak="1e-4..2e-2"), options=PlanOptions(anyway=True))
    assert far.feasible
    assert any("peak LR" in warning for warning in far.warnings) == (
        far.best.recipe.schedule.peak > 1.01e-3
    )


def test_more_steps_than_can_be_held_are_refused(simple, monkeypatch):
    monkeypatch.setattr("cptlaw.decisions.plan.recipe._MOST_RATES", 5_000)
    with pytest.raises(
        DataError, match=r"recipes of up to 800 steps are compared at once; at most"
    ):
        plan(simple, "cpt=1", knobs())


def test_published_coefficients_need_a_size_and_no_other_base():
    with pytest.raises(DataError, match="give model_size"):
        options = PlanOptions(base_schedule=BASE)
        plan(published.load("fineweb-kp-N"), "cpt=1", Knobs(1e-4, 900), options=options)
    with pytest.raises(DataError, match="nobody knows its past"):
        one = Knobs(1e-5, 900, after="unknown:llama3.2-1b")
        plan(published.load("llama3.2-1b-law"), "cpt=1", one, options=PlanOptions(data="pt"))


def test_a_pre_training_fit_has_no_cpt_plan(study):
    bases = Study({"pt": "pt"}, tuple(run for run in study.runs if run.data == "pt"))
    alone = fit(bases, "eq1", options=FitOptions(Convention(), fixed={"lambda": 0.98}))
    with pytest.raises(DataError, match="knows no shift"):
        plan(alone, "pt=1", knobs(), options=PlanOptions(data="cpt"))
    assert plan(alone, "pt=1", knobs(after=None, steps=2000)).best.recipe.data == "pt"


@pytest.fixture(scope="module")
def batches():
    """A fit whose shift is another for each batch."""
    grid = datasets.load("tiny-grid")
    names = ("base", "annealed", "cpt-const", "cpt-cosine", "batch128")
    few = tuple(run for run in grid.runs if run.name in names)
    given = {"alpha": 0.8, "lambda": 0.98}
    study = Study({"cpt": "code"}, few)
    return fit(study, "eq4-batch", options=FitOptions(Convention(), fixed=given))


def test_a_batch_is_one_of_those_that_were_fitted(batches):
    found = plan(batches, "cpt=1", knobs(batch_tokens="8192,16384"))
    assert {o.knob for o in found.alternatives} == {"batch_tokens"}
    assert found.best.recipe.batch_tokens in (8192, 16384)
    assert found.best.recipe.sequence_length == 128
    fixed = plan(batches, "cpt=1", knobs(), options=PlanOptions(batch_tokens=8192.0))
    assert fixed.best.recipe.batch_tokens == 8192
    for given in ({"batch_tokens": "8192..16384"}, {"batch_tokens": 9999}, {}):
        with pytest.raises(DataError, match="16384x128, 8192x128"):
            plan(batches, "cpt=1", knobs(**given))


def test_a_knob_that_the_law_does_not_see_is_refused(simple):
    with pytest.raises(DataError, match=r"replay .* eq4 does not see it"):
        plan(simple, "cpt=1", knobs(replay="0..0.5"), options=PlanOptions(anyway=True))
    with pytest.raises(DataError, match="does not see the replay share"):
        plan(simple, "cpt=1", knobs(replay=0.4))


def test_what_is_unknown_is_refused_with_the_run_that_would_tell():
    flat = fit(few("base", "cpt-const"), "eq4", GIVEN)  # a law without a prior
    with pytest.raises(DataError, match=r"--family.*the LR fall.*linear \d+ to 0.*--anyway"):
        plan(flat, "cpt=1", knobs())
    insisted = plan(flat, "cpt=1", knobs(peak=1e-3), options=PlanOptions(anyway=True))
    assert insisted.verdict.of("schedule").status == "unknown"
    assert "This is a guess" in " ".join(insisted.summary().split())
    assert plan(flat, "cpt=1", knobs(family="constant")).verdict.of("schedule").status == "data"


def test_no_peak_is_chosen_that_forecasts_cannot_carry(fitted):
    found = plan(fitted, "cpt=1", knobs(peak="5e-4..1e-2"))
    assert found.best.recipe.schedule.peak <= 2e-3
    assert found.knobs[0].high == 2e-3
    assert "Peak LRs looked at: 0.0005..0.002 only" in found.summary()
    listed = plan(fitted, "cpt=1", knobs(peak="5e-4,1e-3,9e-3"))
    assert {o.choice for o in listed.alternatives} <= {"0.0005", "0.001"}
    far = plan(fitted, "cpt=1", knobs(peak="5e-4..5e-3"), options=PlanOptions(anyway=True))
    assert far.knobs[0].high == 5e-3 and not far.cut


def test_a_range_within_reach_is_not_said_to_be_cut(fitted, monkeypatch):
    rounded = replace(design_of(fitted, "cpt"), peaks=(0.0009999984,))
    monkeypatch.setattr(asked, "design_of", lambda *_: rounded)
    within = knobs(peak="5e-4..2e-3")
    assert asked.within_reach(fitted, within, "cpt", False) == (within, "")


def test_no_peak_is_chosen_at_which_a_run_diverged(fitted):
    hot = Run("hot", schedule=Schedule.constant(1.5e-3, 100), data="cpt", after="base", diverged=50)
    study = replace(fitted.study, runs=(*fitted.study.runs, hot))
    for anyway in (False, True):
        options = PlanOptions(anyway=anyway)
        found = plan(replace(fitted, study=study), "cpt=1", knobs(), options=options)
        assert found.best.recipe.schedule.peak <= 1e-3
        wide = knobs(peak="5e-4..2e-3")
        found = plan(replace(fitted, study=study), "cpt=1", wide, options=options)
        assert found.best.recipe.schedule.peak < 1.5e-3
        assert "a run at 0.0015 diverged" in " ".join(found.cut.split())
        with pytest.raises(DataError, match=r"at 0\.0015 diverged"):
            plan(replace(fitted, study=study), "cpt=1", knobs(peak=1.5e-3), options=options)


def test_the_run_to_do_first_is_named_where_it_pays(fitted, monkeypatch):
    flat = fit(few("base", "cpt-const"))
    wide = knobs(family="cosine,constant", peak="5e-4..2e-3")
    insisted = plan(flat, "cpt=1", wide, options=PlanOptions(anyway=True))
    monkeypatch.setattr(first_run, "_PAYS", 0.0)
    found = with_first_run(flat, insisted)
    assert "A wrong choice would now cost" in found.first_run
    assert found.summary().startswith("Do this run first: ")
    monkeypatch.setattr(first_run, "_PAYS", 1.0)
    assert "In none of your runs does the LR fall" in with_first_run(flat, insisted).first_run
    sure = plan(fitted, "cpt=1", knobs(peak=1e-3))
    assert with_first_run(fitted, sure).first_run == ""


def test_the_run_to_do_first_is_one_with_replay_where_none_was_run(monkeypatch):
    monkeypatch.setattr(first_run, "_PAYS", 1.0)
    fitted = fit(few("base", "annealed", "cpt-const", "cpt-twostage"))
    mixed = plan(fitted, "cpt=1 pt=1", knobs(peak=1e-3, replay="0..0.5"))
    told = with_first_run(fitted, mixed).first_run
    assert "replay 0.25. You ran one replay share (0)." in told
    pure = plan(fitted, "cpt=1 pt=1", knobs(peak=1e-3))
    assert with_first_run(fitted, pure).first_run == ""
