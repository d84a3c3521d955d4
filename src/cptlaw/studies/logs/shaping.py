"""Rows brought to one row a step and one column a series: long tables, and several ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError, suggestion
from cptlaw.studies.logs import names
from cptlaw.studies.logs.cells import Cell, Cells, Column, OnDemand, numbers
from cptlaw.studies.logs.counting import LARGEST_STEP
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.points import Points, numbered, rows_of
from cptlaw.studies.logs.table import Table

_METRIC = ("metric", "metric_name", "metricname", "tag", "key", "name", "variable", "series")
_VALUE = ("value", "metric_value", "metricvalue", "val")
_RANKS = ("rank", "local_rank", "global_rank", "rank_id", "process", "process_index", "process_id")
_SPLITS = ("split", "phase", "mode", "stage", "type", "kind")
_SETS = ("dataset", "eval_dataset", "data_set", "subset", "domain", "eval_set", "valid_set", "set")
_MOST_SETS = 50
_REPEATED = 0.9  # of the steps: how many have to be logged equally often, to be the rule


def shaped(table: Table) -> Table:
    """A table in numbers: a long one made wide, the rows of several ranks averaged.

    Raises:
        DataError: a long table of several runs.
    """
    if not isinstance(table.columns, OnDemand):  # those are in numbers, when they are asked for
        numeric = {name: _in_numbers(cells) for name, cells in table.columns.items()}
        table = replace(table, columns=numeric)
    return _one_row_a_step(_by_split(_wide(table)))


def one_run(table: Table, run: str) -> Table:
    """The rows of one run of a table that holds several, told apart by a column such as run_id.

    Args:
        table: as read.
        run: what that column calls it.

    Raises:
        DataError: no column tells runs apart, or none calls one so.
    """
    known: dict[str, None] = {}
    for label in filter(names.is_run_label, table.columns):
        cells = table.columns[label]
        called = [_called(cells[row]) for row in range(len(cells))]
        known |= dict.fromkeys(called)
        rows = np.flatnonzero(np.array(called) == run)
        if rows.size:
            told = f"Read from the run '{run}' of column '{label}': "
            told += f"{rows.size} of {len(called)} rows."
            return _rows_of(replace(table, name=run, notes=(*table.notes, told)), label, rows)
    if known:
        raise DataError(f"{table.origin}: no such run. {suggestion(run, known)}")
    raise DataError(f"{table.origin}: no column tells runs apart; leave out '::{run}'.")


def _rows_of(table: Table, label: str, rows: IntArray) -> Table:
    """Some rows of a table, without the column that told them apart."""
    left = {name: _only(each, rows) for name, each in table.columns.items() if name != label}
    return replace(table, columns=left, place=lambda row: table.place(int(rows[row])))


def _only(cells: Cells, rows: IntArray) -> Cells:
    column = numbers(cells)
    if not column.texts.size:
        return Column(column.values[rows], column.said[rows])
    return [cells[row] for row in rows.tolist()]


def _in_numbers(cells: Cells) -> Cells:
    """Cells turned into numbers once and for all, unless there is text among them."""
    column = numbers(cells)
    return cells if column.texts.size else column


# --- long tables ---------------------------------------------------------------------------------


def _wide(table: Table) -> Table:
    """One column a metric, of a table with the columns metric, step and value."""
    by_name = {name.strip().lower(): name for name in table.columns}
    metric = next((by_name[name] for name in _METRIC if name in by_name), None)
    value = next((by_name[name] for name in _VALUE if name in by_name), None)
    step = names.step_column(table.columns)
    if metric is None or value is None or step is None:
        return table
    labels = table.columns[metric]
    if isinstance(labels, Column) or not numbers(labels).texts.size:
        return table
    _refuse_runs(table, metric)
    cells, steps = numbers(table.columns[value]), numbers(table.columns[step])
    usable = np.flatnonzero(cells.said & steps.said & np.isfinite(steps.values))
    if not usable.size:
        raise DataError(f"{table.origin}: no row has a step and a value.")
    counted = steps.values[usable]
    if (np.trunc(counted) != counted).any() or (np.abs(counted) > LARGEST_STEP).any():
        return table  # whoever counts the steps says which row is wrong
    whole = counted.astype(np.int64)
    called, which = numbered([str(labels[row]).strip() for row in usable.tolist()])
    points = Points(called, which, whole, cells.values[usable])
    rows = rows_of(points, table.origin)
    first = usable[rows.first]
    told = (
        f"A long table: a row a value. Its {len(called)} metrics in '{metric}' are columns here: "
        f"{quoted(called)}."
    )
    return replace(
        table,
        columns=rows.columns,
        place=lambda row: table.place(int(first[row])),
        notes=(*table.notes, told),
    )


def _refuse_runs(table: Table, metric: str) -> None:
    """Refuse a long table whose rows are those of several runs."""
    for label in table.columns:
        if label == metric or not names.is_run_label(label):
            continue
        cells = table.columns[label]
        runs = list(dict.fromkeys(str(cells[row]) for row in range(len(cells)) if cells[row]))
        if len(runs) > 1:
            raise DataError(
                f"{table.origin}: several runs in one file, told apart by column '{label}' "
                f"({quoted(runs)}). Name one: '{table.origin}::{runs[0]}'."
            )


# --- rows of training and of several validation sets ------------------------------------------


def _by_split(table: Table) -> Table:
    """One column a split or data set, where a column of text says which one a row is of."""
    step = names.step_column(table.columns)
    for label in table.columns:
        low = label.strip().lower()
        if low not in (*_SPLITS, *_SETS) or step is None:
            continue
        cells = table.columns[label]
        if isinstance(cells, Column):
            continue
        called, which = numbered([str(cells[row] or "").strip() for row in range(len(cells))])
        if not 1 < len(called) <= _MOST_SETS:
            continue
        if low in _SPLITS and not any(names.is_split(name) for name in called):
            continue
        losses = [n for n in table.columns if n not in (label, step) and _may_be_loss(table, n)]
        if losses:
            return _parted(table, label, losses, called, which)
    return table


def _may_be_loss(table: Table, name: str) -> bool:
    said = not names.is_never_loss(name) and not names.lr_columns([name])
    return said and isinstance(table.columns[name], Column)


def _parted(
    table: Table, label: str, losses: list[str], called: list[str], which: IntArray
) -> Table:
    columns = {n: c for n, c in table.columns.items() if n not in (label, *losses)}
    for loss in losses:
        column = numbers(table.columns[loss])
        for i, name in enumerate(called):
            said = column.said & (which == i)
            if said.any():
                columns[f"{name}/{loss}" if name else loss] = Column(
                    np.where(said, column.values, np.nan), said
                )
    told = f"Column '{label}' tells {quoted(called)} apart: each is a column of its own here."
    return replace(table, columns=columns, notes=(*table.notes, told))


# --- several ranks -------------------------------------------------------------------------------


def _one_row_a_step(table: Table) -> Table:
    """The mean over ranks, where each of them logs every step."""
    step = names.step_column(table.columns)
    if step is None:
        return table
    by_name = {name.strip().lower(): name for name in table.columns}
    rank = next((by_name[name] for name in _RANKS if name in by_name), None)
    steps = numbers(table.columns[step])
    if rank is not None:
        cells = table.columns[rank]
        called, which = numbered([_called(cells[row]) for row in range(len(cells))])
        if len({name for name in called if name not in ("None", "")}) < 2:
            return table
        group = _groups(steps.values, which)
        sizes = np.bincount(group)
        if sizes.max() < 2:
            return table
        told = (
            f"'{rank}': {len(called)} ranks in one file ({quoted(called)}). Each value is the mean "
            "over the ranks that logged the step."
        )
        return _averaged(table, group, {step, rank}, told)
    return _unnamed_ranks(table, step, steps)


def _groups(steps: FloatArray, which: IntArray) -> IntArray:
    """Which row of the result each row, shape (n,), is part of: the same step of each rank."""
    order = np.lexsort((np.arange(steps.size), which, steps))
    same = (np.diff(steps[order]) == 0) & (np.diff(which[order]) == 0)
    fresh = np.flatnonzero(np.r_[True, ~same])
    nth = np.empty(steps.size, dtype=np.int64)  # a rank logs a step again after a restart
    nth[order] = np.arange(steps.size) - np.repeat(fresh, np.diff(np.r_[fresh, steps.size]))
    keys = np.stack([nth.astype(float), np.nan_to_num(steps, nan=-1.0)])
    _, first, group = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    place = np.empty(first.size, dtype=np.int64)
    place[np.argsort(first)] = np.arange(first.size)  # in the order of the file
    return place[np.asarray(group).reshape(-1)]


def _unnamed_ranks(table: Table, step: str, steps: Column) -> Table:
    """The mean where nearly every step is logged equally often, one row after the other."""
    if any(names.is_series_label(name) for name in table.columns if name != step):
        return table
    fresh = np.r_[True, steps.values[1:] != steps.values[:-1]]
    if fresh.all():
        return table
    sizes = np.diff(np.r_[np.flatnonzero(fresh), steps.values.size])
    usual = int(np.bincount(sizes).argmax()) if sizes.size else 1
    if usual < 2 or sizes.size < 3 or (sizes == usual).mean() < _REPEATED:
        return table
    if not _comes_again(table, fresh):
        return table
    _refuse_series(table, fresh)
    told = (
        f"Nearly every step is logged {usual} times, one row after the other, as by several ranks "
        "or micro-batches. Each value is the mean of them."
    )
    return _averaged(table, np.cumsum(fresh) - 1, {step}, told)


def _called(cell: Cell) -> str:
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _refuse_series(table: Table, fresh: BoolArray) -> None:
    """Refuse rows of one step that a column of text tells apart."""
    again = ~fresh[1:]
    for name, cells in table.columns.items():
        if isinstance(cells, Column):
            continue
        texts = [str(cells[row]) for row in range(len(cells))]
        same = np.array([a == b for a, b in pairwise(texts)], dtype=bool)
        if not same[again].any():
            raise DataError(
                f"{table.origin}: several series in one file, told apart by column '{name}' "
                f"({quoted(dict.fromkeys(texts))}): each step has a row of each. Write each to a "
                "column or a file of its own."
            )


def _comes_again(table: Table, fresh: BoolArray) -> bool:
    """Whether some loss has several values at nearly every step that it is logged at."""
    block = np.cumsum(fresh)
    for name, cells in table.columns.items():
        column = numbers(cells)
        if names.is_never_loss(name) or names.lr_columns([name]) or not column.said.any():
            continue
        values, blocks = column.values[column.said], block[column.said]
        again = np.diff(blocks) == 0
        differing = again & (values[1:] != values[:-1])
        if (
            differing.any()
            and np.unique(blocks[1:][again]).size >= _REPEATED * np.unique(blocks).size
        ):
            return True
    return False


def _averaged(table: Table, group: IntArray, drop: set[str], told: str) -> Table:
    count = int(group.max()) + 1
    first = np.full(count, group.size)
    np.minimum.at(first, group, np.arange(group.size))
    columns: dict[str, Cells] = {}
    for name, cells in table.columns.items():
        column = numbers(cells)
        if column.texts.size:
            columns[name] = _firsts(cells, first)
        elif name in drop:
            columns[name] = Column(column.values[first], column.said[first])
        else:
            columns[name] = _mean(column, group, count)
    return replace(
        table,
        columns=columns,
        place=lambda row: table.place(int(first[row])),
        notes=(*table.notes, told),
    )


def _mean(column: Column, group: IntArray, count: int) -> Column:
    """The mean of each of `count` groups, exact where all its values are the same."""
    low = np.full(count, np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        np.minimum.at(low, group[column.said], column.values[column.said])
        over = np.where(column.said, column.values - low[group], 0.0)
        said = np.bincount(group, column.said.astype(float), count)
        return Column(
            np.where(said > 0, low + np.bincount(group, over, count) / said, np.nan), said > 0
        )


def _firsts(cells: Cells, first: IntArray) -> Sequence[Cell]:
    return [cells[row] for row in first.tolist()]
