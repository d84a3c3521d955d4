"""Where searches begin: coefficients for given shape parameters, without a guess of them.

They solve a linear least-squares problem of relative residuals under sign constraints. Relative
residuals are log residuals to first order, and keep the problem linear; `newton` goes on from there
to the Huber objective.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.caching import remembers
from cptlaw.fitting.objective import Objective, Place

SINGULAR = 1e-13  # share of the largest singular value below which columns are the same to rounding
ROUNDING = 1e-10  # of a gradient of columns of length 1, next to the target's


def begun(objective: Objective, u: FloatArray, slopes: bool = True) -> Place:
    """The place at search coordinates u (k,), with coefficients that are nearly best."""
    nowhere = np.concatenate([np.zeros(objective.terms), u])
    place = objective.at(nowhere, slopes)
    relative, rows, target, signs = _linear_problem(objective)
    matrix = np.vstack([place.columns.matrix * relative, rows])
    return place.moved(best_coefficients(matrix, target, signs))


class _Linear(NamedTuple):
    """What does not depend on shape parameters: weights of rows (n, 1), further rows, target."""

    relative: FloatArray
    rows: FloatArray
    target: FloatArray
    signs: FloatArray


@remembers(1)
def _linear_problem(objective: Objective) -> _Linear:
    rows, drawn = _pseudo_points(objective)
    relative = (objective.root / objective.loss)[:, None]
    return _Linear(relative, rows, np.append(objective.root, drawn), signs_of(objective))


def signs_of(objective: Objective) -> FloatArray:
    """Sign constraints of the coefficients, shape (m,)."""
    kinds = {"nonnegative": 1.0, "nonpositive": -1.0, "free": 0.0}
    return np.array([kinds[term.bound] for term in objective.law.terms])


def best_coefficients(matrix: FloatArray, target: FloatArray, signs: FloatArray) -> FloatArray:
    """Least squares of matrix @ c = target with sign constraints.

    Columns are scaled to length 1, since they differ by many orders of magnitude (S2 next to 1).
    If the free solution has the right signs it is the one that is wanted.

    Args:
        matrix: shape (n, m).
        target: shape (n,).
        signs: 1 for c >= 0, -1 for c <= 0, 0 for free; shape (m,).
    """
    scale = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    live = scale > 0
    scaled = matrix[:, live] / scale[live]
    c = np.zeros(signs.size)
    c[live] = np.linalg.lstsq(scaled, target, rcond=SINGULAR)[0] / scale[live]
    if (c * signs >= 0).all():
        return c
    turn = np.where(signs[live] == 0, 1.0, signs[live])
    c[live] = turn * nonnegative(scaled * turn, target, signs[live] == 0) / scale[live]
    return c


def nonnegative(matrix: FloatArray, target: FloatArray, free: BoolArray) -> FloatArray:
    """Least squares of matrix @ x = target for x of 0 or more, where it is not free.

    Unknowns are let go from 0 one at a time, the one that would gain most first; one that a
    solution would carry below 0 is held there again.

    Args:
        matrix: shape (n, m), of columns of about the same length.
        target: shape (n,).
        free: unknowns without a bound, shape (m,).

    Source: Lawson and Hanson 1974, chapter 23.
    """
    x, moving = np.zeros(free.size), free.copy()
    least = ROUNDING * float(np.linalg.norm(target))

    def solved() -> FloatArray:
        found = np.zeros(free.size)
        found[moving] = np.linalg.lstsq(matrix[:, moving], target, rcond=SINGULAR)[0]
        return found

    if moving.any():
        x = solved()
    for _ in range(3 * free.size):
        gain = np.where(moving, -np.inf, matrix.T @ (target - matrix @ x))
        if gain.max(initial=-np.inf) <= least:
            break
        moving[int(gain.argmax())] = True
        there = solved()
        while (bad := moving & ~free & (there <= 0)).any():
            share = x[bad] / np.maximum(x[bad] - there[bad], 1e-300)
            x = x + min(float(share.min()), 1.0) * (there - x)
            moving &= free | (x > 1e-14 * np.abs(x).max())
            x[~moving] = 0.0
            there = solved()
        x = there
    return x


def _pseudo_points(objective: Objective) -> tuple[FloatArray, FloatArray]:
    """The priors of coefficients as further points of the linear problem, (r, m) and (r,)."""
    m = objective.terms
    root = np.sqrt(objective.drawn(objective.priors[0])[:m])
    return np.diag(root)[root > 0], (root * objective.priors[0][:m])[root > 0]


def huber_weight(residual: FloatArray, delta: float) -> FloatArray:
    """Square roots of the weights that make squares behave as the Huber loss.

    delta / |r| past delta: then weight * r is the Huber loss's derivative, delta * sign(r), so
    that a minimum of the weighted squares, with its own weights, is one of the Huber loss.
    """
    return np.sqrt(np.minimum(1.0, delta / np.maximum(np.abs(residual), delta)))
