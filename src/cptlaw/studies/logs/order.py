"""Which rows of each column count when steps repeat, go back after a restart, or are unsorted.

Columns are settled one by one, since a train row and an evaluation row of the same step each
fill cells that the other leaves empty. Restarts are seen in the clock, the column with the most
steps: a sparser one that goes back alone was evaluated again, and the training did not go back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, IntArray
from cptlaw.studies.logs.names import quoted


@dataclass(frozen=True)
class _Backs:
    """The rows at which the clock's steps go back.

    Args:
        rows: table rows, shape (m,), in file order.
        to: the steps they go back to, shape (m,).
        top: the largest step before each, shape (m,).
        regained: shape (m,): the log gets to `top` again.
    """

    rows: IntArray
    to: IntArray
    top: IntArray
    regained: BoolArray

    def only(self, keep: BoolArray) -> _Backs:
        return _Backs(self.rows[keep], self.to[keep], self.top[keep], self.regained[keep])

    def first(self, place: Callable[[int], str]) -> str:
        return f"from step {self.top[0]} to {self.to[0]} at {place(int(self.rows[0]))}"


def settle(
    steps: IntArray, columns: Mapping[str, IntArray], place: Callable[[int], str]
) -> tuple[dict[str, IntArray], list[str]]:
    """Order each column's rows by step, one row a step.

    Args:
        steps: step of every row of the table, shape (n,).
        columns: the rows, shape (m,), in file order, in which each column has a usable value;
            of columns with equally many steps the first is the clock.
        place: where row i stands in the file, for the notes.

    Returns:
        For each column its rows in order of their steps, and a sentence on everything done.
    """
    if all(_rises(steps[rows]) for rows in columns.values()):
        return dict(columns), []
    clock = max(columns, key=lambda name: distinct(steps[columns[name]]))
    backs = _restarts(columns[clock], steps[columns[clock]])
    restarts = backs.only(backs.regained)
    alive: dict[str, IntArray] = {}
    dropped = np.zeros(steps.size, dtype=bool)
    for name, rows in columns.items():
        dead = _abandoned(rows, steps[rows], restarts)
        dropped[rows[dead]] = True
        alive[name] = rows[~dead]
    notes = _notes_on_restarts(backs, steps[dropped], place)
    if backs.regained.all():
        notes += _notes_on_order(steps, alive, place)
    notes += _notes_on_repeats(steps, alive)
    return {name: _last_of_each_step(rows, steps[rows]) for name, rows in alive.items()}, notes


def _rises(steps: IntArray) -> bool:
    """Whether each step is larger than the one before; nothing has to be sorted then."""
    return bool((steps[1:] > steps[:-1]).all())


def distinct(steps: IntArray) -> int:
    """How many different steps there are; quick where they rise."""
    return steps.size if _rises(steps) else int(np.unique(steps).size)


def _restarts(rows: IntArray, steps: IntArray) -> _Backs:
    """Where a column goes back and logs steps again; nowhere if it is merely unsorted."""
    at = np.flatnonzero(np.diff(steps) < 0) + 1
    none = _Backs(at[:0], at[:0], at[:0], np.empty(0, dtype=bool))
    # Every restart logs at least one step again; a shuffled file goes back far more often.
    if not at.size or at.size > steps.size - distinct(steps):
        return none
    top = np.maximum.accumulate(steps)[at - 1]
    end = np.maximum.accumulate(steps[::-1])[::-1][at]
    backs = _Backs(rows[at], steps[at], top, end >= top)
    dead = _abandoned(rows, steps, backs.only(backs.regained))
    lost, kept = np.unique(steps[dead]), np.unique(steps[~dead])
    # A restart logs most of what it abandons again; points measured once more do not.
    return backs if 2 * np.isin(lost, kept).sum() >= lost.size else none


def _abandoned(rows: IntArray, steps: IntArray, restarts: _Backs) -> BoolArray:
    """Rows of a column, shape (m,), of a branch that a later restart replaces.

    A column that has no rows after a restart keeps those before it.
    """
    dead = np.zeros(rows.size, dtype=bool)
    if rows.size:
        restarts = restarts.only(restarts.rows <= rows[-1])
    if rows.size and restarts.rows.size:
        lowest = np.minimum.accumulate(restarts.to[::-1])[::-1]
        following = np.searchsorted(restarts.rows, rows, side="right")
        before = following < restarts.rows.size
        dead[before] = steps[before] >= lowest[following[before]]
    return dead


def _last_of_each_step(rows: IntArray, steps: IntArray) -> IntArray:
    if _rises(steps):
        return rows
    order = np.lexsort((rows, steps))
    by_step = steps[order]
    return rows[order[np.r_[by_step[1:] != by_step[:-1], True]]]


def _notes_on_restarts(backs: _Backs, dropped: IntArray, place: Callable[[int], str]) -> list[str]:
    notes: list[str] = []
    done, open_ended = backs.only(backs.regained), backs.only(~backs.regained)
    if done.rows.size:
        notes.append(
            f"The log goes back {_times(done.rows.size)}, first {done.first(place)}, as after a "
            f"restart. Abandoned rows logged before were dropped: {dropped.size}, first step "
            f"{dropped.min()}."
        )
    if open_ended.rows.size:
        notes.append(
            f"The log goes back {open_ended.first(place)} and never gets to step "
            f"{open_ended.top[0]} again. Rows logged before at steps that do not come again are "
            "kept; if they were abandoned, delete them."
        )
    return notes


def _notes_on_order(
    steps: IntArray, columns: Mapping[str, IntArray], place: Callable[[int], str]
) -> list[str]:
    back = [rows[1:][np.diff(steps[rows]) < 0] for rows in columns.values()]
    first = [int(rows[0]) for rows in back if rows.size]
    if not first:
        return []
    return [
        f"The rows are not in the order of their steps (first at {place(min(first))}); they were "
        "sorted."
    ]


def _notes_on_repeats(steps: IntArray, columns: Mapping[str, IntArray]) -> list[str]:
    repeated: dict[tuple[int, int], list[str]] = {}
    for name, rows in columns.items():
        if _rises(steps[rows]):
            continue
        by_step = np.sort(steps[rows])
        again = by_step[1:][by_step[1:] == by_step[:-1]]
        if again.size:
            repeated.setdefault((again.size, int(again[0])), []).append(name)
    return [
        f"{quoted(which)}: steps were logged again {_times(count)}, first step {first}; the later "
        "row of a step counts."
        for (count, first), which in repeated.items()
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
