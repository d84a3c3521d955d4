"""What is best to choose: the peak learning rate, the loss potential of the start, the replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.decisions.analysis.weighing import (
    ascending,
    known_weights,
    losses_at,
    lowest,
    roles_of,
    transfers,
)
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run

_LEAST_PEAK = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The values of one choice, and the ends of the runs that they make.

    Args:
        tried: ascending values, shape (k,).
        last: the end of each run.
        first: the transfer of each, where the change since then is weighed; else None.
        is_log: whether a value between two is found in their logarithms.
    """

    tried: FloatArray
    last: Points
    first: Points | None = None
    is_log: bool = False

    def best(self, weights: Weights) -> Callable[[Fit], float]:
        """The value of the lowest weighted final loss, as a function of a fit."""
        return lambda fit: float(self.best_of_each(fit, [weights])[0])

    def best_of_each(self, fit: Fit, many: Sequence[Mapping[str, float]]) -> FloatArray:
        """The best value for each of n weights, shape (n,); the losses are worked out once.

        Args:
            fit: whose losses are weighed.
            many: role -> weight of its final loss, n times.

        Raises:
            DataError: a role that the fit lacks, or no weight above 0.
        """
        counted = [known_weights(fit, weights) for weights in many]
        roles = roles_of(counted)
        last = losses_at(fit, self.last, roles)
        first = None if self.first is None else losses_at(fit, self.first, roles)
        return np.array([self._lowest(last, first, weights) for weights in counted])

    def _lowest(
        self,
        last: Mapping[str, FloatArray],
        first: Mapping[str, FloatArray] | None,
        weights: Weights,
    ) -> float:
        loss = weights.total(last)
        if first is not None:
            loss = loss - weights.total(first)
        if self.is_log:
            return float(np.exp(lowest(np.log(self.tried), loss)))
        return lowest(self.tried, loss)


def optimal_peak(
    fit: Fit,
    start: History,
    family: Callable[[float], Schedule],
    peaks: ArrayLike,
    weights: Mapping[str, float],
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
    counted = known_weights(fit, weights)
    return peaks_to_try(fit, start, family, peaks, replay=replay).best(counted)


def peaks_to_try(
    fit: Fit,
    start: History,
    family: Callable[[float], Schedule],
    peaks: ArrayLike,
    *,
    replay: float = 0.0,
) -> Candidates:
    """What `optimal_peak` chooses among, for any weights."""
    tried = ascending(peaks, _LEAST_PEAK, "optimal_peak", "peak learning rates")
    runs = [Run("peak", schedule=family(p), data="cpt", replay=replay) for p in tried.tolist()]
    points = Points.at_ends([start.then(run) for run in runs], fit.convention)
    return Candidates(tried, points, is_log=True)


def optimal_potential(
    fit: Fit,
    start: Callable[[float], History],
    family: Callable[[float], Schedule],
    potentials: ArrayLike,
    weights: Mapping[str, float],
    *,
    replay: float = 0.0,
    from_transfer: bool = False,
) -> Callable[[Fit], float]:
    """The loss potential of the start at which a weighted final loss is lowest.

    The loss potential is the final LR of the pre-training over its peak: 0 for a fully annealed
    checkpoint, 1 for one that was never annealed.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: loss potential -> learning rates of the pre-training.
        family: loss potential -> schedule of the CPT.
        potentials: ascending loss potentials to try, shape (k,), at least three.
        weights: role -> weight of its final loss.
        replay: share of D_pt in the CPT data.
        from_transfer: weigh the change since the transfer instead of the loss; that rewards
            starts whose own loss is bad.

    Raises:
        DataError: fewer than three potentials, one outside 0 to 1, a role that the fit lacks, or
            no weight above 0.

    Source: arXiv:2505.07796, section 5, Eq. 5.
    """
    counted = known_weights(fit, weights)
    return potentials_to_try(
        fit, start, family, potentials, replay=replay, from_transfer=from_transfer
    ).best(counted)


def potentials_to_try(
    fit: Fit,
    start: Callable[[float], History],
    family: Callable[[float], Schedule],
    potentials: ArrayLike,
    *,
    replay: float = 0.0,
    from_transfer: bool = False,
) -> Candidates:
    """What `optimal_potential` chooses among, for any weights."""
    tried = ascending(potentials, 0.0, "optimal_potential", "loss potentials")
    if tried[-1] > 1.0:
        raise DataError(f"a loss potential of {tried[-1]:g} is above 1, that of a constant LR.")
    histories = [
        start(p).then(Run("potential", schedule=family(p), data="cpt", replay=replay))
        for p in tried.tolist()
    ]
    first = transfers(histories, fit) if from_transfer else None
    return Candidates(tried, Points.at_ends(histories, fit.convention), first)


def optimal_replay(
    fit: Fit,
    start: History,
    schedule: Schedule,
    shares: ArrayLike,
    weights: Mapping[str, float],
) -> Callable[[Fit], float]:
    """The share of D_pt in the CPT data at which a weighted final loss is lowest.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: learning rates up to the transfer.
        schedule: of the CPT.
        shares: ascending shares to try, shape (k,), at least three.
        weights: role -> weight of its final loss.

    Raises:
        DataError: fewer than three shares, one outside 0 to 1, a role that the fit lacks, or no
            weight above 0.

    Source: arXiv:2505.07796, section 5, Eq. 5 and 8.
    """
    counted = known_weights(fit, weights)
    return shares_to_try(fit, start, schedule, shares).best(counted)


def shares_to_try(fit: Fit, start: History, schedule: Schedule, shares: ArrayLike) -> Candidates:
    """What `optimal_replay` chooses among, for any weights."""
    tried = ascending(shares, 0.0, "optimal_replay", "replay shares")
    if tried[-1] > 1.0:
        raise DataError(f"a replay share of {tried[-1]:g} is above 1.")
    history = start.then(Run("replay", schedule=schedule, data="cpt"))
    points = Points.at_ends([replace(history, replay=r) for r in tried.tolist()], fit.convention)
    return Candidates(tried, points)
