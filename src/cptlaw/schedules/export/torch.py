"""A schedule as a scheduler of PyTorch."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, MissingExtra
from cptlaw.schedules.export import standalone
from cptlaw.schedules.schedule import Schedule, as_schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR


def lambda_lr(optimizer: Optimizer, schedule: Schedule | str) -> LambdaLR:
    """A scheduler by which the optimizer's n-th step has the learning rate of step n.

    Its `step()` belongs after every `optimizer.step()`, as transformers' Trainer does it. After
    the last step it holds the last learning rate, with one warning. A checkpoint of it holds how
    many steps were done, not the schedule: that is always the one given here. As with every
    scheduler of PyTorch, the first step after loading has the learning rate saved with the
    optimizer.

    Args:
        optimizer: its own `lr` does not matter. Of several parameter groups the first has the
            schedule's learning rates, and the others keep the ratio of their own `lr`
            (`initial_lr`, where an earlier scheduler left one) to that of the first.
        schedule: absolute, or its text; step 1 is the optimizer's first.

    Raises:
        MissingExtra: torch is not installed.
        DataError: the first of several groups has `lr` 0, to which there is no ratio.
    """
    if importlib.util.find_spec("torch") is None:
        raise MissingExtra("torch", "lab", "A scheduler of PyTorch")
    rates = as_schedule(schedule).lr()
    rate = functools.partial(_rate, rates)
    try:
        return standalone.scheduler_of(optimizer, rate, rates.size)
    except ValueError as error:
        raise DataError(str(error)) from None


def _rate(rates: FloatArray, step: int) -> float:
    return float(rates[step - 1])
