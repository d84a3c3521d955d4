"""Rows of named numbers, as W&B and Trackio log them, gathered one value at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cptlaw.arrays import IntArray
from cptlaw.studies.logs.cells import Column
from cptlaw.studies.logs.points import columns_of

_NESTED = "."  # as W&B itself joins the keys of nested tables
_MEDIA = f"{_NESTED}_type"
_DEEPEST = 5


@dataclass
class HistoryRows:
    """Rows that were logged one after the other.

    Args:
        names: of the columns, numbered in the order of their first use.
        which: column of each value.
        row: of each value.
        values: the numbers.
        count: how many rows there are.
        no_numbers: keys whose value is a text, a picture or the like.
    """

    names: dict[str, int] = field(default_factory=dict[str, int])
    which: array[int] = field(default_factory=lambda: array("q"))
    row: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    no_numbers: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, name: str, value: float) -> None:
        """A number of the row that is being read."""
        self.which.append(self.names.setdefault(name, len(self.names)))
        self.row.append(self.count)
        self.values.append(value)

    def add_value(self, key: str, value: Any) -> None:
        """A value as JSON has it: a number, one written as text, a nested table of them."""
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
            self.add(key, float(value))
            return
        numbers = list(_numbers({key: value}, "", _DEEPEST))
        for name, number in numbers:
            self.add(name, number)
        if not numbers and value is not None:
            self.no_numbers[key] = None

    def holds(self, name: str) -> bool:
        """Whether the row that is being read has a value of this name already."""
        number, at = self.names.get(name), len(self.row) - 1
        while at >= 0 and self.row[at] == self.count:
            if self.which[at] == number:
                return True
            at -= 1
        return False


@dataclass(frozen=True)
class Laid:
    """Rows as columns.

    Args:
        columns: cells by name, as many as there are rows.
        starts: the row at which each part starts, and their number, shape (parts + 1,).
        no_numbers: the keys that hold texts, pictures and the like.
    """

    columns: dict[str, Column]
    starts: IntArray
    no_numbers: list[str]


def laid_out(parts: Sequence[HistoryRows], given: str) -> Laid:
    """The columns of rows that were read in one or more parts, such as the files of one run.

    Args:
        parts: in their order; one row or more in all.
        given: the path, for the error.

    Raises:
        DataError: a table too large to hold.
    """
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    number = {name: i for i, name in enumerate(names)}
    starts = np.cumsum([0, *(part.count for part in parts)])
    which = [np.array([number[n] for n in part.names], dtype=np.int64) for part in parts]
    columns = columns_of(
        names,
        np.concatenate([w[np.array(p.which)] for w, p in zip(which, parts, strict=True)]),
        np.concatenate([np.array(p.row) + s for s, p in zip(starts[:-1], parts, strict=True)]),
        np.concatenate([np.array(part.values) for part in parts]),
        int(starts[-1]),
        given,
    )
    return Laid(columns, starts, _without_numbers(parts, names))


def _without_numbers(parts: Iterable[HistoryRows], names: Sequence[str]) -> list[str]:
    """The keys that hold texts, pictures and the like, these by their own name alone."""
    keys = dict.fromkeys(key for part in parts for key in part.no_numbers)
    media = [key.removesuffix(_MEDIA) for key in keys if key.endswith(_MEDIA)]
    inside = tuple(f"{name}{_NESTED}" for name in media)
    return [*media, *(key for key in keys if key not in names and not key.startswith(inside))]


def _numbers(table: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, float]]:
    if "_type" in table or not depth:  # a picture, a histogram
        return
    for key, value in table.items():
        name = f"{path}{key}"
        if isinstance(value, dict):
            yield from _numbers(value, f"{name}{_NESTED}", depth - 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                yield name, float(value)
