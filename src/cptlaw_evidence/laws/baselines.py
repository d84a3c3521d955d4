"""Forecasts without a law, to be beaten: the last loss seen, its trend, the drop seen before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting.observations import Observations, observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws import dual
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.laws.dual import Dual
from cptlaw.laws.law import Factor, Law, Term
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.study import Study

_TREND = 5  # losses that a trend is taken from
_DAMPING = 0.9  # what is left of it after each distance between losses


@dataclass(frozen=True)
class _Seen:
    """Losses on a history, from the first on: steps (n,) and values (n,)."""

    step: IntArray
    loss: FloatArray
    history: History

    def before(self, count: int) -> _Seen:
        """The first losses, at least one."""
        return _Seen(self.step[:count], self.loss[:count], self.history)


Ahead = Callable[[_Seen, IntArray], FloatArray]
"""What was seen on a history, and later steps (n,) of it -> forecasts (n,)."""


def last_value(_: Observations) -> Ahead:
    """The last loss seen, at every later step."""
    return _last


def _last(seen: _Seen, step: IntArray) -> FloatArray:
    return np.full(step.size, seen.loss[-1])


def damped_trend(_: Observations) -> Ahead:
    """The last loss and the mean slope of the last five, which fades with the distance."""
    return _trend


def _trend(seen: _Seen, step: IntArray) -> FloatArray:
    first = max(seen.step.size - _TREND, 0)
    span = int(seen.step[-1] - seen.step[first])
    if span <= 0:
        return _last(seen, step)
    slope = (seen.loss[-1] - seen.loss[first]) / span
    apart = span / (seen.step.size - 1 - first)
    ahead = (step - seen.step[-1]) / apart
    return seen.loss[-1] + slope * apart * _DAMPING * (1 - _DAMPING**ahead) / (1 - _DAMPING)


def same_drop(observed: Observations) -> Ahead:
    """The last loss, less the mean drop of the fitted runs that went from constant LR to a lower.

    Of a drop as much counts as the LR has fallen by, as a share of the peak.

    Raises:
        DataError: a run is CPT, or none was at the peak for longer than it then fell.
    """
    histories = observed.points.histories
    if any(history.is_cpt for history in histories):
        raise DataError("the mean drop of earlier runs is a forecast of pre-training alone.")
    drops = [drop for history in histories if (drop := _drop(_on(observed, history))) is not None]
    if not drops:
        raise DataError("no fitted run goes from its peak to a lower LR after a longer time at it.")
    mean = float(np.mean(drops))

    def ahead(seen: _Seen, step: IntArray) -> FloatArray:
        further = _fallen(seen.history, step) - _fallen(seen.history, seen.step[-1:])
        return seen.loss[-1] - mean * further

    return ahead


def _fallen(history: History, step: IntArray) -> FloatArray:
    """By what share of its peak the LR is lower at each step (n,)."""
    return 1.0 - history.lr[np.maximum(step - 1, 0)] / history.lr.max()


def _drop(seen: _Seen) -> float | None:
    """By how much a run's loss fell for a fall of the LR to 0; None without such an end, seen."""
    last = seen.history.steps
    if not seen.step.size or seen.step[-1] < last:
        return None
    at_peak = np.flatnonzero(seen.history.lr[:last] == seen.history.lr.max()) + 1
    start = int(at_peak[-1])
    known = int(np.searchsorted(seen.step, start, side="right"))
    if not known or not 0 < last - start < start - int(at_peak[0]):
        return None
    (fallen,) = _fallen(seen.history, seen.step[-1:]).tolist()
    return float(seen.loss[known - 1] - seen.loss[-1]) / fallen


BASELINES: dict[str, Callable[[Observations], Ahead]] = {
    "last-value": last_value,
    "damped-trend": damped_trend,
    "same-drop": same_drop,
}


def fit_baseline(study: Study, name: str) -> Fit:
    """A baseline as a fit: every forecast goes on from the last loss of its own history.

    A history without any loss gets the mean of the last losses of all runs.

    Args:
        study: what is fitted.
        name: of `BASELINES`.

    Raises:
        DataError: the baseline says nothing of such a study.
    """
    convention = Convention(warmup="as-is")
    domains: dict[str, DomainFit] = {}
    for role in study.domains:
        observed = observe(study, role, convention)
        factor = _going_on(observed, BASELINES[name](observed))
        law = Law(name, name, "a baseline", (Term("w", (factor,), bound="free"),))
        domains[role] = DomainFit(role, law, Facts(role), {"w": 1.0})
    return Fit(domains, FitOptions(convention), study, study.fingerprint)


def _going_on(observed: Observations, ahead: Ahead) -> Factor:
    def forecast(x: Points) -> Dual:
        value = np.empty(len(x))
        for index, history in enumerate(x.histories):
            mine = np.flatnonzero(x.owner == index)
            order = mine[np.argsort(x.step[mine], kind="stable")]
            value[order] = _along(observed, history, x.step[order], ahead)
        return dual.constant(value)

    return Factor((), forecast, "last", r"\mathrm{last}", conventional=False)


def _along(observed: Observations, history: History, step: IntArray, ahead: Ahead) -> FloatArray:
    """Forecasts at ascending steps of one history, each from what was seen on it before."""
    seen = _on(observed, history)
    if not seen.step.size:
        ends = [observed.loss[observed.run == r][-1] for r in range(len(observed.runs))]
        return np.full(step.size, float(np.mean(ends)))
    after = np.maximum(np.searchsorted(seen.step, step, side="left"), 1)
    value = np.empty(step.size)
    for count in np.unique(after).tolist():
        now = after == count
        value[now] = ahead(seen.before(count), step[now])
    return value


def _on(observed: Observations, history: History) -> _Seen:
    """The losses that were seen on a history, by steps since its beginning."""
    own = history.lr
    steps: list[IntArray] = []
    losses: list[FloatArray] = []
    for index, other in enumerate(observed.points.histories):
        lr = other.lr
        size = min(lr.size, own.size)
        differ = lr[:size] != own[:size]
        shared = int(np.argmax(differ)) if differ.any() else size
        if other.pt_lr.size != history.pt_lr.size or other.replay != history.replay:
            shared = min(shared, other.pt_lr.size, history.pt_lr.size)
        mine = (observed.points.owner == index) & (observed.points.step <= shared)
        steps.append(observed.points.step[mine])
        losses.append(observed.loss[mine])
    step, first = np.unique(np.concatenate(steps), return_index=True)
    return _Seen(step, np.concatenate(losses)[first], history)
