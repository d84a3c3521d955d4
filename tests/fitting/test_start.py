"""Where a run begins: from scratch, after a run, a base schedule or an open model."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import (
    Convention,
    Curve,
    DataError,
    FitOptions,
    Run,
    Schedule,
    Study,
    datasets,
    fit,
    published,
)
from cptlaw.fitting.start import checkpoint, open_models, start_of, starts_of
from cptlaw.studies.optimization import Optimization

BASE = "warmup 500 to 2e-4 | constant 9500"
LOSS = {"x": Curve([5, 10], [3.0, 2.9])}
ANNEALED = "base@1500 | linear 300 to 0"


@pytest.fixture(scope="module")
def fitted():
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    return fit(study, "paper", options=FitOptions(Convention(), fixed={"lambda": 0.98}))


@pytest.mark.parametrize(
    ("after", "kind", "run", "step", "words", "steps"),
    [
        (None, "scratch", None, None, "scratch", 0),
        ("base", "checkpoint", "base", None, "the end of 'base'", 2000),
        ("base@1500", "checkpoint", "base", 1500, "'base' at step 1500", 1500),
        ("cpt-const@100", "checkpoint", "cpt-const", 100, "'cpt-const' at step 100", 2100),
    ],
)
def test_a_start_knows_its_run_and_the_steps_before_it(
    fitted, after, kind, run, step, words, steps
):
    start = start_of(fitted, after)
    assert (start.kind, start.run, start.step, start.words) == (kind, run, step, words)
    assert start.text == (after or "scratch")
    assert start.history.steps == steps
    assert start.is_scratch == (after is None)


def test_a_base_schedule_is_a_start():
    start = start_of(published.load("fineweb-kp-106m"), None, BASE)
    assert (start.kind, start.run, start.words) == ("base schedule", None, "a base of 10,000 steps")
    assert start.history.lr.tolist() == Schedule.parse(BASE).lr().tolist()
    assert not start.is_scratch


def test_a_run_may_have_an_at_in_its_name():
    rates = Schedule.constant(1e-3, 10)
    study = Study({"cpt": "x"}, (Run("a@5", LOSS, schedule=rates), Run("a", schedule=rates)))
    assert (checkpoint(study, "a@5").run, checkpoint(study, "a@5").step) == ("a@5", None)
    assert (checkpoint(study, "a@4").run, checkpoint(study, "a@4").step) == ("a", 4)
    assert (checkpoint(study, "a@5@3").run, checkpoint(study, "a@5@3").step) == ("a@5", 3)


def test_an_open_model_has_no_past():
    rates = Schedule.constant(1e-4, 10, warmup=2)
    study = Study(
        {"cpt": "x"}, (Run("cpt", LOSS, schedule=rates, data="cpt", after="unknown:a@b"),)
    )
    start = checkpoint(study, "unknown:a@b")
    assert (start.kind, start.run, start.step) == ("open model", "unknown:a@b", None)
    assert start.words == "unknown:a@b"
    assert (start.history.unknown_base, start.history.steps) == ("a@b", 0)
    with pytest.raises(DataError, match="no such run"):
        checkpoint(study, "unknown:c")


def test_a_fit_of_open_models_starts_from_one_of_them(fitted):
    assert open_models(fitted) == []
    law = published.load("fineweb-kp-106m")
    with pytest.raises(DataError, match="published coefficients know no runs"):
        start_of(law, "base")


def test_a_start_of_another_size(fitted):
    start = start_of(fitted, "base")
    assert start.of_size(None) is start
    assert start.of_size(5e6).history.model_size == 5e6
    assert start.of_size(5e6).text == start.text


def test_a_range_of_steps_is_nine_starts(fitted):
    found = starts_of(fitted, ["base@1000..2000", "base@1500"])
    assert [start.step for start in found] == list(range(1000, 2001, 125))
    assert [start.history.pt_lr.size for start in found] == list(range(1000, 2001, 125))


def test_a_start_may_be_annealed_first(fitted):
    (start,) = starts_of(fitted, [ANNEALED])
    assert (start.kind, start.run, start.step) == ("checkpoint", "base", 1500)
    assert start.text == ANNEALED
    assert start.words == "'base' at step 1500, then linear 300 to 0 from=0.001"
    lr = start.history.pt_lr
    assert lr.size == 1800
    assert lr[1500:] == pytest.approx(1e-3 * (1 - np.arange(1, 301) / 300))


def test_a_schedule_alone_is_a_pre_training(fitted):
    (start,) = starts_of(fitted, ["| warmup 5 to 1e-3"])
    assert start.words == "scratch, then warmup 5 to 0.001"
    assert not start.is_scratch


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("bose", "Did you mean 'base'"),
        ("base@0", "has steps 1 to 2000"),
        ("base@2001", "has steps 1 to 2000"),
        ("base@2000..1000", "a range of steps rises"),
        ("base@1000..3000", "has steps 1 to 2000"),
        ("unknown:x", "no unknown base"),
        ("base |", "is empty"),
        ("base | liner 5 to 0", "Did you mean 'linear'"),
        ("| linear 5 to 0", "nothing is trained"),
        ("cpt-const | linear 5 to 0", "only a pre-training"),
    ],
)
def test_a_start_that_there_is_not(fitted, after, message):
    with pytest.raises(DataError, match=message):
        starts_of(fitted, [after])


def test_a_start_moves_weights_as_the_fitted_runs_do(fitted):
    runs = [replace(r, weight_decay=0.01) if r.data == "cpt" else r for r in fitted.study.runs]
    told = replace(fitted, study=replace(fitted.study, runs=tuple(runs)))
    following = Run("next", schedule=Schedule.constant(1e-3, 5), data="cpt")
    history = start_of(told, "base").history.then(following)
    assert (history.pt_by.weight_decay, history.cpt_by.weight_decay) == (0.1, 0.01)
    given = start_of(told, None, "constant 100 to 1e-3").history
    assert given.pt_by == Optimization("adamw", 0.1, 0.02)
