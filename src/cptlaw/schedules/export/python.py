"""A schedule as a Python module that needs no cptlaw."""

from __future__ import annotations

import inspect
import keyword
import textwrap
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.schedules.export import standalone
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment

_CLOSE = 1e-15  # relative; where plain Python is further off, the value itself is written
_COPIED = (
    standalone.lr_at,
    standalone.lr_in,
    standalone.share_in,
    standalone.Held,
    standalone.scheduler_of,
    standalone.make_scheduler,
)
_MODULE = '''\
"""The learning rates of a training run of {steps} optimiser steps, planned with cptlaw.

{words}

The highest is {peak:g}, the last {final:g}. With transformers:

    import {name}

    optimizer = torch.optim.AdamW(model.parameters())  # whatever its lr
    scheduler = {name}.make_scheduler(optimizer)
    args = TrainingArguments(..., max_steps={steps})
    Trainer(model, args, ..., optimizers=(optimizer, scheduler)).train()

or, with the Trainer's own optimizer,

    trainer = Trainer(model, args, ...)
    trainer.lr_scheduler = {name}.make_scheduler(trainer.create_optimizer())
    trainer.train()

`max_steps` must be {steps}. The Trainer uses the scheduler as it is: --learning_rate,
--lr_scheduler_type and --warmup_steps have no effect. In a loop of your own, call
`scheduler.step()` after every `optimizer.step()`. `{name}.lr_at(step)` is the learning rate of
step 1, 2, ... alone, without torch.
"""

from __future__ import annotations

import bisect
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

# last step, kind, steps of the whole shape, LR before it, LR at its end,
# power or time scale or ratio or the LR of every step, steps of the shape that are left out
SEGMENTS: tuple[Any, ...] = (
{segments}
)
# steps whose LR is given, since another library's powers would differ in the last digits
EXACT: dict[int, float] = {exact}
ENDS = [segment[0] for segment in SEGMENTS]
STEPS = ENDS[-1]


{code}'''


def python_text(schedule: Schedule, name: str) -> str:
    """A Python module with `lr_at(step)` and `make_scheduler(optimizer)`.

    It needs no cptlaw; its first lines say how a training run uses it. Its learning rates are
    those of `schedule.lr()`, to within 1e-15 of each.

    Args:
        schedule: what to write.
        name: of the module.

    Raises:
        DataError: a name that cannot be imported.
    """
    return _MODULE.format(
        **fields_of(schedule, name),
        exact=_exact_text(_exact(schedule, rows_of(schedule))),
        code="\n\n".join(inspect.getsource(part) for part in _COPIED),
    )


def fields_of(schedule: Schedule, name: str) -> dict[str, Any]:
    """What every module with a schedule says: its name, numbers, words and segments.

    Raises:
        DataError: a name that cannot be imported.
    """
    check_name(name)
    return {
        "name": name,
        "steps": schedule.steps,
        "peak": schedule.peak,
        "final": schedule.final,
        "words": textwrap.indent(textwrap.fill(words_of(schedule), 92), "    "),
        "segments": textwrap.indent("\n".join(map(row_text, rows_of(schedule))), "    "),
    }


def check_name(name: str) -> None:
    """Whether a module of that name can be imported.

    Raises:
        DataError: it cannot.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise DataError(
            "cannot be imported as a Python module under this name. Use letters, digits and _, "
            "as in lr.py."
        )


def words_of(schedule: Schedule) -> str:
    """The text of a schedule, or its kinds where given learning rates have none."""
    if all(segment.kind != "array" for segment in schedule.segments):
        return schedule.text
    return " | ".join(f"{segment.kind} {segment.run_steps}" for segment in schedule.segments)


# --- tables ----------------------------------------------------------------------------------


def rows_of(schedule: Schedule) -> list[tuple[Any, ...]]:
    """A row for each segment, as a written module has them."""
    ends = np.cumsum([segment.run_steps for segment in schedule.segments]).tolist()
    return [
        (end, s.kind, s.steps, s.start, s.end, _more(s), s.first - 1.0)
        for end, s in zip(ends, schedule.segments, strict=True)
    ]


def _more(segment: Segment) -> Any:
    if segment.kind == "array":
        return tuple(segment.values[: segment.run_steps].tolist())
    given = {
        **dict.fromkeys(("power", "curve"), segment.power),
        **dict.fromkeys(("exponential", "rex"), segment.ratio),
        "inverse_sqrt": segment.timescale,
        "inverse": (segment.timescale, segment.power),
    }
    return given.get(segment.kind)


def row_text(row: tuple[Any, ...]) -> str:
    """A row as Python, with a comma after it."""
    *head, more, shift = row
    if row[1] != "array":
        return f"{row!r},"
    values = textwrap.fill(", ".join(map(repr, more)), 88)
    return f"({', '.join(map(repr, head))}, [\n{textwrap.indent(values, '    ')},\n], {shift!r}),"


def _exact(schedule: Schedule, rows: list[tuple[Any, ...]]) -> dict[int, float]:
    """Learning rates by step that the module's own arithmetic would not give."""
    planned, at = schedule.lr(), 0
    found: dict[int, float] = {}
    for end, *shape, shift in rows:
        own = planned[at:end]
        ks = (k + shift for k in range(1, own.size + 1))
        off = _off(own, np.array([standalone.lr_in(k, *shape) for k in ks]))
        found |= {at + k + 1: float(own[k]) for k in off}
        at = end
    return found


def _off(planned: FloatArray, found: FloatArray) -> list[int]:
    return np.flatnonzero(np.abs(found - planned) > _CLOSE * planned).tolist()


def _exact_text(exact: dict[int, float]) -> str:
    if not exact:
        return "{}"
    pairs = textwrap.fill(", ".join(f"{step}: {lr!r}" for step, lr in exact.items()), 92)
    return "{\n" + textwrap.indent(pairs, "    ") + ",\n}"
