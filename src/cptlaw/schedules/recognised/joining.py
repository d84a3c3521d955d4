"""Stretches joined to a model: where one curve goes over into the next, and what they share."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cptlaw.schedules.recognised.curves import Curve, Points
from cptlaw.schedules.recognised.model import (
    KNOWS_BEGIN,
    KNOWS_END,
    Model,
    Natural,
    Piece,
    natural,
)
from cptlaw.schedules.recognised.splitting import Stretch

_STEPS = 1.6  # logging intervals by which the end of a curve may miss that of its stretch


@dataclass
class _Numbers:
    """The free numbers of a model in the making."""

    free: list[float] = field(default_factory=list[float])
    sorts: list[str] = field(default_factory=list[str])
    fixed: set[int] = field(default_factory=set[int])

    def add(self, value: float, sort: str, *, fixed: bool = False) -> int:
        self.free.append(float(value))
        self.sorts.append(sort)
        if fixed:
            self.fixed.add(len(self.free) - 1)
        return len(self.free) - 1


@dataclass(frozen=True)
class _Joint:
    """Where two stretches meet: the last step of the first, and whether the LR jumps there."""

    step: float
    jumps: bool


def joined(parts: Sequence[Stretch], points: Points) -> Model | None:
    """The model of stretches of one curve each; None where no segments have these curves."""
    parts = [half for part in parts for half in _half_waves(part, points)]
    known = [natural(part, points) for part in parts]
    natures = [each for each in known if each is not None]
    if len(natures) < len(parts):
        return None
    joints = [_joint(i, parts, natures, points) for i in range(len(parts) - 1)]
    numbers = _Numbers()
    first = _first(parts[0].curve, natures[0], numbers, points)
    cuts = [numbers.add(j.step, "step", fixed=j.jumps) for j in joints]
    cuts.append(numbers.add(float(points.x[-1]), "step", fixed=True))
    pieces: list[Piece] = []
    for i, part in enumerate(parts):
        ends = (first if i == 0 else cuts[i - 1], cuts[i])
        jumps = (i > 0 and joints[i - 1].jumps, i < len(joints) and joints[i].jumps)
        pieces.append(_piece(part, natures[i], ends, jumps, numbers, points))
    return Model(
        tuple(pieces),
        tuple(cuts),
        first,
        tuple(numbers.free),
        tuple(numbers.sorts),
        frozenset(numbers.fixed),
    )


def _half_waves(part: Stretch, points: Points) -> list[Stretch]:
    """A stretch of several half waves of one cosine, each by itself."""
    x = points.x[part.low : part.high]
    half = part.curve.own
    if part.curve.shape != "cosine" or x[-1] - x[0] <= 1.02 * half:
        return [part]
    a, b = part.curve.heights
    turn = half / math.pi * math.atan2(b, a)
    waves = np.ceil((x - turn) / half - 1e-9)
    edges = [0, *(np.flatnonzero(np.diff(waves)) + 1).tolist(), x.size]
    return [
        Stretch(part.low + low, part.low + high, part.curve)
        for low, high in itertools.pairwise(edges)
    ]


def _first(curve: Curve, nature: Natural, numbers: _Numbers, points: Points) -> int:
    """Where the first piece begins: the run's start, or where its curve leaves 0."""
    if not math.isnan(nature.begin):
        if 0.5 < nature.begin < points.x[0]:
            return numbers.add(nature.begin, "step")
    elif nature.kind not in ("constant", "by_step"):
        ends = np.array([0.0, float(points.x[0])])
        zero, there = curve.at(ends)
        slope = (there - zero) / points.x[0]
        if slope > 0 and zero < -points.tol[0] - 0.1 * slope:
            nothing = Curve("constant", 0.0, 0.0, ())
            return numbers.add(_root(curve, nothing, 0.0, float(points.x[0])), "step")
    return numbers.add(0.0, "step", fixed=True)


def _piece(
    part: Stretch,
    nature: Natural,
    ends: tuple[int, int],
    jumps: tuple[bool, bool],
    numbers: _Numbers,
    points: Points,
) -> Piece:
    """A piece between two steps, at which the LR may jump."""
    free = jumps[0] or part.low == 0
    curve, kind = part.curve, nature.kind
    low, high = numbers.free[ends[0]], numbers.free[ends[1]]
    if kind == "constant":
        return Piece(kind, start=numbers.add(curve.level, "lr") if free else None)
    near = points.slack if points.is_exact else _STEPS * _interval(points, part)
    begin_at, begin, is_zero = low, None, False
    if kind in KNOWS_BEGIN:
        begin_at = nature.begin
        if abs(begin_at - low) > (points.slack if jumps[0] else near):
            begin, free = numbers.add(begin_at, "step"), True
        else:
            begin_at = low
    end_at, end = high, None
    if kind == "rex":
        nature = Natural("rex", end=0.9 * nature.more + 0.1 * begin_at)
    if kind == "decay":
        half = begin_at + math.log(2.0) / nature.more
        ahead = 2.5 * _interval(points, part) if part.high == points.x.size else near
        if -near <= half - high <= ahead:
            kind, nature = "half", Natural("half", end=half)
    if kind in KNOWS_END:
        end_at = nature.end
        is_last = part.high == points.x.size
        if is_last or abs(end_at - high) > (points.slack if jumps[1] else near):
            end = numbers.add(end_at, "step")
        else:
            end_at = high
    elif part.high == points.x.size and kind not in ("inverse", "by_step", "inverse_sqrt"):
        end, end_at, is_zero = _open_end(curve, numbers, points)
    offset = 1.0 if kind == "log" else 0.0
    lrs = np.maximum(curve.at(np.array([begin_at + offset, end_at])), 0.0)
    if not np.isfinite(lrs).all():
        lrs = np.nan_to_num(lrs)
    start = numbers.add(float(lrs[0]), "lr") if free else None
    last = _zero(numbers) if is_zero else numbers.add(float(lrs[1]), "lr")
    more = None
    if kind == "inverse_sqrt":
        return Piece(kind, start=start, last=_zero(numbers), more=_add(numbers, nature, begin_at))
    if kind == "inverse":
        limit = numbers.add(max(nature.limit, 0.0), "lr")
        where = numbers.add(begin_at - nature.more, "other")
        return Piece(kind, start=start, last=limit, more=where, power=nature.power)
    if kind in ("by_step", "decay"):
        more = numbers.add(nature.more, "other")
        last = _zero(numbers) if kind == "by_step" else last
    return Piece(kind, begin, end, start, last, more, nature.power)


def _zero(numbers: _Numbers) -> int:
    return numbers.add(0.0, "lr", fixed=True)


def _add(numbers: _Numbers, nature: Natural, begin: float) -> int:
    return numbers.add(begin - nature.more, "other")


def _open_end(curve: Curve, numbers: _Numbers, points: Points) -> tuple[int | None, float, bool]:
    """Where the last stretch ends, if its curve does not say: at 0, at a short LR, at the log's.

    Returns:
        index of the step, the step, and whether the LR is 0 there.
    """
    last = float(points.x[-1])
    beyond = last + 2.0 * float(np.median(np.diff(points.x))) if points.x.size > 1 else last
    ahead = np.arange(last, math.floor(beyond) + 1.0)[:400]
    lrs = curve.at(ahead)
    below = np.flatnonzero(lrs <= points.tol[-1])
    if lrs[0] > points.tol[-1] and below.size:
        b = int(below[0])
        slope = lrs[b] - lrs[b - 1]
        zero = float(ahead[b - 1] - lrs[b - 1] / slope)
        return numbers.add(zero, "step"), zero, True
    lrs = lrs[: int(np.argmax(lrs < 0))] if (lrs < 0).any() else lrs
    if lrs.size < 2:
        return None, last, False
    digits = [_digits(lr) for lr in lrs.tolist()]
    best = min(range(len(digits)), key=lambda i: (digits[i], -_zeros(ahead[i]), i))
    if digits[best] <= 4 and digits[best] < digits[0] - 1:
        return numbers.add(float(ahead[best]), "step", fixed=True), float(ahead[best]), False
    return None, last, False


def _digits(lr: float) -> int:
    """How many digits say an LR to a relative 1e-7."""
    return next((d for d in range(1, 9) if abs(float(f"{lr:.{d}g}") - lr) <= 1e-7 * abs(lr)), 9)


def _zeros(step: float) -> int:
    """How round a step is: the zeros at its end."""
    text = str(round(step))
    return len(text) - len(text.rstrip("0"))


def _interval(points: Points, part: Stretch) -> float:
    """Steps between two logged points about the begin of a stretch."""
    near = points.x[max(part.low - 2, 0) : part.low + 3]
    return max(float(np.diff(near).max()) if near.size > 1 else 1.0, 1.0)


# --- joints ----------------------------------------------------------------------------------


def _joint(i: int, parts: Sequence[Stretch], natures: Sequence[Natural], points: Points) -> _Joint:
    """Where stretch i ends; exact curves that meet between two steps each keep their numbers."""
    found = _meeting(i, parts, natures, points)
    is_between = abs(found.step - round(found.step)) > points.slack
    if points.is_exact and is_between and not found.jumps:
        return _Joint(math.floor(found.step), jumps=True)
    return found


def _meeting(
    i: int, parts: Sequence[Stretch], natures: Sequence[Natural], points: Points
) -> _Joint:
    """Where stretch i ends and the next one begins."""
    left, right = parts[i], parts[i + 1]
    low, high = float(points.x[left.high - 1]), float(points.x[right.low])
    floor, ceiling = float(points.x[left.low]), float(points.x[min(right.low + 2, right.high - 1)])
    tol = 6.0 * float(points.tol[max(left.high - 2, 0) : right.low + 2].max())
    for step in (natures[i + 1].begin, natures[i].end):
        if floor <= step <= ceiling:
            there = np.array([step])
            gap = abs(float(left.curve.at(there)[0] - right.curve.at(there)[0]))
            if gap <= tol + abs(_slope(left.curve, right.curve, step)):
                return _Joint(step, jumps=False)
    step = _crossing(left, right, points)
    if step is not None:
        return _Joint(step, jumps=False)
    begin = natures[i + 1].begin
    if low - 1.5 <= begin <= high + 0.5:
        if begin % 1 > 1e-4 and begin % 1 < 1 - 1e-4:
            return _Joint(min(max(math.floor(begin), low), high - 1), jumps=True)
        return _Joint(min(max(round(begin), low), high - 1), jumps=True)
    end = natures[i].end
    if low - 0.5 <= end <= high + 0.5:
        return _Joint(min(max(round(end), low), high - 1), jumps=True)
    return _Joint(roundest(low, high - 1), jumps=True)


def _slope(left: Curve, right: Curve, step: float) -> float:
    """By how much the two curves' distance changes in a tenth of a step."""
    near = np.array([step - 0.05, step + 0.05])
    gaps = np.nan_to_num(left.at(near) - right.at(near))
    return float(abs(gaps[1] - gaps[0]))


def _crossing(left: Stretch, right: Stretch, points: Points) -> float | None:
    """The step nearest to the gap between two stretches at which their curves meet."""
    low, high = float(points.x[left.high - 1]), float(points.x[right.low])
    width = max(high - low, 1.0)
    reach = 0.35 * (float(points.x[right.high - 1]) - float(points.x[left.low]))
    slack = min(max(1.5 * width, 0.03 * reach), reach) if reach > width else 0.75 * width
    grid = np.linspace(low - slack, high + 0.5 * width, 65)
    gaps = left.curve.at(grid) - right.curve.at(grid)
    turns = np.flatnonzero(np.isfinite(gaps[:-1] * gaps[1:]) & (gaps[:-1] * gaps[1:] <= 0))
    if not turns.size:
        return None
    spots = [_root(left.curve, right.curve, grid[t], grid[t + 1]) for t in turns.tolist()]
    fitting = [spot for spot in spots if _goes_over(left, right, points, spot)]
    middle = (low + high) / 2
    return min(fitting, key=lambda spot: abs(spot - middle), default=None)


def _goes_over(left: Stretch, right: Stretch, points: Points, spot: float) -> bool:
    """Whether the points between a step and the gap are on the curve that they would belong to."""
    for part, other, beyond in ((left, right, 1), (right, left, -1)):
        own = points.cut(part.low, part.high)
        moved = beyond * (own.x - spot) > 0
        if moved.any():
            off = np.abs(other.curve.at(own.x[moved]) - own.y[moved]) / own.tol[moved]
            if not off.max() <= 4.0:
                return False
    return True


def _root(left: Curve, right: Curve, low: float, high: float) -> float:
    """Where two curves meet, by halves and lines."""
    ends = np.array([low, high])
    a, b = (left.at(ends) - right.at(ends)).tolist()
    if a == 0 or b == 0:
        return low if a == 0 else high
    for _ in range(60):
        spot = low - a * (high - low) / (b - a) if b != a else (low + high) / 2
        spot = spot if low < spot < high else (low + high) / 2
        here = float((left.at(np.array([spot])) - right.at(np.array([spot])))[0])
        if here == 0 or high - low < 1e-9 * max(abs(spot), 1.0):
            return spot
        if (here < 0) == (a < 0):
            low, a, b = spot, here, b / 2
        else:
            high, b, a = spot, here, a / 2
    return (low + high) / 2


def roundest(low: float, high: float) -> float:
    """The roundest whole number from low to high, the middle one of several."""
    unit = 10 ** math.floor(math.log10(max(high, 1.0)))
    while unit > 1:
        for size in (unit, unit // 2):
            least = math.ceil(low / size) * size
            if least <= high:
                found = [least + i * size for i in range(int((high - least) // size) + 1)]
                return float(found[len(found) // 2])
        unit //= 10
    return float(math.floor((low + high) / 2))
