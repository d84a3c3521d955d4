"""Learning rates that a scheduler of PyTorch will give, looked up without moving it."""

from __future__ import annotations

import copy
import inspect
import warnings
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.studies.history import MOST_STEPS

_MOST_TAKEN = 300_000  # steps of a scheduler that is no LambdaLR, and has to be gone through
_LAMBDA_POINTS = 20_000


def rates_ahead(scheduler: Any, steps: int) -> FloatArray | None:
    """Learning rates of the first parameter group at steps 1 to `steps`, shape (steps,).

    The scheduler and its optimizer stay as they are: a LambdaLR is asked for its own function, a
    copy of any other goes on with a stand-in for the optimizer.

    Args:
        scheduler: of PyTorch, or a wrapper that has it as `scheduler`; its n-th step has been
            taken after the n-th of the optimizer.
        steps: of the whole run.

    Returns:
        None where they hang on losses to come, or a composed scheduler is under way and cannot
        tell of its past, or there are too many steps.
    """
    scheduler = getattr(scheduler, "scheduler", scheduler)
    if steps > MOST_STEPS:  # of any run: as a rule its end is told by a clock
        return None
    if hasattr(scheduler, "lr_lambdas"):
        return _of_lambda(scheduler, steps)
    if not hasattr(scheduler, "step") or not hasattr(scheduler, "optimizer"):
        return None
    if "metrics" in inspect.signature(scheduler.step).parameters or steps > _MOST_TAKEN:
        return None
    done = int(scheduler.last_epoch)
    if done > 0 and hasattr(scheduler, "_schedulers"):
        return None
    found = _of_twin(scheduler, steps, rewind=done > 0)
    now = float(scheduler.optimizer.param_groups[0]["lr"])
    as_it_was = done >= steps or np.isclose(found[done], now, rtol=1e-6, atol=0.0)
    return found if as_it_was else None


def _of_lambda(scheduler: Any, steps: int) -> FloatArray:
    base, factor = float(scheduler.base_lrs[0]), scheduler.lr_lambdas[0]
    at = np.arange(steps)
    if steps > _LAMBDA_POINTS:
        at = np.unique(np.linspace(0, steps - 1, _LAMBDA_POINTS).round().astype(np.int64))
    found = np.array([base * float(factor(int(step))) for step in at])
    rates: FloatArray = np.interp(np.arange(steps), at, found)
    return rates


def _of_twin(scheduler: Any, steps: int, rewind: bool) -> FloatArray:
    """Gone through step by step in a copy, from its beginning."""
    import torch

    groups = [
        {**{k: v for k, v in group.items() if k != "params"}, "params": [torch.zeros(1)]}
        for group in scheduler.optimizer.param_groups
    ]
    stand_in = torch.optim.SGD(groups, lr=1.0)
    twin = copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    found = np.empty(steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scheduler that steps before its optimizer
        if rewind:
            for group in stand_in.param_groups:
                group["lr"] = group.get("initial_lr", group["lr"])
            # As a scheduler's own constructor takes its first step.
            twin.last_epoch, twin._is_initial = -1, True
            twin.step()
            twin._is_initial = False
        for step in range(steps):
            found[step] = float(stand_in.param_groups[0]["lr"])
            twin.step()
    return found
