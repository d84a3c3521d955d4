"""The schedules that are usually compared: constant, cosine, WSD, linear, two stages."""

from __future__ import annotations

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment

_SHORTEST = 10  # steps
_WARMUP = 20  # warm-up = steps / 20
_DECAY = 5  # decay of a WSD = steps / 5
_FLOOR = 0.1  # where a cosine ends, of its peak
_SECOND = 0.3  # LR of the second stage, of the peak


def usual_schedules(lr: float, peak: float, steps: int) -> dict[str, Schedule]:
    """The usual five schedules at one peak, by name.

    Args:
        lr: learning rate before the first step; below the peak there is a warm-up.
        peak: highest learning rate, rounded to six digits.
        steps: length, 10 or more.

    Raises:
        DataError: too few steps.
    """
    if steps < _SHORTEST:
        raise DataError(f"steps = {steps}: the usual schedules need {_SHORTEST} or more.")
    head, first = _rise(lr, peak, steps)
    top, rest = rounded(peak), steps - first
    half, decay = rest // 2, max(steps // _DECAY, 1)
    bodies = {
        "const": Schedule.constant(top, rest),
        "cosine": Schedule.cosine(top, rest, end=rounded(_FLOOR * peak)),
        "wsd": Schedule.wsd(top, rest, decay),
        "linear": Schedule.linear(top, rest),
        "twostage": Schedule.multi_step((top, rounded(_SECOND * peak)), (half, rest - half)),
    }
    return {name: body if head is None else head + body for name, body in bodies.items()}


def usual_warmup(steps: int) -> int:
    """Steps of the usual warm-up of a schedule."""
    return max(steps // _WARMUP, 1)


def rounded(lr: float) -> float:
    """A learning rate with six digits."""
    return float(f"{lr:g}")


def _rise(lr: float, peak: float, steps: int) -> tuple[Schedule | None, int]:
    """What leads up from an LR to the peak, and how many steps it takes."""
    if lr >= peak * (1 - 1e-9):
        return None, 0
    first = usual_warmup(steps)
    return Schedule((Segment("warmup", first, rounded(lr), rounded(peak)),)), first
