"""Files with the learning rate of every step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.logs import json_rows, names, tables
from cptlaw.studies.logs.cells import is_number, numbers
from cptlaw.studies.logs.source import Source, open_source


def read_lrs(path: str | Path) -> Schedule:
    """The schedule in a file that holds the LR of every step, from step 1 on.

    Args:
        path: a JSON list (or {"lrs": [...]}), or a CSV with one column of LRs or with the
            columns step and lr.

    Raises:
        DataError: naming the file and the place of what cannot be used.
    """
    source = open_source(path)
    if source.is_directory:
        raise DataError(f"{source.given}: a directory; expected a file with the LR of every step.")
    is_json = source.first_character in ("[", "{")
    values = _from_json(source) if is_json else _from_table(source)
    try:
        return Schedule.from_array(values)
    except DataError as error:
        raise DataError(f"{source.given}: {error}") from None


def _from_json(source: Source) -> FloatArray:
    value = json_rows.load(source)
    lrs = value.get("lrs") if isinstance(value, dict) else value
    if not isinstance(lrs, list):
        raise DataError(f'{source.given}: expected a JSON list of numbers, or {{"lrs": [...]}}.')
    for step, lr in enumerate(lrs, start=1):
        if isinstance(lr, bool) or not isinstance(lr, int | float):
            raise DataError(f"{source.given}, step {step}: {lr!r:.40} is not a learning rate.")
    return numbers(lrs).values


def _from_table(source: Source) -> FloatArray:
    grid = tables.parse(source)
    rows, lines = grid.rows, grid.lines
    if len(grid.header) == 1:
        if is_number(grid.header[0]):
            rows, lines = [grid.header, *rows], [0, *lines]
        return _all_numbers(source, "the", [row[0] for row in rows], lines)
    step_name, lr_names = names.step_column(grid.header), names.lr_columns(grid.header)
    if step_name is None or not lr_names:
        raise DataError(
            f"{source.given}: expected one column of learning rates, or columns step and lr; "
            f"found {names.quoted(grid.header)}."
        )
    picked = [grid.header.index(name) for name in (step_name, lr_names[0])]
    steps, lrs = (
        _all_numbers(source, f"'{grid.header[i]}'", [row[i] for row in rows], lines) for i in picked
    )
    order = np.argsort(steps, kind="stable")
    expected = np.arange(1, steps.size + 1)
    wrong = np.flatnonzero(steps[order] != expected)
    if wrong.size:
        raise DataError(
            f"{source.given}: expected every step from 1 to {steps.size} once; found "
            f"{steps[order][wrong[0]]:g} where step {expected[wrong[0]]} should be. A log with "
            "some steps only is a log, not a file of learning rates."
        )
    return lrs[order]


def _all_numbers(
    source: Source, column: str, cells: Sequence[Any], lines: Sequence[int]
) -> FloatArray:
    found = numbers(cells)
    bad = np.flatnonzero(~np.isfinite(found.values))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"{source.given}, line {lines[row]}: {column} column holds '{cells[row]}' where a "
            "number is expected."
        )
    return found.values
