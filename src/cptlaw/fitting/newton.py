"""The exact Huber objective over all parameters, to convergence.

Variable projection comes near a minimum quickly, but of a neighbouring problem (relative instead
of log residuals, weights held in each step). Newton's method ends the search at the minimum itself:
standard errors, and whether a parameter rests at a bound, are only right there.

It works in whitened coordinates: directions in which the data say little are stretched until all
weigh alike. Coefficients and shape parameters trade off along ridges whose curvatures differ by
many orders of magnitude; in the parameters themselves a step would be lost to rounding there.
The Hessian is the difference of exact gradients along these directions. Parameters at a bound
with the gradient pushing outward rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.errors import FitError
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.projection import huber_weight

# Rounding moves a sum of some thousand squares by about this share; less is no gain. The absolute
# part is for curves that a law made itself, whose objective has no lowest value above 0.
NO_GAIN, NO_GAIN_AT_0 = 1e-13, 1e-18
MOST_STALLS = (
    3  # steps in a row without gain; a single one may fail by the error of the differences
)
LONG, RECENT, FLAT = 100, 10, 1e-6  # of a ridge, see `minimise`
# Directions of less weight than this, next to the heaviest, are not told from rounding errors of
# the Jacobian (1e-16, times what its columns cancel).
NEGLIGIBLE = 1e-11
# In whitened coordinates the curvature of squares is 1. Where most residuals lie past delta, in the
# linear part of the Huber loss, it is near 0 and a step would be endless.
LEAST_CURVATURE = 1e-3
# How far shape parameters may move, in search coordinates (of a logarithm: 2 is a factor of 7).
FARTHEST = 2.0
FAR_DOWNHILL = 0.3  # where the objective curves downwards, so that only its slope is known
FAR_FOR_DIFFERENCES = 0.03
DIFFERENCE = 1e-3  # of delta, by which a difference moves residuals, in root mean square


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the search ended: z (m + k,), the objective there, and whether it settled."""

    z: FloatArray
    value: float
    converged: bool
    at_bound: BoolArray
    iterations: int


def minimise(
    objective: Objective, start: FloatArray, steps: int = 120, beat: float = np.inf
) -> Minimum:
    """Minimise from `start`, shape (m + k,).

    It has settled when the quadratic model promises nothing more and the last step gave nothing.
    On the flat ridge of a parameter that the data do not determine, where every step still gives
    a little, it has settled when the last ten of many together gave less than a millionth.

    Args:
        objective: what is minimised.
        start: where from.
        steps: at most.
        beat: an objective that is known; the search ends where it cannot come below, even if all
            steps that are left gave as much as the last ten.

    Raises:
        FitError: a loss predicted there is not above 0, so that the objective is undefined.
    """
    low, high = objective.bounds
    z = np.clip(start, low, high)
    value, stalled, iteration = objective.value(z), 0, 0
    values = [value]
    if not np.isfinite(value):
        raise FitError(
            f"{objective.law.name} predicts a loss of 0 or less on these data wherever the search "
            "begins. Check the losses, or try another law (--law)."
        )
    for iteration in range(1, steps + 1):
        gradient = objective.gradient(z)
        free = ~_resting(z, gradient, low, high)
        if not free.any():
            return Minimum(z, value, True, ~free, iteration)
        move, expected = _newton_move(objective, z, gradient, free)
        settled = expected <= NO_GAIN * value + NO_GAIN_AT_0
        there, reached = _along(objective, z, value, move, low, high)
        gain = value - reached
        z, value = there, reached
        values.append(value)
        stalled = stalled + 1 if gain <= NO_GAIN * value else 0
        if (settled and stalled) or stalled >= MOST_STALLS:
            break
        if iteration >= RECENT and value > beat:
            pace = (values[-1 - RECENT] - value) / RECENT
            if value - (steps - iteration) * pace > beat:
                break
    rests = _resting(z, objective.gradient(z), low, high)
    flat = len(values) > LONG and values[-1 - RECENT] - value <= FLAT * value
    return Minimum(z, value, iteration < steps or flat, rests, iteration)


def _resting(z: FloatArray, gradient: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    return ((z <= low) & (gradient >= 0)) | ((z >= high) & (gradient <= 0)) | (low == high)


def whitening(objective: Objective, z: FloatArray, free: BoolArray) -> FloatArray:
    """Directions (free, rank), scaled so that each moves the weighted residuals by 1.

    Along them the Gauss-Newton Hessian, priors included, is the identity, so that they also hold
    the covariance for independent residuals of variance 1. Columns are scaled before the singular
    values are looked at: what is negligible must not depend on a parameter's unit. Directions that
    the data leave undetermined are not among them.
    """
    residual, jacobian = objective.jacobian(z)
    weight = objective.root * huber_weight(residual, objective.delta)
    weighted = jacobian[:, free] * weight[:, None]
    drawn = np.diag(np.sqrt(objective.drawn(z)))
    weighted = np.vstack([weighted, drawn[:, free]])
    scale = np.sqrt(np.einsum("ij,ij->j", weighted, weighted))
    scale[scale == 0] = 1.0
    _, sizes, right = np.linalg.svd(weighted / scale, full_matrices=False)
    kept = sizes > NEGLIGIBLE * sizes[0]
    return (right[kept].T / sizes[kept]) / scale[:, None]


def curvature(
    objective: Objective, z: FloatArray, gradient: FloatArray, free: BoolArray, axes: FloatArray
) -> FloatArray:
    """Hessian of the objective along `axes` (free, rank), shape (rank, rank).

    One gradient for each direction. The difference is a thousandth of delta in the residuals: far
    above rounding, and so small that few points pass the bend of the Huber loss on the way. It is
    made smaller where it would carry a shape parameter so far that the law itself bends. The mean
    with its transpose takes out what asymmetry the differences have.
    """
    hessian = np.empty((axes.shape[1], axes.shape[1]))
    for k in range(axes.shape[1]):
        move = np.zeros_like(z)
        move[free] = axes[:, k]
        reach = DIFFERENCE * objective.delta * np.sqrt(objective.counts.sum())
        reach = min(reach, FAR_FOR_DIFFERENCES / max(_shape_move(objective, move), 1e-300))
        ahead = objective.gradient(z + reach * move)
        hessian[k] = axes.T @ (ahead - gradient)[free] / reach
    return 0.5 * (hessian + hessian.T)


def _shape_move(objective: Objective, move: FloatArray) -> float:
    """How far a step for z moves the shape parameters, in search coordinates."""
    shapes = np.abs(move[objective.terms :])
    return float(shapes.max()) if shapes.size else 0.0


def _newton_move(
    objective: Objective, z: FloatArray, gradient: FloatArray, free: BoolArray
) -> tuple[FloatArray, float]:
    """A descent step for z and the decrease it promises.

    Where the objective curves downwards the quadratic has no minimum, and a plain Newton step
    would climb to its top; there the step goes down the slope, as far as the shape parameters may
    move at once. Where a gradient is undefined nearby, the Hessian is taken as that of squares.
    """
    axes = whitening(objective, z, free)
    slope = axes.T @ gradient[free]
    hessian = curvature(objective, z, gradient, free, axes)
    if not np.isfinite(hessian).all():
        hessian = np.eye(axes.shape[1])
    sizes, vectors = np.linalg.eigh(hessian)
    inner = vectors.T @ slope
    up = sizes > 0
    size = np.maximum(sizes[up], LEAST_CURVATURE)
    move = np.zeros_like(z)
    move[free] = -axes @ (vectors[:, up] @ (inner[up] / size))
    promised = float(0.5 * (inner[up] ** 2 / size).sum())
    for k in np.flatnonzero(~up):
        down = np.zeros_like(z)
        down[free] = -np.sign(inner[k]) * (axes @ vectors[:, k])
        far = FAR_DOWNHILL / max(_shape_move(objective, down), 1e-3)
        move += far * down
        promised += float(abs(inner[k]) * far)
    return move * min(1.0, FARTHEST / max(_shape_move(objective, move), 1e-300)), promised


def _along(
    objective: Objective,
    z: FloatArray,
    value: float,
    move: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, float]:
    """The lowest point found along `move`, doubled as long as that helps, or halved.

    Clipping to the bounds bends the way, so that no slope along it is to be relied on, and none is
    used. A whole step that already gains is halved too, as long as that pays: on the way residuals
    come within delta, where the Huber loss is curved, and the minimum lies nearer than the
    quadratic promised.
    """

    def at(share: float) -> tuple[FloatArray, float]:
        there = np.clip(z + share * move, low, high)
        return there, objective.value(there)

    best = at(1.0)
    if best[1] < value:
        longer = at(2.0)
        share = 2.0
        while longer[1] < best[1] and share < 1e3:
            best, share = longer, 2.0 * share
            longer = at(share)
    share = 0.5
    while share > 1e-7:
        shorter = at(share)
        if best[1] < value and shorter[1] >= best[1]:
            break
        best, share = min(best, shorter, key=lambda pair: pair[1]), 0.5 * share
    return best if best[1] < value else (z, value)
