import numpy as np
import pytest

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study_file.logged_lr import compare, from_log, learning_rate


def logged(steps, lrs, last=None, offset=0):
    curves = {} if last is None else {"loss": Curve(np.array([last]), np.array([3.0]))}
    return Run("r", curves, LoggedLR(np.array(steps), np.array(lrs), offset))


@pytest.mark.parametrize(
    ("steps", "lrs", "base_lr", "first", "told"),
    [
        ([50, 100, 150], [5e-5, 1e-4, 1.5e-4], None, 1e-6, "a straight line from 0"),
        ([50, 100, 150], [6e-5, 1.1e-4, 1.6e-4], None, 1.1e-5, "carried back to 1e-5"),
        ([50, 100, 150], [5e-5, 6e-5, 6e-5], None, 1e-6, "a straight line from 0"),
        ([50, 100, 150], [3e-4, 3e-4, 3e-4], None, 3e-4, "the first logged value, 0.0003"),
        ([50, 100, 150], [3e-4, 2e-4, 1e-4], None, 3e-4, "the first logged value"),
        ([50, 100], [2e-4, 2e-4], 2e-4, 2e-4, "goes on from the base's last LR, 0.0002"),
        ([50, 100], [1.99e-4, 1e-4], 2e-4, 1.9998e-4, "goes on from the base's last LR"),
        ([50, 100], [5e-5, 6e-5], 2e-4, 1e-6, "a straight line from 0"),
        ([50, 100], [1.5e-4, 1e-4], 2e-4, 1.99e-4, "a decay from the base's last LR"),
        ([50, 100], [5e-5, 4.9e-5], 2e-4, 5e-5, "the first logged value"),
        ([0, 50], [1e-4, 2e-4], None, 1.02e-4, "the 0.0001 logged at its start"),
        ([0, 50, 100], [2e-4, 1e-5, 2e-5], 2e-4, 2e-7, "a straight line from 0"),
    ],
)
def test_before_the_first_logged_point(steps, lrs, base_lr, first, told):
    schedule, notes = from_log(logged(steps, lrs), base_lr=base_lr)
    assert schedule is not None
    assert schedule.lr(1) == pytest.approx(first)
    assert sum("Before the first of them" in note and told in note for note in notes) == 1


def test_straight_lines_and_an_extension_to_the_end_of_the_log():
    schedule, notes = from_log(logged([1, 11], [0.0, 1e-3], last=20))
    assert schedule is not None and schedule.steps == 20
    np.testing.assert_allclose(schedule.lr([6, 11, 20]), [5e-4, 1e-3, 1e-3])
    assert notes[0] == "Learning rate from 2 logged points, straight lines between them."
    assert "held at 0.001 up to step 20" in notes[1]


def test_offset_one_does_not_lengthen_the_run():
    schedule, _ = from_log(logged([0, 10, 20], [1e-3, 1e-3, 2e-3], last=20, offset=1))
    assert schedule is not None and schedule.steps == 20
    np.testing.assert_allclose(schedule.lr([1, 11, 20]), [1e-3, 1e-3, 1.9e-3])


def test_only_a_point_at_the_start_is_no_schedule():
    assert from_log(logged([0], [1e-3], last=9)) == (None, ())


def test_points_before_the_start_are_told():
    schedule, notes = from_log(logged([-20, -10, 10, 20], [9.0, 9.0, 1e-3, 1e-3]))
    assert schedule is not None and schedule.peak == 1e-3
    assert "2 learning rates logged before" in notes[1]


def test_an_abrupt_drop_is_told_once():
    lrs = [1e-3, 1e-3, 1e-3, 3e-4, 3e-4, 1e-4, 1e-4]
    _, notes = from_log(logged(range(25, 200, 25), lrs))
    told = [note for note in notes if "smears" in note]
    assert len(told) == 1 and "Between steps 75 and 100 it goes from 0.001 to 0.0003" in told[0]


def test_a_decay_is_no_abrupt_drop():
    _, notes = from_log(logged([25, 50, 75, 100], [1e-3, 1e-3, 5e-4, 0.0]))
    assert not any("smears" in note for note in notes)


DECAY = Schedule.parse("warmup 10 to 1e-3 | linear 90 to 0")


def points(shift, change=0.0):
    steps = np.arange(10, 100, 10)
    lrs = DECAY.lr(steps + shift).copy()
    lrs[4:] += change
    return Run("r", {}, LoggedLR(steps, lrs))


def test_a_schedule_that_agrees_is_used_as_it_is():
    schedule, notes = learning_rate(points(0, change=5e-6), DECAY)
    assert schedule is DECAY and notes == ()


@pytest.mark.parametrize(("shift", "told"), [(-1, "the step before"), (1, "the next step")])
def test_a_log_one_step_off_is_told(shift, told):
    steep = Schedule.parse("warmup 10 to 1e-3 | linear 20 to 0")
    steps = np.arange(5, 30, 5)
    found = compare(steep, LoggedLR(steps, steep.lr(steps + shift)))
    assert found.agrees and told in found.notes[0]


def test_where_they_disagree_the_log_is_used():
    schedule, notes = learning_rate(points(0, change=2e-4), DECAY)
    assert schedule is not None and schedule.lr(50) == pytest.approx(DECAY.lr(50) + 2e-4)
    assert "from step 50 on: 0.000555556 planned, 0.000755556 logged" in notes[0]
    assert "largest difference is 0.0002" in notes[0]
    assert 'lr_from = "schedule"' in notes[1]


def test_lr_from_schedule_overrules():
    schedule, notes = learning_rate(points(0, change=2e-4), DECAY, prefer="schedule")
    assert schedule is DECAY and "The schedule is used" in notes[1]


def test_nothing_logged_and_nothing_to_compare():
    assert learning_rate(Run("r"), DECAY) == (DECAY, ())
    assert learning_rate(Run("r"), None) == (None, ())
    schedule, notes = learning_rate(logged([500], [1e-3]), DECAY)
    assert schedule is DECAY and "No logged learning rate lies within" in notes[0]
