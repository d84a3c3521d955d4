"""The pre-trainings that figures start from, and the CPT that goes on from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run


@dataclass(frozen=True)
class PreTraining:
    """A pre-training at a constant learning rate, whose last fifth may decay.

    Args:
        peak: its learning rate.
        steps: its length, where no other is asked for.
        warmup: steps.
        potential: what the learning rate decays to, as a share of the peak, where no other is
            asked for.
    """

    peak: float
    steps: int
    warmup: int
    potential: float

    def schedule(self, potential: float | None = None, steps: int | None = None) -> Schedule:
        """Its learning rates, with another potential or length."""
        share = self.potential if potential is None else potential
        n = steps or self.steps
        if share >= 1.0:
            return Schedule.constant(self.peak, n, warmup=self.warmup)
        return Schedule.wsd(self.peak, n, n // 5, warmup=self.warmup, end=share * self.peak)

    def start(self, potential: float | None = None, steps: int | None = None) -> History:
        """What a CPT starts from after it."""
        return History(self.schedule(potential, steps).lr(), np.empty(0))


def continued(
    history: History, schedule: Schedule, replay: float = 0.0, size: float | None = None
) -> History:
    """The CPT on that schedule after a pre-training."""
    run = Run("cpt", schedule=schedule, data="cpt", replay=replay, model_size=size)
    return history.then(run)
