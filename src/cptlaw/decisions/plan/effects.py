"""What each knob does at the best recipe, and what is nearly as good."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.branches import Axis
from cptlaw.decisions.plan.samples import Samples
from cptlaw.decisions.plan.search import Search
from cptlaw.errors import DataError

FLAT = 0.002  # nats of the value, that count as no difference
_FLAT_COST = 0.01  # share of the cost
_SCANNED = 33  # values of one knob, the others as they are
_SCANS = 4  # at most


@dataclass(frozen=True)
class KnobEffect:
    """What one knob does at the best recipe.

    Args:
        name: of the knob.
        value: at the best recipe.
        low: lowest value that was allowed.
        high: highest value that was allowed.
        flat: lowest and highest value that is nearly as good, the other knobs left as they are.
        flat_free: the same if the other knobs may follow.
        rise: what the value rises by at `low` and at `high`, the other knobs left as they are;
            infinite where a limit is broken there.
        tried: values from `low` to `high`, shape (n,), the other knobs left as they are.
        above: by how much the aim's value is above the best one there, shape (n,); infinite where
            a limit is broken.
    """

    name: str
    value: float
    low: float
    high: float
    flat: tuple[float, float]
    flat_free: tuple[float, float]
    rise: tuple[float, float]
    tried: tuple[float, ...] = ()
    above: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.tried) != len(self.above):
            raise DataError(f"{self.name}: {len(self.tried)} values have {len(self.above)} effects")


def tolerance(aim: Aim, value: float) -> float:
    """A difference of the value that counts as none: 0.002 nats, or what is as much."""
    if aim.kind == "cheapest":
        return _FLAT_COST * abs(value)
    if aim.measure == "perplexity":
        return FLAT * abs(value)
    if aim.measure == "bits-per-byte":
        assert aim.bytes_per_token is not None
        return FLAT / math.log(2.0) / min(aim.bytes_per_token[role] for role in aim.weights)
    return FLAT


def effects(search: Search) -> tuple[KnobEffect, ...]:
    """What each axis of the best branch does, from its best place.

    A scan may come upon a better place; then it is done again from there.
    """
    found: tuple[KnobEffect, ...] = ()
    for _ in range(_SCANS):
        best = search.samples.where(np.array([0]))
        found = _scanned(search, *best.first)
        now = search.samples
        same = np.array_equal(now.shares[0], best.shares[0], equal_nan=True)
        if same and now.branch[0] == best.branch[0]:
            break
    return found


def _scanned(search: Search, branch: int, place: FloatArray) -> tuple[KnobEffect, ...]:
    """What each axis of a branch does, from a place."""
    judge = search.judge
    found: list[KnobEffect] = []
    best = float(search.samples.value[0])
    near = tolerance(judge.aim, best)
    scans: list[tuple[FloatArray, Samples]] = []
    for i in range(place.size):
        marks = np.unique(np.append(np.linspace(0.0, 1.0, _SCANNED), place[i]))
        rows = np.repeat(place[None], marks.size, axis=0)
        rows[:, i] = marks
        scans.append((marks, search.look(branch, rows)))
    samples = search.samples
    mine = samples.where((samples.branch == branch) & samples.kept)
    good = mine.where(mine.value <= best + near)
    for i, (axis, (marks, scan)) in enumerate(zip(judge.branches[branch].axes, scans, strict=True)):
        value = np.where(scan.kept, scan.value, np.inf)
        flat = _stretch(marks, value - best - near, float(place[i]))
        free = good.shares[:, i] if good.value.size else place[i : i + 1]
        wide = min(flat[0], float(free.min())), max(flat[1], float(free.max()))
        rise = float(value[0] - best), float(value[-1] - best)
        found.append(
            KnobEffect(
                name=axis.name,
                value=_value(axis, float(place[i])),
                low=axis.low,
                high=axis.high,
                flat=(_value(axis, flat[0]), _value(axis, flat[1])),
                flat_free=(_value(axis, wide[0]), _value(axis, wide[1])),
                rise=(max(rise[0], 0.0), max(rise[1], 0.0)),
                tried=tuple(axis.at(marks).tolist()),
                above=tuple((value - best).tolist()),
            )
        )
    return tuple(found)


def _value(axis: Axis, share: float) -> float:
    return float(axis.at(np.array([share]))[0])


def _stretch(x: FloatArray, over: FloatArray, at: float) -> tuple[float, float]:
    """Ends of the stretch about `at` where `over` is not above 0, straight between places."""
    middle = int(np.argmin(np.abs(x - at)))
    ends = [at, at]
    for side, step in ((0, -1), (1, 1)):
        i = middle
        while 0 <= i + step < x.size and over[i + step] <= 0:
            i += step
        ends[side] = float(x[i])
        if 0 <= i + step < x.size and np.isfinite(over[i + step]) and over[i] <= 0:
            share = -over[i] / (over[i + step] - over[i])
            ends[side] += float(share * (x[i + step] - x[i]))
    return min(ends[0], at), max(ends[1], at)
