"""DeepSpeed: the warm-up schedulers begin one step late, at their lowest LR.

Source: deepspeed/runtime/lr_schedules.py; formulas alone.
"""

from __future__ import annotations

import math

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, hold, laid, level
from cptlaw.schedules.segment import Segment, merged


def warmup_lr(
    steps: int,
    warmup_max_lr: float = 0.001,
    warmup_min_lr: float = 0.0,
    warmup_num_steps: int = 1000,
    warmup_type: str = "log",
) -> list[Segment]:
    """`WarmupLR`: a logarithm or a line up, then the LR throughout."""
    up = _up(warmup_min_lr, warmup_max_lr, warmup_num_steps, warmup_type)
    return _late(warmup_min_lr, [*up, hold(warmup_max_lr)], steps)


def warmup_decay_lr(
    total_num_steps: int,
    warmup_max_lr: float = 0.001,
    warmup_min_lr: float = 0.0,
    warmup_num_steps: int = 1000,
    warmup_type: str = "log",
) -> list[Segment]:
    """`WarmupDecayLR`: up, then a line down to `warmup_min_lr`."""
    low, peak, n = warmup_min_lr, warmup_max_lr, max(warmup_num_steps, 2)
    up = _up(low, peak, warmup_num_steps, warmup_type)
    down = Phase("linear", total_num_steps, peak, low, begin=float(n))
    return _late(low, [*up, down], total_num_steps)


def warmup_cosine_lr(
    lr: float,
    total_num_steps: int,
    warmup_min_ratio: float = 0.0,
    warmup_num_steps: int = 1000,
    cos_min_ratio: float = 0.0001,
    warmup_type: str = "log",
) -> list[Segment]:
    """`WarmupCosineLR`: up, then half a cosine that is one step ahead."""
    n = max(warmup_num_steps, 2)
    up = _up(lr * warmup_min_ratio, lr, warmup_num_steps, warmup_type)
    begin = Phase(**{**vars(up[0]), "end": n - 1.0, "shape_end": up[0].end})
    down = Phase("cosine", total_num_steps - 1, lr, lr * cos_min_ratio, begin=n - 1.0)
    return _late(0.0, [begin, down], total_num_steps)


def one_cycle(
    steps: int,
    cycle_min_lr: float,
    cycle_max_lr: float,
    decay_lr_rate: float = 0.0,
    cycle_first_step_size: int = 2000,
    cycle_second_step_size: int | None = None,
    decay_step_size: int = 0,
) -> list[Segment]:
    """`OneCycle` without stairs: up, down, and cycle_min_lr / (1 + rate k / decay_step_size)."""
    low, peak, first = cycle_min_lr, cycle_max_lr, cycle_first_step_size
    end = first + (cycle_second_step_size or first)
    phases = [Phase("linear", first, low, peak), Phase("linear", end, peak, low)]
    if decay_lr_rate and decay_step_size:
        scale = decay_step_size / decay_lr_rate
        phases.append(Phase("inverse", math.inf, low, 0.0, timescale=scale))
    else:
        phases.append(hold(low))
    return laid(phases, steps)


def _up(low: float, peak: float, steps: int, kind: str) -> list[Phase]:
    n = max(steps, 2)
    if kind == "linear":
        return [Phase("linear", float(n), low, peak)]
    if kind != "log":
        raise DataError(f"warmup_type = '{kind}': expected log or linear.")
    return [Phase("log", n - 1.0, low, peak, begin=-1.0)]


def _late(lr: float, phases: list[Phase], steps: int) -> list[Segment]:
    """The first step at `lr`, before the scheduler has begun to count."""
    begin = [level(1, lr)]
    return merged([*begin, *laid(phases, steps - 1)]) if steps > 1 else begin


NAMES = {
    "WarmupLR": warmup_lr,
    "WarmupDecayLR": warmup_decay_lr,
    "WarmupCosineLR": warmup_cosine_lr,
    "OneCycle": one_cycle,
}
