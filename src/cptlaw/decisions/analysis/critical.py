"""The point of the pre-training after which CPT takes the old domain's loss away for good.

The paper's critical point compares the loss with the value that the CPT tends to. Where the shift
moves slower than the base falls (beta below alpha), the loss of a later start still comes back,
only very late; so the last start from which it is back within a horizon is given beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.decisions.analysis.weighing import transfers
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws.catalog import LAWS
from cptlaw.laws.points import Points
from cptlaw.laws.symbols import stem
from cptlaw.page import number
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run

FAR_FROM_LIMIT = 0.2
"""Share of its limit below which a shift says nothing about that limit."""
_STARTS = 48


@dataclass(frozen=True)
class CriticalPoint:
    """Both readings of the critical point, in pre-training steps.

    Args:
        limit_step: at which the loss falls below the value that the CPT tends to; infinite if it
            does not within the base, 0 if it lies below from the first start on, NaN where the
            fit knows no such value.
        last_return: the last start from which the loss comes back within the horizon; infinite
            if it does from every start of the base, 0 if from none.
        horizon: CPT steps that were looked at.
        reason: why `limit_step` is NaN; empty if it is not.
    """

    limit_step: float
    last_return: float
    horizon: int
    reason: str = ""


def critical_point(
    fit: Fit, base: Schedule, schedule: Schedule, *, role: str = "pt", replay: float = 0.0
) -> CriticalPoint:
    """The pre-training step after which the loss of a domain does not come back in a CPT.

    Args:
        fit: fitted or published coefficients.
        base: the pre-training's learning rates, as long as the starts that matter.
        schedule: of the CPT, as long as the horizon that matters.
        role: the domain.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: a role that the fit lacks, or a base of fewer than three steps.

    Source: arXiv:2505.07796, section 4.4, figure 7c.
    """
    reason = _no_limit(fit.domain(role)) or _far_limit(fit, base, schedule, role, replay)
    back = last_return(fit, base, schedule, role=role, replay=replay)(fit)
    if reason:
        return CriticalPoint(float("nan"), back, schedule.steps, reason)
    step = critical_step(fit, base, schedule, role=role, replay=replay)(fit)
    return CriticalPoint(step, back, schedule.steps)


def critical_step(
    fit: Fit,
    base: Schedule,
    schedule: Schedule,
    *,
    role: str = "pt",
    starts: ArrayLike | None = None,
    replay: float = 0.0,
) -> Callable[[Fit], float]:
    """The pre-training step at which a loss falls below the value that the CPT tends to.

    That value is what the law gives once the shift has reached its limit and the power of the
    forward area is gone, in Eq. 4's terms L0 + B - C1*S2pt - C2*S2cpt.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        base: the pre-training's learning rates.
        schedule: of the CPT; its annealing counts.
        role: the domain.
        starts: ascending pre-training steps to look at, shape (k,); left out, spread over the
            base; between them the loss is interpolated.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: the law knows no such value, or the starts are not within the base.
    """
    reason = _no_limit(fit.domain(role))
    if reason:
        raise DataError(reason)
    step = _starts(base, starts)
    histories = _from_each(base, schedule, step, replay)
    first, last = transfers(histories, fit), Points.at_ends(histories, fit.convention)

    def critical(fit: Fit) -> float:
        domain = fit.domain(role)
        return _crossing(step, domain.loss(first) - _limit(domain, last))

    return critical


def last_return(
    fit: Fit,
    base: Schedule,
    schedule: Schedule,
    *,
    role: str = "pt",
    starts: ArrayLike | None = None,
    replay: float = 0.0,
) -> Callable[[Fit], float]:
    """The last start from which a loss is back at its value at the transfer by the CPT's end.

    Args:
        fit: whose conventions count; the returned function takes any refit of it.
        base: the pre-training's learning rates.
        schedule: of the CPT, as long as the horizon that matters.
        role: the domain.
        starts: ascending pre-training steps to look at, shape (k,); left out, spread over the
            base.
        replay: share of D_pt in the CPT data.

    Raises:
        DataError: a role that the fit lacks, or starts that are not within the base.
    """
    fit.domain(role)
    step = _starts(base, starts)
    histories = _from_each(base, schedule, step, replay)
    after = np.unique(np.geomspace(1, schedule.steps, 160).round().astype(np.int64))
    after = np.concatenate([[0], after])
    points = Points(
        histories,
        np.repeat(np.arange(step.size), after.size),
        np.add.outer(step, after).ravel(),
        fit.convention,
    )

    def last(fit: Fit) -> float:
        loss = fit.domain(role).loss(points).reshape(step.size, after.size)
        lowest = [float(curve[max(int(curve.argmax()), 1) :].min()) for curve in loss]
        return _crossing(step, loss[:, 0] - np.array(lowest))

    return last


def _starts(base: Schedule, starts: ArrayLike | None) -> IntArray:
    if starts is None:
        first = max(base.steps // 200, 1)
        starts = np.geomspace(first, base.steps, _STARTS).round()
    step = np.unique(np.asarray(starts, dtype=np.int64))
    if step.size < 3 or step[0] < 1 or step[-1] > base.steps:
        raise DataError(
            f"three or more starts within the base's steps 1 to {base.steps} are needed."
        )
    return step


def _from_each(
    base: Schedule, schedule: Schedule, step: IntArray, replay: float
) -> Sequence[History]:
    run = Run("critical", schedule=schedule, data="cpt", replay=replay)
    lr = base.lr()
    return [History(lr[:n], np.empty(0)).then(run) for n in step.tolist()]


def _crossing(step: IntArray, margin: FloatArray) -> float:
    """The last step at which a margin, shape (k,), goes from above to below 0."""
    above = np.flatnonzero(margin >= 0)
    if not above.size:
        return 0.0
    i = int(above[-1])
    if i == step.size - 1:
        return float("inf")
    near = slice(max(i - 1, 0), i + 3)
    place = np.log(step[near].astype(np.float64))
    low, high = np.log(step[i : i + 2].astype(np.float64)).tolist()
    if not (np.diff(margin[near]) < 0).all():
        share = margin[i] / (margin[i] - margin[i + 1])
        return float(np.exp(low + share * (high - low)))
    return float(np.exp(min(max(_at_zero(margin[near], place), low), high)))


def _at_zero(x: FloatArray, y: FloatArray) -> float:
    """The polynomial through k points at x = 0 (Neville)."""
    y = y.copy()
    for k in range(1, x.size):
        y = (x[k:] * y[:-1] - x[:-k] * y[1:]) / (x[k:] - x[:-k])
    return float(y[0])


def _limit(domain: DomainFit, points: Points) -> FloatArray:
    """What a law tends to at n places when only the forward area grows, shape (n,)."""
    return domain.law.loss(points, _endless(domain))


def _endless(domain: DomainFit) -> dict[str, float]:
    """The fitted parameters, but for those that have another value in an endless CPT."""
    limit = domain.law.traits.limit
    return {name: limit.get(stem(name), value) for name, value in domain.params.items()}


def _no_limit(domain: DomainFit) -> str:
    if domain.law.traits.limit:
        return ""
    those = [name for name, entry in LAWS.items() if entry.traits.limit]
    return (
        f"law {domain.law.name} of domain '{domain.role}' has no limit that a CPT tends to "
        f"whatever its start; the laws that have are {', '.join(those)}."
    )


def _far_limit(fit: Fit, base: Schedule, schedule: Schedule, role: str, replay: float) -> str:
    """Whether the shift is still so far from its limit that the limit means nothing."""
    domain = fit.domain(role)
    end = Points.at_ends(_from_each(base, schedule, np.array([base.steps]), replay), fit.convention)
    reached = float(domain.parts(end)["shift"][0])
    whole = float(domain.law.parts(end, _endless(domain))["shift"][0])
    if abs(reached) >= FAR_FROM_LIMIT * abs(whole):
        return ""
    return (
        f"after {schedule.steps} steps of CPT the shift is {number(reached, 3)}, only "
        f"{reached / whole:.1%} of its limit {number(whole, 3)}, so that limit means nothing."
    )
