"""Which column of a log counts optimiser steps, and how its numbers become steps."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.studies.logs import names
from cptlaw.studies.logs.cells import Column, numbers
from cptlaw.studies.logs.habits import LITGPT
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.table import Table, count_of_rows, refuse_text

LARGEST_STEP = 2**53
_GLOBAL = ("global_step", "trainer/global_step", "train/global_step")
_EPOCH = ("epoch", "trainer/epoch", "train/epoch")
_OTHER_COUNTERS = (
    (r"\btokens?\b|tokens?_", "tokens"),
    ("samples|examples", "samples"),
    ("epoch", "epochs"),
)
_COUNTERS = re.compile(r"epoch|tokens|samples|tokens_seen|total_tokens|consumed|seen")
_PER = re.compile(r"per[^a-z]|/s|rate|time|acc")
_BENT = 0.05  # of its range: how far a counter may be from a line through the steps
_FEW = 5


@dataclass(frozen=True)
class Steps:
    """A table's rows and their steps.

    Args:
        table: the rows.
        column: the one that counts steps.
        values: shape (n,), -1 where a row has none.
        micro_batches: whether they are known to count micro-batches, not optimiser steps.
    """

    table: Table
    column: str
    values: IntArray
    micro_batches: bool = False

    @property
    def known(self) -> BoolArray:
        """Rows, shape (n,), that have a step."""
        return self.values >= 0


def counted(table: Table, notes: list[str]) -> Steps:
    """The steps of a table's rows; whatever is done to them is told in the notes.

    Raises:
        DataError: no column counts steps, or a step is no whole number of at least 0.
    """
    name = _step_name(table, notes)
    values = _whole(table, name)
    absent = np.isnan(values)
    if absent.all():
        raise DataError(f"{table.origin}: no row has a step in column '{name}'.")
    if absent.any():
        first = table.place(int(np.argmax(absent)))
        count = count_of_rows(int(absent.sum()))
        notes.append(f"{count} without a step left out, the first at {first}.")
    behind = _behind_micro_batches(table, name, values)
    if behind is not None:
        values = values + behind
        how = f"from 0 ('iter' = {name} + 1)" if behind else "('iter')"
        notes.append(
            f"'{name}' counts micro-batches {how}, not optimiser steps, as "
            "LitGPT logs them. Micro-batches are counted here; with gradient accumulation the "
            "study key micro_batches says how many of them are one optimiser step."
        )
    steps = np.where(absent, -1, values).astype(np.int64)
    steps = _through_epochs(table, name, steps, notes)
    _check_counters(table, name, steps, notes)
    return Steps(table, name, steps, behind is not None)


def _whole(table: Table, name: str) -> FloatArray:
    column = numbers(table.columns[name])
    refuse_text(table, name, column)
    values = column.values
    whole = (values >= 0) & (values < LARGEST_STEP) & (values == np.floor(values))
    bad = np.flatnonzero(~np.isnan(values) & ~whole)
    if bad.size:
        raise DataError(
            f"{table.place(int(bad[0]))}: column '{name}' holds {values[bad[0]]:g} where a whole "
            "number of steps, 0 or more, is expected. Mend or delete the row."
        )
    return values


def _step_name(table: Table, notes: list[str]) -> str:
    name = names.step_column(table.columns)
    if name is None:
        raise DataError(
            f"{table.origin}: no column counts steps. Expected one named "
            f"{', '.join(names.STEP_NAMES)}; found {quoted(table.columns)}. "
            f"{_counting_otherwise(table)}"
        )
    other = _differing(table, name)
    if other is not None:
        notes.append(
            f"'{name}' and '{other}' differ; steps are read from '{other}', since the other may "
            "count calls of the logger."
        )
        return other
    if name == "_step":
        notes.append(
            "Steps are read from '_step', which counts W&B's log calls where these do not name "
            "their step; check that it counts optimiser steps."
        )
    elif name.strip().lower() != "step":
        notes.append(f"Steps are read from '{name}'; check that it counts optimiser steps.")
    return name


def _counting_otherwise(table: Table) -> str:
    """What to do where no column counts steps."""
    for name in table.columns:
        for word, what in _OTHER_COUNTERS:
            if re.search(word, name.lower()) and not _PER.search(name.lower()):
                how = f"divide it by the {what} of one optimiser step"
                if what == "epochs":
                    how = "multiply it by the optimiser steps of one epoch"
                return f"'{name}' counts {what}: {how}, and name it 'step'."
    return "Rename the column that counts optimiser steps to 'step'."


def _differing(table: Table, name: str) -> str | None:
    """A column that is called global_step and differs from the one called step."""
    if name.strip().lower() not in ("step", "steps"):
        return None
    mine = numbers(table.columns[name])
    for other in table.columns:
        if other != name and other.strip().lower() in _GLOBAL:
            theirs = numbers(table.columns[other])
            both = mine.said & theirs.said
            if both.any() and (mine.values[both] != theirs.values[both]).any():
                return other
    return None


def _behind_micro_batches(table: Table, name: str, values: FloatArray) -> int | None:
    """How far steps are behind LitGPT's 'iter', 0 or 1: then they count its micro-batches.

    None if they do not go with it, or the log is another's.
    """
    if "iter" not in table.columns:
        return None
    other = numbers(table.columns["iter"])
    both = other.said & ~np.isnan(values)
    behind = np.unique(other.values[both] - values[both])
    if int(both.sum()) < 2 or behind.size != 1:
        return None
    if behind[0] == 1 and name.strip().lower() == "step":
        return 1
    return 0 if behind[0] == 0 and LITGPT.marks <= set(table.columns) else None


# --- batches that count anew in each epoch -------------------------------------------------------


def _through_epochs(table: Table, name: str, steps: IntArray, notes: list[str]) -> IntArray:
    """Steps counted through where they begin anew each time that the epoch rises."""
    found = [column for column in table.columns if column.strip().lower() in _EPOCH]
    if not found:
        return steps
    epochs = numbers(table.columns[found[0]])
    known = epochs.said & (steps >= 0) & (epochs.values == np.floor(epochs.values))
    known &= np.abs(epochs.values) < LARGEST_STEP
    anew, through = _counting(table, steps, epochs, known)
    if not anew:
        return steps
    rows = known & np.logical_or.reduce([numbers(table.columns[each]).said for each in anew])
    top = int(steps[rows].max())
    length, why = _length(table, steps, epochs, known, through)
    if length <= top:
        gaps = np.diff(np.unique(steps[rows]))
        length = top + (int(np.median(gaps)) if gaps.size else 1)
        why = "the last batch and one logging interval, a guess"
    first = epochs.values[known].min()
    passed = (epochs.values[rows] - first).astype(np.int64)
    notes.append(
        f"'{name}' begins anew in each '{found[0]}': it is a batch index, not a restart. Steps "
        f"are counted through, {length} to an epoch ({why}). With gradient accumulation the study "
        "key micro_batches says how many batches are one optimiser step."
    )
    steps = steps.copy()
    steps[rows] += passed * length
    return steps


def _counting(
    table: Table, steps: IntArray, epochs: Column, known: BoolArray
) -> tuple[list[str], list[str]]:
    """The columns whose rows count anew in each epoch, and those whose rows count through."""
    anew: list[str] = []
    through: list[str] = []
    for name in table.columns:
        if names.is_never_loss(name) and name not in names.lr_columns([name]):
            continue
        rows = np.flatnonzero(numbers(table.columns[name]).said & known)
        back = np.diff(steps[rows]) <= 0
        rises = np.diff(epochs.values[rows]) > 0
        if not rises.any():
            continue
        if (back == rises).all():
            anew.append(name)
        elif not back.any():
            through.append(name)
    return anew, through


def _length(
    table: Table, steps: IntArray, epochs: Column, known: BoolArray, through: list[str]
) -> tuple[int, str]:
    """Steps of an epoch by a column that counts through, 0 if none tells."""
    for name in through:
        rows = np.flatnonzero(numbers(table.columns[name]).said & known)
        ends = [
            int(steps[rows][epochs.values[rows] == e].max()) for e in np.unique(epochs.values[rows])
        ]
        if len(ends) > 1 and len(set(np.diff(ends))) == 1:
            return ends[1] - ends[0], f"as '{name}' counts"
    return 0, ""


# --- other counters ----------------------------------------------------------------------------


def _check_counters(table: Table, name: str, steps: IntArray, notes: list[str]) -> None:
    """A note on counters that do not go with the steps."""
    for other in table.columns:
        low = other.lower()
        if other == name or not _COUNTERS.search(low) or _PER.search(low):
            continue
        column = numbers(table.columns[other])
        rows = np.flatnonzero(column.said & np.isfinite(column.values) & (steps >= 0))
        x, y = steps[rows].astype(float), column.values[rows]
        if np.unique(y).size < max(_FEW, rows.size / 2) or (np.diff(x) < 0).any():
            continue
        if (np.diff(y) < 0).any() or x[-1] == x[0]:
            continue
        bent = np.abs(y - np.interp(x, x[[0, -1]], y[[0, -1]])).max() / (y[-1] - y[0])
        if bent > _BENT:
            notes.append(
                f"Steps do not go with '{other}' ({bent:.0%} of its range apart): either the batch "
                f"changed its size, or '{name}' does not count optimiser steps."
            )
            return
