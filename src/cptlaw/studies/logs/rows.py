"""Rows as they stand in a log -> a `Run`: the step that every format shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError, suggestion
from cptlaw.studies.logs import names
from cptlaw.studies.logs.cells import Cell, Cells, Column, numbers
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.order import settle
from cptlaw.studies.runs import Curve, LoggedLR, Run

_LARGEST_STEP = 2**53
_LR = "\0lr"  # the LR's key among the columns being settled; no column can have this name


@dataclass(frozen=True)
class Table:
    """The rows of a log as read, before anyone has judged what they mean.

    Args:
        origin: the path as given.
        name: the run's name.
        format: the format's name.
        columns: cells in file order by column name, each of the same length n; None where a row
            has none. The names say what they hold (see `names`): the step is one of `STEP_NAMES`.
        place: where row i, from 0, stands: "FILE, line N".
        averaged: loss columns whose values are means over the steps since the row before.
        lr_note: what to say about the logged LR of this format.
        notes: what was done while reading, each a sentence.
        settings: what the log itself says of how the run was configured, as nested tables.
        lies_at: the run's own file or folder, where that is not the one that was named.
    """

    origin: str
    name: str
    format: str
    columns: Mapping[str, Cells]
    place: Callable[[int], str]
    averaged: frozenset[str] = frozenset()
    lr_note: str = ""
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lies_at: Path | None = None


@dataclass(frozen=True)
class _Steps:
    """A table's rows and their steps, shape (n,), -1 where a row has none."""

    table: Table
    column: str
    values: IntArray

    @property
    def known(self) -> BoolArray:
        """Rows, shape (n,), that have a step."""
        return self.values >= 0


@dataclass(frozen=True)
class _Column:
    """One column's values, shape (n,), and the rows, shape (m,), in which they can be used."""

    values: FloatArray
    rows: IntArray


def to_run(table: Table, columns: str | Iterable[str] | None = None) -> Run:
    """Judge columns by name and content, drop what cannot be used, and say so in the notes.

    Args:
        table: the rows of a log.
        columns: the loss columns wanted; left out, every column that may be one.

    Raises:
        DataError: no step column, no loss, or a cell that should be a number and is not.
    """
    notes = list(table.notes)
    steps = _steps(table, notes)
    wanted = _asked(steps, columns) if columns is not None else _likely(steps, notes)
    losses = _losses(steps, wanted, columns is not None, notes)
    _refuse_several_series(steps, losses)
    lr = _learning_rate(steps, notes)
    # What training itself logs comes first: it tells best where training went back.
    usable = {} if lr is None else {_LR: lr.rows}
    for name in sorted(losses, key=names.is_training, reverse=True):
        usable[name] = losses[name].rows
    settled, told = settle(steps.values, usable, table.place)
    notes += [note.replace(f"'{_LR}'", "learning rate") for note in told]
    curves = {name: _curve(name, losses[name], settled[name], steps) for name in losses}
    curves = _with_windows(curves, table.averaged, notes)
    logged = None
    if lr is not None:
        logged = LoggedLR(steps.values[settled[_LR]], lr.values[settled[_LR]])
    return Run(
        table.name,
        curves,
        logged,
        diverged=_diverged(steps, losses),
        origin=table.origin,
        format=table.format,
        notes=tuple(notes),
    )


# --- steps -------------------------------------------------------------------------------------


def _steps(table: Table, notes: list[str]) -> _Steps:
    name = _step_name(table, notes)
    column = numbers(table.columns[name])
    _refuse_text(table, name, column)
    values = column.values
    absent = np.isnan(values)
    whole = (values >= 0) & (values < _LARGEST_STEP) & (values == np.floor(values))
    bad = np.flatnonzero(~absent & ~whole)
    if bad.size:
        raise DataError(
            f"{table.place(int(bad[0]))}: column '{name}' holds {values[bad[0]]:g} where a whole "
            "number of steps, 0 or more, is expected. Mend or delete the row."
        )
    if absent.all():
        raise DataError(f"{table.origin}: no row has a step in column '{name}'.")
    if absent.any():
        first = table.place(int(np.argmax(absent)))
        notes.append(f"{_rows(int(absent.sum()))} without a step left out, the first at {first}.")
    return _Steps(table, name, np.where(absent, -1, values).astype(np.int64))


def _step_name(table: Table, notes: list[str]) -> str:
    name = names.step_column(table.columns)
    if name is None:
        raise DataError(
            f"{table.origin}: no column counts steps. Expected one named "
            f"{', '.join(names.STEP_NAMES)}; found {quoted(table.columns)}. "
            "Rename the column that counts optimiser steps to 'step'."
        )
    if name == "_step":
        notes.append(
            "Steps are read from '_step', which counts W&B's log calls where these do not name "
            "their step; check that it counts optimiser steps."
        )
    elif name.strip().lower() != "step":
        notes.append(f"Steps are read from '{name}'; check that it counts optimiser steps.")
    return name


def _refuse_text(table: Table, name: str, column: Column) -> None:
    if column.texts.size:
        row = int(column.texts[0])
        raise DataError(
            f"{table.place(row)}: column '{name}' holds {_shown(table.columns[name][row])} where "
            "a number is expected. Mend the cell (an empty one counts as missing), or read only "
            "the columns you want."
        )


# --- loss columns ------------------------------------------------------------------------------


def _asked(steps: _Steps, columns: str | Iterable[str]) -> list[str]:
    asked = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    known = [name for name in steps.table.columns if name != steps.column]
    for name in asked:
        if name not in known:
            raise DataError(
                f"{steps.table.origin}: no loss column '{name}'. {suggestion(name, known)}"
            )
    return asked


def _likely(steps: _Steps, notes: list[str]) -> list[str]:
    """The columns that may be losses by their names."""
    others = [name for name in steps.table.columns if name != steps.column]
    never = [name for name in others if names.is_never_loss(name)]
    told = [name for name in never if name not in names.lr_columns(others)]
    if told:
        notes.append(f"Ignored columns (not losses): {quoted(told)}.")
    return [name for name in others if name not in never]


def _losses(steps: _Steps, wanted: list[str], asked: bool, notes: list[str]) -> dict[str, _Column]:
    """The wanted columns that hold at least one loss."""
    kept: dict[str, _Column] = {}
    left_out: dict[str, list[str]] = {}
    dropped: dict[str, list[str]] = {}
    for name in wanted:
        column = numbers(steps.table.columns[name])
        good = steps.known & np.isfinite(column.values) & (column.values > 0)
        reason = _why_no_loss(steps.table, name, column, asked)
        if not reason and not good.any():
            reason = "no row has both a step and a loss"
        if reason:
            left_out.setdefault(reason, []).append(name)
            continue
        kept[name] = _Column(column.values, np.flatnonzero(good))
        bad = np.flatnonzero(steps.known & column.said & ~good)
        if bad.size:
            dropped.setdefault(_dropped(bad, column, steps), []).append(name)
    reasons = [f"{quoted(which)} left out: {reason}." for reason, which in left_out.items()]
    if not kept:
        raise DataError(
            f"{steps.table.origin}: no column holds a loss; found {quoted(steps.table.columns)}. "
            f"{' '.join([*reasons, 'Expected a column of numbers above 0, such as eval_loss.'])}"
        )
    notes += [f"{quoted(which)}: {sentence}" for sentence, which in dropped.items()] + reasons
    return kept


def _diverged(steps: _Steps, losses: Mapping[str, _Column]) -> int | None:
    """The step from which on no loss is finite and above 0, in two rows or more that have one."""
    last = max(int(steps.values[column.rows].max()) for column in losses.values())
    said = np.zeros(steps.values.size, dtype=np.bool_)
    for name in losses:
        said |= numbers(steps.table.columns[name]).said
    after = np.unique(steps.values[said & (steps.values > last)])
    return int(after[0]) if after.size > 1 else None


def _dropped(bad: IntArray, column: Column, steps: _Steps) -> str:
    first = bad[np.argmin(steps.values[bad])]
    return (
        f"{_rows(bad.size)} dropped, whose loss is not finite or not above 0; the first is "
        f"{column.values[first]:g} at step {steps.values[first]}."
    )


def _why_no_loss(table: Table, name: str, column: Column, asked: bool) -> str:
    """Why a column is not a loss curve, "" if it may be one."""
    spoken = int(column.said.sum())
    if not spoken and not column.texts.size:
        return "it is empty"
    if column.texts.size > spoken and not (asked and spoken):
        example = _shown(table.columns[name][int(column.texts[0])])
        return f"it holds text, such as {example}"
    _refuse_text(table, name, column)
    finite = column.values[np.isfinite(column.values)]
    positive = int((finite > 0).sum())
    if not finite.size:
        return "it holds no finite number"
    if not positive or (2 * positive < finite.size and not asked):
        return "most of its numbers are not above 0"
    return ""


def _refuse_several_series(steps: _Steps, losses: Mapping[str, _Column]) -> None:
    """Refuse a file in which a column such as `run` or `split` tells several series apart."""
    columns = steps.table.columns
    repeating = {name: steps.values[column.rows] for name, column in losses.items()}
    repeating = {name: at for name, at in repeating.items() if np.unique(at).size < at.size}
    for label in columns:
        if label in losses or not names.is_series_label(label):
            continue
        for name, at in repeating.items():
            labels = [columns[label][row] for row in losses[name].rows.tolist()]
            if len(set(zip(at.tolist(), labels, strict=True))) == at.size:
                raise DataError(
                    f"{steps.table.origin}: several series in one file, told apart by column "
                    f"'{label}' ({quoted(map(str, dict.fromkeys(labels)))}): '{name}' has a value "
                    "of each at the same step. Write each run to a file of its own, and each "
                    "validation set to a column of its own."
                )


# --- learning rate -----------------------------------------------------------------------------


def _learning_rate(steps: _Steps, notes: list[str]) -> _Column | None:
    table = steps.table
    found = names.lr_columns(name for name in table.columns if name != steps.column)
    if not found:
        notes.append("No column holds the learning rate; a study needs schedule or lrs.")
        return None
    if len(found) > 1:
        notes.append(f"The learning rate is read from '{found[0]}', not from {quoted(found[1:])}.")
    name, column = found[0], numbers(table.columns[found[0]])
    _refuse_text(table, name, column)
    _refuse_negative(steps, name, column)
    good = steps.known & np.isfinite(column.values)
    bad = np.flatnonzero(steps.known & column.said & ~good)
    if bad.size:
        first = int(steps.values[bad].min())
        notes.append(f"'{name}': {_rows(bad.size)} not finite, dropped; the first at step {first}.")
    if not good.any():
        notes.append(f"'{name}' holds no learning rate; a study needs schedule or lrs.")
        return None
    if table.lr_note:
        notes.append(table.lr_note)
    return _Column(column.values, np.flatnonzero(good))


def _refuse_negative(steps: _Steps, name: str, column: Column) -> None:
    negative = np.flatnonzero(steps.known & (column.values < 0))
    if negative.size:
        row = int(negative[0])
        raise DataError(
            f"{steps.table.place(row)}: column '{name}' holds the learning rate "
            f"{column.values[row]:g}; expected 0 or more. Mend the cell or empty it."
        )


# --- curves ------------------------------------------------------------------------------------


def _curve(name: str, column: _Column, rows: IntArray, steps: _Steps) -> Curve:
    source = "training" if names.is_training(name) else "validation"
    return Curve(steps.values[rows], column.values[rows], source)


def _with_windows(
    curves: Mapping[str, Curve], averaged: frozenset[str], notes: list[str]
) -> dict[str, Curve]:
    """Set the window of averaged columns, and say what is taken for granted of the others."""
    known = {name: _common_gap(curves[name].steps) for name in curves if name in averaged}
    for name, window in known.items():
        notes.append(
            f"'{name}': a training loss, the mean over the steps since the row before; "
            f"its most common distance, window = {window}, is taken for every row."
        )
    instant = [n for n, c in curves.items() if c.source == "training" and n not in known]
    if instant:
        notes.append(
            f"{quoted(instant)}: a training loss, taken as each step's own (window = 1). If it "
            "is a mean over several steps, the study key window can say so."
        )
    return {name: replace(curve, window=known.get(name, 1)) for name, curve in curves.items()}


def _common_gap(steps: IntArray) -> int:
    if steps.size == 1:
        return max(1, int(steps[0]))
    gaps, counts = np.unique(np.diff(steps), return_counts=True)
    return int(gaps[np.argmax(counts)])


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _shown(cell: Cell) -> str:
    text = str(cell)
    return f"'{text}'" if len(text) <= 40 else f"'{text[:40]}...'"
