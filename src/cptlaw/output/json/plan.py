"""A plan as one plain dict, for --json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.fitting.uncertainty import Interval
from cptlaw.output.json.numbers import finite
from cptlaw.output.json.verdict import verdict_json
from cptlaw.output.text.advice import advice


def plan_json(plan: Plan) -> dict[str, Any]:
    """The recipe, what it gives and costs, what is nearly as good, what binds."""
    return {
        "verdict": None if plan.verdict is None else verdict_json(plan.verdict),
        "cut": plan.cut or None,
        "first_run": plan.first_run or None,
        "goal": plan.aim.text,
        "measure": plan.aim.measure,
        "limits": [limit.text for limit in plan.limits],
        "feasible": plan.feasible,
        "why": list(plan.why),
        "best": outcome_json(plan.best),
        "losses": {role: _interval(each) for role, each in plan.losses.items()},
        "value": None if plan.value is None else _interval(plan.value),
        "sure": None
        if plan.stability is None
        else {
            "knobs": {name: _interval(each) for name, each in plan.stability.knobs.items()},
            "regret": finite(plan.stability.regret),
            "agree": plan.stability.agree,
            "keeps": plan.stability.keeps,
        },
        "knobs": [
            {
                **asdict(knob),
                "rise": [finite(rise) for rise in knob.rise],
                "above": [finite(above) for above in knob.above],
            }
            for knob in plan.knobs
        ],
        "alternatives": [
            {**asdict(other), "value": finite(other.value), "behind": finite(other.behind)}
            for other in plan.alternatives
        ],
        "prices": [
            {"limit": p.limit.text, "looser": p.looser.text, "gain": finite(p.gain)}
            for p in plan.prices
        ],
        "front": [outcome_json(outcome) for outcome in plan.front],
        "default": None if plan.default is None else outcome_json(plan.default),
        "reference": {"checkpoint": plan.reference_words, "losses": dict(plan.reference)},
        "advice": advice(plan),
        "warnings": list(plan.warnings),
        "notes": list(plan.notes),
        "looked_at": plan.looked_at,
        "seconds": plan.seconds,
    }


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """One recipe with what it is predicted to give."""
    recipe = outcome.recipe
    return {
        "after": recipe.start.text,
        "schedule": recipe.schedule.text,
        "family": recipe.family,
        "knobs": dict(recipe.values),
        "data": recipe.data,
        "replay": recipe.replay,
        "batch_tokens": recipe.batch_tokens,
        "model_size": recipe.model_size or recipe.start.history.model_size,
        "value": finite(outcome.value),
        "losses": {role: finite(loss) for role, loss in outcome.losses.items()},
        "costs": dict(outcome.costs),
    }


def _interval(each: Interval) -> dict[str, Any]:
    low, high = finite(each.low), finite(each.high)
    return {"value": finite(each.value), "low": low, "high": high, "level": each.level}
