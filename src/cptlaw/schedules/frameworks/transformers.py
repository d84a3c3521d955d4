"""transformers: `get_scheduler` by its names; step 1 has the multiplier of 0.

Source: transformers/optimization.py (5.x); formulas alone.
"""

from __future__ import annotations

import math
from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, hold, laid, level, warm
from cptlaw.schedules.segment import Segment

_WSD = {"linear": ("linear", 1.0), "cosine": ("cosine", 1.0)}
_WSD_UP = {**_WSD, "1-sqrt": ("power", 0.5)}
_WSD_DOWN = {**_WSD, "1-sqrt": ("sqrt", 1.0)}


def constant(lr: float, num_training_steps: int) -> list[Segment]:
    """`constant`: the LR throughout."""
    return laid([hold(lr)], num_training_steps)


def constant_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int
) -> list[Segment]:
    """`constant_with_warmup`: a line up, then the LR throughout."""
    return laid([*warm("linear", num_warmup_steps, 0.0, lr), hold(lr)], num_training_steps)


def linear(lr: float, num_warmup_steps: int, num_training_steps: int) -> list[Segment]:
    """`linear`: a line up, a line down to 0."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    return laid([*up, Phase("linear", num_training_steps, lr, 0.0)], num_training_steps)


def cosine(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5
) -> list[Segment]:
    """`cosine`: a line up, then `num_cycles` waves of a cosine."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    phases = _waves(num_warmup_steps, num_training_steps, lr, 0.0, num_cycles)
    return laid([*up, *phases], num_training_steps)


def cosine_with_restarts(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1
) -> list[Segment]:
    """`cosine_with_restarts`: a line up, then half a cosine to 0, so many times."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    length = (num_training_steps - num_warmup_steps) / num_cycles
    ends = [num_warmup_steps + length * (i + 1) for i in range(num_cycles)]
    phases = [Phase("cosine", end, lr, 0.0, jumps=end != ends[-1]) for end in ends]
    return laid([*up, *phases], num_training_steps)


def polynomial(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    lr_end: float = 1e-7,
    power: float = 1.0,
) -> list[Segment]:
    """`polynomial`: a line up, then a power of what is left down to `lr_end`."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    kind = "linear" if power == 1 else "power"
    return laid([*up, Phase(kind, num_training_steps, lr, lr_end, power=power)], num_training_steps)


def inverse_sqrt(
    lr: float, num_warmup_steps: int, num_training_steps: int, timescale: float | None = None
) -> list[Segment]:
    """`inverse_sqrt`: a line up, then 1/sqrt(1 + k/timescale)."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    scale = float(timescale or num_warmup_steps or 10_000)
    return laid([*up, Phase("inverse_sqrt", math.inf, lr, lr, timescale=scale)], num_training_steps)


def cosine_with_min_lr(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> list[Segment]:
    """`cosine_with_min_lr`: a line up, then waves of a cosine that end at a floor."""
    up = warm("linear", num_warmup_steps, 0.0, lr)
    low = _low(lr, min_lr, min_lr_rate)
    phases = _waves(num_warmup_steps, num_training_steps, lr, low, num_cycles)
    return laid([*up, *phases], num_training_steps)


def cosine_warmup_with_min_lr(
    lr: float,
    num_warmup_steps: int,
    num_training_steps: int,
    num_cycles: float = 0.5,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> list[Segment]:
    """`cosine_warmup_with_min_lr`: its warm-up and its cosine are one step ahead."""
    n, low = num_warmup_steps, _low(lr, min_lr, min_lr_rate)
    if warmup_lr_rate is None:  # (s + 1)/n, on a counter of s + 1
        phases = _waves(n, num_training_steps, lr, low, num_cycles)
        return laid([*warm("linear", n, 0.0, lr), *phases], num_training_steps, counter=1.0)
    up = [*warm("linear", max(n - 1, 0), lr * warmup_lr_rate, lr)] if n else []
    body = _waves(n, num_training_steps, lr, low, num_cycles)
    head = laid(up, n) if up else [level(n, lr * warmup_lr_rate)] if n else []
    return [*head, *laid(body, num_training_steps - n, counter=n + 1.0)]


def warmup_stable_decay(
    lr: float,
    num_warmup_steps: int,
    num_decay_steps: int,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0.0,
    num_cycles: float = 0.5,
) -> list[Segment]:
    """`warmup_stable_decay`: up, hold, down to `min_lr_ratio` of the LR, from which it began."""
    known = [("warmup_type", warmup_type, _WSD_UP), ("decay_type", decay_type, _WSD_DOWN)]
    for name, value, choices in known:
        if value not in choices:
            raise DataError(f"{name} = '{value}': expected {', '.join(choices)}.")
    low = lr * min_lr_ratio
    if num_stable_steps is None:
        if num_training_steps is None:
            raise DataError("warmup_stable_decay needs num_training_steps or num_stable_steps.")
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
    begin = num_warmup_steps + num_stable_steps
    end = begin + num_decay_steps
    kind, power = _WSD_UP[warmup_type]
    up = warm(kind, num_warmup_steps, low, lr, power)
    kind, power = _WSD_DOWN[decay_type]
    waves = decay_type == "cosine" and num_cycles != 0.5
    down = (
        _waves(begin, end, lr, low, num_cycles)
        if waves
        else [Phase(kind, end, lr, low, begin=begin, power=power)]
    )
    # past the decay the floor holds, whatever LR an unfinished wave had
    down[-1] = replace(down[-1], jumps=True)
    stable = [hold(lr, begin)] if num_stable_steps > 0 else []
    return laid([*up, *stable, *down, hold(low)], num_training_steps or end)


def _low(lr: float, min_lr: float | None, rate: float | None) -> float:
    if (min_lr is None) == (rate is None):
        raise DataError("give one of min_lr and min_lr_rate.")
    return lr * rate if min_lr is None and rate is not None else float(min_lr or 0.0)


def _waves(begin: float, end: float, lr: float, low: float, cycles: float) -> list[Phase]:
    """`cycles` waves of a cosine between two LRs, half a wave a phase."""
    half = (end - begin) / (2.0 * cycles)
    found: list[Phase] = []
    at, falls = begin, True
    while at < end - 1e-9 * half:
        start, goal = (lr, low) if falls else (low, lr)
        upto = min(at + half, end)
        found.append(Phase("cosine", upto, start, goal, begin=at, shape_end=at + half))
        at, falls = at + half, not falls
    return found


NAMES = {
    "constant": constant,
    "constant_with_warmup": constant_with_warmup,
    "linear": linear,
    "cosine": cosine,
    "cosine_with_restarts": cosine_with_restarts,
    "polynomial": polynomial,
    "inverse_sqrt": inverse_sqrt,
    "cosine_with_min_lr": cosine_with_min_lr,
    "cosine_warmup_with_min_lr": cosine_warmup_with_min_lr,
    "warmup_stable_decay": warmup_stable_decay,
}
REACTIVE = {"reduce_lr_on_plateau", "greedy"}
