"""Which learning rates begin alike: sorted, so that each needs a look at its neighbours alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cmp_to_key

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.laws.areas import Stretch
from cptlaw.laws.compiled import recurrences

FIRST_LOOK = 64  # numbers that are compared before more are


def common(one: FloatArray, other: FloatArray) -> int:
    """How many numbers two arrays have in common from the first on."""
    if one is other:
        return one.size
    if (compiled := recurrences()) is not None:
        return compiled.common(np.ascontiguousarray(one), np.ascontiguousarray(other))
    size, seen, look = min(one.size, other.size), 0, FIRST_LOOK
    while seen < size:
        differ = one[seen : min(seen + look, size)] != other[seen : min(seen + look, size)]
        if differ.any():
            return seen + int(np.argmax(differ))
        seen, look = seen + look, 2 * look
    return size


def in_order(one: FloatArray, other: FloatArray, alike: int) -> int:
    """Below 0 if `one` comes first, above if `other`, for numbers that differ after `alike`."""
    if alike < min(one.size, other.size):
        return -1 if one[alike] < other[alike] else 1
    return one.size - other.size


def ordered(count: int, compare: Callable[[int, int], int]) -> list[int]:
    """Indices to `count` in the order of a comparison."""
    return sorted(range(count), key=cmp_to_key(compare))


def distinct(stretches: Sequence[Stretch]) -> tuple[list[Stretch], IntArray]:
    """Stretches of different arrays, and which of them each of the given ones is."""
    index: dict[tuple[int, float, int], int] = {}
    kept: list[Stretch] = []
    places = np.zeros(len(stretches), dtype=np.int64)
    for i, one in enumerate(stretches):
        places[i] = index.setdefault((id(one.lr), one.before, one.warmup), len(kept))
        if places[i] == len(kept):
            kept.append(one)
    return kept, places


def without_beginnings(stretches: Sequence[Stretch]) -> tuple[list[Stretch], IntArray]:
    """The stretches that no other begins with, and on which of them each of the given ones lies."""

    def compare(i: int, j: int) -> int:
        one, other = stretches[i], stretches[j]
        if one[1:] != other[1:]:
            return -1 if one[1:] < other[1:] else 1
        return in_order(one.lr, other.lr, common(one.lr, other.lr))

    def begins(i: int, j: int) -> bool:
        one, other = stretches[i], stretches[j]
        return one[1:] == other[1:] and common(one.lr, other.lr) == one.lr.size

    order = ordered(len(stretches), compare)
    kept: list[Stretch] = []
    places = np.zeros(len(stretches), dtype=np.int64)
    after: int | None = None
    for i in reversed(order):  # all that begin with a stretch come right after it
        if after is None or not begins(i, after):
            kept.append(stretches[i])
        places[i] = len(kept) - 1
        after = i
    return kept, places
