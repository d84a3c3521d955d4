"""The best recipe for some weights, and those that nothing beats in everything: a plan in small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cptlaw.caching import remembers
from cptlaw.decisions.plan import Knobs, Outcome, Plan, PlanOptions, plan
from cptlaw.errors import DataError
from cptlaw.explorer.dials import batch_of, dials_of, phase_of
from cptlaw.explorer.look import start_of, start_text
from cptlaw.explorer.state import Choice
from cptlaw.fitting.result import Fit

_FAMILIES = ("cosine", "linear", "wsd")


@dataclass(frozen=True)
class Optimum:
    """The best recipe of a run's length from its start.

    Args:
        best: the recipe.
        plan: all that was found out.
        front: recipes of which none is better in every domain, each with its final losses.
    """

    best: Choice
    plan: Plan
    front: tuple[tuple[Choice, Mapping[str, float]], ...]


def optimum(fit: Fit, choice: Choice, weights: Mapping[str, float]) -> Optimum:
    """The best recipe for weights: peak, form and replay are free, start and steps as chosen.

    Args:
        fit: fitted or published coefficients.
        choice: the run that is looked at.
        weights: domain -> how much its final loss counts; 0 for not at all.

    Raises:
        DataError: no weight above 0, or nothing that can be planned.
    """
    counted = tuple((r, w) for r, w in weights.items() if w > 0 and r in fit.domains)
    if not counted:
        raise DataError("give at least one domain a weight above 0.")
    found = _planned(fit, _asked(choice), counted)
    front = tuple((_choice(choice, each), dict(each.losses)) for each in found.front)
    return Optimum(_choice(choice, found.best), found, front)


@dataclass(frozen=True)
class _Asked:
    """What of a choice the best recipe depends on."""

    start: str
    base: str
    potential: float | None
    steps: int
    warmup: float
    end: float
    decay_shape: str
    model_size: float | None


def _asked(choice: Choice) -> _Asked:
    return _Asked(
        choice.start,
        choice.base,
        choice.potential,
        choice.steps,
        choice.warmup,
        choice.end,
        "linear" if choice.decay_shape in ("power", "exponential") else choice.decay_shape,
        choice.model_size,
    )


@remembers(24)
def _planned(fit: Fit, asked: _Asked, weights: tuple[tuple[str, float], ...]) -> Plan:
    """The plan, kept for as long as the fit lives."""
    dials = {dial.name: dial for dial in dials_of(fit)}
    peak = dials["peak"]
    after = _after(fit, asked)
    knobs = Knobs(
        peak=f"{peak.low:.6g}..{peak.high:.6g}",
        steps=asked.steps,
        after=after or None,
        family=_FAMILIES,
        decay="0.1..0.9",
        decay_shape=(asked.decay_shape,),
        end=asked.end,
        warmup=asked.warmup,
        replay="0..0.5" if "replay" in dials else 0.0,
    )
    options = PlanOptions(
        data=phase_of(fit),
        base_schedule=asked.base or None,
        model_size=asked.model_size,
        batch_tokens=batch_of(fit),
    )
    goal = " ".join(f"{role}={weight:.6g}" for role, weight in weights)
    return plan(fit, goal, knobs, (), options)


def _after(fit: Fit, asked: _Asked) -> str:
    plain = start_of(fit, asked.start, asked.base, None)
    lr = plain.history.pt_lr
    peak = float(lr.max(initial=0.0))
    if plain.kind == "open model" or not peak:
        return asked.start
    return start_text(asked.start, lr.size, asked.potential, float(lr[-1]) / peak, peak)


def _choice(choice: Choice, outcome: Outcome) -> Choice:
    """The choice that is the recipe of an outcome."""
    recipe, values = outcome.recipe, outcome.recipe.values
    kept = {k: values[k] for k in ("peak", "warmup", "decay", "end") if k in values}
    shape = _asked(choice).decay_shape
    return replace(
        choice, **kept, family=recipe.family, decay_shape=shape, replay=float(recipe.replay)
    )
