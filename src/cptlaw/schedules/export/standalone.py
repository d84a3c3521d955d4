"""What a written schedule module is made of: `python` copies the source of what stands here.

A written module has its own SEGMENTS and EXACT in place of these, and no cptlaw to import.
"""

from __future__ import annotations

import bisect
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

SEGMENTS: tuple[Any, ...] = ((1, "constant", 1, 0.0, 0.0, None, 0.0),)
EXACT: dict[int, float] = {}
ENDS = [segment[0] for segment in SEGMENTS]
STEPS = ENDS[-1]


def lr_at(step: int) -> float:
    """Learning rate of optimiser step 1, 2, ...; after the last step, that of the last one."""
    if step < 1:
        raise ValueError(f"step {step}: steps count from 1.")
    step = min(step, STEPS)
    if step in EXACT:
        return EXACT[step]
    i = bisect.bisect_left(ENDS, step)
    *shape, shift = SEGMENTS[i][1:]
    return lr_in(step - (ENDS[i - 1] if i else 0) + shift, *shape)


def lr_in(k: float, kind: str, steps: float, start: float, end: float, more: Any) -> float:
    """Learning rate of step k of a shape of so many steps."""
    p = k / steps
    if kind == "array":
        return more[int(k) - 1]
    if kind == "inverse_sqrt":
        return start / math.sqrt(1.0 + p * steps / more)
    if kind == "inverse":
        return end + (start - end) * (1.0 + p * steps / more[0]) ** -more[1]
    if kind == "constant" or p >= 1.0:
        return end
    if kind == "exponential" and not more:
        return start * (end / start) ** p
    return start + (end - start) * share_in(p, kind, steps, more)


def share_in(p: float, kind: str, steps: float, more: Any) -> float:
    """Which share of the way from the start to the end is done at a share p of the steps."""
    share = p
    if kind == "cosine":
        share = 0.5 * (1.0 - math.cos(math.pi * p))
    elif kind == "sqrt":
        share = math.sqrt(p)
    elif kind == "power":
        share = 1.0 - (1.0 - p) ** more
    elif kind == "curve":
        share = p**more
    elif kind == "exponential":
        share = (1.0 - more**p) / (1.0 - more)
    elif kind == "log":
        share = math.log(p * steps) / math.log(steps)
    elif kind == "rex":
        share = 1.0 - (1.0 - p) / (more + (1.0 - more) * (1.0 - p))
    return share


class Held:
    """Learning rates by the number of steps done; the last one is held, with one warning."""

    def __init__(self, rate: Callable[[int], float], steps: int) -> None:
        """Take `rate(step)` of steps 1 to `steps`."""
        self.rate, self.steps, self.told = rate, steps, False

    def after(self, done: int) -> float:
        """Learning rate of the step that follows so many."""
        if done > self.steps and not self.told:
            self.told = True
            warnings.warn(
                f"the schedule ends at step {self.steps}, but step {done} has been taken: the "
                f"last learning rate, {self.rate(self.steps):g}, is held from there on.",
                stacklevel=2,
            )
        return self.rate(min(done + 1, self.steps))


def scheduler_of(optimizer: Any, rate: Callable[[int], float], steps: int) -> Any:
    """A LambdaLR by which the first parameter group has `rate(step)` at step 1, 2, ..., steps.

    The other groups keep the ratio of their own learning rate to the first group's.
    """
    from torch.optim.lr_scheduler import LambdaLR

    groups = optimizer.param_groups
    own = [float(group.get("initial_lr", group["lr"])) for group in groups]
    if own[0] == 0 and any(own):
        raise ValueError(
            "the optimizer's first parameter group has lr = 0, so the others have no ratio to it. "
            "Give the first group an lr above 0."
        )
    # A LambdaLR saves the attributes of a callable object and would load those of an older
    # schedule over these; a partial of a method has none.
    factor = functools.partial(Held.after, Held(rate, steps))
    try:
        for i, group in enumerate(groups):
            group["initial_lr"] = own[i] / own[0] if own[0] else 1.0
        return LambdaLR(optimizer, factor)
    finally:
        for i, group in enumerate(groups):
            group["initial_lr"] = own[i]


def make_scheduler(optimizer: Any) -> Any:
    """A LambdaLR by which the optimizer has `lr_at(1)` at its first step, and so on.

    Its own lr does not matter; of several parameter groups it sets the ratio to the first one.
    """
    return scheduler_of(optimizer, lr_at, STEPS)
