"""Shapes that begin late, end between steps, or come near a limit."""

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import KINDS, Segment


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Segment("inverse", 5, 1, 0, power=1), "timescale="),
        (lambda: Segment("inverse", 5, 1, 0, power=0, timescale=1), "power=0"),
        (lambda: Segment("log", 1, 0, 1), "2 steps or more"),
        (lambda: Segment("log", 5, 0, 1, first=0.5, until=4), "first=1 or more"),
        (lambda: Segment("rex", 5, 1, 0), "ratio=0 of a rex"),
        (lambda: Segment("exponential", 5, 1, 0, ratio=1), "between 0 and 1"),
        (lambda: Segment("linear", 5, 1, 0, first=2), "cannot run 5 steps from first=2 on"),
        (lambda: Segment("linear", 5, 1, 0, first=-1), "0 or more"),
    ],
)
def test_impossible_shapes(build, words):
    with pytest.raises(DataError, match=words):
        build()


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "constant"])
def test_a_segment_that_begins_late_is_the_end_of_a_whole_one(kind):
    more = {"power": 1.5, "timescale": 7.0, "ratio": 0.3}
    whole = Segment(kind, 40, 1e-4, 3e-4, **more)
    late = Segment(kind, 40, 1e-4, 3e-4, **more, first=11, until=30)
    np.testing.assert_array_equal(Schedule((late,)).lr(), Schedule((whole,)).lr()[10:])
    assert Schedule.parse(Schedule((late,)).text).lr().tolist() == Schedule((late,)).lr().tolist()


def test_a_shape_may_end_between_two_steps():
    schedule = Schedule.parse("linear 2.5 to 0 from=5 until=2 | constant 1 to 7")
    np.testing.assert_allclose(schedule.lr(), [3, 1, 7])
    assert schedule.text == "linear 2.5 to 0.0 from=5.0 until=2 | constant 1 to 7.0"
    with pytest.raises(DataError, match="whole number"):
        Schedule.parse("linear 2.5 to 0 from=5")


def test_all_rates_of_very_many_steps_are_refused_and_single_ones_are_not():
    schedule = Schedule.parse("constant 6e7 to 1e-3 | linear 6e7 to 0")
    assert schedule.lr([1, schedule.steps]).tolist() == [1e-3, 0.0]
    with pytest.raises(
        DataError, match="a schedule of 120,000,000 steps; the learning rates of at"
    ):
        schedule.lr()
