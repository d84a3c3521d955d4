"""What one domain of a run has shown so far, held against what was foreseen of it."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.forecasting import student
from cptlaw.forecasting.intervals import multiplier
from cptlaw.live.outlook import Ahead, ahead_of
from cptlaw.live.prospect import Foreseen, Prospect
from cptlaw.studies.runs import Curve

IN_A_ROW = 3
"""Evaluations off the forecast on one side, one after the other, that are an alarm."""
SURE = 0.99
"""An evaluation is off where its forecast gave one as far off, on that side, no more than 1 %."""
EARLIER = 0.8
"""An evaluation is held against the forecast made at this share of its step, or before."""
_SHOWN = 60  # steps ahead at which losses are foreseen


class Course:
    """One domain of a run as far as it was measured.

    Args:
        role: the domain.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self._step: list[int] = []
        self._loss: list[float] = []
        self._off: list[int] = []  # -1 below the forecast, 1 above it, 0 as foreseen

    def __len__(self) -> int:
        return len(self._step)

    @property
    def curve(self) -> Curve:
        """The losses so far."""
        return Curve(np.array(self._step), np.array(self._loss))

    def forget(self, step: int) -> None:
        """Take back what was measured from a step on."""
        count = int(np.searchsorted(self._step, step))
        del self._step[count:], self._loss[count:], self._off[count:]

    def take(self, step: int, loss: float, prospect: Prospect | None) -> None:
        """Add a loss, judged by what was foreseen of it."""
        self._off.append(0 if prospect is None else self._judged(step, loss, prospect))
        self._step.append(step)
        self._loss.append(loss)

    def _judged(self, step: int, loss: float, prospect: Prospect) -> int:
        if step < prospect.step[0]:
            return 0
        then = self._given(prospect, np.array([step]), self._believed(EARLIER * step))
        missed = float(np.log(loss / then.loss[0]) / then.scale[0])
        return int(np.sign(missed)) if abs(missed) > student.quantile(SURE) else 0

    def _believed(self, until: float | None = None) -> IntArray:
        """Which losses count: a single one that is off is an accident, several are the run.

        Args:
            until: last step; None for all.
        """
        off = np.array(self._off, dtype=np.int64)
        believed = off == 0
        for side in (-1, 1):
            row = 0
            for i, one in enumerate(off):
                row = row + 1 if one == side else 0
                if row >= IN_A_ROW:
                    believed[i - row + 1 : i + 1] = True
        if until is not None:
            believed &= np.array(self._step, dtype=np.int64) <= until
        return np.flatnonzero(believed)

    def _given(self, prospect: Prospect, asked: IntArray, known: IntArray) -> Foreseen:
        step = np.array(self._step, dtype=np.int64)[known]
        loss = np.array(self._loss, dtype=np.float64)[known]
        return prospect.given(step, loss, asked)

    def foreseen(
        self, step: int, prospect: Prospect, level: float
    ) -> tuple[float, float, float] | None:
        """Loss at a step from all that was measured before it, with the ends of its interval."""
        if step < prospect.step[0]:
            return None
        then = self._given(prospect, np.array([step]), self._believed())
        reach = float(np.exp(multiplier(level) * then.scale[0]))
        loss = float(then.loss[0])
        return loss, loss / reach, loss * reach

    def ahead(self, step: int, prospect: Prospect | None, level: float) -> Ahead | None:
        """What is foreseen from a step to the end of the run; None where nothing can be."""
        if prospect is None:
            return None
        asked = _steps_ahead(step, prospect)
        found = self._given(prospect, asked, self._believed())
        return ahead_of(asked, found.loss, found.scale, level)

    def off_course(self, step: int) -> str:
        """Words on the last evaluations where they left the forecast, else nothing."""
        last: FloatArray | IntArray = np.array(self._off[-IN_A_ROW:])
        if last.size < IN_A_ROW or abs(int(last.sum())) < IN_A_ROW:
            return ""
        side = "above" if last[0] > 0 else "below"
        row = len(self._off)
        while row and self._off[row - 1] == last[0]:
            row -= 1
        count = len(self._off) - row
        return (
            f"{self.role}: the last {count} evaluations, from step {self._step[row]} on, lie "
            f"{side} the forecast made before them, farther than 1 in {round(1 / (1 - SURE))} "
            "would by chance."
        )


def _steps_ahead(step: int, prospect: Prospect) -> IntArray:
    first, last = max(step, int(prospect.step[0])), int(prospect.step[-1])
    found: IntArray = np.unique(np.linspace(first, last, _SHOWN).round().astype(np.int64))
    return found
