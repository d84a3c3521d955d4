"""Logged learning rates cut where one curve ends and the next begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cptlaw.schedules.recognised import curves
from cptlaw.schedules.recognised.curves import SHAPES, Curve, Points

MOST = 24  # stretches; a log with more is not recognised
_USUAL = (
    *("inverse_sqrt", "geometric", "by_step", "sqrt", "square_down", "square_up", "root_up"),
    *("pole_before", "pole_after", "root_pole", "decay", "log", "cosine"),
)
_RARE = ("power_1.5", "power_2.5", "power_3", "power_4")
_MOST_FITS = 500
_SLACK = 2.0  # least squares leave some points further off than the closest curve would
_CLEARLY = 2  # points by which a richer curve must go further than a line


@dataclass(frozen=True)
class Stretch:
    """Points low..high-1 and the curve through them."""

    low: int
    high: int
    curve: Curve


def stretches(points: Points, *, bent: bool = True) -> list[Stretch] | None:
    """The points as stretches of one curve each, as few as are found; None if they are too many.

    Args:
        points: logged.
        bent: whether to look for more than constants and straight lines.
    """
    found: list[Stretch] = []
    at, size, fit = 0, points.x.size, _Fits()
    while at < size:
        if len(found) == MOST:
            return None
        try:
            stretch = _longest(fit, points, at, bent=bent)
        except _TooMany:
            return None
        if stretch is None:
            return None
        found.append(stretch)
        at = stretch.high
    return _first_alone(found, points)


def _first_alone(found: list[Stretch], points: Points) -> list[Stretch]:
    """A first point from which the LR falls by itself, where the next curve has the second too."""
    if len(found) < 2 or found[0].high != 2 or found[0].curve.shape != "line":
        return found
    x, (y, there) = points.x[0], points.y[:2]
    begin = found[1].curve.at(points.x[1:2])[0]
    if not 0 < there < y or x < 2 or not abs(begin - there) <= _SLACK * points.tol[1]:
        return found
    rising = Stretch(0, 1, Curve("line", 0.0, 0.0, (float(y / x),), 0.0))
    return [rising, replace(found[1], low=1), *found[2:]]


class _TooMany(Exception):
    """More curves were fitted than a log is worth."""


class _Fits:
    """`curves.fitted`, so many times at most."""

    def __init__(self) -> None:
        self.left = _MOST_FITS

    def __call__(self, name: str, points: Points) -> Curve | None:
        self.left -= 1
        if self.left < 0:
            raise _TooMany
        return curves.fitted(name, points)


def _longest(fit: _Fits, points: Points, at: int, *, bent: bool) -> Stretch | None:
    """The curve that goes furthest from a point on; of several the simplest."""
    rest = points.cut(at, points.x.size)
    size = rest.x.size
    flat = curves.constant_through(rest)
    straight, line = _reach(fit, "line", rest)
    best = Stretch(at, at + flat, curves.constant(rest.cut(0, flat)))
    if line is not None and straight > max(flat, 2) + (flat > 2):
        best = Stretch(at, at + straight, line)
    elif at == 0 and flat == 1 and (rising := _from_nothing(rest)) is not None:
        best = rising
    simple = best.high - at
    if bent and simple < size:
        least = simple + max(_CLEARLY, simple // 3) + 1
        richer = _whole(fit, rest, least, _USUAL) or _whole(fit, rest, least, _RARE)
        richer = richer or _richer(fit, rest, least)
        if richer is not None:
            return Stretch(at, at + richer[0], richer[1])
    is_flat, is_edge = best.curve.shape == "constant", at == 0 or simple == size
    if simple >= 3 or (is_flat and simple == 2) or best.curve.shape == "line":
        return best
    if is_edge and size >= 2:
        count = min(max(straight, 2), size)
        line = fit("line", rest.cut(0, count))
        return None if line is None else Stretch(at, at + count, line)
    return best if is_edge else None


def _from_nothing(rest: Points) -> Stretch | None:
    """One or two points at the very start on a line from 0 that rises: a short warm-up."""
    x, y = rest.x, rest.y
    if x.size < 3 or not 0 < y[0] < y[1]:
        return None
    for zero in (0.0, 1.0):
        slope = y[0] / max(x[0] - zero, 1e-9)
        if x[0] > zero and abs(slope * (x[1] - zero) - y[1]) <= 2 * rest.tol[:2].sum():
            return Stretch(0, 2, Curve("line", 0.0, float(-slope * zero), (float(slope),), 0.0))
    if x[0] < 2:
        return None
    return Stretch(0, 1, Curve("line", 0.0, 0.0, (float(y[0] / x[0]),), 0.0))


def _whole(fit: _Fits, rest: Points, least: int, names: Sequence[str]) -> tuple[int, Curve] | None:
    """The curve through all points that are left, if one of these shapes has it."""
    size = rest.x.size
    whole = [(size, curve) for curve in _that_go(fit, names, rest, size) if size >= least]
    return _likely(whole) if whole else None


def _richer(fit: _Fits, rest: Points, least: int) -> tuple[int, Curve] | None:
    """The curve of more numbers that goes clearly further than a straight line, if one does."""
    size, names = rest.x.size, (*_USUAL, *_RARE)
    alive, count = list(names), max(least, 6)
    passed: list[Curve] = []
    while count < size:
        going = _that_go(fit, alive, rest, count)
        if not going:
            break
        alive, passed = [curve.shape for curve in going], going
        count *= 2
    if not passed:
        return None
    reached = [_reach(fit, name, rest, max(least, 6)) for name in alive]
    found = [(n, curve) for n, curve in reached if curve is not None]
    most = max((n for n, _ in found), default=0)
    return _likely([each for each in found if each[0] >= most - 1]) if found else None


def _likely(found: Sequence[tuple[int, Curve]]) -> tuple[int, Curve]:
    """Of curves that go equally far the one that is closest, earlier ones preferred."""
    best = found[0]
    for each in found[1:]:
        if max(_spread(each), 1e-4) < 0.5 * _spread(best):
            best = each
    return best


def _spread(found: tuple[int, Curve]) -> float:
    count, curve = found
    return curve.rss / max(min(count, curves.SAMPLE) - SHAPES[curve.shape].numbers, 1)


def _that_go(fit: _Fits, names: Sequence[str], rest: Points, count: int) -> list[Curve]:
    """Curves through so many points, of the shapes that have one."""
    part = rest.cut(0, count)
    made = [fit(n, part) for n in names if SHAPES[n].numbers + 2 <= count]
    return [curve for curve in made if curve is not None and curve.misfit <= _SLACK]


def _reach(fit: _Fits, name: str, rest: Points, start: int = 3) -> tuple[int, Curve | None]:
    """How many points from the first on a shape goes through, and its curve through these."""
    size = rest.x.size
    best, good, bad, count = None, 0, size + 1, min(start, size)
    while bad - good > 1 and size >= start:
        curve = fit(name, rest.cut(0, count))
        if curve is not None and curve.misfit <= _SLACK:
            best, good = curve, count
        elif good == 0:
            break
        else:
            bad = count
        count = (good + bad) // 2 if bad <= size else min(count * 2, size)
    return good, best
