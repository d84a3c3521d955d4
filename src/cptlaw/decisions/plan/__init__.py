"""The recipe to run for a stated goal: peak LR, schedule, steps, replay and start."""

from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.alternatives import Alternative
from cptlaw.decisions.plan.effects import KnobEffect
from cptlaw.decisions.plan.knobs import Knobs, Numbers
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.limit_prices import LimitPrice
from cptlaw.decisions.plan.options import PlanOptions
from cptlaw.decisions.plan.planning import plan
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.result import Outcome, Plan
from cptlaw.decisions.plan.stability import Stability

__all__ = [
    "Aim",
    "Alternative",
    "KnobEffect",
    "Knobs",
    "Limit",
    "LimitPrice",
    "Numbers",
    "Outcome",
    "Plan",
    "PlanOptions",
    "Recipe",
    "Stability",
    "plan",
]
