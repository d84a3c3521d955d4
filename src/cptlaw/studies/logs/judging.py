"""Whether a column holds a loss in nats per token, judged by its values as well as by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.page import number
from cptlaw.studies.logs import names

HIGHEST = 15.0
"""Nats per token that a usual loss stays below: ln of a vocabulary is at most about 12.5."""

_FEW = 3
_LOOK = 64
_WHOLE = 6  # values that are all whole before they are taken for counts
_PERPLEXITY = 0.01  # relative distance to exp(loss)


@dataclass(frozen=True)
class Usable:
    """One column's values, shape (n,), and the rows, shape (m,), in which they can be used."""

    values: FloatArray
    rows: IntArray

    @property
    def used(self) -> FloatArray:
        """The values that can be used, shape (m,)."""
        return self.values if self.rows.size == self.values.size else self.values[self.rows]


@dataclass(frozen=True)
class Judgement:
    """What the values of the columns say.

    Args:
        no: why a column is no loss, by column.
        doubts: what is to be asked of a column that may be one, by column.
    """

    no: Mapping[str, str]
    doubts: Mapping[str, str]


def judge(columns: Mapping[str, Usable]) -> Judgement:
    """Judge columns that may be losses by their names.

    Args:
        columns: those with at least one finite value above 0.
    """
    most = max((c.rows.size for c in columns.values()), default=0)
    no: dict[str, str] = {}
    odd: dict[str, str] = {}
    for name, column in columns.items():
        others = {n: c for n, c in columns.items() if n != name and n not in no}
        why = _no_loss(name, column, most) or _perplexity(column, others)
        named = names.says_loss(name)
        strange = _strange(column.used)
        if why or (strange and not named):
            no[name] = why or strange
        elif strange:
            odd[name] = strange
    left = [name for name in columns if name not in no]
    named = [n for n in left if names.says_loss(n) and not names.is_training(n)]
    doubts: dict[str, str] = {}
    for name in left:
        if not names.says_loss(name) and (doubt := _unnamed(columns[name].used, bool(named))):
            doubts[name] = doubt
    return Judgement(no, odd | doubts if len(doubts) < len(left) else odd)


def _no_loss(name: str, column: Usable, most: int) -> str:
    if names.is_bits(name):
        return "in bits per byte, not in nats per token (see bytes_per_token of the study)"
    if column.rows.size == 1 and most >= _FEW and not names.says_where(name):
        return "one value only"
    return ""


def _perplexity(column: Usable, others: Mapping[str, Usable]) -> str:
    for name, other in others.items():
        both = column.rows
        if not np.array_equal(both, other.rows):
            both = np.intersect1d(both, other.rows, assume_unique=True)
        few = both[:: max(1, both.size // _LOOK)]  # most columns are told apart by some rows
        if both.size >= _FEW and all(_is_exp(column, other, rows) for rows in (few, both)):
            return f"the perplexity of '{name}'"
    return ""


def _is_exp(column: Usable, other: Usable, rows: IntArray) -> bool:
    """Whether the first column is exp(the other) in some rows, and the other no constant."""
    losses = other.values[rows]
    if losses.max() > 2 * HIGHEST or np.ptp(losses) == 0:
        return False
    expected = np.exp(losses)
    return bool((np.abs(column.values[rows] - expected) <= _PERPLEXITY * expected).all())


def _strange(values: FloatArray) -> str:
    """What is strange for a loss about values, shape (m,); "" if nothing is."""
    low, high = float(values.min()), float(values.max())
    if values.size >= _FEW and low == high:
        return f"{number(low, 6)} in every row"
    if high > HIGHEST and float(np.median(values)) > HIGHEST:
        return (
            f"values of {number(low, 6)} to {number(high, 6)}, above {number(HIGHEST, 6)} "
            "nats per token"
        )
    if values.size >= _WHOLE and all(map(_is_whole, (values[:_LOOK], values))):
        return "whole numbers only, as of a count"
    return ""


def _is_whole(values: FloatArray) -> bool:
    return bool((values == np.floor(values)).all())


def _unnamed(values: FloatArray, others_are_named: bool) -> str:
    if values.max() <= 1:
        return "between 0 and 1: an accuracy or a share?"
    return "its name does not say that it is a loss" if others_are_named else ""
