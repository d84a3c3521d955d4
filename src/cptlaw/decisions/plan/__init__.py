"""The recipe to run for a stated goal: peak LR, schedule, steps, replay and start."""

from cptlaw.decisions.plan.aims import Aim, Limit
from cptlaw.decisions.plan.around import Alternative, KnobEffect
from cptlaw.decisions.plan.knobs import Knobs, Numbers
from cptlaw.decisions.plan.planning import Option, Plan, plan
from cptlaw.decisions.plan.prices import LimitPrice
from cptlaw.decisions.plan.recipe import Prices, Recipe, Start
from cptlaw.decisions.plan.sureness import Sureness

__all__ = [
    "Aim",
    "Alternative",
    "KnobEffect",
    "Knobs",
    "Limit",
    "LimitPrice",
    "Numbers",
    "Option",
    "Plan",
    "Prices",
    "Recipe",
    "Start",
    "Sureness",
    "plan",
]
