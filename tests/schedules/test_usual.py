"""The usual schedules: their lengths, peaks and texts."""

import numpy as np
import pytest

from cptlaw import DataError, Schedule
from cptlaw.schedules.usual import usual_schedules


@pytest.mark.parametrize("lr", [0.0, 2e-4, 1e-3, 4e-3])
def test_usual_schedules_reach_their_peak_and_length(lr):
    for schedule in usual_schedules(lr, 1e-3, 200).values():
        assert schedule.steps == 200
        assert schedule.peak == pytest.approx(1e-3, rel=1e-2)
        assert lr >= 1e-3 or schedule.lr(1) > lr


@pytest.mark.parametrize(
    ("lr", "head"),
    [
        (0.0, "warmup 10 to 0.001 | "),
        (2e-4, "warmup 10 to 0.001 from=0.0002 | "),
        (1e-3, ""),
    ],
)
def test_the_usual_schedules_are_those_of_their_texts(lr, head):
    first = {"": 0, "w": 10}[head[:1]]
    rest, half = 200 - first, (200 - first) // 2
    texts = {
        "const": f"constant {rest} to 1e-3",
        "cosine": f"cosine {rest} to 1e-4",
        "wsd": f"constant {rest - 40} to 1e-3 | linear 40 to 0",
        "linear": f"linear {rest} to 0",
        "twostage": f"constant {half} to 1e-3 | constant {rest - half} to 3e-4",
    }
    found = usual_schedules(lr, 1e-3, 200)
    expected = {name: Schedule.parse(head + text, lr) for name, text in texts.items()}
    assert {name: s.text for name, s in found.items()} == {n: s.text for n, s in expected.items()}
    for name, schedule in found.items():
        assert np.array_equal(schedule.lr(), expected[name].lr())


def test_a_lower_peak_is_that_of_the_first_step():
    known, lower = usual_schedules(1e-3, 1e-3, 200), usual_schedules(4e-3, 1e-3, 200)
    assert {name: s.text for name, s in lower.items()} == {n: s.text for n, s in known.items()}
    assert lower["const"].text == "constant 200 to 0.001"


def test_a_peak_is_rounded_to_six_digits():
    made = usual_schedules(0.0, 1.23456789e-3, 200)
    assert made["const"].text == "warmup 10 to 0.00123457 | constant 190"
    assert made["cosine"].final == 0.000123457


def test_too_few_steps_are_refused():
    with pytest.raises(DataError, match="need 10 or more"):
        usual_schedules(0.0, 1e-3, 9)


@pytest.mark.parametrize(
    "made",
    [
        lambda **more: Schedule.constant(1e-3, 50, 10, **more),
        lambda **more: Schedule.cosine(1e-3, 50, 10, 1e-4, **more),
        lambda **more: Schedule.linear(1e-3, 50, 10, 1e-4, **more),
        lambda **more: Schedule.wsd(1e-3, 50, 20, 10, 1e-4, **more),
        lambda **more: Schedule.falling(1e-3, 50, (0.0, 0.5), 10, **more),
        lambda **more: Schedule.multi_step((1e-3, 5e-4), (20, 20), 10, **more),
    ],
)
def test_a_warmup_may_rise_from_where_the_run_before_ended(made):
    plain, raised = made().lr(), made(start=4e-4).lr()
    assert plain.size == raised.size == 50
    assert raised[:10] == pytest.approx(4e-4 + 6e-4 * np.arange(1, 11) / 10)
    assert np.array_equal(plain[10:], raised[10:])
