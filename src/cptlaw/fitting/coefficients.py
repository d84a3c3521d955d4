"""The coefficients that are best for given shape parameters, in which a law is linear.

Each place of a search asks for them, so that they are found in C where that was built.
"""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.caching import remembers
from cptlaw.fitting.objective import Objective, Place
from cptlaw.laws.compiled import recurrences

STEPS, MOST_TRIES = 12, 6  # at most, and with ever harder damping for each
GOOD_ENOUGH = 1e-6  # share of the objective; the next step of all parameters does the rest
FIRST_DAMPING, AFTER_FAILURE = 0.02, 0.1
HARDER, SOFTER = 6.0, 3.0  # after a step that failed, and after one that gained
SAME_COLUMNS = 1e-13  # of a square, next to the largest: rounding of columns that are the same
MOST_TERMS = 16  # that the compiled code has room for
RULES = np.array([STEPS, MOST_TRIES, GOOD_ENOUGH, FIRST_DAMPING, AFTER_FAILURE, HARDER, SOFTER])


def with_best_coefficients(place: Place) -> Place:
    """The place with the coefficients that are best for its shape parameters, by Newton's method.

    A residual past delta has no curvature of its own; a little of that of the weighted squares
    keeps steps finite, and more of it where a step fails.
    """
    if (compiled := recurrences()) is None or not 0 < place.objective.terms <= MOST_TERMS:
        return in_numpy(place)
    o, m, best = place.objective, place.objective.terms, place.coefficients.copy()
    rest = float(o.prior_costs(place.z)[m:].sum())
    whole = compiled.coefficients(
        np.ascontiguousarray(place.columns.matrix.T),
        o.log_loss,
        o.counts,
        *_of_coefficients(o),
        np.array([o.delta, o.prior_weight, rest]),
        RULES,
        best,
    )
    return place.moved(best) if whole else in_numpy(place.moved(best))


@remembers(1)
def _of_coefficients(objective: Objective) -> tuple[FloatArray, FloatArray]:
    """Bounds, shape (2, m), and priors, shape (3, m), of the coefficients alone."""
    both = np.array(objective.bounds), np.array(objective.priors)
    bounds, priors = (np.ascontiguousarray(one[:, : objective.terms]) for one in both)
    return bounds, priors


def in_numpy(place: Place) -> Place:
    """As `with_best_coefficients`; also where columns are alike, which takes singular values."""
    objective = place.objective
    m, damping = objective.terms, FIRST_DAMPING
    low, high = (bound[:m] for bound in objective.bounds)
    for _ in range(STEPS):
        c, matrix = place.coefficients, place.columns.matrix
        gradient = (
            matrix.T @ (place.pull / place.prediction) + objective.prior_gradient(place.z)[:m]
        )
        free = ~(((c <= low) & (gradient >= 0)) | ((c >= high) & (gradient <= 0)))
        if not free.any():
            break
        size, counts = np.abs(place.residual), objective.counts / place.prediction**2
        squares = counts * np.minimum(1.0, objective.delta / np.maximum(size, objective.delta))
        own = np.maximum(counts * (size <= objective.delta) - place.pull / place.prediction**2, 0.0)
        columns, drawn = matrix[:, free], np.diag(objective.drawn(place.z)[:m][free])
        flat = columns.T @ (squares[:, None] * columns) + drawn
        bent = columns.T @ (own[:, None] * columns) + drawn
        there = place
        for _ in range(MOST_TRIES):
            moved = c.copy()
            moved[free] -= _solved(bent + damping * flat, gradient[free])
            there = place.moved(np.clip(moved, low, high))
            if there.value < place.value:
                break
            damping = max(damping * HARDER, AFTER_FAILURE)
        else:
            break
        gain, place = place.value - there.value, there
        damping = max(damping / SOFTER, FIRST_DAMPING)
        if gain <= GOOD_ENOUGH * place.value:
            break
    return place


def _solved(system: FloatArray, right: FloatArray) -> FloatArray:
    """The solution of a linear system, 0 along directions in which it says nothing."""
    scale = np.sqrt(np.diag(system))
    scale[scale == 0] = 1.0
    sizes, vectors = np.linalg.eigh(system / np.outer(scale, scale))
    told = sizes > SAME_COLUMNS * sizes[-1]
    along = vectors[:, told]
    return np.asarray(along @ ((along.T @ (right / scale)) / sizes[told]) / scale, dtype=np.float64)
