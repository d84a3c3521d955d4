"""The order of runs that go on from one another."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from cptlaw.errors import DataError


def bases_first(after: Mapping[str, str | None]) -> tuple[str, ...]:
    """All runs, each after the one it goes on from, and else in the order given.

    Args:
        after: name of a run -> the one of them that it goes on from, None for a root.

    Raises:
        DataError: runs that go on from one another in a cycle.
    """
    sorter = TopologicalSorter({name: _listed(base) for name, base in after.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        raise DataError(f"'after' runs in a cycle: {' -> '.join(_cycle(error, after))}.") from None
    place = {name: number for number, name in enumerate(after)}
    ready, ordered = [(place[name], name) for name in sorter.get_ready()], list[str]()
    heapq.heapify(ready)
    while ready:
        _, name = heapq.heappop(ready)
        ordered.append(name)
        sorter.done(name)
        for next_one in sorter.get_ready():
            heapq.heappush(ready, (place[next_one], next_one))
    return tuple(ordered)


def with_bases(names: Iterable[str], after: Mapping[str, str | None]) -> tuple[str, ...]:
    """Some runs and all that they go on from, each after the one it goes on from.

    Args:
        names: the runs wanted.
        after: name of a run -> the one it goes on from, None for a root.

    Raises:
        DataError: runs that go on from one another in a cycle.
    """
    wanted: set[str] = set()
    for name in names:
        at: str | None = name
        while at is not None and at not in wanted:
            wanted.add(at)
            at = after[at]
    return bases_first({name: base for name, base in after.items() if name in wanted})


def _listed(base: str | None) -> tuple[str, ...]:
    return () if base is None else (base,)


def _cycle(error: CycleError, after: Mapping[str, str | None]) -> list[str]:
    """The runs of a cycle, each before the one it goes on from, the first in the file twice."""
    found = set(error.args[1])
    first = next(name for name in after if name in found)
    ring, at = [first], after[first]
    while at is not None and at != first:
        ring.append(at)
        at = after[at]
    return [*ring, first]
