"""What a function of points gives, kept while the points are fitted again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

from cptlaw.laws.points import Points

Kept = TypeVar("Kept")


def once(make: Callable[[Points], Kept]) -> Callable[[Points], Kept]:
    """Keep what a function of points gives for as long as they live."""
    known: WeakKeyDictionary[Points, Kept] = WeakKeyDictionary()

    def look(x: Points) -> Kept:
        if x not in known:
            known[x] = make(x)
        return known[x]

    return look
