"""The exact Huber objective over all parameters, to convergence.

Newton's method in whitened coordinates: directions in which the data say little are stretched
until all weigh alike, so that nearly degenerate parameters do not stall it. The Hessian is the
difference of analytic gradients; parameters at a bound with the gradient pushing outward rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.objective import Objective
from cptlaw.projection import huber_weight


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the search ended: z (m + k,), the objective there, and whether it settled."""

    z: FloatArray
    value: float
    converged: bool
    at_bound: BoolArray
    iterations: int


def minimise(objective: Objective, start: FloatArray, steps: int = 80) -> Minimum:
    """Minimise from `start`, shape (m + k,)."""
    low, high = objective.bounds
    z = np.clip(start, low, high)
    value, stalled, iteration = objective.value(z), 0, 0
    for iteration in range(1, steps + 1):
        gradient = objective.gradient(z)
        free = ~_resting(z, gradient, low, high)
        if not free.any():
            return Minimum(z, value, True, ~free, iteration)
        move, expected = _newton_move(objective, z, gradient, free)
        settled = expected <= 1e-13 * value + 1e-18
        there, reached = _along(objective, z, value, move, low, high)
        gain = value - reached
        z, value = there, reached
        stalled = stalled + 1 if gain <= 1e-13 * value else 0
        if (settled and stalled) or stalled >= 3:
            break
    rests = _resting(z, objective.gradient(z), low, high)
    return Minimum(z, value, iteration < steps, rests, iteration)


def _resting(z: FloatArray, gradient: FloatArray, low: FloatArray, high: FloatArray) -> BoolArray:
    return ((z <= low) & (gradient >= 0)) | ((z >= high) & (gradient <= 0)) | (low == high)


def whitening(objective: Objective, z: FloatArray, free: BoolArray) -> FloatArray:
    """Directions (free, rank), scaled so that each moves the weighted residuals by 1."""
    residual, jacobian = objective.jacobian(z)
    weighted = jacobian[:, free] * huber_weight(residual, objective.delta)[:, None]
    scale = np.sqrt(np.einsum("ij,ij->j", weighted, weighted))
    scale[scale == 0] = 1.0
    _, sizes, right = np.linalg.svd(weighted / scale, full_matrices=False)
    kept = sizes > 1e-11 * sizes[0]
    return (right[kept].T / sizes[kept]) / scale[:, None]


def curvature(
    objective: Objective, z: FloatArray, gradient: FloatArray, free: BoolArray, axes: FloatArray
) -> FloatArray:
    """Hessian of the objective along `axes` (free, rank), shape (rank, rank)."""
    reach = 1e-3 * objective.delta * np.sqrt(objective.loss.size)
    hessian = np.empty((axes.shape[1], axes.shape[1]))
    for k in range(axes.shape[1]):
        there = z.copy()
        there[free] += reach * axes[:, k]
        hessian[k] = axes.T @ (objective.gradient(there) - gradient)[free] / reach
    return 0.5 * (hessian + hessian.T)


def _newton_move(
    objective: Objective, z: FloatArray, gradient: FloatArray, free: BoolArray
) -> tuple[FloatArray, float]:
    """A descent step for z and the decrease it promises."""
    axes = whitening(objective, z, free)
    slope = axes.T @ gradient[free]
    hessian = curvature(objective, z, gradient, free, axes)
    if not np.isfinite(hessian).all():
        hessian = np.eye(axes.shape[1])
    sizes, vectors = np.linalg.eigh(hessian)
    sizes = np.maximum(np.abs(sizes), 1e-3)
    inner = vectors.T @ slope
    move = np.zeros_like(z)
    move[free] = -axes @ (vectors @ (inner / sizes))
    return move, float(0.5 * (inner**2 / sizes).sum())


def _along(
    objective: Objective,
    z: FloatArray,
    value: float,
    move: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> tuple[FloatArray, float]:
    """The lowest point found on the way along `move`, kept within the bounds."""
    best, lowest = z, value
    for share in 0.5 ** np.arange(0, 24, dtype=np.float64):
        there = np.clip(z + share * move, low, high)
        reached = objective.value(there)
        if reached < lowest:
            best, lowest = there, reached
        elif lowest < value:
            break
    return best, lowest
