import math

import numpy as np
import pytest

from cptlaw.arrays import floats, integers
from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, LoggedLR, Run

CURVE = Curve([0, 10, 20], [4.0, 3.5, 3.2])


# --- curves -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "loss", "words"),
    [
        ([], [], "0 steps, 0 losses"),
        ([1, 2], [3.0], "2 steps, 1 losses"),
        ([-1, 2], [3.0, 3.0], "row 1 has -1"),
        ([1, 2, 2], [3.0, 3.0, 3.0], "row 3 has 2"),
        ([1, 3, 2, 1], [3.0] * 4, "row 3 has 2"),
        ([1, 2.5], [3.0, 3.0], r"2\.5"),
        ([1, math.nan], [3.0, 3.0], "nan"),
        ([1, 20], [3.0, math.nan], "loss nan at step 20"),
        ([1, 20], [3.0, math.inf], "loss inf at step 20"),
        ([10, 20], [0.0, 3.0], r"loss 0\.0 at step 10"),
        ([10, 20], [3.0, -1.0], r"loss -1\.0 at step 20"),
    ],
)
def test_a_curve_refuses(steps, loss, words):
    with pytest.raises(DataError, match=words):
        Curve(steps, loss)


def test_a_curve_needs_a_window_of_at_least_a_step():
    with pytest.raises(DataError, match="window of 0 steps"):
        Curve([1], [3.0], window=0)


def test_a_curve_copies_what_it_is_given_and_cannot_change():
    loss = np.array([4.0, 3.5])
    curve = Curve([1, 2], loss)
    loss[0] = 9.0
    assert curve.loss.tolist() == [4.0, 3.5]
    for array in (curve.steps, curve.loss):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_curves_are_compared_by_value():
    assert Curve([0, 10, 20], [4.0, 3.5, 3.2]) == CURVE
    assert Curve([0, 10, 21], [4.0, 3.5, 3.2]) != CURVE
    assert Curve([0, 10, 20], [4.0, 3.5, 3.2], window=2) != CURVE
    assert CURVE != "curve"


def test_only_some_rows():
    kept = Curve([0, 10, 20], [4.0, 3.5, 3.2], "training", 5).only(np.array([True, False, True]))
    assert kept == Curve([0, 20], [4.0, 3.2], "training", 5)
    assert len(kept) == 2


# --- logged learning rates --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "lr", "words"),
    [
        ([], [], "0 steps for 0"),
        ([1], [1e-4, 1e-4], "1 steps for 2"),
        ([2, 2], [1e-4, 1e-4], "must increase"),
        ([1, 2], [1e-4, -1e-4], "-0.0001 at step 2"),
        ([1, 2], [math.nan, 1e-4], "nan at step 1"),
    ],
)
def test_logged_learning_rates_refuse(steps, lr, words):
    with pytest.raises(DataError, match=words):
        LoggedLR(steps, lr)


def test_a_logged_learning_rate_may_be_0():
    assert LoggedLR([0, 5], [0.0, 1e-4]) == LoggedLR(np.array([0, 5]), np.array([0, 1e-4]))


# --- runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"data": "sft"}, "data = 'sft'"),
        ({"data": "cpt", "replay": 1.5}, "replay = 1.5; expected 0 to 1"),
        ({"data": "cpt", "replay": -0.1}, "replay = -0.1; expected 0 to 1"),
        ({"data": "cpt", "replay": math.nan}, "replay = nan; expected 0 to 1"),
        ({"replay": 0.5}, "belongs to CPT runs"),
        ({"model_size": 0}, "model_size = 0 must be above 0"),
        ({"model_size": math.inf}, "model_size = inf"),
        ({"batch_tokens": -1.0}, "batch_tokens = -1"),
        ({"sequence_length": 0}, "sequence_length = 0"),
        ({"data": "cpt", "after": "unknown:"}, "needs a name"),
    ],
)
def test_a_run_refuses(values, words):
    with pytest.raises(DataError, match=rf"run 'a': .*{words}"):
        Run("a", **values)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({}, 0),
        ({"curves": {"pt": CURVE}}, 20),
        ({"curves": {"pt": CURVE}, "logged_lr": LoggedLR([1, 25], [1, 1])}, 25),
        ({"curves": {"pt": CURVE}, "schedule": Schedule.constant(1e-4, 30)}, 30),
    ],
)
def test_the_length_of_a_run(values, steps):
    assert Run("a", **values).steps == steps


@pytest.mark.parametrize(
    ("after", "base"), [(None, None), ("llama", None), ("unknown:llama", "llama")]
)
def test_an_unknown_base(after, base):
    assert Run("a", data="cpt", after=after).unknown_base == base


@pytest.mark.parametrize(
    ("tokens", "length", "label"),
    [(4e6, 4096, "4e+06x4096"), (None, 4096, "?x4096"), (131072, None, "131072x?")],
)
def test_the_label_of_a_batch(tokens, length, label):
    assert Run("a", batch_tokens=tokens, sequence_length=length).batch_label == label


def test_a_run_cannot_change():
    curves = {"pt": CURVE}
    run = Run("a", curves)
    curves["cpt"] = CURVE
    assert list(run.curves) == ["pt"]
    with pytest.raises(TypeError):
        run.curves["cpt"] = CURVE


def test_shifted_takes_off_the_first_step():
    run = Run("a", {"pt": Curve([100, 110], [4.0, 3.9])}, LoggedLR([101, 110], [1e-4, 2e-4]))
    moved = run.shifted(100)
    assert moved.curves["pt"] == Curve([0, 10], [4.0, 3.9])
    assert moved.logged_lr == LoggedLR([1, 10], [1e-4, 2e-4])
    assert run.shifted(0) is run


def test_shifted_refuses_a_step_before_the_start():
    run = Run("a", {"pt": Curve([100, 110], [4.0, 3.9])})
    with pytest.raises(DataError, match=r"'pt' has step 100, before the run's first_step = 101"):
        run.shifted(101)


# --- arrays -----------------------------------------------------------------------------------


def test_arrays_are_flat_read_only_copies():
    for array, kind in ((floats([[1, 2]]), "f"), (integers([[1.0, 2.0]]), "i")):
        assert array.shape == (2,)
        assert array.dtype.kind == kind
        assert not array.flags.writeable


@pytest.mark.parametrize("values", [[0.5], [math.nan], [1, -math.inf]])
def test_integers_must_be_whole(values):
    with pytest.raises(DataError, match="expected whole numbers"):
        integers(values)
