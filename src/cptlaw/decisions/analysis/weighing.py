"""Weighted losses at places on histories, and where they are lowest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.laws.points import Points
from cptlaw.studies.history import History


def weighted(fit: Fit, points: Points, weights: Weights) -> FloatArray:
    """The weighted sum of a fit's losses at n points, shape (n,)."""
    return weights.total(losses_at(fit, points, weights))


def losses_at(fit: Fit, points: Points, roles: Iterable[str]) -> dict[str, FloatArray]:
    """A fit's losses of some domains at n points, shape (n,) each, to be weighed several times."""
    return {role: fit.domain(role).loss(points) for role in roles}


def roles_of(many: Iterable[Weights]) -> list[str]:
    """The domains that any of several weights count."""
    return list(dict.fromkeys(role for weights in many for role in weights))


def known_weights(fit: Fit, weights: Mapping[str, float]) -> Weights:
    """The weights, where the fit has every domain of them.

    Raises:
        DataError: a role that the fit lacks, a weight below 0, or none above 0.
    """
    for role in weights:
        fit.domain(role)
    return Weights(weights)


def transfers(histories: Sequence[History], fit: Fit) -> Points:
    """The place of each of k histories at which the CPT begins."""
    last = np.array([h.pt_lr.size for h in histories], dtype=np.int64)
    return Points(histories, np.arange(last.size), last, fit.convention)


def ascending(values: ArrayLike, least: float, caller: str, what: str) -> FloatArray:
    """The values to try, shape (k,).

    Raises:
        DataError: fewer than three, not ascending, or one below `least`.
    """
    tried = np.asarray(values, dtype=np.float64)
    if tried.size < 3 or not (np.diff(tried) > 0).all() or tried[0] < least:
        low = "above 0" if least > 0 else "from 0 up"
        raise DataError(f"{caller} needs three or more ascending {what} {low}.")
    return tried


def lowest(x: FloatArray, y: FloatArray) -> float:
    """Where the parabola through the lowest of n points and its neighbours is lowest.

    At either end it is that end itself.
    """
    i = int(np.argmin(y))
    if i in (0, x.size - 1):
        return float(x[i])
    left, right = float(x[i - 1] - x[i]), float(x[i + 1] - x[i])
    fall, rise = float(y[i - 1] - y[i]) / left, float(y[i + 1] - y[i]) / right
    bend = (rise - fall) / (right - left)
    move = -(fall - bend * left) / (2 * bend) if bend > 0 else 0.0
    return float(x[i] + min(max(move, left), right))
