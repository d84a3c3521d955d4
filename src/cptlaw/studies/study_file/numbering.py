"""Which step number of a log is the start of its run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import IntArray
from cptlaw.errors import DataError
from cptlaw.studies.runs import Curve, LoggedLR, Run

FAR = 3  # a log that starts this many logging intervals after 0 may go on from a base


@dataclass(frozen=True)
class Placed:
    """A run whose steps count from its own start, and where that start lies.

    Args:
        run: curves and logged LRs count from the run's own start.
        number: the log's step number at that start.
        total: optimiser steps from the first step of all to that start.
    """

    run: Run
    number: int = 0
    total: int = 0


def logged_steps(run: Run) -> IntArray:
    """All step numbers of a run's curves and logged learning rates, sorted, shape (n,)."""
    parts = [curve.steps for curve in run.curves.values()]
    if run.logged_lr is not None:
        parts.append(run.logged_lr.steps)
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)


def spacing(steps: IntArray) -> int:
    """The usual distance between logged steps; 0 for fewer than two."""
    return int(np.median(np.diff(steps))) if steps.size > 1 else 0


def place(
    log: Run, base: Placed | None, at: int, length: int | None = None, first_step: int | None = None
) -> Placed:
    """The run with its steps counted from its own start, and a note on how that was found.

    Args:
        log: steps as logged.
        base: the run it goes on from; None for a root or an open model.
        at: the step of `base` it starts from, counted from the base's own start.
        length: steps of its schedule, if that is known without the log.
        first_step: the log's step number at the run's start, if the study says so.

    Raises:
        DataError: rows before `first_step` that are not the base's own.
    """
    steps = logged_steps(log)
    if base is None:
        number = first_step or 0
        return Placed(_told(log.shifted(number), _unknown_note(log, steps, first_step)), number)
    total = base.total + at
    if not steps.size:
        return Placed(log, first_step or 0, total)
    if first_step is None:
        number, note = _detected(log, base, at, length)
    else:
        number, note = first_step, ""
    log = _told(_without_inherited(log, base, at, number), note)
    return Placed(log.shifted(number), number, total)


def _told(run: Run, note: str) -> Run:
    return replace(run, notes=(*run.notes, note)) if note else run


def _unknown_note(log: Run, steps: IntArray, first_step: int | None) -> str:
    far = steps.size > 1 and steps[0] > FAR * spacing(steps)
    if first_step is not None or log.unknown_base is None or not far:
        return ""
    return (
        f"The log starts at step {steps[0]}, far above 0; its numbers are taken as steps since the "
        f"start of this run. If they go on from the open model's, give the number at the start as "
        f"first_step, such as first_step = {steps[0] - spacing(steps)}."
    )


def _detected(log: Run, base: Placed, at: int, length: int | None) -> tuple[int, str]:
    number, sure = _reading(log, base, at, length)
    steps = logged_steps(log)
    name, going_on = base.run.name, base.number + at
    if number:
        note = f"Its steps go on from run '{name}': the log's step {number} is the start."
        other = 0
    else:
        note = (
            f"The log counts steps from 0, not from {going_on}, where run '{name}' was left: "
            f"it begins at step {steps[0]}."
        )
        other = going_on
    if not sure:
        note += f" Both readings fit; if this is the wrong one, give first_step = {other}."
    elif not number and steps[0] > FAR * spacing(steps) > 0:
        note += " That leaves its first steps without a log; if it is wrong, give first_step."
    return number, note


def _reading(log: Run, base: Placed, at: int, length: int | None) -> tuple[int, bool]:
    """The log's number at the start, and whether no other reading is likely."""
    steps = logged_steps(log)
    first, last, apart = int(steps[0]), int(steps[-1]), spacing(steps)
    start = max((s for s in {base.number + at, base.total + at} if s <= first), default=0)
    if not start:
        resumed = base.number + at
        return (resumed, True) if _is_resumed(log, base, resumed, last) else (0, True)
    if (length is not None and last > length) or meets(log, base.run, start, at):
        return start, True
    if last == length or first <= apart:
        return 0, False
    return start, first - start <= apart


def meets(log: Run, base: Run, number: int, at: int, rtol: float = 1e-3) -> bool:
    """Whether the losses of `log` at its step `number` are those of `base` at its step `at`.

    Args:
        log: steps as logged.
        base: steps counted as `at` is.
        number: a step number of the log.
        at: a step number of the base.
        rtol: largest relative difference that counts as equal.
    """
    pairs = [
        (mine, theirs)
        for column, curve in log.curves.items()
        if (mine := loss_at(curve, number)) is not None
        and (theirs := loss_at(base.curves.get(column), at)) is not None
    ]
    return bool(pairs) and all(abs(mine - theirs) <= rtol * theirs for mine, theirs in pairs)


def loss_at(curve: Curve | None, step: int) -> float | None:
    """The loss logged at exactly that step, or None."""
    if curve is None:
        return None
    row = int(np.searchsorted(curve.steps, step))
    found = row < curve.steps.size and curve.steps[row] == step
    return float(curve.loss[row]) if found else None


def _is_resumed(log: Run, base: Placed, start: int, last: int) -> bool:
    """Whether the log holds the base's rows too, up to the log's step `start`."""
    equal = equal_rows(log, base.run, base.number, start)
    return start < last and equal is not None and equal >= 2


def equal_rows(log: Run, base: Run, number: int, before: int) -> int | None:
    """How many losses of `log` at steps below `before` repeat the base's; None if one differs.

    Args:
        log: steps as logged.
        base: steps counted from its own start.
        number: what `log` calls the base's start.
        before: a step number of `log`.
    """
    equal = 0
    for column in log.curves.keys() & base.curves.keys():
        mine, theirs = log.curves[column], base.curves[column]
        common, i, j = np.intersect1d(mine.steps, theirs.steps + number, return_indices=True)
        early = common < before
        same = np.isclose(mine.loss[i[early]], theirs.loss[j[early]], rtol=1e-6, atol=0)
        if not same.all():
            return None
        equal += int(same.sum())
    return equal


def _without_inherited(log: Run, base: Placed, at: int, number: int) -> Run:
    """The log without the base's rows that a resumed run repeats."""
    steps = logged_steps(log)
    early = int((steps < number).sum())
    if not early:
        return log
    theirs = number == base.number + at
    if not (theirs and equal_rows(log, base.run, base.number, number)):
        raise DataError(
            f"its log has steps from {steps[0]}, before its start at first_step = {number}, and "
            f"they do not repeat run '{base.run.name}'. Mend first_step, or leave it out."
        )
    curves = {k: c.only(c.steps >= number) for k, c in log.curves.items() if c.steps[-1] >= number}
    logged = log.logged_lr
    if logged is not None:
        keep = logged.steps >= number
        kept = logged.steps[keep], logged.lr[keep]
        logged = LoggedLR(*kept, logged.offset) if keep.any() else None
    note = (
        f"{early} rows before step {number} repeat run '{base.run.name}' and were left out: "
        "the log of a resumed run."
    )
    return replace(log, curves=curves, logged_lr=logged, notes=(*log.notes, note))
