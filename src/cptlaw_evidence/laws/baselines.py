"""Forecasts without a law, to be beaten: the last loss seen, and its trend, damped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
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


Ahead = Callable[[_Seen, IntArray], FloatArray]


def last_value(seen: _Seen, step: IntArray) -> FloatArray:
    """The last loss seen, at every later step."""
    return np.full(step.size, seen.loss[-1])


def damped_trend(seen: _Seen, step: IntArray) -> FloatArray:
    """The last loss and the mean slope of the last five, which fades with the distance."""
    first = max(seen.step.size - _TREND, 0)
    span = int(seen.step[-1] - seen.step[first])
    if span <= 0:
        return last_value(seen, step)
    slope = (seen.loss[-1] - seen.loss[first]) / span
    apart = span / (seen.step.size - 1 - first)
    ahead = (step - seen.step[-1]) / apart
    return seen.loss[-1] + slope * apart * _DAMPING * (1 - _DAMPING**ahead) / (1 - _DAMPING)


BASELINES: dict[str, Ahead] = {"last-value": last_value, "damped-trend": damped_trend}


def fit_baseline(study: Study, name: str) -> Fit:
    """A baseline as a fit: every forecast goes on from the last loss of its own history.

    A history without any loss gets the mean of the last losses of all runs.

    Args:
        study: what is fitted.
        name: of `BASELINES`.
    """
    convention = Convention(warmup="as-is")
    domains: dict[str, DomainFit] = {}
    for role in study.domains:
        factor = _going_on(observe(study, role, convention), BASELINES[name])
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
        value[now] = ahead(_Seen(seen.step[:count], seen.loss[:count]), step[now])
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
    return _Seen(step, np.concatenate(losses)[first])
