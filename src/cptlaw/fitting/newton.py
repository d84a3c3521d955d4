"""The exact Huber objective over all parameters, to convergence.

One evaluation of the law costs more than all the algebra after it, so that each is used for all it
tells: value, gradient, and the Gauss-Newton part of the Hessian, from the law's own Jacobian. What
that lacks is how the law bends in its shape parameters; it is learnt from the Jacobians that the
search meets on its way (a secant update of rank one, SR1), so that steps end up as Newton's. For
each place the coefficients, in which the law is linear, are brought to their best first, which
needs no evaluation: the search moves in the few shape parameters, as variable projection does.

It works in whitened coordinates: directions in which the data say little are stretched until all
weigh alike. Coefficients and shape parameters trade off along ridges whose curvatures differ by
many orders of magnitude; in the parameters themselves a step would be lost to rounding there.
Squares weighted as the Huber loss bends (iteratively reweighted least squares) have the curvature 1
there; damping leads from a Newton step to a short step of these. Parameters at a bound with the
gradient pushing outward rest.

Source: Dennis, Gay and Welsch 1981 (the secant condition on the second-order part); Conn, Gould and
Toint 1991 (SR1); Golub and Pereyra 1973 (variable projection).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.caching import remembers
from cptlaw.errors import FitError
from cptlaw.fitting.coefficients import with_best_coefficients
from cptlaw.fitting.objective import Objective, Place
from cptlaw.fitting.projection import huber_weight

# Rounding moves a sum of some thousand squares by about this share; less is no gain. The absolute
# part is for curves that a law made itself, whose objective has no lowest value above 0.
NO_GAIN, NO_GAIN_AT_0 = 1e-13, 1e-18
# Shares of the objective: a step that gave and promises less is the last. Rounding moves promises
# along a ridge by as much.
LITTLE, PROMISED = 1e-11, 1e-10
NOTHING = 1e-12  # of the same, which is not worth a look
# In search coordinates; strides one way after which its end is tried, and how often at most.
STRIDE, IN_A_ROW, TRIED = 0.2, 3, 3
LONG, RECENT, FLAT = 100, 10, 1e-6  # of a ridge, see `minimise`
# Directions of less weight than this, next to the heaviest, are not told from rounding errors of
# the Jacobian (1e-16, times what its columns cancel).
NEGLIGIBLE = 1e-11
# In whitened coordinates the curvature of squares is 1. Where most residuals lie past delta, in the
# linear part of the Huber loss, it is near 0 and a step would be endless.
LEAST_CURVATURE = 1e-3
# How far shape parameters may move, in search coordinates (of a logarithm: 2 is a factor of 7).
FARTHEST = 2.0
FIRST_DAMPING = 1.0  # half a step of squares: 0.1 and 3 took more evaluations on real studies
NEARLY_NO_DAMPING = 1e-3  # where the bend is known
HARDER, SOFTER = 6.0, 3.0  # after a step that failed, and after one that gained as promised
LEAST_DAMPING, AFTER_FAILURE = 1e-9, 1e-3
MOST_TRIES = 12  # with the damping times 6 each
AS_PROMISED, POOR = 0.5, 0.25  # share of what a step promised
PIECE = 16_384  # points whose Jacobian stays within a processor's cache
NEAR, NEARLY = 0.03, 2e-3  # of the residuals' scale, and of the objective
DIFFERENCE = 1e-4  # in search coordinates, over which slopes are compared


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a search ended.

    Args:
        place: the end.
        converged: whether the search settled there.
        at_bound: which parameters rest at a bound, shape (m + k,).
        iterations: how many steps it took.
    """

    place: Place
    converged: bool
    at_bound: BoolArray
    iterations: int

    @property
    def z(self) -> FloatArray:
        """Coefficients, then search coordinates, shape (m + k,)."""
        return self.place.z

    @property
    def value(self) -> float:
        """The objective there."""
        return self.place.value


def minimise(
    start: Place,
    steps: int = 120,
    beat: float = np.inf,
    known: Place | None = None,
    bend: FloatArray | None = None,
) -> Minimum:
    """Minimise the objective of a place from there.

    It has settled when the quadratic model promises nothing more and the last step gave nothing.
    On the flat ridge of a parameter that the data do not determine, where every step still gives
    a little, it has settled when the last ten of many together gave less than a millionth.

    Args:
        start: where from, with slopes.
        steps: at most.
        beat: an objective that is known; the search ends where it cannot come below, even if all
            steps that are left gave as much as the last ten.
        known: a minimum; it is the end of a search that comes near it.
        bend: of the law in its shape parameters, (k, k), where that is known since the start is
            nearly a minimum; steps are hardly damped then.

    Raises:
        FitError: a loss predicted there is not above 0, so that the objective is undefined.
    """
    if not np.isfinite(start.value):
        raise FitError(
            f"{start.objective.law.name} predicts a loss of 0 or less on these data wherever the "
            "search begins. Check the losses, or try another law (--law)."
        )
    place = with_best_coefficients(start)
    del start  # a million points and their slopes, which nobody needs while others are looked at
    damping = FIRST_DAMPING if bend is None else NEARLY_NO_DAMPING
    bend = no_bend(place.objective) if bend is None else bend
    settled, iteration = False, 0
    values, course = [place.value], _Course(place)
    while iteration < steps and not settled:
        iteration += 1
        place, bend, damping, settled = _step(place, bend, damping)
        place = course.leapt(place)
        values.append(place.value)
        if known is not None and _is_near(place, known):
            return Minimum(known, True, resting(known), iteration)
        if iteration >= RECENT and place.value > beat:
            pace = (values[-1 - RECENT] - place.value) / RECENT
            if place.value - (steps - iteration) * pace > beat:
                break
    flat = len(values) > LONG and values[-1 - RECENT] - place.value <= FLAT * place.value
    return Minimum(place, settled or flat, resting(place), iteration)


class _Course:
    """Which way each shape parameter has gone, and for how many steps.

    Towards the limit of a power that is an exponential a search takes steps of about the same
    length, each of which gives a fraction of the last: it is there sooner at one bound.
    """

    def __init__(self, start: Place) -> None:
        self._last = start.z[start.objective.terms :]
        self._ways = np.zeros(self._last.size)
        self._tried = np.zeros(self._last.size, dtype=np.int64)

    def leapt(self, place: Place) -> Place:
        """A place, or the one at the bound that the search goes to if that is lower."""
        m, (low, high) = place.objective.terms, place.objective.bounds
        moved = place.z[m:] - self._last
        way = np.sign(moved) * (np.abs(moved) > STRIDE)
        self._ways = np.where(way * self._ways >= 0, self._ways + way, way)
        for s in np.flatnonzero((np.abs(self._ways) >= IN_A_ROW) & (self._tried < TRIED)).tolist():
            self._tried[s] += 1
            z = place.z.copy()
            z[m + s] = (low if self._ways[s] < 0 else high)[m + s]
            with np.errstate(all="ignore"):  # a law may not be defined there
                there = _reached(place, z)
                lower = there.value < place.value and bool(np.isfinite(there.gradient).all())
            place = there if lower else place
            self._ways[s] = 0.0
        self._last = place.z[m:]
        return place


def _is_near(place: Place, known: Place) -> bool:
    """Whether a place lies in the valley of a minimum: whether its losses are nearly the same.

    Parameters may differ by much where the data leave them open.
    """
    if not 0 <= place.value - known.value <= NEARLY * known.value:
        return False
    apart, counts = place.residual - known.residual, place.objective.counts
    return bool(counts @ apart**2 <= NEAR**2 * (counts @ known.residual**2))


def resting(place: Place) -> BoolArray:
    """Which parameters are fixed, or at a bound with the gradient pushing outward, (m + k,)."""
    (low, high), z, gradient = place.objective.bounds, place.z, place.gradient
    return ((z <= low) & (gradient >= 0)) | ((z >= high) & (gradient <= 0)) | (low == high)


# --- one step ---------------------------------------------------------------------------------


class _Step(NamedTuple):
    """Where a step led, what was learnt of the bend, the next damping, and whether it was the last.

    The last is one that gained nothing and promised nothing, or that failed however short.
    """

    place: Place
    bend: FloatArray
    damping: float
    settled: bool


def _step(place: Place, bend: FloatArray, damping: float) -> _Step:
    """The first of ever shorter steps that gains."""
    objective, value = place.objective, place.value
    free = ~resting(place)
    if not free.any():
        return _Step(place, bend, damping, True)
    axes = whitening(place, free)
    sizes, vectors = np.linalg.eigh(curvature(place, free, axes, bend))
    directions = axes @ vectors
    slope = directions.T @ place.gradient[free]
    promised = float(0.5 * (slope**2 / np.maximum(np.abs(sizes), LEAST_CURVATURE)).sum())
    if promised <= NOTHING * value:
        return _Step(place, bend, damping, True)
    for _ in range(MOST_TRIES):
        # A direction that bends down is gone down, by as much as if it bent up (Newton's step
        # would lead to its top).
        size = np.maximum(np.abs(sizes), LEAST_CURVATURE) + damping
        move = np.zeros_like(place.z)
        move[free] = -directions @ (slope / size)
        move *= min(1.0, FARTHEST / max(_shape_move(objective, move), 1e-300))
        there = _reached(place, np.clip(place.z + move, *objective.bounds))
        if np.isfinite(there.value):
            bend = _learnt(bend, place, there)
        gain = value - there.value
        if gain > 0:
            share = gain / max(float(0.5 * (slope**2 / size).sum()), 1e-300)
            times = 1.0 / SOFTER if share > AS_PROMISED else 0.5 if share > POOR else 2.0
            last = gain <= LITTLE * value + NO_GAIN_AT_0 and promised <= PROMISED * value
            return _Step(there, bend, max(damping * times, LEAST_DAMPING), last)
        if promised <= NO_GAIN * value + NO_GAIN_AT_0:
            break
        damping = max(damping * HARDER, AFTER_FAILURE)
        del there  # before the next place is looked at
    return _Step(place, bend, damping, True)


def _reached(place: Place, z: FloatArray) -> Place:
    """The place at z with the best coefficients there; with those of `place` to begin from."""
    there = place.objective.at(z)
    if not np.isfinite(there.value):
        there = there.moved(place.coefficients)
    return with_best_coefficients(there) if np.isfinite(there.value) else there


def _shape_move(objective: Objective, move: FloatArray) -> float:
    """How far a step for z moves the shape parameters, in search coordinates."""
    shapes = np.abs(move[objective.terms :])
    return float(shapes.max()) if shapes.size else 0.0


# --- curvature --------------------------------------------------------------------------------


def whitening(place: Place, free: BoolArray) -> FloatArray:
    """Directions (free, rank), scaled so that each moves the weighted residuals by 1.

    Along them the Gauss-Newton Hessian, priors included, is the identity, so that they also hold
    the covariance for independent residuals of variance 1. Columns are scaled before the singular
    values are looked at: what is negligible must not depend on a parameter's unit. Directions that
    the data leave undetermined are not among them.
    """
    return _whitened(place, free.tobytes())


@remembers(1)  # where a search ends, what is told of the end asks for it again
def _whitened(place: Place, which: bytes) -> FloatArray:
    objective, free = place.objective, np.frombuffer(which, dtype=np.bool_)
    weight = objective.root * huber_weight(place.residual, objective.delta)
    # The triangle of QR has the singular values and right vectors of the whole; that of all points
    # is found piece by piece, so that a million of them need no room for their Jacobian.
    triangle = np.diag(np.sqrt(objective.drawn(place.z)))[objective.is_drawn][:, free]
    for piece in pieces(weight.size):
        weighted = place.rows(piece)[:, free] * weight[piece, None]
        triangle = np.linalg.qr(np.vstack([triangle, weighted]), mode="r")
    scale = np.sqrt(np.einsum("ij,ij->j", triangle, triangle))
    scale[scale == 0] = 1.0
    _, sizes, right = np.linalg.svd(triangle / scale)
    kept = sizes > NEGLIGIBLE * sizes[0]
    return (right[: sizes.size][kept].T / sizes[kept]) / scale[:, None]


def pieces(count: int) -> Iterator[slice]:
    """So many points, some thousand at a time."""
    return (slice(i, min(i + PIECE, count)) for i in range(0, count, PIECE))


def curvature(place: Place, free: BoolArray, axes: FloatArray, bend: FloatArray) -> FloatArray:
    """Hessian of the objective along `axes` (free, rank), shape (rank, rank).

    Args:
        place: where.
        free: parameters that move, shape (m + k,).
        axes: directions.
        bend: what the law's bend in its shape parameters adds, shape (k, k).
    """
    objective, m = place.objective, place.objective.terms
    inside = np.abs(place.residual) <= objective.delta
    rest = np.diag(objective.prior_curvature(place.z))
    rest[m:, m:] += bend
    share = place.pull / place.prediction
    for s, t, slope in place.columns.slopes:  # a coefficient and a shape parameter of its term
        both = float(slope @ share)
        rest[t, m + s] += both
        rest[m + s, t] += both
    own = objective.counts * inside - place.pull
    found = axes.T @ rest[np.ix_(free, free)] @ axes
    for piece in pieces(own.size):
        along = place.rows(piece)[:, free] @ axes
        found += along.T @ (own[piece, None] * along)
    return 0.5 * (found + found.T)


def no_bend(objective: Objective) -> FloatArray:
    """Of a law that is not known to bend, shape (k, k)."""
    count = len(objective.law.shapes)
    return np.zeros((count, count))


def _learnt(bend: FloatArray, before: Place, after: Place) -> FloatArray:
    """The bend with what the slopes at two places tell of it, by an update of rank one."""
    m = after.coefficients.size
    move = after.z[m:] - before.z[m:]
    gap = _turned(before, after) - bend @ move
    size = float(gap @ move)
    if abs(size) <= 1e-8 * float(np.linalg.norm(gap) * np.linalg.norm(move)):
        return bend
    return bend + np.outer(gap, gap) / size


def _turned(before: Place, after: Place) -> FloatArray:
    """By how much the pull at a place on the shape parameters differs by another's slopes, (k,)."""
    c, share = after.coefficients, after.pull / after.prediction
    return after.pulled(share, c) - before.pulled(share, c)


def bend_at(place: Place, free: BoolArray) -> FloatArray:
    """What the law's bend in its free shape parameters adds to the Hessian, shape (k, k).

    One evaluation for each of them, of the terms that have it. Residuals and coefficients stay, so
    that no difference is made where the Huber loss bends.

    Args:
        place: where.
        free: parameters that move, shape (m + k,).
    """
    objective, m = place.objective, place.objective.terms
    found = no_bend(objective)
    low, high = objective.bounds
    c, share = place.coefficients, place.pull / place.prediction
    for s in np.flatnonzero(free[m:]).tolist():
        step = -DIFFERENCE if place.z[m + s] + DIFFERENCE > high[m + s] else DIFFERENCE
        z = place.z.copy()
        z[m + s] = max(z[m + s] + step, low[m + s])
        with_it = objective.law.terms_of(s)
        there = Place(objective, place.z, objective.columns(z, only=with_it))
        turned = place.pulled(share, c, with_it) - there.pulled(share, c, with_it)
        del there  # before the next place is looked at
        found[s] = turned / (place.z[m + s] - z[m + s])
    return 0.5 * (found + found.T)
