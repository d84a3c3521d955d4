"""Levanter: warm-up, stable and decay, cycle after cycle; step 1 has the LR of 0.

Source: levanter/optim/config.py; formulas alone.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, floored, hold, laid
from cptlaw.schedules.segment import Segment

_KINDS = ("constant", "cosine", "linear", "inv_sqrt", "inv")


def lr_schedule(
    learning_rate: float,
    num_train_steps: int,
    lr_schedule: str = "cosine",
    min_lr_ratio: float = 0.1,
    warmup: float = 0.01,
    decay: float | None = None,
    rewarmup: float = 0.0,
    cycles: int = 1,
    timescale: float = 10_000.0,
) -> list[Segment]:
    """The named schedule; lengths are shares of a cycle up to 1, else steps."""
    if lr_schedule not in _KINDS:
        raise DataError(f"lr_schedule = '{lr_schedule}': expected {', '.join(_KINDS)}.")
    lr, low = learning_rate, learning_rate * min_lr_ratio
    if lr_schedule == "inv" and not low:
        raise DataError("lr_schedule = 'inv' needs min_lr_ratio above 0.")
    phases, last = list[Phase](), 0.0
    edges = [int(num_train_steps / cycles * i) for i in range(cycles)] + [num_train_steps]
    for i, (begin, end) in enumerate(itertools.pairwise(edges)):
        up = _count(rewarmup if i else warmup, end - begin)
        fall = end - begin - up if decay is None else _count(decay, end - begin)
        head = [Phase("linear", begin + up, last, lr)] if up else []
        head += [hold(lr, end - fall)] if end - fall > begin + up else []
        body = _decay(lr_schedule, lr, low, (end - fall, end), (up, timescale))
        is_off = lr_schedule == "inv" or (lr_schedule == "inv_sqrt" and up > timescale)
        if head and is_off:  # its curve does not begin at the LR
            head[-1] = replace(head[-1], jumps=True)
        phases += [*head, *body]
        last = _last(phases[-1])
    return floored(laid(phases, num_train_steps), low)


def _decay(
    kind: str, lr: float, low: float, ends: tuple[int, int], scales: tuple[int, float]
) -> list[Phase]:
    """The curve of one cycle, which counts from its own begin."""
    (begin, end), (warmup, timescale) = ends, scales
    if kind == "constant":
        return [hold(lr, end, jumps=True)]
    if kind == "inv_sqrt":
        top = begin + timescale - warmup
        flat = [hold(lr, top)] if top > begin else []
        shape = Phase("inverse_sqrt", end, lr, lr, begin=top, timescale=timescale, jumps=True)
        return [*([hold(lr, end, jumps=True)] if top >= end else [*flat, shape])]
    if kind == "inv":
        scale = (end - begin) / (lr / low - 1.0)
        once = lr / (1.0 + 1.0 / scale)  # it takes its first count for 1
        shape = Phase("inverse", end, lr, 0.0, begin=float(begin), timescale=scale, jumps=True)
        return [hold(once, begin + 1), shape]
    return [Phase(kind, end, lr, low, jumps=True)]


def _last(phase: Phase) -> float:
    """The LR at the end of a cycle, where the next one's warm-up begins."""
    if phase.begin is None:
        return phase.end_lr
    count = int(phase.end - phase.begin)
    return laid([replace(phase, begin=0.0, end=float(count), jumps=False)], count, 1.0)[-1].last


def _count(share: float, steps: int) -> int:
    return int(share * steps) if share <= 1.0 else int(share)


NAMES = {"lr_schedule": lr_schedule}
