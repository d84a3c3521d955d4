"""Every choice of what is listed, and what varies within ranges in each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.knobs import DROP, KNOBS, Family, Knobs
from cptlaw.errors import DataError

_MOST = 5000  # branches


@dataclass(frozen=True)
class Axis:
    """One number of a recipe that varies within a range.

    Args:
        name: of the knob; "drop1", "drop2", ... of a free schedule.
        low: lowest value.
        high: highest value.
        is_log: whether it moves by factors.
    """

    name: str
    low: float
    high: float
    is_log: bool = False

    def at(self, share: FloatArray) -> FloatArray:
        """The values at shares 0 to 1 of the way, to four digits between the ends, shape (n,)."""
        if self.is_log:
            exact = np.exp(np.log(self.low) + share * np.log(self.high / self.low))
        else:
            exact = self.low + share * (self.high - self.low)
        digits = 3 - np.floor(np.log10(np.maximum(np.abs(exact), 1e-4 * (self.high - self.low))))
        whole = np.round(exact * 10.0**digits) / 10.0**digits
        inside = np.clip(whole, self.low, self.high)
        if self.name in KNOBS and KNOBS[self.name].is_whole:
            inside = np.round(inside)
        return np.where(share <= 0, self.low, np.where(share >= 1, self.high, inside))


@dataclass(frozen=True)
class Branch:
    """Knobs of one choice of all that is listed: what is left are axes.

    Args:
        start: which of the starts.
        family: of the schedule.
        decay_shape: of a WSD.
        fixed: knob -> value.
        axes: what varies.
    """

    start: int
    family: Family
    decay_shape: str
    fixed: tuple[tuple[str, float], ...]
    axes: tuple[Axis, ...]


def branches(knobs: Knobs, starts: Sequence[object]) -> tuple[Branch, ...]:
    """Every choice of what is listed.

    Raises:
        DataError: more choices than can be looked at.
    """
    found: list[Branch] = []
    for family, shape in _kinds(knobs):
        used = _used(family, shape)
        given = {n: v for n in used if (v := knobs.numbers(n)) is not None}
        listed = [(n, v.values) for n, v in given.items() if not v.is_range]
        axes = [Axis(n, *v.values, is_log=KNOBS[n].is_log) for n, v in given.items() if v.is_range]
        if family == "free":
            axes += [Axis(f"{DROP}{i + 1}", 0.0, 1.0) for i in range(knobs.knots)]
        size = len(starts) * math.prod(len(v) for _, v in listed)
        if len(found) + size > _MOST:
            raise DataError(
                f"more than {_MOST} combinations of listed values; give ranges (low..high) "
                "or shorter lists."
            )
        for start, values in itertools.product(
            range(len(starts)), itertools.product(*[v for _, v in listed])
        ):
            fixed = tuple(zip([n for n, _ in listed], values, strict=True))
            found.append(Branch(start, family, shape, fixed, tuple(axes)))
    return tuple(found)


def _kinds(knobs: Knobs) -> Iterator[tuple[Family, str]]:
    """Families with their decay shapes, "" for one that has none."""
    for family in knobs.families:
        shapes = knobs.decay_shape if family in KNOBS["decay_shape"].families else ("",)
        for shape in shapes:
            yield family, shape


def _used(family: Family, shape: str) -> list[str]:
    """The knobs of a kind that are numbers, those of its shape before the others."""
    used = [n for n, knob in KNOBS.items() if family in knob.families and not knob.choices]
    return [name for name in used if name != "power" or shape in ("", "power")]
