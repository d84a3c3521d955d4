"""Which rows of each column count when steps repeat, go back after a restart, or are unsorted.

Columns are settled one by one, since a train row and an evaluation row of the same step each
fill cells that the other leaves empty. A restart is seen in a column that goes back and logs
steps again; its abandoned rows are then dropped from every column that goes through the same
steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, IntArray
from cptlaw.logs.names import quoted


@dataclass(frozen=True)
class _Backs:
    """The rows at which one column's steps go back.

    Args:
        rows: table rows, shape (m,), in file order.
        to: the steps they go back to, shape (m,).
        top: the largest step before each, shape (m,).
        end: the largest step from each on, shape (m,).
        restart: whether the column logs steps again rather than being unsorted.
    """

    rows: IntArray
    to: IntArray
    top: IntArray
    end: IntArray
    restart: bool

    @property
    def regained(self) -> BoolArray:
        """Restarts, shape (m,), after which the log gets as far as it had been."""
        return (self.end >= self.top) & self.restart


def settle(
    steps: IntArray, columns: Mapping[str, IntArray], place: Callable[[int], str]
) -> tuple[dict[str, IntArray], list[str]]:
    """Order each column's rows by step, one row a step.

    Args:
        steps: step of every row of the table, shape (n,).
        columns: the rows, shape (m,), in file order, in which each column has a usable value.
        place: where row i stands in the file, for the notes.

    Returns:
        For each column its rows in order of their steps, and a sentence on everything done.
    """
    backs = {name: _backs(rows, steps[rows]) for name, rows in columns.items()}
    restarts = _restarts(list(backs.values()))
    abandoned = np.zeros(steps.size, dtype=bool)
    settled: dict[str, IntArray] = {}
    repeated: dict[tuple[int, int], list[str]] = {}
    for name, rows in columns.items():
        dead = _abandoned(rows, steps[rows], *restarts)
        abandoned[rows[dead]] = True
        rows = rows[~dead]
        settled[name], twice = _last_of_each_step(rows, steps[rows])
        if twice.size:
            repeated.setdefault((twice.size, int(twice.min())), []).append(name)
    notes = _notes_on_order(steps, list(backs.values()), abandoned, place)
    for (count, first), names in repeated.items():
        notes.append(
            f"{quoted(names)}: steps were logged again {_times(count)}, first step {first}; "
            "the later row of a step counts."
        )
    return settled, notes


def _backs(rows: IntArray, steps: IntArray) -> _Backs:
    at = np.flatnonzero(np.diff(steps) < 0) + 1
    if not at.size:
        return _Backs(at, at, at, at, False)
    top = np.maximum.accumulate(steps)[at - 1]
    end = np.maximum.accumulate(steps[::-1])[::-1][at]
    # Every restart logs at least one step again; a shuffled file goes back far more often.
    restart = at.size <= steps.size - np.unique(steps).size
    return _Backs(rows[at], steps[at], top, end, bool(restart))


def _restarts(backs: list[_Backs]) -> tuple[IntArray, IntArray]:
    """Rows of all restarts in file order and, for each, the lowest step any later one goes to."""
    none = np.empty(0, dtype=np.int64)
    rows = np.concatenate([none, *(b.rows[b.regained] for b in backs)])
    to = np.concatenate([none, *(b.to[b.regained] for b in backs)])
    order = np.argsort(rows, kind="stable")
    return rows[order], to[order]


def _abandoned(rows: IntArray, steps: IntArray, at: IntArray, to: IntArray) -> BoolArray:
    """Rows of a column, shape (m,), that a restart at rows `at` to steps `to` replaces."""
    dead = np.zeros(rows.size, dtype=bool)
    split = np.searchsorted(rows, at)
    inside = (split > 0) & (split < rows.size)
    at, to, split = at[inside], to[inside], split[inside]
    if not at.size:
        return dead
    top = np.maximum.accumulate(steps)[split - 1]
    end = np.maximum.accumulate(steps[::-1])[::-1][split]
    at, to = at[end >= top], to[end >= top]
    if not at.size:
        return dead
    lowest = np.minimum.accumulate(to[::-1])[::-1]
    following = np.searchsorted(at, rows, side="right")
    before = following < at.size
    dead[before] = steps[before] >= lowest[following[before]]
    return dead


def _last_of_each_step(rows: IntArray, steps: IntArray) -> tuple[IntArray, IntArray]:
    order = np.lexsort((rows, steps))
    by_step = steps[order]
    last = np.r_[by_step[1:] != by_step[:-1], True] if rows.size else np.empty(0, dtype=bool)
    return rows[order[last]], by_step[~last]


def _notes_on_order(
    steps: IntArray, backs: list[_Backs], abandoned: BoolArray, place: Callable[[int], str]
) -> list[str]:
    notes: list[str] = []
    unsorted = [b for b in backs if b.rows.size and not b.restart]
    if unsorted:
        first = min(int(b.rows[0]) for b in unsorted)
        notes.append(
            f"The rows are not in the order of their steps (first at {place(first)}); "
            "they were sorted."
        )
    if abandoned.any():
        times = max(int(b.regained.sum()) for b in backs)
        row, to, top = min(_listed(backs, regained=True))
        notes.append(
            f"The log goes back {_times(times)}, first from step {top} to {to} at {place(row)}, "
            f"as after a restart. Abandoned rows logged before were dropped: "
            f"{int(abandoned.sum())}, first step {int(steps[abandoned].min())}."
        )
    unfinished = _listed(backs, regained=False)
    if unfinished:
        row, to, top = min(unfinished)
        notes.append(
            f"The log goes back from step {top} to {to} at {place(row)} and never gets to step "
            f"{top} again. Rows logged before at steps that do not come again are kept; if they "
            "were abandoned, delete them."
        )
    return notes


def _listed(backs: list[_Backs], regained: bool) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for b in backs:
        chosen = b.regained if regained else ~b.regained & b.restart
        columns = (b.rows[chosen].tolist(), b.to[chosen].tolist(), b.top[chosen].tolist())
        found.extend(zip(*columns, strict=True))
    return found


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
