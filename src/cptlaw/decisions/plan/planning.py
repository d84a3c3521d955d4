"""A fit, an aim, knobs and limits -> the recipe to run, and how much it matters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from cptlaw.decisions.plan.advice import advice
from cptlaw.decisions.plan.aims import Aim, Limit, check
from cptlaw.decisions.plan.around import (
    Alternative,
    KnobEffect,
    alternatives,
    default_recipe,
    effects,
    front,
    varying_costs,
    walk_to_alternatives,
)
from cptlaw.decisions.plan.checks import check_batches, check_phase, check_reach
from cptlaw.decisions.plan.judging import Judge, Samples, end
from cptlaw.decisions.plan.knobs import Knobs, branches
from cptlaw.decisions.plan.prices import LimitPrice, prices_of
from cptlaw.decisions.plan.recipe import Kitchen, Prices, Recipe, Start, resized, starts
from cptlaw.decisions.plan.search import search
from cptlaw.decisions.plan.sureness import Sureness, outcome, sureness
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Interval, ensemble_of
from cptlaw.forecasting.extrapolation import warnings
from cptlaw.forecasting.intervals import LEVEL
from cptlaw.forecasting.measured import CHOOSERS, measured, one_kind
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Data


@dataclass(frozen=True)
class Option:
    """A recipe with what it is predicted to give.

    Args:
        recipe: the run.
        value: of the aim.
        losses: domain -> final loss, nats per token.
        costs: key of `plan.aims.COSTS` -> what it costs, where that can be worked out.
    """

    recipe: Recipe
    value: float
    losses: Mapping[str, float]
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """The recipe to run, and how much it matters.

    Args:
        best: the recipe; where no limit can be kept, the one that breaks them least.
        aim: what was made low.
        limits: what may not be exceeded.
        feasible: whether the recipe keeps all limits.
        why: where it does not, what cannot be reached, each a sentence.
        losses: domain -> interval of the final loss that the run will measure; without refits
            both ends are the value.
        value: interval of the aim's value, None for a cost or without refits.
        sure: how the optimum moves with the data; None without refits.
        knobs: what each knob that varies does.
        alternatives: the best of every other choice of what is listed.
        prices: the limits that bind, and what they cost.
        front: recipes of which none is better in every domain and in cost.
        default: what many do (a tenth of the base's peak, cosine to 0, no replay), of the same
            length; None where it is not defined.
        reference: domain -> loss that changes are against.
        reference_words: which checkpoint that is.
        warnings: how far the recipe leaves what was fitted, each a sentence.
        notes: what was taken for granted, each a sentence.
        looked_at: number of recipes.
        seconds: it took.
    """

    best: Option
    aim: Aim
    limits: tuple[Limit, ...]
    feasible: bool
    why: tuple[str, ...]
    losses: Mapping[str, Interval]
    value: Interval | None
    sure: Sureness | None
    knobs: tuple[KnobEffect, ...]
    alternatives: tuple[Alternative, ...]
    prices: tuple[LimitPrice, ...]
    front: tuple[Option, ...]
    default: Option | None
    reference: Mapping[str, float]
    reference_words: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    looked_at: int
    seconds: float

    @property
    def advice(self) -> str:
        """What to run and why, in one paragraph of plain words."""
        return advice(self)


def plan(
    fit: Fit,
    goal: Aim | str,
    knobs: Knobs,
    limits: Sequence[Limit | str] = (),
    *,
    data: Data | None = None,
    reference: str | None = None,
    base_schedule: Schedule | str | None = None,
    model_size: float | None = None,
    batch_tokens: float | None = None,
    prices: Prices | None = None,
    level: float = LEVEL,
    anyway: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Plan:
    """The recipe that is best for a goal.

    Args:
        fit: fitted or published coefficients; the latter come without intervals.
        goal: what is made low, such as "cpt=1 pt=0.3", "worst cpt=1 pt=1" or "cheapest tokens".
        knobs: what may vary.
        limits: such as "pt<=+1%", "cpt<=2.6", "tokens<=5e9".
        data: "cpt" (default of a fit with CPT runs) or "pt": what is trained on.
        reference: checkpoint that changes are against, as one of `knobs.after`; left out, the
            first start.
        base_schedule: the pre-training, where it is no run of the fitted study.
        model_size: non-embedding parameters; left out, the start's.
        batch_tokens: tokens per step; left out, what the fitted runs of that kind share.
        prices: what it takes to work out costs.
        level: of the intervals.
        anyway: plan even where nothing is known.
        progress: is told of long work.

    Raises:
        DataError: a goal, knob, limit or start that cannot be, or knobs that reach to where
            nothing is known.
    """
    began = time.perf_counter()
    aim = Aim.parse(goal) if isinstance(goal, str) else goal
    bounds = tuple(Limit.parse(m) if isinstance(m, str) else m for m in limits)
    check(aim, bounds, fit.domains)
    if not 0 < level < 1:
        raise DataError(f"level = {level:g} must lie between 0 and 1, such as 0.9.")
    judge, words, notes = judge_of(
        fit,
        aim,
        bounds,
        knobs,
        data=data,
        reference=reference,
        base_schedule=base_schedule,
        model_size=model_size,
        batch_tokens=batch_tokens,
        prices=prices,
    )
    if not anyway:
        check_reach(judge)
    with np.errstate(all="ignore"):  # what is no loss is left out
        found = search(judge, progress)
        walk_to_alternatives(found)
    if not np.isfinite(found.samples.value[0]):
        raise DataError("the knobs lie so far from what was fitted that no loss is predicted.")
    knob_effects = effects(found)
    samples = found.samples
    branch = int(samples.branch[0])
    recipe = judge.recipes(samples.where(np.array([0])))[0]
    ensemble = ensemble_of(fit) if fit.study is not None else None
    best = _option(recipe, samples, 0)
    losses = {role: Interval(loss, loss, loss, level) for role, loss in best.losses.items()}
    value, sure = None, None
    if ensemble is not None:
        progress("refits ...")
        losses, value = outcome(judge, recipe, ensemble, level)
        sure = sureness(judge, samples, ensemble, level)
    feasible = bool(samples.kept[0])
    front_of = front(judge, samples, varying_costs(samples.where(samples.kept)))
    usual = default_recipe(judge, recipe)
    return Plan(
        best,
        aim,
        bounds,
        feasible,
        () if feasible else _why(samples, bounds, judge),
        MappingProxyType(losses),
        value,
        sure,
        knob_effects,
        alternatives(found),
        prices_of(found, branch) if feasible else (),
        tuple(_option(r, front_of, i) for i, r in enumerate(judge.recipes(front_of))),
        None if usual is None else _option(usual, judge.of([usual]), 0),
        judge.reference,
        words,
        (*warnings(fit, end(recipe, fit), recipe.run, model_size), *_repeated(fit, best)),
        (*notes, *_near_ties(fit, aim)),
        samples.value.size,
        time.perf_counter() - began,
    )


def judge_of(
    fit: Fit,
    aim: Aim,
    limits: tuple[Limit, ...],
    knobs: Knobs,
    *,
    data: Data | None = None,
    reference: str | None = None,
    base_schedule: Schedule | str | None = None,
    model_size: float | None = None,
    batch_tokens: float | None = None,
    prices: Prices | None = None,
) -> tuple[Judge, str, list[str]]:
    """What judges recipes, what changes are against in words, and what was taken for granted.

    The arguments are those of `plan`.
    """
    notes: list[str] = []
    for what, given in (("model_size", model_size), ("batch_tokens", batch_tokens)):
        if given is not None and not 0 < given < np.inf:
            raise DataError(f"{what} = {given:g}: expected a number above 0.")
    own = tuple(resized(s, model_size) for s in starts(fit, knobs.starts, base_schedule))
    knows_cpt = "cpt" in fit.domains
    phase: Data = data or ("cpt" if knows_cpt else "pt")
    check_phase(fit, own, phase, knobs)
    prices = prices or Prices()
    batch = _usual_batch(fit, phase) if batch_tokens is None else batch_tokens
    if batch_tokens is None and batch is not None:
        notes.append(f"tokens per step: {batch:g}, as in the fitted runs.")
    kitchen = Kitchen(own, phase, model_size, batch, _sequences(fit), prices.domain_tokens)
    check_batches(fit, kitchen, knobs)
    first = own[0] if reference is None else _one(fit, reference, base_schedule, model_size)
    place = _place_of(fit, first)
    against = {} if place is None else {r: float(d.loss(place)[0]) for r, d in fit.domains.items()}
    relative = aim.measure == "change" or any(limit.kind != "absolute" for limit in limits)
    if relative and not against:
        raise DataError(
            "changes are against the loss at the start, but a run from scratch has none. Give "
            "plain losses, or reference (--reference RUN@STEP)."
        )
    if relative and len(own) > 1 and reference is None:
        notes.append(
            f"changes are against {first.words} for all starts; another: reference (--reference)."
        )
    roles = list(dict.fromkeys([*(r for r in ("pt", "cpt") if r in fit.domains), *aim.weights]))
    roles += [m.quantity for m in limits if not m.is_cost and m.quantity not in roles]
    every = branches(knobs, own)
    judge = Judge(fit, kitchen, every, aim, limits, prices, tuple(roles), against, place)
    return judge, first.words, notes


def _one(
    fit: Fit, text: str, base_schedule: Schedule | str | None, model_size: float | None
) -> Start:
    """The checkpoint that changes are against."""
    if not text.strip():
        raise DataError("reference (--reference) is empty; give RUN or RUN@STEP.")
    first, *others = starts(fit, (text,), base_schedule)
    if others:
        raise DataError(f"reference = '{text}': expected one checkpoint, RUN or RUN@STEP.")
    return resized(first, model_size)


def _place_of(fit: Fit, start: Start) -> Points | None:
    """The place of a start; None from scratch."""
    if not start.history.has_base:
        return None
    return Points.at_ends([start.history], fit.convention)


def _usual_batch(fit: Fit, phase: Data) -> float | None:
    """Tokens per step of the fitted runs, where they share it; of those of that phase first."""
    if fit.study is None:
        return None
    runs = [r for r in fit.study.runs if r.data == phase] or list(fit.study.runs)
    found = {r.batch_tokens for r in runs}
    return found.pop() if len(found) == 1 else None


def _sequences(fit: Fit) -> dict[float, int | None]:
    runs = fit.study.runs if fit.study is not None else ()
    return {r.batch_tokens: r.sequence_length for r in runs if r.batch_tokens is not None}


def _option(recipe: Recipe, samples: Samples, i: int) -> Option:
    return Option(
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
    known = measured().choices
    kind = one_kind((leaf.law.traits.choices for leaf in leaves), CHOOSERS)
    cost = known.get(kind, known[CHOOSERS])
    return [
        f"choices by laws of this kind among real runs were {cost.mean:.3f} nats above the best on "
        f"average, {cost.worst:.3f} at worst: recipes that differ by less are as good."
    ]


def _repeated(fit: Fit, best: Option) -> list[str]:
    """A sentence where the D_cpt data are seen again, and the law does not know what that does."""
    passes = best.costs.get("passes", 0.0)
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    if passes <= 1.001 or any(leaf.law.sees("repetition") for leaf in leaves):
        return []
    return [
        f"The D_cpt data are seen {passes:.3g} times. The fitted law has met no repeated data, "
        "which overfit in time; limit it with passes<=1 (--limit)."
    ]


def _why(samples: Samples, limits: Sequence[Limit], judge: Judge) -> tuple[str, ...]:
    """What each limit would have to be, alone and as the nearest recipe has it."""
    said: list[str] = []
    for i, limit in enumerate(limits):
        bound = float(np.asarray(limit.bound(judge.reference)))
        has = samples.costs if limit.is_cost else samples.losses
        least, near = float(has[limit.quantity].min()), float(has[limit.quantity][0])
        if samples.excess[i].min() > 1e-6:
            said.append(
                f"{limit.text} cannot be reached by these knobs: the lowest {limit.quantity} is "
                f"{least:.5g}, the limit {bound:.5g}."
            )
        elif samples.excess[i, 0] > 1e-6:
            said.append(
                f"{limit.text} cannot be kept together with the other limits: the nearest recipe "
                f"has {near:.5g}, the limit is {bound:.5g}."
            )
    return tuple(said)
