import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study_file.numbering import Placed, place


def log(steps, losses=None, name="cpt", **more):
    steps = np.array(steps)
    values = 3.0 + 0.001 * (steps % 997) if losses is None else np.array(losses)
    return Run(name, {"pt": Curve(steps, values)}, **more)


def base(steps=4000, number=0, total=0):
    own = np.arange(0, steps + 1, 100)
    curve = Curve(own, 9.0 - own / 1000)
    run = Run("base", {"pt": curve}, schedule=Schedule.constant(1e-3, steps))
    return Placed(run, number, total)


@pytest.mark.parametrize(
    ("first", "last", "length", "number", "told"),
    [
        (4000, 5500, None, 4000, "the log's step 4000 is the start."),
        (4025, 5500, None, 4000, "the log's step 4000 is the start."),
        (0, 1500, None, 0, "counts steps from 0"),
        (25, 1500, 6000, 0, "counts steps from 0"),
        (4025, 5500, 1500, 4000, "the log's step 4000 is the start."),
        (5000, 6000, 6000, 0, "Both readings fit; if this is the wrong one, give first_step = 40"),
        (
            5000,
            6000,
            None,
            4000,
            "Both readings fit; if this is the wrong one, give first_step = 0",
        ),
        (3000, 3900, None, 0, "leaves its first steps without a log"),
    ],
)
def test_detected_start(first, last, length, number, told):
    placed = place(log(range(first, last + 1, 25)), base(), 4000, length)
    assert placed.number == number
    assert placed.run.curves["pt"].steps[0] == first - number
    assert told in placed.run.notes[-1]


def test_a_small_start_is_ambiguous():
    placed = place(log([50, 100, 150]), base(), 20)
    assert placed.number == 0 and "first_step = 20" in placed.run.notes[-1]


def test_the_losses_of_the_base_decide():
    continued = log([4000, 4100, 6000], [5.0, 5.1, 5.2])
    assert place(continued, base(), 4000, length=6000).number == 4000


def test_steps_add_up_along_a_chain():
    """A run after one whose log counts from 0 may count from the very first step of all."""
    anneal = Placed(base(800).run, number=0, total=3200)
    assert place(log([4000, 4025, 4050]), anneal, 800).number == 4000
    assert place(log([800, 825, 850]), anneal, 800).number == 800
    going_on = Placed(base(800).run, number=3200, total=3200)
    assert place(log([4025, 4050]), going_on, 800).total == 4000


def test_first_step_decides_without_a_note():
    placed = place(log([5000, 5100, 6000]), base(), 4000, first_step=5000)
    assert placed.number == 5000 and placed.run.notes == ()


def test_the_rows_of_a_resumed_log_are_left_out():
    steps = np.arange(0, 4600, 100)
    losses = np.where(steps <= 4000, 9.0 - steps / 1000, 5.5)
    lrs = LoggedLR(steps[1:], np.full(steps.size - 1, 1e-3))
    placed = place(log(steps, losses, logged_lr=lrs), base(), 4000)
    assert placed.number == 4000
    assert placed.run.curves["pt"].steps.tolist() == [0, 100, 200, 300, 400, 500]
    assert placed.run.logged_lr is not None and placed.run.logged_lr.steps[0] == 0
    assert "40 rows before step 4000 repeat run 'base'" in placed.run.notes[0]


def test_rows_before_first_step_that_are_not_the_bases():
    with pytest.raises(DataError, match=r"before its start at first_step = 4000.*Mend first_step"):
        place(log([3900, 4000, 4100]), base(), 4000, first_step=4000)


def test_roots_and_open_models_count_from_first_step():
    assert place(log([2160, 2200, 2240]), None, 0).run.notes == ()
    assert place(log([2160, 2200]), None, 0, first_step=2160).run.curves["pt"].steps[0] == 0
    far = place(log([2160, 2200, 2240], after="unknown:llama"), None, 0)
    assert far.number == 0 and "such as first_step = 2120" in far.run.notes[-1]
    near = place(log([40, 80], after="unknown:llama"), None, 0)
    assert near.run.notes == ()


def test_a_run_without_a_log():
    placed = place(Run("plan"), base(), 4000)
    assert placed == Placed(Run("plan"), 0, 4000)
