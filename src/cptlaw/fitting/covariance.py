"""Standard errors of a fit whose residuals are autocorrelated within runs.

A sandwich: the inverse Hessian of the objective (how much a parameter moves for a pull) around the
summed products of the points' scores (how much the points pull), which is right even where the
residuals are neither normal nor of the scale that the objective supposes (Huber 1967).
"""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, grouped
from cptlaw.fitting.neighbours import summed_products
from cptlaw.fitting.newton import PIECE, bend_at, curvature, whitening
from cptlaw.fitting.objective import Place

# In whitened coordinates squares have the curvature 1. What is left of one so flat or bent down is
# mostly the error of the differences it is made of; no variance is told by that.
LEAST_CURVATURE = 1e-6
OUTSIDE = 1e-6  # squared length of a unit vector beyond a span, which rounding alone does not give


def covariance(place: Place, rests: BoolArray, run: IntArray) -> FloatArray:
    """Covariance of coefficients and search coordinates, shape (m + k, m + k).

    Parameters at rest (at a bound, or fixed) have zeros; those that the data leave undetermined
    have an infinite variance.

    Args:
        place: the minimum.
        rests: parameters that were not free, shape (m + k,).
        run: index of each point's run, shape (n,), points of a run in order of steps.
    """
    objective, z, free = place.objective, place.z, ~rests
    result = np.zeros((z.size, z.size))
    if not free.any():
        return result
    axes = whitening(place, free)
    hessian = curvature(place, free, axes, bend_at(place, free))
    if not np.isfinite(hessian).all():
        hessian = np.eye(axes.shape[1])  # as if the residuals were straight in the parameters
    sizes, vectors = np.linalg.eigh(hessian)
    inverse = (vectors / np.maximum(sizes, LEAST_CURVATURE)) @ vectors.T
    # Residuals are smaller at a minimum than at the true parameters, by a share for each of them.
    spread = max(objective.loss.size / max(objective.loss.size - int(free.sum()), 1), 1.0)
    # A prior's centre is as uncertain as its spread.
    drawn = objective.prior_weight * objective.drawn(z)
    meat = _products(place, free, axes, run) * spread + axes.T @ (drawn[free][:, None] * axes)
    inner = inverse @ meat @ inverse
    block = axes @ inner @ axes.T
    # Whitening left their directions out, so that what stands there is the part along the others.
    for i in np.flatnonzero(_undetermined(axes)):
        block[i, :] = block[:, i] = 0.0
        block[i, i] = np.inf
    result[np.ix_(free, free)] = block
    return result


def _products(place: Place, free: BoolArray, axes: FloatArray, run: IntArray) -> FloatArray:
    """Products of the points' scores along `axes`, neighbours of a run together, (rank, rank)."""
    found = np.zeros((axes.shape[1], axes.shape[1]))
    owned = [mine for mine in grouped(run, int(run.max()) + 1) if mine.size]
    piece = np.cumsum([mine.size for mine in owned]) // PIECE
    for some in grouped(piece, int(piece[-1]) + 1):
        runs = [owned[int(i)] for i in some]
        if not runs:
            continue
        mine, start = np.concatenate(runs), 0
        scores: FloatArray = place.pull[mine, None] * (place.rows(mine)[:, free] @ axes)
        for one in runs:
            found += summed_products(scores[start : start + one.size])
            start += one.size
    return found


def _undetermined(axes: FloatArray) -> BoolArray:
    """Free parameters that cannot be moved by the determined directions alone.

    A parameter is determined if its unit vector lies in the span of the directions. The test on
    whole rows is for those that no column of the Jacobian depends on at all.
    """
    count, rank = int(axes.shape[0]), int(axes.shape[1])
    if rank == count:
        return np.zeros(count, dtype=np.bool_)
    basis, _ = np.linalg.qr(axes)
    outside: BoolArray = (1.0 - (basis**2).sum(axis=1)) > OUTSIDE
    still: BoolArray = (axes**2).sum(axis=1) == 0
    undetermined: BoolArray = np.logical_or(outside, still)
    return undetermined
