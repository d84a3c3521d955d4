"""What a law chooses among real runs, and what the choice costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cptlaw.decisions import discrepancy
from cptlaw.decisions.goal import Goal
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Ensemble, Interval, ensemble_of
from cptlaw.forecasting.extrapolation import warnings
from cptlaw.forecasting.intervals import LEVEL, contrast
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw_evidence.accuracy.errors import predicted_finals
from cptlaw_evidence.fits import Found, Splits, Task, attempted
from cptlaw_evidence.regret.choices import Choice
from cptlaw_evidence.sources.source import Split


@dataclass(frozen=True)
class Decision:
    """What a law chose.

    Args:
        law: as asked for.
        choice: what there was.
        chosen: the run with the lowest predicted value.
        difference: interval of the value of that run minus the best one's, as predicted.
        warned: whether a forecast of the chosen run says that it leaves what was fitted.
        expected: by how much the chosen run was expected to measure above the best of all, nats.
    """

    law: str
    choice: Choice
    chosen: str
    difference: Interval
    warned: bool
    expected: float

    @property
    def regret(self) -> float:
        """What the choice costs, nats."""
        return self.choice.cost([self.chosen])

    @property
    def within(self) -> bool:
        """Whether the measured difference lies in its interval."""
        return self.difference.low <= self.regret <= self.difference.high


def decide(
    choices: Mapping[str, tuple[Choice, ...]], task: Task, splits: Splits
) -> Found[Decision]:
    """Fit once and choose wherever the task's splits ask for it.

    Args:
        choices: protocol -> what there is to choose.
        task: a law and the splits that share a fit.
        splits: of every protocol.

    Returns:
        The decisions, and what could not be decided and why.
    """
    return attempted(task, splits, partial(_decisions, choices, task, splits))


def _decisions(
    choices: Mapping[str, tuple[Choice, ...]], task: Task, splits: Splits, fit: Fit
) -> Found[Decision]:
    ensemble = ensemble_of(fit)
    return [
        decided(choice, task.law, ensemble, splits[protocol][index])
        for protocol, index in dict(task.uses).items()  # once, however many splits share the fit
        for choice in choices[protocol]
    ], []


def decided(choice: Choice, law: str, ensemble: Ensemble, split: Split) -> Decision:
    """What a fitted law chooses.

    Args:
        choice: what there is.
        law: its name.
        ensemble: the fit and its refits.
        split: whose study knows the learning rates of every run.

    Raises:
        FitError: a forecast is not finite.
    """
    fit, study, runs = ensemble.fit, split.study, list(choice.finals)
    goal = Goal.parse(choice.goal)
    predicted = {role: predicted_finals(study, fit, role, runs) for role in goal.weights}
    values = goal.value({role: [p[r] for r in runs] for role, p in predicted.items()})
    chosen = runs[int(np.argmin(values))]
    one, other = (
        Points.at_ends([study.history(run)], fit.convention) for run in (chosen, choice.best)
    )
    told = warnings(fit, one, study.run(chosen))
    apart = difference(ensemble, goal, one, other)
    behind = expected(ensemble, goal, [study.history(run) for run in runs], runs.index(chosen))
    return Decision(law, choice, chosen, apart, bool(told), behind)


def expected(ensemble: Ensemble, goal: Goal, runs: Sequence[History], chosen: int) -> float:
    """By how much one run is expected to measure above the best of all, as a plan states it.

    Args:
        ensemble: a fit and its refits.
        goal: weights of final losses.
        runs: all there are.
        chosen: index of the one.
    """
    fit, losses = ensemble.fit, {}
    ends = Points.at_ends(list(runs), fit.convention)
    for role in goal.weights:
        drawn, loss = ensemble.losses(role, ends), fit.domain(role).loss(ends)
        losses[role] = discrepancy.measurable(fit, role, runs, loss, drawn)
    values = goal.value(losses)
    return float((values[:, chosen] - values.min(axis=1)).mean())


def difference(
    ensemble: Ensemble, goal: Goal, one: Points, other: Points, level: float = LEVEL
) -> Interval:
    """The interval of the difference of a goal's value between two future runs.

    The domains' differences count as independent of each other.

    Args:
        ensemble: a fit and its refits.
        goal: weights of final losses.
        one: the last step of one run.
        other: the last step of another, whose value is taken off.
        level: share of differences that are to lie within.
    """
    each = [(w, contrast(ensemble, role, one, other, level)) for role, w in goal.weights.items()]
    value = sum(w * found.value for w, found in each)
    reach = float(np.sqrt(sum((w * (found.high - found.value)) ** 2 for w, found in each)))
    return Interval(value, value - reach, value + reach, level)
