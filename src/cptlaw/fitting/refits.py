"""Many refits of one law at once: the same points with other weights and other centres of priors.

Each starts at the fitted parameters and minimises its own weighted objective within the
parameters' bounds (Levenberg-Marquardt). The law is bent there: made straight, it would promise
refits whose curves miss the very points that were fitted. So each factor of a term is taken to
second order in its logarithm (`curved`); of refits that go far, what is left is looked up with the
law as it is and made up for, a few times.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.fitting.bounds import ROUNDING, bounds_of, within
from cptlaw.fitting.curved import FARTHEST, Curved
from cptlaw.fitting.newton import whitening
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.projection import huber_weight
from cptlaw.fitting.result import DomainFit


class Effort(NamedTuple):
    """How far each refit is followed.

    Args:
        steps: of a search, at most.
        close: share of a refit's objective: a step that gives and promises less is the last.
    """

    steps: int
    close: float


USUAL = Effort(40, 1e-4)
LEAST_CURVATURE = 1e-2  # of whitened unknowns, whose curvature is about 1
FIRST_DAMPING, HARDER = 0.1, 8.0  # after a step that failed
LOOKS = 3  # at the law as it is
SLACK = 0.02  # share of a refit's objective that it may lie above that of the fit itself
SETTLED = 0.02  # of the same: less is no difference
TRUSTED = 0.5  # of the same, which the law's second order may change


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
        effort: how far each refit is followed.
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
    effort: Effort = USUAL

    def only(self, some: IntArray | BoolArray) -> Problem:
        """Some of the refits."""
        return replace(
            self,
            extra=self.extra[some],
            weights=self.weights[some],
            pulls=self.pulls[some],
        )

    @cached_property
    def _products(self) -> FloatArray:
        """Products of every pair of slopes at the fit, shape (n, rank * (rank + 1) / 2)."""
        slopes = self.curved.log_slopes() @ self.axes
        one, other = np.triu_indices(slopes.shape[1])
        return slopes[:, one] * slopes[:, other]

    def at(self, unknowns: FloatArray, room: FloatArray | None = None) -> _State:
        """Every refit at its unknowns, shape (count, rank); `room` as for `Curved.columns`."""
        moves = unknowns @ self.axes.T
        columns = self.curved.columns(moves, room)
        losses = self.curved.summed(moves, columns)
        residual = self._residual(losses)
        pull = self._clipped(residual)
        pull *= self.weights
        pull /= losses
        gradient = self.curved.gradient(moves, columns, pull) @ self.axes
        gradient += unknowns @ self.curvature + self.pulls
        return _State(residual, self.values(residual, unknowns), gradient)

    def seen(self, unknowns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Residuals, shape (count, n), and objectives, shape (count,), as `at` has them."""
        residual = self._residual(self.curved.losses(unknowns @ self.axes.T))
        return residual, self.values(residual, unknowns)

    def _residual(self, losses: FloatArray) -> FloatArray:
        """Log residuals of losses, shape (count, n); infinite where one is not above 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            residual = np.log(losses) - self.log_loss + self.extra
        if losses.min(initial=np.inf) > 0:
            return residual
        return np.where(losses > 0, residual, np.inf)

    def _clipped(self, residual: FloatArray) -> FloatArray:
        found = np.maximum(residual, -self.delta)
        return np.minimum(found, self.delta, out=found)

    def values(self, residual: FloatArray, unknowns: FloatArray) -> FloatArray:
        """The objective of every refit, but for a constant of its own, shape (count,).

        Args:
            residual: log residuals, shape (count, n).
            unknowns: shape (count, rank).
        """
        prior = ((0.5 * unknowns @ self.curvature + self.pulls) * unknowns).sum(axis=1)
        clipped = self._clipped(residual)
        return np.einsum("cn,cn,cn->c", self.weights, clipped, residual - 0.5 * clipped) + prior

    def lowest(self, start: FloatArray) -> FloatArray:
        """The unknowns of every refit where its objective is lowest, shape (count, rank).

        BFGS: the Hessian is that of weighted squares at the start, and is corrected by how the
        gradient has changed from step to step.
        """
        found, some = start.copy(), self
        room = np.empty((found.shape[0], *self.curved.matrix.shape[::-1]))
        here = self.at(found, room)
        inverse = np.asarray(np.linalg.inv(self._hessian(here)), dtype=np.float64)
        damping = np.full(found.shape[0], FIRST_DAMPING)
        left: IntArray = np.arange(found.shape[0], dtype=np.int64)
        for _ in range(self.effort.steps):
            move = some._move(found[left], here, inverse)
            promised = -np.einsum("cr,cr->c", move, here.gradient)
            reached = some.at(found[left] + move, room)
            gain = here.value - reached.value
            better = gain > 0
            inverse = _corrected(inverse, move, reached.gradient - here.gradient, better)
            found[left[better]] += move[better]
            inverse[~better] = _damped(inverse[~better], damping[~better])
            damping = np.where(better, FIRST_DAMPING, HARDER * damping)
            stays = ~(
                better & (np.maximum(gain, promised) <= self.effort.close * np.abs(reached.value))
            )
            here = here.with_better(reached, better)
            if not stays.all():
                left, here, some = left[stays], here.only(stays), some.only(stays)
                inverse, damping = inverse[stays], damping[stays]
            if not left.size:
                break
        return found

    def _hessian(self, here: _State) -> FloatArray:
        """Of the weighted squares of every refit at the fit's slopes, (count, rank, rank)."""
        weight = self.weights * huber_weight(here.residual, self.delta) ** 2
        rank = self.axes.shape[1]
        one, other = np.triu_indices(rank)
        hessian = np.empty((len(weight), rank, rank))
        hessian[:, one, other] = hessian[:, other, one] = weight @ self._products
        return hessian + self.curvature + LEAST_CURVATURE * np.eye(rank)

    def _move(self, unknowns: FloatArray, here: _State, inverse: FloatArray) -> FloatArray:
        """Where each refit goes next, within the bounds, shape (count, rank)."""
        there = unknowns - _times(inverse, here.gradient)
        return within(inverse, there, self.rows, self.ends) - unknowns


class _State(NamedTuple):
    """Refits at their unknowns.

    Args:
        residual: log residuals, shape (count, n); infinite where a loss is not above 0.
        value: their objectives, shape (count,).
        gradient: of them, shape (count, rank).
    """

    residual: FloatArray
    value: FloatArray
    gradient: FloatArray

    def only(self, some: BoolArray) -> _State:
        """Some of the refits."""
        return self if some.all() else _State(*(each[some] for each in self))

    def with_better(self, other: _State, better: BoolArray) -> _State:
        """The other's refits where they are better."""
        if better.all():
            return other
        chosen = better[:, None]
        return _State(
            np.where(chosen, other.residual, self.residual),
            np.where(better, other.value, self.value),
            np.where(chosen, other.gradient, self.gradient),
        )


def _times(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Products of many matrices and vectors, shape (count, rank)."""
    return np.asarray((matrices @ vectors[:, :, None])[:, :, 0], dtype=np.float64)


def _damped(inverse: FloatArray, damping: FloatArray) -> FloatArray:
    """Inverse Hessians, shape (count, rank, rank), after a step that failed: of a shorter one."""
    # (H + d)^-1, by the sizes of H^-1: corrections may have left one of them at 0, or below.
    sizes, vectors = np.linalg.eigh(inverse)
    sizes = np.maximum(sizes, ROUNDING * sizes[:, -1:])
    shorter = (sizes / (1.0 + damping[:, None] * sizes))[:, None, :]
    return np.asarray((vectors * shorter) @ np.swapaxes(vectors, 1, 2), dtype=np.float64)


def _corrected(
    inverse: FloatArray, move: FloatArray, change: FloatArray, better: BoolArray
) -> FloatArray:
    """Inverse Hessians after steps, by BFGS where the gradient rose along them.

    Args:
        inverse: shape (count, rank, rank).
        move: steps, shape (count, rank).
        change: of the gradients, shape (count, rank).
        better: which steps were taken, shape (count,).
    """
    turned = _times(inverse, change)
    rise, own, length = (
        np.einsum("cr,cr->c", *both) for both in ((move, change), (change, turned), (move, move))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        usable = np.isfinite(own) & (rise > 1e-8 * np.sqrt(length * own))
    scale = 1.0 / np.where(usable, rise, np.inf)
    turned[~usable], own[~usable] = 0.0, 0.0
    # What is added along the step and along what the gradient turned by, both ways at once.
    along = (0.5 * (scale + own * scale**2))[:, None] * move - scale[:, None] * turned
    added = along[:, :, None] * np.where(usable[:, None], move, 0.0)[:, None, :]
    return inverse + added + np.swapaxes(added, 1, 2)


def solved(systems: FloatArray, right: FloatArray) -> FloatArray:
    """The solutions of many linear systems, shape (count, rank)."""
    return np.asarray(np.linalg.solve(systems, right[:, :, None])[:, :, 0], dtype=np.float64)


def refitted(
    objective: Objective,
    domain: DomainFit,
    weights: FloatArray,
    centres: FloatArray | None = None,
    effort: Effort = USUAL,
) -> FloatArray:
    """How far every refit moves the parameters of one law, shape (count, m + k).

    Args:
        objective: what was minimised for the law.
        domain: the law, fitted to n points.
        weights: how many points each loss counts for in every refit, shape (count, n).
        centres: how far every refit's priors lie from where they are, shape (count, m + k); None
            for not at all.
        effort: how far each refit is followed.
    """
    z = domain.place
    low, high = objective.bounds
    count, free = weights.shape[0], free_of(objective, domain)
    if not free.any():
        return np.zeros((count, z.size))
    place = objective.at(z)
    inner = whitening(place, free)
    axes = np.zeros((z.size, inner.shape[1]))
    axes[free] = inner
    pulls = objective.drawn(z)
    gaps = np.tile(z - objective.priors[0], (count, 1)) - (0.0 if centres is None else centres)
    problem = Problem(
        Curved.to_second_order(objective, place.columns, z),
        axes,
        objective.log_loss,
        np.zeros(weights.shape),
        objective.delta,
        weights * objective.counts,
        axes.T @ (pulls[:, None] * axes),
        (gaps * pulls) @ axes,
        *bounds_of(axes, low - z, high - z),
        effort,
    )
    moves: FloatArray = np.clip(_followed(objective, z, problem) @ axes.T, low - z, high - z)
    moves[:, ~free] = 0.0
    return moves


def free_of(objective: Objective, domain: DomainFit) -> BoolArray:
    """Which parameters of a law its refits move, shape (m + k,)."""
    low, high = objective.bounds
    return (np.diag(domain.covariance) > 0) & (low < high) if domain.covariance.size else low > high


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
    _, allowed = problem.seen(best)
    value = (1.0 + SLACK) * allowed
    found = problem.lowest(best)
    _, reached = problem.seen(found)
    stuck = np.flatnonzero(reached >= allowed)
    straight = replace(problem, curved=problem.curved.straight)
    found[stuck] = straight.only(stuck).lowest(best[stuck])
    # What is left out where the second order matters, the third, may matter too.
    doubt = ~(np.abs(straight.seen(found)[1] - reached) <= TRUSTED * allowed)
    doubt |= (
        np.abs((found @ problem.axes.T)[:, objective.terms :]).max(axis=1, initial=0) > FARTHEST
    )
    doubt[stuck] = True
    sure = ~doubt & (reached < value)
    best[sure] = found[sure]
    left: IntArray = np.flatnonzero(doubt)
    extra = problem.extra.copy()
    for look in range(LOOKS):
        if not left.size:
            break
        there = found[left]
        places = np.clip(z + there @ problem.axes.T, low, high)
        real = np.stack([objective.residual(place) for place in places]) + problem.extra[left]
        some = replace(problem, extra=extra).only(left)
        residual, nearly = some.seen(there)
        worth = some.values(real, there)
        gained = worth < value[left]
        best[left[gained]], value[left[gained]] = there[gained], worth[gained]
        bent = ~(np.abs(worth - nearly) <= SETTLED * allowed[left])
        if look == LOOKS - 1 or not bent.any():
            break
        seen = bent & np.isfinite(worth)
        extra[left[seen]] += (real - residual)[seen]
        start = np.where(seen[:, None], there, best[left])[bent]
        left = left[bent]
        found[left] = replace(problem, extra=extra).only(left).lowest(start)
    return best
