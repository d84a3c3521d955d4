"""Schedules from what only code knows: a scheduler of PyTorch, or a function of the step."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from cptlaw.errors import DataError, MissingExtra
from cptlaw.schedules.schedule import Schedule


def of_function(rate: Callable[[int], float], steps: int, first: int = 0) -> Schedule:
    """The schedule with the learning rates that a function gives, such as one of optax.

    Args:
        rate: count -> LR.
        steps: of the run.
        first: the count of the run's first step.

    Raises:
        DataError: no steps, or a learning rate that is negative or not finite.
    """
    if steps < 1:
        raise DataError(f"steps = {steps}: a run has 1 step or more.")
    return Schedule.from_array([float(rate(first + k)) for k in range(steps)])


def of_torch(make: Callable[[Any], Any], lr: float, steps: int) -> Schedule:
    """The schedule that a scheduler of PyTorch gives, compositions too.

    Args:
        make: optimizer -> its scheduler, such as `lambda o: SequentialLR(o, ...)`. It is given an
            optimizer of its own, of one parameter.
        lr: of the optimizer.
        steps: of the run.

    Raises:
        MissingExtra: torch is not installed.
        DataError: no steps, or a learning rate that is negative or not finite.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("torch", "lab", "A scheduler of PyTorch")
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)

    def rate(count: int) -> float:
        if count:
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]
            scheduler.step()
        return float(optimizer.param_groups[0]["lr"])

    return of_function(rate, steps)
