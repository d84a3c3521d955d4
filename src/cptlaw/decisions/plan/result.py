"""A plan: the recipe to run, and how much it matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.alternatives import Alternative
from cptlaw.decisions.plan.effects import KnobEffect
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.limit_prices import LimitPrice
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.stability import Stability
from cptlaw.fitting.uncertainty import Interval
from cptlaw.forecasting.verdict import Verdict
from cptlaw.shown import Shown


@dataclass(frozen=True)
class Outcome:
    """A recipe with what it is predicted to give.

    Args:
        recipe: the run.
        value: of the aim.
        losses: domain -> final loss, nats per token.
        costs: key of `COSTS` -> what it costs, where that can be worked out.
    """

    recipe: Recipe
    value: float
    losses: Mapping[str, float]
    costs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Plan(Shown):
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
        stability: how the optimum moves with the data; None without refits.
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
        verdict: what decides the choices that were open; None where an older version stored it.
        cut: what was left out of the knobs since nothing is known of it, a sentence; or empty.
        first_run: which run to do first, where one would pay, in words; or empty.
        looked_at: number of recipes.
        seconds: it took.
    """

    best: Outcome
    aim: Aim
    limits: tuple[Limit, ...]
    feasible: bool
    why: tuple[str, ...]
    losses: Mapping[str, Interval]
    value: Interval | None
    stability: Stability | None
    knobs: tuple[KnobEffect, ...]
    alternatives: tuple[Alternative, ...]
    prices: tuple[LimitPrice, ...]
    front: tuple[Outcome, ...]
    default: Outcome | None
    reference: Mapping[str, float]
    reference_words: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    looked_at: int
    seconds: float
    verdict: Verdict | None = None
    cut: str = ""
    first_run: str = ""

    def __repr__(self) -> str:
        recipe, kept = (
            self.best.recipe,
            "" if self.feasible else ", which breaks a limit",
        )
        return (
            f"<Plan for {self.aim.text}: {recipe.schedule.text} from {recipe.start.words}{kept}; "
            f"value {self.best.value:.5g}>"
        )
