"""Stretches of logged learning rates as one schedule with free numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.schedules.recognised.curves import Curve, Points
from cptlaw.schedules.recognised.splitting import Stretch
from cptlaw.schedules.segment import Segment

KNOWS_BEGIN = ("cosine", "sqrt", "curve", "log")
KNOWS_END = ("cosine", "power", "rex", "half")


@dataclass(frozen=True)
class Piece:
    """One stretch of the schedule; each number is that of an index in `Model.free`.

    Args:
        kind: of the segment; "half" is an exponential of ratio .5.
        begin: where its shape begins; None for where the piece before ends.
        end: where its shape ends; None for where the piece ends.
        start: LR at `begin`; None for that of the piece before.
        last: LR at `end`; None for that at `begin`.
        more: power or time scale or rate, where it has one that is not known.
        power: where it is known.
    """

    kind: str
    begin: int | None = None
    end: int | None = None
    start: int | None = None
    last: int | None = None
    more: int | None = None
    power: float = 1.0


@dataclass(frozen=True)
class Model:
    """A schedule with free numbers.

    Args:
        pieces: in order.
        cuts: index of the step at which each piece ends; the last one is the last logged step.
        first: index of the step at which the first piece begins.
        free: the numbers.
        sorts: "step", "lr" or "other", of each number.
        fixed: which numbers stay as they are.
    """

    pieces: tuple[Piece, ...]
    cuts: tuple[int, ...]
    first: int
    free: tuple[float, ...]
    sorts: tuple[str, ...]
    fixed: frozenset[int] = field(default_factory=frozenset[int])

    def with_free(self, values: Sequence[float] | FloatArray) -> Model:
        """The same model with other numbers."""
        return replace(self, free=tuple(float(v) for v in values))

    def shapes(self, free: FloatArray | None = None) -> list[Shaped]:
        """The pieces with their numbers put in."""
        numbers = np.array(self.free) if free is None else free
        found: list[Shaped] = []
        at, lr = float(numbers[self.first]), 0.0
        for piece, cut in zip(self.pieces, self.cuts, strict=True):
            upto = float(numbers[cut])
            begin = at if piece.begin is None else float(numbers[piece.begin])
            end = upto if piece.end is None else float(numbers[piece.end])
            start = lr if piece.start is None else float(numbers[piece.start])
            last = start if piece.last is None else float(numbers[piece.last])
            more = 0.0 if piece.more is None else float(numbers[piece.more])
            shaped = Shaped(piece, at, upto, begin, end, start, last, more)
            found.append(shaped)
            at, lr = upto, float(shaped.lr(np.array([upto]))[0])
        return found

    def lr(self, x: FloatArray, free: FloatArray | None = None) -> FloatArray:
        """LR at steps, shape of x."""
        shapes = self.shapes(free)
        owner = np.searchsorted([s.upto for s in shapes[:-1]], x)
        values = np.empty(x.shape)
        edges = np.searchsorted(owner, np.arange(len(shapes) + 1))
        for i, shaped in enumerate(shapes):
            values[edges[i] : edges[i + 1]] = shaped.lr(x[edges[i] : edges[i + 1]])
        return values


@dataclass(frozen=True)
class Shaped:
    """A piece with its numbers: the steps after `at` up to `upto`."""

    piece: Piece
    at: float
    upto: float
    begin: float
    end: float
    start: float
    last: float
    more: float

    def lr(self, x: FloatArray) -> FloatArray:
        """LR at steps, shape of x."""
        if self.piece.kind == "constant":
            return np.full(x.shape, self.start)
        k, n = x - self.begin, self.end - self.begin
        with np.errstate(all="ignore"):
            share = _SHARES[self.piece.kind](k, n, self)
            return self.start + (self.last - self.start) * share

    def segment(self) -> Segment | None:
        """The segment with these LRs; None where it has no step."""
        count = round(self.upto) - round(self.at)
        if count < 1:
            return None
        if self.piece.kind == "constant":
            return Segment("constant", count, self.start, self.start)
        first = _whole(self.at + 1.0 - self.begin)
        length = _whole(self.end - self.begin)
        kind, more = _NAMES.get(self.piece.kind, self.piece.kind), self._numbers()
        start = max(self.start, 0.0)  # rounded logs leave a little below 0
        last = start if kind == "inverse_sqrt" else max(self.last, 0.0)
        length = max(length, first - 1.0 + count) if kind in _LIMITS else length
        until = None if first == 1.0 and count == length else count
        if kind == "linear" and last >= start:
            kind = "warmup"
        made: dict[str, Any] = {"until": until, "first": first, **more}
        return Segment(kind, length, start, last, **made)

    def _numbers(self) -> dict[str, float]:
        kind, more = self.piece.kind, self.more
        if kind in ("power", "curve"):
            return {"power": more or self.piece.power}
        if kind == "rex":
            return {"ratio": 0.1}
        if kind == "half":
            return {"ratio": 0.5}
        if kind == "decay":
            return {"ratio": math.exp(-more * (self.end - self.begin))}
        if kind == "inverse_sqrt":
            return {"timescale": more}
        if kind == "inverse":
            return {"timescale": more, "power": self.piece.power}
        if kind == "by_step":
            return {"timescale": self.begin, "power": more}
        return {}


_NAMES = {"half": "exponential", "decay": "exponential", "by_step": "inverse"}
_LIMITS = ("inverse", "inverse_sqrt")


def _whole(value: float) -> float:
    return float(round(value)) if abs(value - round(value)) < 1e-9 else value


def _clip(k: FloatArray, n: float) -> FloatArray:
    return np.clip(k / n, 0.0, 1.0)


def _power(k: FloatArray, n: float, s: Shaped) -> FloatArray:
    return 1.0 - (1.0 - _clip(k, n)) ** (s.more or s.piece.power)


def _rex(k: FloatArray, n: float, s: Shaped) -> FloatArray:
    left = 1.0 - _clip(k, n)
    return 1.0 - left / (0.1 + 0.9 * left)


def _level(k: FloatArray, n: float, s: Shaped) -> FloatArray:
    return ((s.last / s.start) ** (k / n) - 1.0) / (s.last / s.start - 1.0)


_SHARES: dict[str, Callable[[FloatArray, float, Shaped], FloatArray]] = {
    "linear": lambda k, n, s: k / n,
    "cosine": lambda k, n, s: 0.5 - 0.5 * np.cos(np.pi * k / n),
    "sqrt": lambda k, n, s: np.sqrt(np.maximum(k / n, 0.0)),
    "curve": lambda k, n, s: np.maximum(k / n, 0.0) ** (s.more or s.piece.power),
    "power": _power,
    "rex": _rex,
    "exponential": _level,
    "half": lambda k, n, s: 2.0 * (1.0 - 0.5 ** (k / n)),
    "decay": lambda k, n, s: (1.0 - np.exp(-s.more * k)) / (1.0 - np.exp(-s.more * n)),
    "log": lambda k, n, s: np.log(np.maximum(k, 1e-9)) / np.log(n),
    "inverse": lambda k, n, s: 1.0 - (1.0 + k / s.more) ** -s.piece.power,
    "by_step": lambda k, n, s: 1.0 - (1.0 + k / s.begin) ** -s.more,
    "inverse_sqrt": lambda k, n, s: 1.0 - (1.0 + k / s.more) ** -0.5,
}


# --- from stretches --------------------------------------------------------------------------


@dataclass(frozen=True)
class Natural:
    """A stretch's curve in the words of segments; NaN for what the curve does not say.

    Args:
        kind: of the piece.
        begin: where the shape begins.
        end: where it ends.
        limit: LR that an inverse comes near to.
        more: power or rate or place of a pole.
        power: where it is known.
    """

    kind: str
    begin: float = math.nan
    end: float = math.nan
    limit: float = 0.0
    more: float = 0.0
    power: float = 1.0


_POWERS = {
    "root_up": 0.5,
    "square_down": 2.0,
    "power_1.5": 1.5,
    "power_2.5": 2.5,
    "power_3": 3.0,
    "power_4": 4.0,
}


def natural(stretch: Stretch, points: Points) -> Natural | None:
    """The curve of a stretch in the words of segments; None where no segment has it."""
    curve, shape = stretch.curve, stretch.curve.shape
    if shape in ("constant", "line"):
        return Natural("constant" if shape == "constant" else "linear")
    if shape == "cosine":
        return _wave(curve, points.cut(stretch.low, stretch.high))
    if shape in _POWERS:
        return Natural("power", end=curve.own, power=_POWERS[shape])
    if shape == "geometric":
        return Natural("exponential")
    if shape == "decay":
        return Natural("decay", more=curve.own) if curve.own > 0 else None
    if shape == "pole_after":
        return Natural("rex", more=curve.own)
    if shape in ("pole_before", "root_pole"):
        power = 1.0 if shape == "pole_before" else 0.5
        return Natural("inverse", limit=curve.level, more=curve.own, power=power)
    if shape == "inverse_sqrt":
        return Natural("inverse_sqrt", more=-curve.level / curve.heights[0])
    if shape == "by_step":
        slope = curve.heights[0]
        return Natural("by_step", more=-slope) if slope < 0 else Natural("curve", 0.0, power=slope)
    kind, power = {"sqrt": ("sqrt", 1.0), "square_up": ("curve", 2.0), "log": ("log", 1.0)}[shape]
    return Natural(kind, begin=curve.own, power=power)


def _wave(curve: Curve, points: Points) -> Natural:
    """The half wave that a stretch lies in."""
    a, b = curve.heights
    top = curve.own / math.pi * math.atan2(b, a)
    middle = float(points.x[0] + points.x[-1]) / 2
    begin = top + curve.own * math.floor((middle - top) / curve.own)
    return Natural("cosine", begin=begin, end=begin + curve.own)
