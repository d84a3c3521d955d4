"""What is best for a weighted loss, against the weight of the pre-training loss."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.analysis.best import peaks_to_try, potentials_to_try, shares_to_try
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.paper.pretraining import PreTraining

LAMBDA = r"$\lambda_1$, weight of the $D_\mathrm{pt}$ loss"
WEIGHTS = np.linspace(0.0, 1.0, 21)


def weighted(weight: float) -> dict[str, float]:
    """The weights of both domains."""
    return {"pt": weight, "cpt": 1.0 - weight}


_EVERY = [weighted(weight) for weight in WEIGHTS.tolist()]


def best_potentials(
    fit: Fit, base: PreTraining, steps: int, tried: FloatArray, replay: float
) -> FloatArray:
    """The best loss potential (%) before a cosine from the last learning rate, for each weight."""

    def cosine(potential: float) -> Schedule:
        return Schedule.cosine(potential * base.peak, steps)

    found = potentials_to_try(fit, base.start, cosine, tried, replay=replay)
    return 100 * found.best_of_each(fit, _EVERY)


def best_peaks(
    fit: Fit, base: PreTraining, steps: int, warmup: int, tried: FloatArray, replay: float
) -> FloatArray:
    """The best peak LR of a re-warmed cosine from the annealed base, for each weight."""

    def cosine(peak: float) -> Schedule:
        return Schedule.cosine(peak, steps, warmup=warmup)

    found = peaks_to_try(fit, base.start(0.0), cosine, tried, replay=replay)
    return found.best_of_each(fit, _EVERY)


def best_replays(fit: Fit, base: PreTraining, schedule: Schedule, shares: FloatArray) -> FloatArray:
    """The best replay share of a CPT, for each weight."""
    return shares_to_try(fit, base.start(), schedule, shares).best_of_each(fit, _EVERY)
