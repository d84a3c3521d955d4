"""What cannot be planned."""

import math

import pytest

from cptlaw import (
    Aim,
    Convention,
    DataError,
    FitOptions,
    Knobs,
    PlanOptions,
    Study,
    datasets,
    fit,
    plan,
    published,
)
from plans import BASE, knobs


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ({"after": None}, {}, "needs its base"),
        ({"after": "cpt-const"}, {}, "is a CPT checkpoint"),
        ({"peak": "1e-4..1e-1"}, {}, "at peak 0.1 and 800 steps: the peak LR is 100 times"),
        ({"steps": "100..1000000"}, {}, r"1e\+06 steps: the length is"),
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
