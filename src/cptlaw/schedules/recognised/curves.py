"""Curves through logged learning rates: which shape has the LRs of a stretch of points.

Every shape is a straight line in one function g of the step, with one number of its own: where
its vertex or pole lies, how long its wave is, how fast it decays. That number is found on a grid
and polished, the line by least squares.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from cptlaw.arrays import FloatArray

_GRID = 32  # values of a shape's own number at first
_ZOOM = 12
SAMPLE = 24  # points that a shape is fitted to; all of its stretch are compared afterwards

Basis = Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Points:
    """Logged learning rates.

    Args:
        x: steps, shape (n,), increasing.
        y: LR at each, shape (n,).
        tol: what each may be off by, shape (n,).
    """

    x: FloatArray
    y: FloatArray
    tol: FloatArray

    def cut(self, low: int, high: int) -> Points:
        """The points low..high-1."""
        return Points(self.x[low:high], self.y[low:high], self.tol[low:high])

    @functools.cached_property
    def is_exact(self) -> bool:
        """Whether the LRs were logged with all their digits."""
        return bool((self.tol <= 1e-6 * self.y.max()).all())

    @functools.cached_property
    def slack(self) -> float:
        """Steps by which exact curves may miss where they meet."""
        return 1e-2 if (self.tol <= 1e-7 * self.y.max()).all() else 0.3

    @functools.cached_property
    def few(self) -> Points:
        """At most so many of the points, from the first to the last."""
        if self.x.size <= SAMPLE:
            return self
        at = np.linspace(0, self.x.size - 1, SAMPLE).round().astype(np.int64)
        return Points(self.x[at], self.y[at], self.tol[at])


@dataclass(frozen=True)
class Curve:
    """A shape and its numbers: level + height g(x, own), with a second height for waves.

    Args:
        shape: its name in `SHAPES`, or "constant".
        own: the number of its own.
        level: constant part.
        heights: factors of its functions.
        misfit: largest distance from a point, in units of what that point may be off by.
        rss: squared distances in these units, of the points that it was fitted to.
        origin: the step from which its functions count.
    """

    shape: str
    own: float
    level: float
    heights: tuple[float, ...]
    misfit: float = math.inf
    rss: float = field(default=math.inf, repr=False)
    origin: float = 0.0

    def at(self, x: FloatArray) -> FloatArray:
        """LR at steps of any shape."""
        x = np.asarray(x, dtype=np.float64)
        if not self.heights:
            return np.full(x.shape, self.level)
        parts = SHAPES[self.shape].functions
        own = np.array([self.own])
        with np.errstate(all="ignore"):
            values = np.full(x.size, self.level)
            values += sum(
                height * g(x.reshape(-1) - self.origin, own)[0]
                for height, g in zip(self.heights, parts, strict=True)
            )
            values = np.exp(values) if SHAPES[self.shape].of_logs else values
            values = values**-0.5 if SHAPES[self.shape].of_squares else values
        return values.reshape(x.shape)


@dataclass(frozen=True)
class Shape:
    """A family of curves.

    Args:
        functions: g(x, own) of steps (m,) and own numbers (k,), shape (k, m).
        grid: points -> own numbers to begin with.
        numbers: how many numbers a curve of it has.
        of_logs: whether its line is that of log LR.
        of_squares: whether its line is that of 1/LR**2.
        side: -1 or 1 where its vertex lies before or after the points, 0 where it has none.
        apart: steps by which the vertex lies apart from them at least.
        bends: 1 if its curves are steep first where they bend, -1 if last, 0 if either.
    """

    functions: tuple[Basis, ...]
    grid: Callable[[FloatArray], FloatArray]
    numbers: int
    of_logs: bool = False
    of_squares: bool = False
    bends: int = 0
    side: int = 0
    apart: float = -1e-6


def _vertex(power: float, side: int) -> Shape:
    """|x - own|**power, its vertex or pole before (-1) or after (+1) the points."""

    def g(x: FloatArray, own: FloatArray) -> FloatArray:
        return np.maximum(side * (own[:, None] - x), 1e-300 if power < 0 else 0.0) ** power

    bends = side if power > 1 else -side
    apart = 0.5 if power < 0 else -1e-6
    return Shape((g,), functools.partial(_beside, side), 3, bends=bends, side=side, apart=apart)


def _beside(side: int, x: FloatArray) -> FloatArray:
    """Places before the first or after the last step, near ones first."""
    length = x[-1] - x[0]
    away = np.r_[0.0, np.geomspace(1e-4, 3e3, _GRID - 1)] * length
    away[0] = 0.0 if side > 0 else 1e-9
    return np.sort(x[-1] + away if side > 0 else x[0] - away)


def _lengths(x: FloatArray) -> FloatArray:
    return np.geomspace(0.9, 300.0, _GRID) * (x[-1] - x[0])


def _rates(x: FloatArray) -> FloatArray:
    rates = np.geomspace(1e-3, 60.0, _GRID // 2) / (x[-1] - x[0])
    return np.r_[-rates[::-1], rates]


def _none(x: FloatArray) -> FloatArray:
    return np.zeros(1)


def _line(x: FloatArray, own: FloatArray) -> FloatArray:
    return np.broadcast_to(x, (own.size, x.size))


def _decay(x: FloatArray, own: FloatArray) -> FloatArray:
    return np.exp(-own[:, None] * x)


def _log_after(x: FloatArray, own: FloatArray) -> FloatArray:
    return np.log(np.maximum(x - own[:, None], 1e-300))


SHAPES: dict[str, Shape] = {
    "line": Shape((_line,), _none, 2),
    "cosine": Shape(
        (
            lambda x, own: np.cos(np.pi * x / own[:, None]),
            lambda x, own: np.sin(np.pi * x / own[:, None]),
        ),
        _lengths,
        4,
    ),
    "inverse_sqrt": Shape((_line,), _none, 2, of_squares=True, bends=1),
    "geometric": Shape((_line,), _none, 2, of_logs=True),
    "sqrt": _vertex(0.5, -1),
    "root_up": _vertex(0.5, 1),
    "square_down": _vertex(2.0, 1),
    "square_up": _vertex(2.0, -1),
    "pole_before": _vertex(-1.0, -1),
    "pole_after": _vertex(-1.0, 1),
    "decay": Shape((_decay,), _rates, 3),
    "root_pole": _vertex(-0.5, -1),
    "log": Shape((_log_after,), functools.partial(_beside, -1), 3, bends=1),
    "by_step": Shape((_log_after,), _none, 2, of_logs=True, bends=1),
    "power_1.5": _vertex(1.5, 1),
    "power_2.5": _vertex(2.5, 1),
    "power_3": _vertex(3.0, 1),
    "power_4": _vertex(4.0, 1),
}


def constant_through(points: Points) -> int:
    """How many points from the first on one LR goes through."""
    low = np.maximum.accumulate(points.y - points.tol)
    high = np.minimum.accumulate(points.y + points.tol)
    fits = low <= high
    return int(fits.size if fits.all() else np.argmin(fits))


def constant(points: Points) -> Curve:
    """The LR in the middle of what goes through all points."""
    low, high = (points.y - points.tol).max(), (points.y + points.tol).min()
    level = float(points.y[0]) if (points.y == points.y[0]).all() else float(low + high) / 2
    return Curve("constant", 0.0, level, (), _misfit(np.full(points.y.size, level), points), 0.0)


def fitted(shape: str, points: Points) -> Curve | None:
    """The best curve of a shape; None where it cannot have these learning rates."""
    kind, few = SHAPES[shape], points.few
    if few.x.size < kind.numbers or kind.bends * _bend(few) < 0:
        return None
    seen, weights = _transformed(kind, few)
    if seen is None:
        return None
    origin = float(few.x[0]) if shape == "decay" else 0.0  # where its numbers stay of one size
    x = few.x - origin
    own = _best(kind, x, seen, weights)
    if shape == "decay" and abs(own) * float(np.median(np.diff(points.x))) > 1.0:
        return None  # over within a few points
    if kind.side and kind.side * (own - (few.x[-1] if kind.side > 0 else few.x[0])) < kind.apart:
        return None
    level, heights, rss = _solved(kind, x, seen, weights, np.array([own]))
    if not np.isfinite(rss[0]):
        return None
    numbers = float(level[0]), tuple(float(h[0]) for h in heights)
    curve = Curve(shape, own, *numbers, rss=float(rss[0]), origin=origin)
    return replace(curve, misfit=_misfit(curve.at(points.x), points))


def _bend(points: Points) -> int:
    """1 where the LR changes fast first and slowly last, -1 the other way, 0 on a line."""
    x, y, middle = points.x, points.y, points.x.size // 2
    share = (x[middle] - x[0]) / (x[-1] - x[0])
    off = (y[middle] - y[0]) - share * (y[-1] - y[0])
    if abs(off) <= 2 * points.tol.max():
        return 0
    return int(np.sign(off * (y[-1] - y[0])))


def _misfit(values: FloatArray, points: Points) -> float:
    off = np.abs(values - points.y) / points.tol
    return float(off.max()) if np.isfinite(off).all() else math.inf


def _transformed(kind: Shape, points: Points) -> tuple[FloatArray | None, FloatArray]:
    """What the line goes through, and the weight of each point."""
    y, tol = points.y, points.tol
    if not (kind.of_logs or kind.of_squares):
        return y, tol**-2
    if (y <= 0).any():
        return None, tol
    seen, slope = (np.log(y), 1 / y) if kind.of_logs else (y**-2, 2 * y**-3)
    return seen, (slope * tol) ** -2


def _best(kind: Shape, x: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """The shape's own number with the least squares: on a grid, closer and closer."""
    grid = kind.grid(x)
    if grid.size == 1:
        return float(grid[0])
    best = low = high = float(grid[0])
    for _ in range(4):
        rss = _solved(kind, x, y, weights, grid)[2]
        at = int(np.nanargmin(np.where(np.isfinite(rss), rss, math.inf)))
        low, high = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, grid.size - 1)])
        if high - low <= 1e-13 * max(abs(low), abs(high), 1.0):
            break
        best = float(grid[at])
        grid = np.linspace(low, high, _ZOOM)
    return _polished(kind, (x, y, weights), float(best), float(high - low) / _ZOOM)


def _polished(
    kind: Shape, data: tuple[FloatArray, FloatArray, FloatArray], own: float, step: float
) -> float:
    """Gauss-Newton on the shape's own number, the line solved for at each."""
    x, y, weights = data
    root = np.sqrt(weights)

    def residual(value: float) -> FloatArray:
        own = np.array([value])
        level, heights, _ = _solved(kind, x, y, weights, own)
        with np.errstate(all="ignore"):
            parts = (h[0] * g(x, own)[0] for h, g in zip(heights, kind.functions, strict=True))
            return (level[0] + sum(parts) - y) * root

    here = residual(own)
    for _ in range(6):
        h = max(abs(step) * 1e-3, 1e-8 * max(abs(own), 1.0))
        slope = (residual(own + h) - here) / h
        size = float(slope @ slope)
        if not (np.isfinite(size) and size > 0):
            break
        move = -float(slope @ here) / size
        there = residual(own + move)
        was, now = float(here @ here), float(there @ there)
        if not now < was:
            break
        own, here, step = own + move, there, move
        if now > 0.5 * was or now < 1e-6:  # as close as it gets, or as it need be
            break
    return own


def _solved(
    kind: Shape, x: FloatArray, y: FloatArray, weights: FloatArray, own: FloatArray
) -> tuple[FloatArray, list[FloatArray], FloatArray]:
    """Level and heights by weighted least squares for each own number (k,), and their squares."""
    share = weights / weights.sum()
    with np.errstate(all="ignore"):
        found = [g(x, own) for g in kind.functions]
        means = [(f * share).sum(axis=1) for f in found]
        parts = [f - m[:, None] for f, m in zip(found, means, strict=True)]
        middle = float((y * share).sum())
        rest = y - middle
        if len(parts) == 1:
            heights = [(parts[0] * rest * share).sum(axis=1) / (parts[0] ** 2 * share).sum(axis=1)]
        else:
            heights = _two(parts, rest, share)
        left = rest - sum(h[:, None] * p for h, p in zip(heights, parts, strict=True))
        level = middle - sum(h * m for h, m in zip(heights, means, strict=True))
        return np.asarray(level), heights, (left**2 * weights).sum(axis=1)


def _two(parts: list[FloatArray], rest: FloatArray, share: FloatArray) -> list[FloatArray]:
    (a, b) = parts
    aa, ab, bb = ((p * q * share).sum(axis=1) for p, q in ((a, a), (a, b), (b, b)))
    ay, by = (a * rest * share).sum(axis=1), (b * rest * share).sum(axis=1)
    whole = aa * bb - ab**2
    return [(ay * bb - by * ab) / whole, (by * aa - ay * ab) / whole]
