"""CPU time of several ways to the same end, measured by turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

Progress = Callable[[str], None]
Made = TypeVar("Made")


def by_turns(
    rounds: int, anew: Callable[[], Made], calls: Mapping[str, Callable[[Made], Any]]
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """CPU seconds of each call in every round, and what each gave at last.

    Args:
        rounds: how often each is timed, one after the other.
        anew: makes what each call is given, outside of its time, so that no call finds worked out
            what another has kept.
        calls: name -> what is timed.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    given: dict[str, Any] = {}
    for _ in range(rounds):
        for name, call in calls.items():
            made = anew()
            began = time.process_time()
            given[name] = call(made)
            taken[name].append(time.process_time() - began)
    return taken, given


def median(seconds: list[float]) -> float:
    """The median."""
    return float(np.median(seconds))


def ratio(theirs: list[float], ours: list[float]) -> float:
    """The median over the rounds of one time over the other."""
    return float(np.median([a / b for a, b in zip(theirs, ours, strict=True)]))
