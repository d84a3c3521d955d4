"""Pilots as plain dicts, for --json."""

from __future__ import annotations

from typing import Any

from cptlaw.decisions.pilot.choosing import Pilot, Pilots


def pilots_json(pilots: Pilots) -> dict[str, Any]:
    """Runs to do, what they cost and what they are for."""
    return {
        "goal": dict(pilots.goal.weights) if pilots.goal else None,
        "budget": {"amount": pilots.budget.amount, "unit": pilots.budget.unit},
        "cost": pilots.cost,
        "best": pilots.best or None,
        "rival": pilots.rival or None,
        "pilots": [_pilot(pilot) for pilot in pilots.pilots],
        "notes": list(pilots.notes),
    }


def _pilot(pilot: Pilot) -> dict[str, Any]:
    run = pilot.run
    assert run.schedule is not None
    return {
        "name": run.name,
        "schedule": run.schedule.text,
        "after": run.after,
        "after_step": run.after_step,
        "data": run.data,
        "replay": run.replay,
        "model_size": run.model_size,
        "batch_tokens": run.batch_tokens,
        "cost": pilot.cost,
        "regret_before": pilot.regret_before,
        "regret_after": pilot.regret_after,
        "uncertainty_removed": pilot.removed,
        "reason": pilot.reason,
    }
