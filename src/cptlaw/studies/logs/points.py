"""Values that were logged one by one, each with its name and step -> the columns of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.studies.logs.cells import Cells, Column
from cptlaw.studies.logs.names import quoted

STEP = "step"
MOST_CELLS = 100_000_000
"""The most cells (rows times names) that a table may have: some 1 GB."""


@dataclass(frozen=True)
class Points:
    """Values logged one by one.

    Args:
        names: distinct, k of them.
        which: of each point, shape (n,), in the order of the file: whose value it is, 0 to k - 1.
        steps: shape (n,).
        values: shape (n,).
    """

    names: Sequence[str]
    which: IntArray
    steps: IntArray
    values: FloatArray

    def without(self, out: Collection[int]) -> Points:
        """The points of all names but some."""
        if not out:
            return self
        left = [i for i in range(len(self.names)) if i not in out]
        renumbered = np.full(len(self.names), -1)
        renumbered[left] = np.arange(len(left))
        keep = renumbered[self.which] >= 0
        return Points(
            [self.names[i] for i in left],
            renumbered[self.which[keep]],
            self.steps[keep],
            self.values[keep],
        )


@dataclass(frozen=True)
class Rows:
    """Points laid out as a table.

    Args:
        columns: m cells for the step and for each name.
        first: which point starts each row, shape (m,).
    """

    columns: Mapping[str, Cells]
    first: IntArray


def rows_of(points: Points, given: str) -> Rows:
    """Lay points out: those of one step that follow each other are one row.

    A name that comes again within a row starts another, so that no value is lost here.

    Args:
        points: one or more of them.
        given: the path, for the error.

    Raises:
        DataError: a table too large to hold.
    """
    row = _row_of_each(points)
    first = np.unique(row, return_index=True)[1]
    steps = Column(points.steps[first].astype(np.float64), np.ones(first.size, dtype=bool))
    names = [name if name != STEP else f"{STEP} (logged)" for name in points.names]
    columns = columns_of(names, points.which, row, points.values, first.size, given)
    return Rows({STEP: steps, **columns}, first)


def columns_of(
    names: Sequence[str],
    which: IntArray,
    row: IntArray,
    values: FloatArray,
    count: int,
    given: str,
) -> dict[str, Column]:
    """Columns of cells from values that are not in order.

    Args:
        names: of the columns, k of them.
        which: column of each value, shape (n,), 0 to k - 1.
        row: of each value, shape (n,); where a cell has several, the last counts.
        values: shape (n,).
        count: of rows.
        given: the path, for the error.

    Raises:
        DataError: a table too large to hold.
    """
    if count * len(names) > MOST_CELLS:
        raise DataError(
            f"{given}: {count} rows of {len(names)} names ({quoted(names)}) are more than "
            f"{MOST_CELLS} cells, the most that is read. Export the columns you need as CSV."
        )
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(names) + 1))
    columns: dict[str, Column] = {}
    for i, name in enumerate(names):
        mine = order[ends[i] : ends[i + 1]]
        cells, said = np.full(count, np.nan), np.zeros(count, dtype=bool)
        cells[row[mine]], said[row[mine]] = values[mine], True
        columns[name] = Column(cells, said)
    return columns


def _row_of_each(points: Points) -> IntArray:
    """The row of each point, shape (n,), counted from 0 in the order of the file."""
    size = points.steps.size
    block = np.cumsum(np.r_[0, np.diff(points.steps) != 0])
    order = np.lexsort((np.arange(size), points.which, block))
    same = (np.diff(block[order]) == 0) & (np.diff(points.which[order]) == 0)
    fresh = np.flatnonzero(np.r_[True, ~same])
    nth = np.empty(size, dtype=np.int64)  # how often the name came before in the block
    nth[order] = np.arange(size) - np.repeat(fresh, np.diff(np.r_[fresh, size]))
    return np.unique(block * (int(nth.max()) + 1) + nth, return_inverse=True)[1]


def numbered(names: Sequence[str]) -> tuple[list[str], IntArray]:
    """Distinct names in the order of their first use, and which of them each is, shape (n,)."""
    known: dict[str, int] = {}
    which = np.fromiter(
        (known.setdefault(name, len(known)) for name in names), dtype=np.int64, count=len(names)
    )
    return list(known), which
