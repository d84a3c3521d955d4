"""A fit, an aim, knobs and limits -> the recipe to run, and how much it matters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.alternatives import (
    alternatives,
    default_recipe,
    front,
    varying_costs,
    walk_to_alternatives,
)
from cptlaw.decisions.plan.asked import asked_of_plan, within_reach
from cptlaw.decisions.plan.checks import check_decided, check_reach, check_wanted
from cptlaw.decisions.plan.effects import KnobEffect, effects
from cptlaw.decisions.plan.judge import Judge, end
from cptlaw.decisions.plan.knobs import Knobs
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.limit_prices import prices_of
from cptlaw.decisions.plan.options import PlanOptions
from cptlaw.decisions.plan.problem import assumptions, judge_of
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.decisions.plan.samples import KEPT, Samples
from cptlaw.decisions.plan.search import Search, search
from cptlaw.decisions.plan.stability import Stability, intervals, stability
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Interval, ensemble_of
from cptlaw.forecasting.extrapolation import warnings
from cptlaw.forecasting.measured import CHOOSERS, figures_of, measured
from cptlaw.forecasting.verdict import Verdict, verdict
from cptlaw.page import number


def plan(
    fit: Fit,
    goal: Aim | str,
    knobs: Knobs,
    limits: Sequence[Limit | str] = (),
    options: PlanOptions = PlanOptions(),
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Plan:
    """The recipe that is best for a goal.

    Args:
        fit: fitted or published coefficients; the latter come without intervals.
        goal: what is made low, such as "cpt=1 pt=0.3", "worst cpt=1 pt=1" or "cheapest tokens".
        knobs: what may vary.
        limits: such as "pt<=+1%", "cpt<=2.6", "tokens<=5e9".
        options: what is taken for given.
        progress: is told of long work.

    Raises:
        DataError: a goal, knob, limit or start that cannot be, or knobs that reach to where
            nothing is known.
    """
    began = time.perf_counter()
    aim = Aim.parse(goal) if isinstance(goal, str) else goal
    bounds = tuple(Limit.parse(m) if isinstance(m, str) else m for m in limits)
    check_wanted(aim, bounds, fit.domains)
    judge, told, cut = _judge_within_reach(fit, aim, bounds, knobs, options)
    found, knob_effects = _searched(judge, progress)
    samples = found.samples
    feasible = bool(samples.kept[0])
    best = _outcomes(judge, samples.where(np.array([0])))[0]
    reach = _reach(judge, samples, best, options.level, progress)
    usual = default_recipe(judge, best.recipe)
    far = warnings(fit, end(best.recipe, fit), best.recipe.run, options.model_size)
    return Plan(
        best=best,
        aim=aim,
        limits=bounds,
        feasible=feasible,
        why=() if feasible else _why(samples, judge),
        losses=MappingProxyType(reach.losses),
        value=reach.value,
        stability=reach.stability,
        knobs=knob_effects,
        alternatives=alternatives(found),
        prices=prices_of(found, int(samples.branch[0])) if feasible else (),
        front=_front(judge, samples),
        default=None if usual is None else _outcome(usual, judge.of([usual]), 0),
        reference=judge.reference.losses,
        reference_words=judge.reference.words,
        warnings=(*far, *_repeated(fit, best)),
        notes=(*assumptions(judge, options), *_near_ties(fit, aim)),
        verdict=told,
        cut=cut,
        looked_at=samples.value.size,
        seconds=time.perf_counter() - began,
    )


def _judge_within_reach(
    fit: Fit, aim: Aim, bounds: tuple[Limit, ...], knobs: Knobs, options: PlanOptions
) -> tuple[Judge, Verdict, str]:
    """What judges the recipes of which something is known, what decides them, what was left out."""
    judge = judge_of(fit, aim, bounds, knobs, options)
    own, cut = within_reach(fit, knobs, judge.maker.data, options.anyway)
    judge = judge if own is knobs else judge_of(fit, aim, bounds, own, options)
    told = verdict(fit, asked_of_plan(judge))
    if not options.anyway:
        check_reach(judge)
        check_decided(told)
    return judge, told, cut


def _searched(
    judge: Judge, progress: Callable[[str], None]
) -> tuple[Search, tuple[KnobEffect, ...]]:
    """The search from which the best recipe is taken, and what each knob does there."""
    with np.errstate(all="ignore"):  # what is not a loss is left out
        found = search(judge, progress)
        walk_to_alternatives(found)
    if not np.isfinite(found.samples.value[0]):
        raise DataError("the knobs lie so far from what was fitted that no loss is predicted.")
    return found, effects(found)


class _Reach(NamedTuple):
    """What the refits say of the best recipe; of published coefficients there are none."""

    losses: dict[str, Interval]
    value: Interval | None = None
    stability: Stability | None = None


def _reach(
    judge: Judge,
    samples: Samples,
    best: Outcome,
    level: float,
    progress: Callable[[str], None],
) -> _Reach:
    if judge.fit.study is None:
        return _Reach({r: Interval(loss, loss, loss, level) for r, loss in best.losses.items()})
    ensemble = ensemble_of(judge.fit)
    progress("refits ...")
    losses, value = intervals(judge, best.recipe, ensemble, level)
    return _Reach(losses, value, stability(judge, samples, ensemble, level))


def _front(judge: Judge, samples: Samples) -> tuple[Outcome, ...]:
    kept = front(judge, samples, varying_costs(samples.where(samples.kept)))
    return tuple(_outcomes(judge, kept))


def _outcomes(judge: Judge, samples: Samples) -> list[Outcome]:
    return [_outcome(recipe, samples, i) for i, recipe in enumerate(judge.recipes(samples))]


def _outcome(recipe: Recipe, samples: Samples, i: int) -> Outcome:
    return Outcome(
        recipe,
        float(samples.value[i]),
        MappingProxyType({role: float(loss[i]) for role, loss in samples.losses.items()}),
        MappingProxyType({name: float(cost[i]) for name, cost in samples.costs.items()}),
    )


def _near_ties(fit: Fit, aim: Aim) -> list[str]:
    """A sentence on how well such choices have done on real runs."""
    if aim.kind == "cheapest":
        return []
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    kinds = (leaf.law.traits.choices for leaf in leaves)
    cost = figures_of(measured().choices, kinds, CHOOSERS)
    return [
        f"On real runs, what such laws chose was {cost.mean:.3f} nats worse than the best on "
        f"average, {cost.worst:.3f} at most. Recipes that differ by less are equally good."
    ]


def _repeated(fit: Fit, best: Outcome) -> list[str]:
    """A sentence where the D_cpt data are seen again, and the law does not know what that does."""
    passes = best.costs.get("passes", 0.0)
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    if passes <= 1.001 or any(leaf.law.sees("repetition") for leaf in leaves):
        return []
    return [
        f"The D_cpt data are seen {number(passes, 3)} times. The law was fitted to no repeated "
        "data, and repeated data overfit in time; limit them with passes<=1 (--limit)."
    ]


def _why(samples: Samples, judge: Judge) -> tuple[str, ...]:
    """What each limit would have to be, alone and as the nearest recipe has it."""
    said: list[str] = []
    for i, limit in enumerate(judge.limits):
        bound = float(np.asarray(limit.bound(judge.reference.losses)))
        has = samples.costs if limit.is_cost else samples.losses
        least, near = float(has[limit.quantity].min()), float(has[limit.quantity][0])
        if samples.excess[i].min() > KEPT:
            said.append(
                f"{limit.text} cannot be reached by these knobs: the lowest {limit.quantity} is "
                f"{number(least, 5)}, the limit {number(bound, 5)}."
            )
        elif samples.excess[i, 0] > KEPT:
            said.append(
                f"{limit.text} cannot be kept together with the other limits: the nearest recipe "
                f"has {number(near, 5)}, the limit is {number(bound, 5)}."
            )
    return tuple(said)
