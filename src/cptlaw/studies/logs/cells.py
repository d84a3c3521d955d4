"""The cells of one column as numbers, with what is missing and what is text set apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray

Cell: TypeAlias = "float | str | None"
Cells: TypeAlias = "Sequence[Cell] | Column"
"""One column of a log: cells as they stand, or numbers where its format has nothing else."""
_MISSING = frozenset(("", "none", "null", "na", "n/a", "no log"))


@dataclass(frozen=True)
class Column:
    """A column's numbers.

    Args:
        values: shape (n,); nan where the cell is missing or text.
        said: shape (n,): the cell holds a number, be it nan or infinite.
        texts: rows, shape (m,), whose cell is text.
    """

    values: FloatArray
    said: BoolArray
    texts: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return int(self.values.size)

    def __getitem__(self, row: int) -> Cell:
        if not self.said[row]:
            return None
        value = float(self.values[row])
        return int(value) if value.is_integer() else value  # as a label, 1 is not 1.0


class OnDemand(Mapping[str, "Cells"]):
    """Columns by name, each read when it is first asked for.

    One is a `Column`, or a list of cells if there is text among them.
    """


def numbers(cells: Cells) -> Column:
    """Turn cells, n of them, into numbers; "", None, null, NA and "No log" are missing."""
    if isinstance(cells, Column):
        return cells
    size = len(cells)
    try:
        values = np.fromiter(map(float, cast(Any, cells)), dtype=np.float64, count=size)
        return Column(values, np.ones(size, dtype=bool))
    except (ValueError, TypeError, OverflowError):
        return _one_by_one(cells)


def is_number(cell: Cell) -> bool:
    """Whether one cell holds a number."""
    return bool(numbers([cell]).said[0])


def _one_by_one(cells: Sequence[Cell]) -> Column:
    values = np.full(len(cells), math.nan)
    said = np.zeros(len(cells), dtype=bool)
    texts: list[int] = []
    for row, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        try:
            values[row] = float(cell)
        except OverflowError:
            values[row] = math.inf
        except ValueError:
            if str(cell).strip().lower() not in _MISSING:
                texts.append(row)
            continue
        said[row] = True
    return Column(values, said, np.array(texts, dtype=np.int64))
