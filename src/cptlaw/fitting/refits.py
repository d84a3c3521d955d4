"""Many refits of one law at once: the same points with other weights and other centres of priors.

Each starts at the fitted parameters and minimises its own weighted objective within the
parameters' bounds (Levenberg-Marquardt). The law is bent there: made straight, it would promise
refits whose curves miss the very points that were fitted. So each factor of a term is taken to
first order in its logarithm, which for powers is nearly the law itself, and what is left is looked
up with the law as it is and made up for, a few times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.fitting.newton import whitening
from cptlaw.fitting.objective import Objective, huber
from cptlaw.fitting.projection import huber_weight, nonnegative
from cptlaw.fitting.result import DomainFit
from cptlaw.laws.law import Columns

MOST_LOG = 30.0  # of a factor's change, so that none is infinite
STEPS = 12  # of a search; each halves what is left, or better
FIRST_DAMPING = 1e-2  # of whitened unknowns, whose curvature is about 1
HARDER, SOFTER = 8.0, 5.0  # after a step that failed, and after one that gained
LOOKS = 3  # at the law as it is
SLACK = 0.02  # share of a refit's objective that it may lie above that of the fit itself
SETTLED = 0.02  # of the same: less is no difference


@dataclass(frozen=True, eq=False)
class Curved:
    """A law near a fit, each factor to first order in its logarithm; n points.

    No term can change its sign: a straight line would make losses below 0 of a power that falls
    fast.

    Args:
        matrix: the law's columns at the fit, shape (n, m).
        slopes: (term, shape parameter, derivative of the logarithm of that column, shape (n,)).
        place: coefficients and search coordinates of the fit, shape (m + k,).
    """

    matrix: FloatArray
    slopes: tuple[tuple[int, int, FloatArray], ...]
    place: FloatArray

    @classmethod
    def of(cls, columns: Columns, place: FloatArray) -> Curved:
        """From what a law is at the fit."""
        found: list[tuple[int, int, FloatArray]] = []
        for s, t, slope in columns.slopes:
            column = columns.matrix[:, t]
            live = column != 0
            found.append((t, s, np.where(live, slope / np.where(live, column, 1.0), 0.0)))
        return cls(columns.matrix, tuple(found), place)

    def columns(self, moves: FloatArray) -> FloatArray:
        """The law's columns after each of `moves`, (count, m + k); shape (m, count, n)."""
        m = self.matrix.shape[1]
        found = np.empty((m, moves.shape[0], self.matrix.shape[0]))
        for t in range(m):
            mine = [(s, slope) for term, s, slope in self.slopes if term == t]
            found[t] = self.matrix[:, t]
            if mine:
                shapes = moves[:, [m + s for s, _ in mine]]
                change = shapes @ np.stack([slope for _, slope in mine])
                found[t] *= np.exp(np.clip(change, -MOST_LOG, MOST_LOG))
        return found

    def losses(self, moves: FloatArray) -> FloatArray:
        """Losses after each of `moves`, shape (count, m + k), at n points; shape (count, n)."""
        m = self.matrix.shape[1]
        coefficients = self.place[:m] + moves[:, :m]
        return np.einsum("ct,tcn->cn", coefficients, self.columns(moves))

    def jacobian(self, moves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Losses, and their derivatives, shape (count, n, m + k)."""
        m = self.matrix.shape[1]
        columns = self.columns(moves)
        coefficients = self.place[:m] + moves[:, :m]
        found = np.zeros((*columns.shape[1:], self.place.size))
        found[:, :, :m] = np.moveaxis(columns, 0, 2)
        terms = coefficients.T[:, :, None] * columns
        for t, s, slope in self.slopes:
            found[:, :, m + s] += terms[t] * slope
        return terms.sum(axis=0), found


@dataclass(frozen=True, eq=False)
class Problem:
    """Refits of a law to n points whose objective is weighted anew, in `rank` unknowns.

    Args:
        curved: the law near the fit.
        axes: moves of all parameters for the unknowns, shape (m + k, rank).
        log_loss: of the points, shape (n,).
        extra: what is added to the log of the law's losses in each refit, shape (count, n).
        delta: of the Huber loss.
        weights: of the points in each refit, shape (count, n).
        curvature: of the priors, shape (rank, rank).
        pulls: gradients of the priors at the fit, shape (count, rank).
        rows: `rows @ unknowns` may be at most `ends`, shape (b, rank).
        ends: shape (b,), not below 0, so that the fit itself is allowed.
    """

    curved: Curved
    axes: FloatArray
    log_loss: FloatArray
    extra: FloatArray
    delta: float
    weights: FloatArray
    curvature: FloatArray
    pulls: FloatArray
    rows: FloatArray
    ends: FloatArray

    def only(self, some: IntArray | BoolArray) -> Problem:
        """Some of the refits."""
        return replace(
            self,
            extra=self.extra[some],
            weights=self.weights[some],
            pulls=self.pulls[some],
        )

    def residual(self, unknowns: FloatArray) -> FloatArray:
        """Log residuals of every refit, shape (count, n); infinite where a loss is not above 0."""
        losses = self.curved.losses(unknowns @ self.axes.T)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.log(losses) - self.log_loss + self.extra
        return np.where(losses > 0, found, np.inf)

    def values(self, residual: FloatArray, unknowns: FloatArray) -> FloatArray:
        """The objective of every refit, but for a constant of its own, shape (count,).

        Args:
            residual: log residuals, shape (count, n).
            unknowns: shape (count, rank).
        """
        prior = ((0.5 * unknowns @ self.curvature + self.pulls) * unknowns).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return (self.weights * huber(residual, self.delta)).sum(axis=1) + prior

    def lowest(self, start: FloatArray) -> FloatArray:
        """The unknowns of every refit where its objective is lowest, shape (count, rank)."""
        found = start.copy()
        value = self.values(self.residual(found), found)
        damping = np.full(found.shape[0], FIRST_DAMPING)
        left: IntArray = np.arange(found.shape[0], dtype=np.int64)
        for _ in range(STEPS):
            some = self.only(left)
            there = some._step(found[left], damping[left])
            reached = some.values(some.residual(there), there)
            gain = value[left] - reached
            better = gain > 0
            found[left[better]], value[left[better]] = there[better], reached[better]
            damping[left] *= np.where(better, 1.0 / SOFTER, HARDER)
            done = better & (gain <= 0.1 * SETTLED * np.abs(reached))
            left = left[~done]
            if not left.size:
                break
        return found

    def _step(self, unknowns: FloatArray, damping: FloatArray) -> FloatArray:
        """Where each refit goes next, shape (count, rank)."""
        losses, slopes = self.curved.jacobian(unknowns @ self.axes.T)
        residual = np.log(losses) - self.log_loss + self.extra
        slopes = (slopes / losses[:, :, None]) @ self.axes
        robust = self.weights * huber_weight(residual, self.delta) ** 2
        weighed = robust[:, :, None] * slopes
        hessian = np.swapaxes(weighed, 1, 2) @ slopes + self.curvature
        hessian += damping[:, None, None] * np.eye(hessian.shape[1])
        pull = np.einsum("cnr,cn->cr", weighed, residual)
        pull += unknowns @ self.curvature + self.pulls
        found = unknowns - solved(hessian, pull)
        for i in np.flatnonzero((found @ self.rows.T > self.ends).any(axis=1)):
            found[i] = bounded(hessian[i], found[i], self.rows, self.ends)
        return found


def solved(systems: FloatArray, right: FloatArray) -> FloatArray:
    """The solutions of many linear systems, shape (count, rank)."""
    return np.asarray(np.linalg.solve(systems, right[:, :, None])[:, :, 0], dtype=np.float64)


def bounded(
    hessian: FloatArray, free: FloatArray, rows: FloatArray, ends: FloatArray
) -> FloatArray:
    """The lowest point of a parabola under linear bounds, shape (rank,).

    Which bounds it rests at is found by non-negative least squares on their multipliers, which
    takes bounds in and lets them go one at a time. All that passed a bound pinned at once, and
    never let go, would leave curves that fit nothing.

    Args:
        hessian: of the parabola, shape (rank, rank).
        free: where it is lowest without bounds, shape (rank,).
        rows: times the unknowns are at most `ends`, shape (b, rank).
        ends: shape (b,).

    Source: Lawson and Hanson 1974, chapter 23 (least distance programming).
    """
    root = np.linalg.cholesky(hessian)
    normals = np.linalg.solve(root, rows.T)  # of the bounds, where the parabola is round
    size = np.sqrt(np.einsum("ij,ij->j", normals, normals))
    size[size == 0] = 1.0
    over: FloatArray = (rows @ free - ends) / size
    most = float(over.max())
    if most <= 0:
        return free
    system = np.vstack([-normals / size, over[None, :] / most])
    target = np.append(np.zeros(free.size), 1.0)
    multipliers = nonnegative(system, target, np.zeros(over.size, dtype=np.bool_))
    left = system @ multipliers - target
    return free + np.asarray(
        np.linalg.solve(root.T, -most * left[:-1] / left[-1]), dtype=np.float64
    )


def refitted(
    objective: Objective,
    domain: DomainFit,
    weights: FloatArray,
    centres: FloatArray | None = None,
) -> FloatArray:
    """How far every refit moves the parameters of one law, shape (count, m + k).

    Args:
        objective: what was minimised for the law.
        domain: the law, fitted to n points.
        weights: how many points each loss counts for in every refit, shape (count, n).
        centres: how far every refit's priors lie from where they are, shape (count, m + k); None
            for not at all.
    """
    z = domain.place
    low, high = objective.bounds
    count = weights.shape[0]
    free = (np.diag(domain.covariance) > 0) & (low < high) if domain.covariance.size else low > high
    if not free.any():
        return np.zeros((count, z.size))
    place = objective.at(z)
    inner = whitening(place, free)
    axes = np.zeros((z.size, inner.shape[1]))
    axes[free] = inner
    pulls = objective.drawn(z)
    gaps = np.tile(z - objective.priors[0], (count, 1)) - (0.0 if centres is None else centres)
    problem = Problem(
        Curved.of(place.columns, z),
        axes,
        objective.log_loss,
        np.zeros(weights.shape),
        objective.delta,
        weights * objective.counts,
        axes.T @ (pulls[:, None] * axes),
        (gaps * pulls) @ axes,
        *_bounds(axes, low - z, high - z),
    )
    moves: FloatArray = np.clip(_followed(objective, z, problem) @ axes.T, low - z, high - z)
    moves[:, ~free] = 0.0
    return moves


def _bounds(axes: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bounds of moves `axes @ unknowns` as rows and ends, shapes (b, rank) and (b,)."""
    rows, ends = np.concatenate([axes, -axes]), np.concatenate([high, -low])
    size = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    reached = (size > 0) & np.isfinite(ends)
    rows, ends, size = rows[reached], np.maximum(ends[reached], 0.0), size[reached]
    return rows / size[:, None], ends / size


def _followed(objective: Objective, z: FloatArray, problem: Problem) -> FloatArray:
    """The unknowns of every refit, shape (count, rank), with the law as it is.

    A refit that describes the fitted points worse than the fit itself does, by its own weights,
    is none: it goes less far.

    Args:
        objective: what was minimised.
        z: the fit, shape (m + k,).
        problem: the refits.
    """
    low, high = objective.bounds
    best = np.zeros((problem.weights.shape[0], problem.axes.shape[1]))
    allowed = problem.values(problem.residual(best), best)
    value = (1.0 + SLACK) * allowed
    found = problem.lowest(best)
    left: IntArray = np.arange(found.shape[0], dtype=np.int64)
    extra = problem.extra.copy()
    for look in range(LOOKS):
        there = found[left]
        places = np.clip(z + there @ problem.axes.T, low, high)
        real = np.stack([objective.residual(place) for place in places]) + problem.extra[left]
        some = replace(problem, extra=extra).only(left)
        nearly = some.residual(there)
        worth, promised = some.values(real, there), some.values(nearly, there)
        gained = worth < value[left]
        best[left[gained]], value[left[gained]] = there[gained], worth[gained]
        bent = ~(np.abs(worth - promised) <= SETTLED * allowed[left])
        if look == LOOKS - 1 or not bent.any():
            break
        seen = bent & np.isfinite(worth)
        extra[left[seen]] += (real - nearly)[seen]
        left = left[bent]
        found[left] = replace(problem, extra=extra).only(left).lowest(best[left])
    return best
