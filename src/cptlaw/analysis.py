"""Numbers that a fit decides: the peak learning rate that is best, the length that pays back.

Each is a function of a fit, so that `uncertainty.interval` gives its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.fitted import Fit
from cptlaw.history import History
from cptlaw.points import Points
from cptlaw.runs import Run
from cptlaw.schedule import Schedule

Weights = Mapping[str, float]


def turning_length(
    fit: Fit, start: History, schedule: Schedule, weights: Weights, *, every: int | None = None
) -> Callable[[Fit], float]:
    """The first CPT step at which a weighted loss is back at its value at the transfer.

    It is 0 where the loss never rises, and infinite where it is not back by the schedule's end.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: learning rates up to the transfer.
        schedule: of the CPT, as long as the horizon that matters.
        weights: role -> weight of its loss.
        every: step distance of the curve; left out, about 500 points, between which it is straight.

    Raises:
        DataError: a role that the fit lacks, or no weight above 0.

    Source: arXiv:2505.07796, section 4.4.
    """
    _check(fit, weights)
    history = start.then(Run("turning", schedule=schedule, data="cpt"))
    before = start.pt_lr.size + start.cpt_lr.size
    distance = every or max(schedule.steps // 500, 1)
    step = np.unique(np.append(np.arange(0, schedule.steps, distance), schedule.steps))
    points = Points([history], np.zeros(step.size, dtype=np.int64), before + step, fit.convention)

    def turned(fit: Fit) -> float:
        loss = _weighted(fit, points, weights)
        back = np.flatnonzero(loss[1:] <= loss[0]) + 1
        if not back.size:
            return float("inf")
        first = int(back[0])
        if first == 1:
            return 0.0
        over, under = loss[first - 1] - loss[0], loss[first] - loss[0]
        share = over / (over - under) if over > under else 1.0
        return float(step[first - 1] + share * (step[first] - step[first - 1]))

    return turned


def optimal_peak(
    fit: Fit,
    start: History,
    family: Callable[[float], Schedule],
    peaks: ArrayLike,
    weights: Weights,
    *,
    replay: float = 0.0,
) -> Callable[[Fit], float]:
    """The peak LR at which a weighted final loss is lowest, between the given ones.

    The lowest of the given peaks is refined by the parabola through it and its neighbours, in
    the logarithm of the peak; at either end it is that end itself.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: learning rates up to the transfer.
        family: peak LR -> schedule of the CPT.
        peaks: ascending peak LRs to try, shape (k,), at least three.
        weights: role -> weight of its final loss.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: fewer than three peaks, a role that the fit lacks, or no weight above 0.
    """
    _check(fit, weights)
    tried = np.asarray(peaks, dtype=np.float64)
    if tried.size < 3 or not (np.diff(tried) > 0).all() or tried[0] <= 0:
        raise DataError("optimal_peak needs three or more ascending peak learning rates above 0.")
    runs = [Run("peak", schedule=family(p), data="cpt", replay=replay) for p in tried.tolist()]
    points = _ends([start.then(run) for run in runs], fit)

    def best(fit: Fit) -> float:
        loss = _weighted(fit, points, weights)
        return _lowest(np.log(tried), loss)

    return best


def _lowest(x: FloatArray, y: FloatArray) -> float:
    """Where the parabola through the lowest point and its neighbours is lowest, exponentiated."""
    i = int(np.argmin(y))
    if i in (0, x.size - 1):
        return float(np.exp(x[i]))
    left, right = float(x[i - 1] - x[i]), float(x[i + 1] - x[i])
    fall, rise = float(y[i - 1] - y[i]) / left, float(y[i + 1] - y[i]) / right
    bend = (rise - fall) / (right - left)
    move = -(fall - bend * left) / (2 * bend) if bend > 0 else 0.0
    return float(np.exp(x[i] + min(max(move, left), right)))


def _ends(histories: Sequence[History], fit: Fit) -> Points:
    ends = np.array([h.pt_lr.size + h.cpt_lr.size for h in histories], dtype=np.int64)
    return Points(histories, np.arange(ends.size), ends, fit.convention)


def _weighted(fit: Fit, points: Points, weights: Weights) -> FloatArray:
    return np.sum([w * fit.domain(role).loss(points) for role, w in weights.items()], axis=0)


def _check(fit: Fit, weights: Weights) -> None:
    for role in weights:
        fit.domain(role)
    if not any(weight > 0 for weight in weights.values()) or min(weights.values()) < 0:
        raise DataError("weights of domains must be 0 or more, and one of them above 0.")
