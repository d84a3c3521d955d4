"""How stable a plan is: where the optimum lies in the refits, and what the recipe may give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.decisions import discrepancy
from cptlaw.decisions.plan.judge import Judge, end
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.samples import KEPT, Samples
from cptlaw.fitting.uncertainty import Ensemble, Interval
from cptlaw.forecasting.causes import half_spread
from cptlaw.forecasting.intervals import LEVEL, multiplier, refit_weight, scales

_MOST = 320  # recipes that the refits choose among


@dataclass(frozen=True)
class Stability:
    """How the best recipe holds when the data are others.

    Args:
        knobs: axis of the best branch -> interval of its optimum over the refits.
        regret: how much a run of the recipe is expected to measure above the best of all, by the
            refits, what the law may be off by, and each run's luck; infinite where no refit
            predicts a loss.
        agree: share of the refits whose own best is of the same choices of what is listed.
        keeps: share of the refits in which the recipe keeps the limits.
    """

    knobs: Mapping[str, Interval]
    regret: float
    agree: float
    keeps: float


def stability(
    judge: Judge, samples: Samples, ensemble: Ensemble, level: float = LEVEL
) -> Stability:
    """How the choice moves with the data.

    Args:
        judge: what judged the samples.
        samples: all that was looked at, best first.
        ensemble: refits.
        level: of the intervals.
    """
    some = samples.where(_some(samples))
    recipes = judge.recipes(some)
    losses = judge.draws(ensemble, recipes)
    value, broken = _judged(judge, some, ensemble, losses)
    best = _best(value, broken)
    same = some.branch[best] == some.branch[0]
    return Stability(
        _knobs(judge, some, best[same], level),
        _regret(*_judged(judge, some, ensemble, _measured(judge, some, recipes, losses))),
        float(same.mean()),
        float((broken[:, 0] == 0).mean()),
    )


def _judged(
    judge: Judge, some: Samples, ensemble: Ensemble, losses: Mapping[str, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Value of n recipes in every draw, and how far it breaks the limits, (draws, n) each."""
    with np.errstate(all="ignore"):
        reference = judge.reference_draws(ensemble)
        value = judge.aim.value(losses, reference, some.costs)
        value = np.broadcast_to(value, (len(ensemble), some.value.size))
        value = np.where(np.isfinite(value), value, np.inf)
        over = [np.atleast_2d(m.excess(losses, reference, some.costs)) for m in judge.limits]
    broken = np.zeros(value.shape)
    for excess in over:
        broken = broken + np.where(excess > KEPT, excess, 0.0)
    return value, broken


def _best(value: FloatArray, broken: FloatArray) -> IntArray:
    """The best recipe of every draw, shape (draws,); the nearest where none keeps the limits."""
    lowest: IntArray = np.where(broken == 0, value, np.inf).argmin(axis=1)
    nearest: IntArray = broken.argmin(axis=1)
    return np.where((broken == 0).any(axis=1), lowest, nearest)


def _regret(value: FloatArray, broken: FloatArray) -> float:
    """By how much the first recipe is above the best one, on average over the draws."""
    best, each = _best(value, broken), np.arange(len(value))
    with np.errstate(invalid="ignore"):
        gap = np.maximum(value[:, 0] - value[each, best], 0.0)
    behind = np.where(broken[each, best] > 0, 0.0, gap)
    behind = behind[np.isfinite(behind)]
    return float(behind.mean()) if behind.size else np.inf


def _measured(
    judge: Judge, some: Samples, recipes: Sequence[Recipe], losses: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """What runs of n recipes might measure: role -> losses, shape (draws, n)."""
    histories = [recipe.history for recipe in recipes]
    return {
        role: discrepancy.measurable(judge.fit, role, histories, some.losses[role], drawn)
        for role, drawn in losses.items()
    }


def _some(samples: Samples) -> IntArray:
    """The best recipe, the nearest to it in value, and others all over."""
    n = samples.value.size
    if n <= _MOST:
        return np.arange(n)
    near = np.arange(_MOST // 2)
    others = np.linspace(_MOST // 2, n - 1, _MOST - _MOST // 2).round().astype(np.int64)
    return np.concatenate([near, others])


def _knobs(judge: Judge, some: Samples, best: IntArray, level: float) -> dict[str, Interval]:
    axes = judge.branches[int(some.branch[0])].axes
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    found: dict[str, Interval] = {}
    for i, axis in enumerate(axes):
        value = axis.at(some.shares[:1, i])[0]
        drawn = axis.at(some.shares[best, i]) if best.size else np.array([value])
        low, high = np.quantile(drawn, tails, method="nearest")
        found[axis.name] = Interval(
            float(value), float(min(low, value)), float(max(high, value)), level
        )
    return found


def intervals(
    judge: Judge, recipe: Recipe, ensemble: Ensemble, level: float = LEVEL
) -> tuple[dict[str, Interval], Interval | None]:
    """What one run of a recipe will measure: the final loss of each domain, and the aim's value.

    Args:
        judge: what the aim is.
        recipe: the run.
        ensemble: refits.
        level: of the intervals.
    """
    whole = end(recipe, judge.fit)
    losses: dict[str, Interval] = {}
    times = multiplier(level)
    spread: dict[str, float] = {}
    for role in judge.roles:
        loss = float(judge.fit.domain(role).loss(whole)[0])
        scale = float(scales(ensemble, role, whole)[0][0])
        low, high = (float(loss * np.exp(sign * times * scale)) for sign in (-1.0, 1.0))
        losses[role] = Interval(loss, low, high, level)
        spread[role] = scale
    aim = judge.aim
    if aim.kind == "cheapest":
        return losses, None
    return losses, _value_interval(judge, losses, spread, ensemble, recipe, times, level)


def _value_interval(
    judge: Judge,
    losses: Mapping[str, Interval],
    spread: Mapping[str, float],
    ensemble: Ensemble,
    recipe: Recipe,
    times: float,
    level: float,
) -> Interval:
    """Of the aim's value: what the refits say of it as a whole, and each domain's own error."""
    drawn = judge.draws(ensemble, [recipe])
    at = {role: np.array([losses[role].value]) for role in judge.roles}
    value = float(judge.aim.value(at, judge.reference.losses, {})[0])
    total = 0.0
    for role in judge.aim.weights:
        weigh = refit_weight(judge.fit, role)
        own = float(half_spread(drawn[role][:, 0])) / losses[role].value
        rest = max(spread[role] ** 2 - (weigh * own) ** 2, 0.0) ** 0.5
        moved = {**at, role: at[role] * np.exp(rest)}
        total += float(judge.aim.value(moved, judge.reference.losses, {})[0] - value) ** 2
    weigh = max(refit_weight(judge.fit, role) for role in judge.aim.weights)
    values = judge.aim.value(drawn, judge.reference_draws(ensemble), {})[:, 0]
    total += (weigh * float(half_spread(values))) ** 2
    reach = times * total**0.5
    return Interval(value, value - reach, value + reach, level)
