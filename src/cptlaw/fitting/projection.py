"""Variable projection: search the shape parameters only, with the best coefficients at each.

For given shape parameters the coefficients solve a linear least-squares problem of relative
residuals under sign constraints. A Levenberg-Marquardt search moves the shape parameters; its
weights turn the squares into the Huber objective (iteratively reweighted least squares).

A search over all parameters at once creeps along the valleys in which coefficients follow the
shape parameters; here it moves in the few shape parameters alone, from any start, without a guess
of the coefficients. Relative residuals are log residuals to first order, and keep the problem
linear; `newton` then minimises the objective as it is.

Source: Golub and Pereyra 1973; the Jacobian is Kaufman's (1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.fitting.objective import Objective, huber
from cptlaw.laws.law import Columns

SINGULAR = 1e-13  # share of the largest singular value below which columns are the same to rounding
FIRST_DAMPING = 1e-2  # share of the Hessian's diagonal: hardly damped, starts are screened before
HARDER, SOFTER = 6.0, 8.0  # after a step that failed, and after one that gained
MOST_TRIES = 6  # with the damping times 6 each: 50,000 together, a step of nothing
FARTHEST = 2.0  # in one step, in search coordinates (of a logarithm: a factor of 7)


@dataclass(frozen=True, eq=False)
class Projected:
    """The best coefficients (m,) for shape coordinates u (k,), and what comes with them."""

    u: FloatArray
    coefficients: FloatArray
    residual: FloatArray
    columns: Columns
    score: float

    @property
    def z(self) -> FloatArray:
        """Coefficients, then search coordinates."""
        return np.concatenate([self.coefficients, self.u])


def best_coefficients(matrix: FloatArray, target: FloatArray, signs: FloatArray) -> FloatArray:
    """Least squares of matrix @ c = target with sign constraints.

    Columns are scaled to length 1, since they differ by many orders of magnitude (S2 next to 1).
    If the free solution has the right signs it is the one that is wanted; only otherwise NNLS
    looks for it, with a free coefficient as the difference of two that are not negative. Should
    NNLS give up, wrong signs are cut off: worse, but a place to search on from.

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
    from scipy.optimize import nnls

    sign, free = signs[live], signs[live] == 0
    turned = scaled * np.where(free, 1.0, sign)
    try:
        x, _ = nnls(np.hstack([turned, -scaled[:, free]]), target)
    except RuntimeError:
        return np.where(c * signs >= 0, c, 0.0)
    solution = x[: sign.size] * np.where(free, 1.0, sign)
    solution[free] -= x[sign.size :]
    c[live] = solution / scale[live]
    return c


def signs_of(objective: Objective) -> FloatArray:
    """Sign constraints of the coefficients, shape (m,)."""
    kinds = {"nonnegative": 1.0, "nonpositive": -1.0, "free": 0.0}
    return np.array([kinds[term.bound] for term in objective.law.terms])


def project(
    objective: Objective, u: FloatArray, weight: FloatArray | None = None, slopes: bool = True
) -> Projected:
    """Solve for the coefficients at u; `weight` (n,) are the square roots of the weights."""
    nowhere = np.concatenate([np.zeros(objective.terms), u])
    columns = objective.columns(nowhere, slopes)
    target = objective.root if weight is None else weight
    relative = target / objective.loss
    rows, drawn = _pseudo_points(objective)
    matrix = np.vstack([columns.matrix * relative[:, None], rows])
    c = best_coefficients(matrix, np.append(target, drawn), signs_of(objective))
    residual = columns.matrix @ c / objective.loss - 1.0
    prior = objective.prior(np.concatenate([c, u]))
    score = float(objective.counts @ huber(residual, objective.delta)) + prior
    return Projected(u, c, residual, columns, score if np.isfinite(score) else np.inf)


def _pseudo_points(objective: Objective) -> tuple[FloatArray, FloatArray]:
    """The priors of coefficients as further points of the linear problem, (r, m) and (r,)."""
    m = objective.terms
    root = np.sqrt(objective.drawn(objective.priors[0])[:m])
    return np.diag(root)[root > 0], (root * objective.priors[0][:m])[root > 0]


def search(
    objective: Objective, start: FloatArray, steps: int = 40, tolerance: float = 1e-9
) -> Projected:
    """Levenberg-Marquardt on the shape coordinates from `start`, shape (k,)."""
    low, high = (bound[objective.terms :] for bound in objective.bounds)
    here = project(objective, np.clip(start, low, high))
    damping = FIRST_DAMPING
    for _ in range(steps):
        weight = objective.root * huber_weight(here.residual, objective.delta)
        free = low < high
        gradient, hessian = _normal_equations(objective, here, weight, free)
        moves = ~_pushed_out(here.u[free], gradient, low[free], high[free])
        if not moves.any():
            return here
        free[free] = moves
        gradient, hessian = gradient[moves], hessian[np.ix_(moves, moves)]
        for _ in range(MOST_TRIES):
            # Damped by its own diagonal (Marquardt), so that units do not matter; the trace keeps
            # a parameter without influence from making the system singular.
            system = hessian + damping * np.diag(np.diag(hessian) + 1e-12 * np.trace(hessian))
            try:
                move = np.linalg.solve(system, -gradient)
            except np.linalg.LinAlgError:
                damping *= 10.0
                continue
            u = here.u.copy()
            u[free] += np.clip(move, -FARTHEST, FARTHEST)
            there = project(objective, np.clip(u, low, high), weight)
            if there.score < here.score:
                break
            damping *= HARDER
        else:
            return here
        gain = here.score - there.score
        here, damping = there, damping / SOFTER
        if gain < tolerance * here.score:
            break
    return here


def huber_weight(residual: FloatArray, delta: float) -> FloatArray:
    """Square roots of the weights that make squares behave as the Huber loss.

    delta / |r| past delta: then weight * r is the Huber loss's derivative, delta * sign(r), so
    that a minimum of the weighted squares, with its own weights, is one of the Huber loss.
    """
    return np.sqrt(np.minimum(1.0, delta / np.maximum(np.abs(residual), delta)))


def _pushed_out(
    u: FloatArray, gradient: FloatArray, low: FloatArray, high: FloatArray
) -> BoolArray:
    """Which coordinates are at a bound and would go beyond; they must not hold back the others."""
    return ((u <= low) & (gradient > 0)) | ((u >= high) & (gradient < 0))


def _normal_equations(
    objective: Objective, here: Projected, weight: FloatArray, free: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient and Gauss-Newton Hessian of the projected problem in the free coordinates.

    When a shape parameter moves, the coefficients follow: what of a slope lies in the span of the
    columns they make up for at once, and it is taken out (Kaufman; the part of Golub and Pereyra's
    Jacobian that is left out vanishes with the residuals). Coefficients at 0 rest at their
    constraint and make up for nothing.
    """
    relative = weight / objective.loss
    jacobian = np.zeros((objective.loss.size, here.u.size))
    for s, t, slope in here.columns.slopes:
        jacobian[:, s] += here.coefficients[t] * slope
    rows, drawn = _pseudo_points(objective)
    residual = np.append(here.residual * weight, rows @ here.coefficients - drawn)
    jacobian = jacobian[:, free] * relative[:, None]
    jacobian = np.vstack([jacobian, np.zeros((len(rows), jacobian.shape[1]))])
    used = np.vstack([here.columns.matrix * relative[:, None], rows])[:, here.coefficients != 0]
    if used.shape[1]:
        q, _ = np.linalg.qr(used)
        jacobian -= q @ (q.T @ jacobian)
    m = objective.terms
    gradient = jacobian.T @ residual + objective.prior_gradient(here.z)[m:][free]
    return gradient, jacobian.T @ jacobian + np.diag(objective.drawn(here.z)[m:][free])
