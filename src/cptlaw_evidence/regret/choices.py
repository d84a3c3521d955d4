"""What there is to choose: real runs of one length, whose best one is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.decisions.goal import Goal
from cptlaw.studies.study import Study
from cptlaw_evidence.sources import grid, lr_schedules
from cptlaw_evidence.sources.repeats import measured_finals
from cptlaw_evidence.sources.source import Curves

PROTOCOLS = (
    "two-peaks",
    "peak-up",
    "peak-down",
    "grid-schedule",
    "grid-replay",
    "grid-far",
    "20m-near",
    "20m-replay",
)
_WITH_REPLAY = ("grid-replay", "20m-replay")
_USUAL = ("half-cosine", "far-cosine", "cpt-cosine")  # the first that there is
GOALS = ("cpt=1", "cpt=1 pt=0.3", "pt=1")


@dataclass(frozen=True)
class Choice:
    """Runs of one length that a law may choose among.

    Args:
        protocol: what the law is fitted to.
        among: the runs, in words.
        goal: what is wanted, as `Goal.parse` reads it.
        finals: run -> domain -> measured final loss, nats per token; of repeated runs the mean.
        usual: the runs that follow the usual recipe, a cosine to a tenth of the peak.
    """

    protocol: str
    among: str
    goal: str
    finals: Mapping[str, Mapping[str, float]]
    usual: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others."""
        return self.protocol, self.among, self.goal

    def values(self) -> dict[str, float]:
        """Run -> measured value of the goal."""
        goal = Goal.parse(self.goal)
        return {run: float(goal.value(finals)) for run, finals in self.finals.items()}

    def cost(self, runs: Iterable[str]) -> float:
        """Mean value of the goal of some runs minus that of the best one, nats."""
        values = self.values()
        return float(np.mean([values[run] for run in runs])) - min(values.values())

    @property
    def best(self) -> str:
        """The run that measured lowest."""
        values = self.values()
        return min(values, key=lambda run: values[run])


def choices_of(protocol: str, curves: Curves) -> tuple[Choice, ...]:
    """What there is to choose after the fit of a protocol.

    Args:
        protocol: one of `PROTOCOLS`.
        curves: of its curves.
    """
    if curves.name == lr_schedules.NAME:
        return _of_lengths(protocol, curves)
    study, finals = curves.study, measured_finals(curves)
    length = {r.name: study.history(r.name).cpt_lr.size for r in study.runs}
    runs = [run for run in _continued(study) if run in finals]
    if protocol not in _WITH_REPLAY:
        runs = [run for run in runs if not study.run(run).replay]
    among = {n: [r for r in runs if length[r] == n] for n in sorted({length[r] for r in runs})}
    return tuple(
        Choice(protocol, f"{steps} CPT steps", goal, {r: finals[r] for r in some}, used)
        for steps, some in among.items()
        for used in [tuple(name for name in _USUAL if name in some)[:1]]
        for goal in GOALS
        if len(some) > 1
    )


def _continued(study: Study) -> list[str]:
    """CPT runs that differ in what a plan decides: start, schedule, replay; not size or batch."""
    base = study.run(grid.FOUR[0])
    return [
        run.name
        for run in study.runs
        if run.data == "cpt"
        and run.after is not None
        and not study.before(run).is_cpt
        and (run.model_size, run.batch_tokens) == (base.model_size, base.batch_tokens)
    ]


def _of_lengths(protocol: str, curves: Curves) -> tuple[Choice, ...]:
    """Runs of a length at the peak that was not fitted, and at both peaks."""
    low, high = lr_schedules.PEAKS
    unseen = {"peak-up": (high,), "peak-down": (low,)}.get(protocol)
    sets = ([unseen] if unseen else []) + [(low, high)]
    finals, goal = measured_finals(curves), "loss=1"
    steps = {name: curves.study.run(name).steps for name in finals}
    found: list[Choice] = []
    for peaks in sets:
        where = "both peaks" if len(peaks) > 1 else f"peak {float(peaks[0]):g}"
        some = [name for name in finals if any(f"_lr{peak}_T" in name for peak in peaks)]
        for length in sorted({steps[name] for name in some}):
            mine = {name: finals[name] for name in some if steps[name] == length}
            usual = tuple(name for name in mine if name.startswith("cosine10"))
            if len(mine) > 1:
                found.append(Choice(protocol, f"{length} steps, {where}", goal, mine, usual))
    return tuple(found)
