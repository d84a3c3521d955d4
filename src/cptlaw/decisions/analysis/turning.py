"""The length of CPT that pays back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.decisions.analysis.weighing import known_weights, losses_at, roles_of
from cptlaw.fitting.result import Fit
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run


def turning_length(
    fit: Fit,
    start: History,
    schedule: Schedule,
    weights: Mapping[str, float],
    *,
    every: int | None = None,
    replay: float = 0.0,
    for_good: bool = False,
) -> Callable[[Fit], float]:
    """The first CPT step at which a weighted loss is back at its value at the transfer.

    It is 0 where the loss never rises, and infinite where it is not back by the schedule's end.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: learning rates up to the transfer.
        schedule: of the CPT, as long as the horizon that matters.
        weights: role -> weight of its loss.
        every: step distance of the curve; left out, about 500 points, between which it is straight.
        replay: share of D_pt in the CPT data.
        for_good: count a loss as back only where it stays so up to the schedule's end. A weighted
            loss may fall at once, rise above its first value and come back much later.

    Raises:
        DataError: a role that the fit lacks, or no weight above 0.

    Source: arXiv:2505.07796, section 4.4.
    """
    counted = known_weights(fit, weights)
    curve = return_curve(fit, start, schedule, every=every, replay=replay)
    return lambda fit: float(curve.turned(fit, [counted], for_good=for_good)[0])


@dataclass(frozen=True, eq=False)
class ReturnCurve:
    """Places along a CPT at which its losses are compared with those at the transfer.

    Args:
        step: CPT steps, from 0 on, shape (n,).
        points: the same as places.
    """

    step: IntArray
    points: Points

    def turned(
        self, fit: Fit, many: Sequence[Mapping[str, float]], *, for_good: bool = False
    ) -> FloatArray:
        """The turning length for each of n weights, shape (n,); the losses are worked out once.

        Args:
            fit: whose losses are weighed.
            many: role -> weight of its loss, n times.
            for_good: as of `turning_length`.

        Raises:
            DataError: a role that the fit lacks, or no weight above 0.
        """
        counted = [known_weights(fit, weights) for weights in many]
        losses = losses_at(fit, self.points, roles_of(counted))
        return np.array([_turned(self.step, w.total(losses), for_good) for w in counted])


def return_curve(
    fit: Fit,
    start: History,
    schedule: Schedule,
    *,
    every: int | None = None,
    replay: float = 0.0,
) -> ReturnCurve:
    """What `turning_length` looks along, for any weights."""
    history = start.then(Run("turning", schedule=schedule, data="cpt", replay=replay))
    distance = every or max(schedule.steps // 500, 1)
    step = np.unique(np.append(np.arange(0, schedule.steps, distance), schedule.steps))
    return ReturnCurve(step, Points.along(history, start.steps + step, fit.convention))


def _turned(step: IntArray, loss: FloatArray, for_good: bool) -> float:
    above = np.flatnonzero(loss[1:] > loss[0]) + 1
    if not above.size or (above[0] > 1 and not for_good):
        return 0.0
    below = np.flatnonzero(loss[1:] <= loss[0]) + 1
    below = below[below > (above[-1] if for_good else 0)]
    if not below.size:
        return float("inf")
    first = int(below[0])
    over, under = loss[first - 1] - loss[0], loss[first] - loss[0]
    share = over / (over - under) if over > under else 1.0
    return float(step[first - 1] + share * (step[first] - step[first - 1]))
