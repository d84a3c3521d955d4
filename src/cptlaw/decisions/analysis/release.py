"""What a checkpoint that was not annealed is worth to those who go on from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.decisions.analysis.weighing import known_weights, weighted
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run

Bases = Callable[[float], History]
Family = Callable[[float, int], Schedule]
_SHORTEST, _LONGEST, _LENGTHS = 1 / 32, 8.0, 41


@dataclass(frozen=True)
class Release:
    """What one checkpoint gives to a CPT of a given length.

    Args:
        potential: loss potential of the checkpoint, final over peak LR of its pre-training.
        loss: weighted final loss of the CPT from it, nats per token.
        saved: CPT steps fewer than from the first checkpoint for the same loss; negative for
            more, minus infinity if eight times as many do not reach it.
    """

    potential: float
    loss: float
    saved: float


def release_value(
    fit: Fit,
    start: Bases,
    family: Family,
    potentials: ArrayLike,
    steps: int,
    weights: Mapping[str, float] | None = None,
    *,
    replay: float = 0.0,
) -> tuple[Release, ...]:
    """What checkpoints of several loss potentials are worth to a CPT of `steps` steps.

    Args:
        fit: fitted or published coefficients.
        start: loss potential -> learning rates of the pre-training.
        family: loss potential, steps -> schedule of the CPT, also for a thirty-second of `steps`.
        potentials: shape (k,); the first is what the others are compared with.
        steps: length of the CPT.
        weights: role -> weight of its final loss; left out, D_cpt alone.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: no potential, one outside 0 to 1, a role that the fit lacks.
    """
    wanted = known_weights(fit, weights or {"cpt": 1.0})
    tried = np.asarray(potentials, dtype=np.float64).reshape(-1)
    if not tried.size or tried.min() < 0 or tried.max() > 1:
        raise DataError("release_value needs loss potentials from 0 to 1, one or more.")
    run = _Runs(start, family, replay)
    found: list[Release] = []
    for potential in tried.tolist():
        saved = steps_saved(
            fit, start, family, (float(tried[0]), potential), steps, wanted, replay=replay
        )
        points = Points.at_ends([run.to(potential, steps)], fit.convention)
        loss = float(weighted(fit, points, wanted)[0])
        found.append(Release(potential, loss, saved(fit)))
    return tuple(found)


def steps_saved(
    fit: Fit,
    start: Bases,
    family: Family,
    potentials: tuple[float, float],
    steps: int,
    weights: Mapping[str, float] | None = None,
    *,
    replay: float = 0.0,
) -> Callable[[Fit], float]:
    """CPT steps that a second checkpoint saves over a first for the same weighted final loss.

    Lengths from a thirty-second of `steps` to eight times as many are looked at; a loss that the
    shortest reaches already counts as reached by it.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        start: loss potential -> learning rates of the pre-training.
        family: loss potential, steps -> schedule of the CPT, also for a thirty-second of `steps`.
        potentials: of the first and of the second checkpoint.
        steps: length of the CPT from the first.
        weights: role -> weight of its final loss; left out, D_cpt alone.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: a role that the fit lacks, or no weight above 0.
    """
    wanted = known_weights(fit, weights or {"cpt": 1.0})
    run = _Runs(start, family, replay)
    lengths = np.unique(
        (steps * np.geomspace(_SHORTEST, _LONGEST, _LENGTHS)).round().astype(np.int64)
    )
    first = Points.at_ends([run.to(potentials[0], steps)], fit.convention)
    second = Points.at_ends([run.to(potentials[1], n) for n in lengths.tolist()], fit.convention)

    def saved(fit: Fit) -> float:
        target = float(weighted(fit, first, wanted)[0])
        over = weighted(fit, second, wanted) - target
        return steps - _first_reached(lengths.astype(np.float64), over)

    return saved


@dataclass(frozen=True)
class _Runs:
    """The CPT runs from checkpoints of any loss potential, of any length."""

    start: Bases
    family: Family
    replay: float

    def to(self, potential: float, steps: int) -> History:
        schedule = self.family(potential, steps)
        run = Run("release", schedule=schedule, data="cpt", replay=self.replay)
        return self.start(potential).then(run)


def _first_reached(length: FloatArray, over: FloatArray) -> float:
    """The first length at which k losses have come down to the target, in between by its log."""
    reached = np.flatnonzero(over <= 0)
    if not reached.size:
        return float("inf")
    i = int(reached[0])
    if i == 0:
        return float(length[0])
    share = over[i - 1] / (over[i - 1] - over[i])
    low, high = np.log(length[i - 1 : i + 1]).tolist()
    return float(np.exp(low + share * (high - low)))
