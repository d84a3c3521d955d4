"""The lowest value that keeps the limits, over all branches.

A lattice over every branch finds the valleys, sequential quadratic programming walks down the best
of them along the limits, a shrinking lattice ends it. All recipes that were looked at are kept:
they tell what is nearly as good.

A forecast has several valleys (early or late annealing, a low or a high peak), costs little when
many recipes are judged at once, and is rough in its last digits, since recipes are of whole steps.
Hence a lattice before any walk, slopes by wide differences instead of exact ones, and a lattice
again at the end, where slopes say no more than the rounding does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.judge import Judge
from cptlaw.decisions.plan.samples import KEPT, Samples, together

# A branch is what is listed (start, kind of schedule); its axes are what varies freely, each as a
# share from 0 to 1 of its range. Places along each of so many axes: 17, 81 and 343 together.
_FINE = {0: 1, 1: 17, 2: 9, 3: 7}
_COARSE = {0: 1, 1: 5, 2: 4, 3: 3}
_MANY_FINE, _MANY_COARSE = 9, 6  # powers of 2: places of a branch of more axes
_MOST = 4000  # recipes of the fine lattices; with more branches the coarse ones choose among them
_VALLEYS = 3  # that are walked down
_APART = 0.15  # of two valleys of one branch, in shares: about the spacing of the fine lattices
# Of the lattices that shrink, in shares: from the spacing of the finest lattice to a share of
# 1/2000, a step of a range of as many.
_RADII = tuple(0.06 * 0.5**i for i in range(8))
_AROUND = 48  # places of a shrinking cloud of many axes, where a lattice would have 3**k
_DIFFERENCE = 0.01  # in shares, for slopes: wide, so that whole steps do not make them of rounding
# A walk leaves so much of each limit, or rounding to whole steps would break at the end what was
# kept on the way: a share of a limit on a loss, and steps of one on a cost (rounding moves it by
# half a step at most).
_MARGIN, _MARGIN_STEPS = 1e-5, 0.6
_PATIENCE = 15  # places of a walk without a gain, after which the rest is rounding
_GAIN = 1e-7  # share of the value, or of a limit, that counts as one


@dataclass
class Search:
    """A search under way.

    Args:
        judge: what judges recipes.
        seen: all that was looked at.
    """

    judge: Judge
    seen: list[Samples] = field(default_factory=list[Samples])

    def look(self, branch: int, shares: FloatArray) -> Samples:
        """Judge places of a branch, and keep them."""
        found = self.judge.at(branch, shares)
        self.seen.append(found)
        return found

    @property
    def samples(self) -> Samples:
        """All that was looked at, best first."""
        whole = together(self.seen)
        return whole.where(whole.order)


def search(judge: Judge, progress: Callable[[str], None] = lambda _: None) -> Search:
    """Look for the best recipe.

    Args:
        judge: what judges recipes.
        progress: is told of long work.
    """
    found = Search(judge)
    _lattices(found, progress)
    valleys = _valleys(found.samples)
    for number, (branch, place) in enumerate(valleys, 1):
        progress(f"walking down from the best recipes ({number} of {len(valleys)}) ...")
        best = descend(found, branch, place)
        zoom(found, branch, best)
    _finish(found)
    return found


def _finish(search: Search) -> None:
    """Walk on from the best place with slopes from nearer by, to the very limits.

    Where no place keeps them yet, walk from the best few to where they are broken least.
    """
    if not search.samples.kept[0]:
        for branch, place in _valleys(search.samples):
            zoom(search, branch, descend(search, branch, place, to_limits=True))
    best = search.samples.where(np.array([0]))
    branch, place = best.first
    if place.size:
        to_limits = not bool(best.kept[0])
        zoom(search, branch, descend(search, branch, place, nearby=True, to_limits=to_limits))


def _lattices(search: Search, progress: Callable[[str], None]) -> None:
    """Lattices over all branches; fine ones over the best of them where there are many."""
    axes = [len(branch.axes) for branch in search.judge.branches]
    total = sum(len(lattice(k, fine=True)) for k in axes)
    chosen = list(range(len(axes)))
    if total > _MOST:
        progress(f"{len(axes)} combinations of what is listed ...")
        for branch, k in enumerate(axes):
            search.look(branch, lattice(k, fine=False))
        coarse = search.samples
        chosen, left = [], _MOST
        for branch in dict.fromkeys(coarse.branch.tolist()):
            left -= len(lattice(axes[branch], fine=True))
            if left < 0 and len(chosen) >= _VALLEYS:
                break
            chosen.append(branch)
    for number, branch in enumerate(chosen, 1):
        progress(f"recipes of every kind ({number} of {len(chosen)}) ...")
        if axes[branch] or total <= _MOST:
            search.look(branch, lattice(axes[branch], fine=True))


def lattice(axes: int, fine: bool) -> FloatArray:
    """Places that cover a box of shares, ends included, shape (n, axes).

    The best recipe often lies at an end of a range (anneal to 0, no warm-up). With more than three
    axes a lattice would be too large; a sequence covers the inside evenly, and has no ends:
    corners, and places with one axis at an end, are added.
    """
    known = _FINE if fine else _COARSE
    if axes in known:
        if not axes:
            return np.zeros((1, 0))
        marks = np.linspace(0.0, 1.0, known[axes])
        return np.array(list(itertools.product(marks, repeat=axes))).reshape(-1, axes)
    count = 2 ** (_MANY_FINE if fine else _MANY_COARSE)
    inner = _evenly(count, axes)
    corners = [np.full(axes, v) for v in (0.0, 0.5, 1.0)]
    single = [np.where(np.arange(axes) == i, 1.0 - v, v) for i in range(axes) for v in (0.0, 1.0)]
    return np.vstack([inner, corners, single])


def _evenly(count: int, axes: int) -> FloatArray:
    """Places that cover the inside of a box evenly, shape (count, axes).

    Source: Roberts 2018, a sequence of multiples of the powers of a generalised golden ratio.
    """
    ratio = 2.0
    for _ in range(64):  # of ratio**(axes + 1) = ratio + 1
        ratio = (1.0 + ratio) ** (1.0 / (axes + 1))
    steps = ratio ** -np.arange(1.0, axes + 1)
    return np.asarray((0.5 + np.arange(count)[:, None] * steps) % 1.0, dtype=np.float64)


def _valleys(samples: Samples) -> list[tuple[int, FloatArray]]:
    """The best places of the best branches, then others, a branch's own ones apart from each other.

    Where there are several branches one place more, so that a second one of the best has a chance.
    """
    first = list(dict.fromkeys(samples.branch.tolist()))[:_VALLEYS]
    some = [int(np.argmax(samples.branch == branch)) for branch in first]
    found: list[tuple[int, FloatArray]] = []
    for i in itertools.chain(some, range(samples.branch.size)):
        branch, shares = int(samples.branch[i]), samples.shares[i][~np.isnan(samples.shares[i])]
        near = [b == branch and np.abs(s - shares).max(initial=0) < _APART for b, s in found]
        if not any(near) and shares.size:
            found.append((branch, shares))
        if len(found) == _VALLEYS + (len(first) > 1):
            break
    return found


def descend(
    search: Search, branch: int, start: FloatArray, *, nearby: bool = False, to_limits: bool = False
) -> FloatArray:
    """Walk down from a place along the limits; returns the best place that was looked at.

    Args:
        search: under way.
        branch: index.
        start: shares, shape (axes,).
        nearby: whether slopes are taken from nearer by, and no margin is left to limits on losses.
        to_limits: whether the limits are to be broken less instead, whatever the value.
    """
    from scipy.optimize import minimize

    slopes = _Slopes(search, branch, nearby)
    here = slopes.at(start)
    if not (np.isfinite(here.value) and np.isfinite(here.excess).all()):
        return start
    form = _form(slopes, here, to_limits)
    constraint: Any = {"type": "ineq", "fun": form.room, "jac": form.room_slope}
    with np.errstate(all="ignore"), suppress(_StoppedGaining):
        minimize(
            form.cost,
            np.append(start, form.start),
            jac=form.cost_slope,
            bounds=[(0.0, 1.0)] * start.size + [(None, None)] * form.start.size,
            constraints=[constraint] if form.is_limited else [],
            method="SLSQP",
            options={"maxiter": 30, "ftol": 1e-7},
        )
    return _best_of(search, branch)


@dataclass(frozen=True)
class _Form:
    """A walk as a smooth problem in the shares and further unknowns, which begin at `start`."""

    start: FloatArray
    cost: Callable[[FloatArray], float]
    cost_slope: Callable[[FloatArray], FloatArray]
    room: Callable[[FloatArray], FloatArray]
    room_slope: Callable[[FloatArray], FloatArray]
    is_limited: bool = True


def _form(slopes: _Slopes, here: _At, to_limits: bool) -> _Form:
    """The value, the highest part or what limits are broken by, as it can be walked down.

    Sequential quadratic programming needs slopes that do not jump. A maximum has a kink where two
    parts meet, and so has what a limit is broken by where it begins to be kept; an unknown of its
    own that must lie above each part, and is minimised, has none.
    """
    k = here.d_value.size
    if to_limits:
        # Each limit has an unknown, which is above 0 and above what it is broken by.
        n = here.excess.size
        ones, none, sides = np.ones(n), np.zeros((n, k)), np.eye(n)
        return _Form(
            np.maximum(here.excess, 0.0),
            lambda z: float(z[k:].sum()),
            lambda z: np.append(np.zeros(k), ones),
            lambda z: np.append(z[k:] - slopes.at(z[:k]).excess, z[k:]),
            lambda z: np.block([[-slopes.at(z[:k]).d_excess, sides], [none, sides]]),
        )
    if not here.parts.size:
        return _Form(
            np.zeros(0),
            lambda z: slopes.at(z).value,
            lambda z: slopes.at(z).d_value,
            lambda z: slopes.at(z).room,
            lambda z: -slopes.at(z).d_excess,
            here.excess.size > 0,
        )
    # One unknown, above all parts.
    free, bound = np.zeros((here.excess.size, 1)), np.ones((here.parts.size, 1))
    return _Form(
        here.parts.max(keepdims=True),
        lambda z: float(z[k]),
        lambda z: np.append(np.zeros(k), 1.0),
        lambda z: np.append(slopes.at(z[:k]).room, z[k] - slopes.at(z[:k]).parts),
        lambda z: np.block(
            [[-slopes.at(z[:k]).d_excess, free], [-slopes.at(z[:k]).d_parts, bound]]
        ),
    )


def _best_of(search: Search, branch: int) -> FloatArray:
    samples = search.samples
    return samples.where(samples.branch == branch).first[1]


@dataclass(frozen=True)
class _At:
    """What is at a place, and its slopes: of the value (k,), limits (L, k), weighted parts.

    `margin` is what a walk leaves of each limit.
    """

    value: float
    d_value: FloatArray
    excess: FloatArray
    margin: FloatArray
    d_excess: FloatArray
    parts: FloatArray
    d_parts: FloatArray

    @property
    def room(self) -> FloatArray:
        """What is left of each limit, shape (L,)."""
        return -self.excess - self.margin


class _StoppedGaining(Exception):
    """A walk has looked at many places without finding a better one."""


class _Slopes:
    """Values with their differences, judged in one go; the last place is kept."""

    def __init__(self, search: Search, branch: int, nearby: bool) -> None:
        self._search, self._branch = search, branch
        self._difference = _DIFFERENCE / 5 if nearby else _DIFFERENCE
        self._margin = -KEPT / 2 if nearby else _MARGIN
        self._last: tuple[bytes, _At] | None = None
        self._best, self._idle = (np.inf, np.inf), 0

    def at(self, shares: FloatArray) -> _At:
        place = np.clip(np.nan_to_num(shares), 0.0, 1.0)
        key = place.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._worked_out(place)
        return self._last[1]

    def _worked_out(self, place: FloatArray) -> _At:
        k = place.size
        low = np.maximum(place - self._difference, 0.0)
        high = np.minimum(place + self._difference, 1.0)
        rows = [place]
        for i in range(k):
            for ends in (low, high):
                moved = place.copy()
                moved[i] = ends[i]
                rows.append(moved)
        found = self._search.look(self._branch, np.array(rows))
        self._count(found)
        aim, judge = self._search.judge.aim, self._search.judge
        value = np.log(found.value) if aim.kind == "cheapest" else found.value
        parts = np.zeros((0, value.size))
        if aim.kind == "worst":
            parts = aim.parts(found.losses, judge.reference.losses)
        wide, steps = high - low, _MARGIN_STEPS / float(found.costs["steps"][0])

        def slopes(y: FloatArray) -> FloatArray:
            return (y[..., 2::2] - y[..., 1::2]) / wide

        return _At(
            float(value[0]),
            slopes(value),
            found.excess[:, 0],
            np.array([steps if limit.is_cost else self._margin for limit in judge.limits]),
            slopes(found.excess),
            parts[:, 0],
            slopes(parts),
        )

    def _count(self, found: Samples) -> None:
        """Rounding to whole steps makes the last bits rough, where a walk would go on and on."""
        first = found.order[0]
        broken, value = float(found.broken[first]), float(found.value[first])
        gain = _GAIN * max(abs(self._best[1]), 1e-3) if np.isfinite(self._best[1]) else 0.0
        closer = broken < self._best[0] - _GAIN or np.isinf(self._best[0])
        lower = broken <= self._best[0] and value < self._best[1] - gain
        self._idle = 0 if closer or lower else self._idle + 1
        if closer or lower:
            self._best = broken, value
        if self._idle >= _PATIENCE:
            raise _StoppedGaining


def zoom(search: Search, branch: int, place: FloatArray) -> None:
    """End at the best place of ever smaller lattices around it."""
    k = place.size
    random = np.random.default_rng(0)
    for radius in _RADII:
        if k <= 3:
            steps = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=k)))
        else:
            steps = random.uniform(-1.0, 1.0, (_AROUND, k))
        search.look(branch, np.clip(place + radius * steps, 0.0, 1.0))
        place = _best_of(search, branch)
