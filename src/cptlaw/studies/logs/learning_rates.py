"""The learning rates of a log: which column holds them, and the step that each is of.

A scheduler that steps before the log is written leaves the LR of the next step there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError, suggestion
from cptlaw.page import number
from cptlaw.studies.logs import names
from cptlaw.studies.logs.cells import Cell, Cells, Column, numbers
from cptlaw.studies.logs.counting import Steps
from cptlaw.studies.logs.habits import Habit
from cptlaw.studies.logs.judging import Usable
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.table import Table, count_of_rows, refuse_text
from cptlaw.studies.runs import LoggedLR

NEXT_UP_TO, OWN_FROM = (4, 50), (4, 52)  # versions of transformers, which log the next LR, its own
_CLOSE = 0.2  # steps, within which a line of LRs meets 0
_STRAIGHT = 1e-3  # of its slope, to which three LRs lie on a line


class Found(NamedTuple):
    """The learning rates of a table, or the columns that differ, of which none was chosen."""

    usable: Usable | None = None
    groups: tuple[str, ...] = ()


def logged(steps: Steps, chosen: str | None, notes: list[str]) -> Found:
    """The learning rates that a table holds, and the rows that have one.

    Args:
        steps: the rows and their steps.
        chosen: the column to read, if one was named.
        notes: gets what was done.

    Raises:
        DataError: a cell that is no learning rate, or no such column.
    """
    columns = _columns(steps)
    if not columns and chosen is None:
        notes.append("No column holds the learning rate; a study needs schedule or lrs.")
        return Found()
    name, *more = _which(steps.table, columns, chosen, notes)
    if more:
        return Found(groups=(name, *more))
    column = numbers(columns[name])
    refuse_text(replace(steps.table, columns=columns), name, column)
    _refuse_negative(steps, name, column)
    good = steps.known & np.isfinite(column.values)
    bad = np.flatnonzero(steps.known & column.said & ~good)
    if bad.size:
        first = int(steps.values[bad].min())
        notes.append(
            f"'{name}': {count_of_rows(bad.size)} not finite, dropped; the first at step {first}."
        )
    if not good.any():
        notes.append(f"'{name}' holds no learning rate; a study needs schedule or lrs.")
        return Found()
    return Found(Usable(column.values, np.flatnonzero(good)))


# --- one of several columns -----------------------------------------------------------------------


def _columns(steps: Steps) -> dict[str, Cells]:
    """The columns of learning rates, the likeliest first; of lists, one for each place in them."""
    found: dict[str, Cells] = {}
    for name in names.lr_columns(n for n in steps.table.columns if n != steps.column):
        cells = steps.table.columns[name]
        column = numbers(cells)
        places = _lists(cells, column) if column.texts.size else []
        one = len(places) == 1
        found |= {name if one else f"{name}[{i}]": each for i, each in enumerate(places)} or {
            name: cells
        }
    return found


def _lists(cells: Cells, column: Column) -> list[list[Cell]]:
    """Cells that hold lists of numbers such as "[2e-05, 2e-06]", by their place in them."""
    texts = [str(cells[row]).strip() for row in column.texts.tolist()]
    if not all(text[:1] in ("[", "(") for text in texts):
        return []
    split = [[p.strip() for p in t.strip("[]() ").split(",") if p.strip()] for t in texts]
    places: list[list[Cell]] = []
    for i in range(max(map(len, split), default=0)):
        own: list[Cell] = [cells[row] if column.said[row] else None for row in range(len(cells))]
        for row, parts in zip(column.texts.tolist(), split, strict=True):
            own[row] = parts[i] if i < len(parts) else None
        places.append(own)
    return places


def _peak(column: Column) -> float:
    return float(column.values[np.isfinite(column.values)].max(initial=0.0))


def _which(
    table: Table, columns: Mapping[str, Cells], chosen: str | None, notes: list[str]
) -> list[str]:
    """The column to read, or all groups of parameters if they differ and none was chosen."""
    if chosen is not None:
        if chosen not in columns:
            raise DataError(
                f"{table.origin}: no learning rate in a column '{chosen}'. "
                f"{suggestion(chosen, list(columns))}"
            )
        return [chosen]
    first, *others = columns
    groups = [first, *(name for name in others if _stem(name) == _stem(first))]
    rest = [name for name in others if name not in groups]
    peaks = {name: numbers(columns[name]) for name in groups}
    if len(groups) > 1 and not _alike(list(peaks.values())):
        told = ", ".join(f"'{n}' up to {number(_peak(c), 6)}" for n, c in peaks.items())
        notes.append(
            f"Groups of parameters have different learning rates: {told}. {choose_lr(groups)}"
        )
        return groups
    if len(groups) > 1:
        notes.append(f"All groups of parameters have one learning rate: {quoted(groups)}.")
    if rest:
        notes.append(f"The learning rate is read from '{first}', not from {quoted(rest)}.")
    return [first]


def choose_lr(groups: Sequence[str]) -> str:
    """What to do where groups of parameters have different learning rates.

    Args:
        groups: the columns that hold them.
    """
    return (
        f'Say which one is the run\'s: lr_column = "{groups[0]}" in the study; or give schedule '
        "or lrs."
    )


def _stem(name: str) -> str:
    """A name without the number of its group."""
    return re.sub(r"\d+", "#", name)


def _alike(columns: Sequence[Column]) -> bool:
    """Whether all columns hold the same, wherever two of them hold anything."""
    first = columns[0]
    return all(
        np.allclose(first.values[both], other.values[both], rtol=1e-6, atol=0, equal_nan=True)
        for other in columns[1:]
        for both in [first.said & other.said]
    )


def _refuse_negative(steps: Steps, name: str, column: Column) -> None:
    negative = np.flatnonzero(steps.known & (column.values < 0))
    if negative.size:
        row = int(negative[0])
        raise DataError(
            f"{steps.table.place(row)}: column '{name}' holds the learning rate "
            f"{number(column.values[row], 6)}; expected 0 or more. Mend the cell or empty it."
        )


# --- of which step -------------------------------------------------------------------------------


def of_its_steps(
    steps: IntArray, lr: FloatArray, habit: Habit, version: str, notes: list[str]
) -> LoggedLR:
    """Learning rates with the step that each is of.

    Args:
        steps: as logged, shape (n,).
        lr: at each of them, shape (n,).
        habit: of the framework that logged them.
        version: of the framework, "" if unknown.
        notes: gets what was found.
    """
    offset, why = habit.lr_offset, f"as {habit.framework} logs it"
    if offset is None:
        offset, why = _by_version(version), f"as transformers {version} logs it"
    if offset is None:
        offset, why = _by_zero(steps, lr), "that is where its own schedules are 0"
    if offset is None:
        notes.append(
            f"{habit.framework} up to 4.50 logs the LR of the next step; each is taken for that "
            "of its own. The study key lr_offset = 1 shifts it by that one step."
        )
    elif offset:
        notes.append(f"The logged LR is that of the next step ({why}): lr_offset = 1.")
    elif habit.lr_offset is None:
        notes.append(f"The logged LR is that of its own step ({why}).")
    return LoggedLR(steps, lr, offset or 0)


def _by_zero(steps: IntArray, lr: FloatArray) -> int | None:
    """0 or 1 by where LRs are 0: before the first step, or after the last.

    transformers' schedules are 0 there, so that the LR of a step is above it. An exact 0 at the end
    is that of a step that is not done any more; so is one where a straight line meets 0.
    """
    for rows, zero in ((slice(None, 3), 0), (slice(-3, None), int(steps[-1]))):
        x, y = steps[rows].astype(float), lr[rows]
        slopes = np.diff(y) / np.diff(x)
        if x.size < 3 or not slopes[0] or abs(slopes[1] / slopes[0] - 1.0) > _STRAIGHT:
            continue
        late = float(x[0] - y[0] / slopes[0]) - zero
        if abs(late - round(late)) < _CLOSE and round(late) in (0, 1):
            return 1 - round(late)
    return 1 if lr.size > 1 and lr[-1] == 0 < lr[-2] else None


def _by_version(version: str) -> int | None:
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None:
        return None
    number = int(match[1]), int(match[2])
    return 1 if number <= NEXT_UP_TO else 0 if number >= OWN_FROM else None
