"""Schedules of Optax against its formulas, without Optax: step t has the value of count t - 1."""

import numpy as np
import pytest

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from framework_formulas import half_cosine

LR = 3e-4
COUNT = np.arange(300)


def check(text, expected):
    """The text's schedule has these values, and so has its plain text."""
    schedule = Schedule.parse(f"optax:{text}")
    for found in (schedule, Schedule.parse(schedule.text)):
        np.testing.assert_allclose(found.lr(), expected, rtol=1e-12, atol=1e-15 * LR)


def line(begin, end, low, high):
    """From one value to another between two counts, and the same before and after."""
    return low + (high - low) * np.clip((COUNT - begin) / (end - begin), 0, 1)


def wave(begin, end, high, low):
    share = np.clip((COUNT - begin) / (end - begin), 0, 1)
    return low + (high - low) * np.array([half_cosine(one) for one in share])


def test_constant_and_linear():
    check("constant_schedule value=3e-4 steps=300", np.full(300, LR))
    given = "init_value=3e-4 end_value=1e-5 transition_steps=150 transition_begin=40 steps=300"
    check(f"linear_schedule {given}", line(40, 190, LR, 1e-5))
    left = 1 - np.clip((COUNT - 40) / 150, 0, 1)
    check(f"polynomial_schedule power=2 {given}", 1e-5 + (LR - 1e-5) * left**2)


@pytest.mark.parametrize("alpha", [0.0, 0.1])
def test_cosine(alpha):
    text = f"cosine_decay_schedule init_value=3e-4 decay_steps=250 steps=300 alpha={alpha}"
    check(text, wave(0, 250, LR, alpha * LR))
    text = (
        "warmup_cosine_decay_schedule init_value=1e-5 peak_value=3e-4 warmup_steps=30 "
        f"decay_steps=250 steps=300 end_value={alpha * LR}"
    )
    check(text, np.where(COUNT < 30, line(0, 30, 1e-5, LR), wave(30, 250, LR, alpha * LR)))


@pytest.mark.parametrize("staircase", ["true", "false"])
@pytest.mark.parametrize("end", [None, 1e-4])
def test_exponential(staircase, end):
    given = "init_value=3e-4 transition_steps=60 decay_rate=0.5 transition_begin=20 steps=300"
    floor = "" if end is None else f"end_value={end}"
    times = np.maximum(COUNT - 20, 0) / 60
    times = np.floor(times) if staircase == "true" else times
    expected = np.maximum(LR * 0.5**times, end or 0.0)
    check(f"exponential_decay {given} staircase={staircase} {floor}", expected)


@pytest.mark.parametrize("end", [None, 1e-4])
def test_exponential_after_a_warm_up(end):
    given = (
        "init_value=1e-5 peak_value=3e-4 warmup_steps=30 transition_begin=20 "
        f"transition_steps=60 decay_rate=0.5 steps=300 {'' if end is None else f'end_value={end}'}"
    )
    down = np.maximum(LR * 0.5 ** (np.maximum(COUNT - 50, 0) / 60), end or 0.0)
    expected = np.where(COUNT < 30, line(0, 30, 1e-5, LR), down)
    check(f"warmup_exponential_decay_schedule {given}", expected)
    given = "init_value=1e-5 peak_value=3e-4 warmup_steps=30 steps=300"
    check(f"warmup_constant_schedule {given}", line(0, 30, 1e-5, LR))


def test_by_boundaries():
    given = "init_value=3e-4 boundaries=50,200 scales=0.5,0.1 steps=300"
    scale = np.where(COUNT < 50, 1.0, np.where(COUNT < 200, 0.5, 0.05))
    check(f"piecewise_constant_schedule {given}", LR * scale)
    with pytest.raises(DataError, match="2 boundaries for 1 scales"):
        Schedule.parse(
            "optax:piecewise_constant_schedule init_value=1 boundaries=5,9 scales=.5 steps=9"
        )


def test_one_cycle():
    up, low = wave(0, 90, LR / 25, LR), LR / 25 / 1e4
    expected = np.where(COUNT < 90, up, wave(90, 300, LR, low))
    check("cosine_onecycle_schedule transition_steps=300 peak_value=3e-4", expected)
    up, back = line(0, 90, LR / 25, LR), line(90, 255, LR, LR / 25)
    expected = np.where(COUNT < 90, up, np.where(COUNT < 255, back, line(255, 300, LR / 25, low)))
    check("linear_onecycle_schedule transition_steps=300 peak_value=3e-4", expected)
