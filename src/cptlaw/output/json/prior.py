"""What other people's runs say of a CPT, as one plain dict."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cptlaw.decisions.prior.result import OwnBest, PriorPlan, PriorRange


def prior_json(plan: PriorPlan) -> dict[str, Any]:
    """`{"peak": {"low", "value", "high"}, "replay": {...}, "passes": {...}, ...}`."""
    options = plan.options
    return {
        "model_size": options.model_size,
        "domain_tokens": options.domain_tokens,
        "batch_tokens": options.batch_tokens,
        "goal": dict(options.goal),
        "peak": asdict(plan.peak),
        "peak_of_pretraining": asdict(plan.ratio),
        "replay": asdict(plan.replay),
        "passes": asdict(plan.passes),
        "change": {role: asdict(change) for role, change in plan.changes.items()},
        "losses": {role: asdict(loss) for role, loss in plan.losses.items()},
        "sources": [_own(own) for own in plan.sources],
        "pilots": [
            {
                "name": each.run.name,
                "schedule": each.run.schedule.text if each.run.schedule else None,
                "replay": each.run.replay,
                "tokens": each.cost,
                "reason": each.reason,
            }
            for each in plan.pilots
        ],
        "notes": list(plan.notes),
    }


def _own(own: OwnBest) -> dict[str, Any]:
    return {
        "source": own.source,
        "words": own.words,
        "model_size": own.model_size,
        "peak_of_pretraining": _range(own.peak),
        "at_highest": own.at_highest,
        "replay": _range(own.replay),
        "passes": own.passes,
        "change": dict(own.changes),
    }


def _range(found: PriorRange | None) -> dict[str, float] | None:
    return None if found is None else asdict(found)
