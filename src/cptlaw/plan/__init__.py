"""The recipe to run for a stated goal: peak LR, schedule, steps, replay and start."""

from cptlaw import store
from cptlaw.plan.aims import Aim, Limit
from cptlaw.plan.around import Alternative, KnobEffect
from cptlaw.plan.knobs import Knobs, Numbers
from cptlaw.plan.planning import Option, Plan, plan
from cptlaw.plan.prices import LimitPrice
from cptlaw.plan.recipe import Prices, Recipe, Start
from cptlaw.plan.shapes import plan_shape
from cptlaw.plan.sureness import Sureness
from cptlaw.uncertainty import Interval

_STORED = (Aim, Alternative, Interval, KnobEffect, Limit, LimitPrice, Option, Recipe, Start)
store.register(*_STORED, Plan, Sureness, summary={Plan: plan_shape})

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
