"""What choices cost, as one value for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from cptlaw.forecasting.intervals import LEVEL
from cptlaw_evidence.regret.choices import Choice
from cptlaw_evidence.regret.decisions import Decision
from cptlaw_evidence.regret.measuring import Regret

TARGET = 0.003
"""Nats that a choice may cost at most."""


def shape(found: Regret) -> dict[str, Any]:
    """The figures as one value for JSON."""
    return {
        "target": TARGET,
        "level": LEVEL,
        "laws": [_law(law, found) for law in found.laws],
        "choices": [_choice(choice) for choice in found.choices],
        "rows": [_row(decision) for decision in found.decisions],
        "noise": {name: dict(each) for name, each in found.noise.items()},
        "left_out": [dict(one) for one in found.left_out],
        "jobs": found.jobs,
        "seconds": found.seconds,
    }


def _head(choice: Choice) -> dict[str, Any]:
    return {"protocol": choice.protocol, "among": choice.among, "goal": choice.goal}


def _choice(choice: Choice) -> dict[str, Any]:
    return {
        **_head(choice),
        "runs": list(choice.finals),
        "best": choice.best,
        "random": choice.cost(choice.finals),
        "usual": choice.cost(choice.usual) if choice.usual else None,
        "usual_runs": list(choice.usual),
    }


def _row(decision: Decision) -> dict[str, Any]:
    return {
        **_head(decision.choice),
        "law": decision.law,
        "chosen": decision.chosen,
        "best": decision.choice.best,
        "regret": decision.regret,
        "predicted": decision.difference.value,
        "low": decision.difference.low,
        "high": decision.difference.high,
        "within": decision.within,
        "warned": decision.warned,
        "expected": decision.expected,
    }


def _law(law: str, found: Regret) -> dict[str, Any]:
    """What the choices of one law come to."""
    mine = [d for d in found.decisions if d.law == law]
    wrong = [d for d in mine if d.chosen != d.choice.best]
    missed = [d for d in mine if d.regret > TARGET]
    regrets = [d.regret for d in mine]
    reach = [d.difference.high - d.difference.value for d in wrong]
    return {
        "law": law,
        "choices": len(mine),
        "all_choices": len(found.choices),
        "mean": float(np.mean(regrets)) if mine else None,
        "worst": max(regrets, default=None),
        "expected": float(np.mean([d.expected for d in mine])) if mine else None,
        "within_target": len(mine) - len(missed),
        "not_best": len(wrong),
        "covered": sum(d.within for d in wrong),
        "reach": float(np.mean(reach)) if wrong else None,
        "missed": len(missed),
        "warned": sum(d.warned for d in missed),
    }
