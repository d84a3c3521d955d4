"""Predict and plan the continual pre-training of language models.

The whole public API is listed here; everything else may change. A name is loaded when it is first
used, so that `import cptlaw` itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# First, so that a signal ends the command while others are imported.
from cptlaw import ending as ending
from cptlaw.output import views

if TYPE_CHECKING:
    from cptlaw.decisions import analysis
    from cptlaw.decisions.cost import Prices
    from cptlaw.decisions.first_run import with_first_run
    from cptlaw.decisions.goal import Goal
    from cptlaw.decisions.pilot import Budget, Pilot, Pilots, candidates, first_pilots, pilot
    from cptlaw.decisions.plan import (
        Aim,
        Alternative,
        KnobEffect,
        Knobs,
        Limit,
        LimitPrice,
        Numbers,
        Outcome,
        Plan,
        PlanOptions,
        Recipe,
        Stability,
        plan,
    )
    from cptlaw.decisions.prior import PriorOptions, PriorPlan, PriorRange, plan_prior
    from cptlaw.decisions.weights import Weights
    from cptlaw.errors import CptlawError, DataError, FitError, MissingExtra
    from cptlaw.fitting import published, uncertainty
    from cptlaw.fitting.fit import fit
    from cptlaw.fitting.options import FitOptions
    from cptlaw.fitting.profile import Profile, profile
    from cptlaw.fitting.result import DomainFit, Fit
    from cptlaw.fitting.scores import Scores
    from cptlaw.fitting.shift import ShiftAt, shift_at
    from cptlaw.fitting.start import Start
    from cptlaw.fitting.tradeoffs import Tradeoff, tradeoffs
    from cptlaw.fitting.uncertainty import Ensemble, Interval
    from cptlaw.forecasting.backtest import Backtest, BacktestRow, LawRow, backtest
    from cptlaw.forecasting.compare import ComparedRow, Comparison, compare
    from cptlaw.forecasting.forecast import DomainForecast, Forecast, forecast
    from cptlaw.forecasting.held_out import HeldOutCurve
    from cptlaw.forecasting.rules import Choice
    from cptlaw.forecasting.verdict import Verdict, verdict
    from cptlaw.laws import catalog, factors
    from cptlaw.laws.areas import Convention
    from cptlaw.laws.law import Factor, Law, Shape, Term
    from cptlaw.laws.points import Points
    from cptlaw.live.monitor import Monitor, Watching
    from cptlaw.live.outlook import Ahead, Alarm, DomainOutlook, Followed, Outlook
    from cptlaw.live.planned import Planned
    from cptlaw.live.rules import Rule
    from cptlaw.output import plot, store
    from cptlaw.schedules.schedule import Schedule
    from cptlaw.schedules.segment import Segment
    from cptlaw.studies import datasets, logs
    from cptlaw.studies.history import History
    from cptlaw.studies.runs import Curve, LoggedLR, Run
    from cptlaw.studies.study import Study
    from cptlaw.studies.study_file import load as load_study

__version__ = "0.2.0"
views.register()

_NAMES = {
    "decisions": "analysis",
    "decisions.cost": "Prices",
    "decisions.first_run": "with_first_run",
    "decisions.goal": "Goal",
    "decisions.pilot": "Budget Pilot Pilots candidates first_pilots pilot",
    "decisions.plan": (
        "Aim Alternative KnobEffect Knobs Limit LimitPrice Numbers Outcome Plan PlanOptions "
        "Recipe Stability plan"
    ),
    "decisions.prior": "PriorOptions PriorPlan PriorRange plan_prior",
    "decisions.weights": "Weights",
    "errors": "CptlawError DataError FitError MissingExtra",
    "fitting": "published uncertainty",
    "fitting.fit": "fit",
    "fitting.options": "FitOptions",
    "fitting.profile": "Profile profile",
    "fitting.result": "DomainFit Fit",
    "fitting.scores": "Scores",
    "fitting.shift": "ShiftAt shift_at",
    "fitting.start": "Start",
    "fitting.tradeoffs": "Tradeoff tradeoffs",
    "fitting.uncertainty": "Ensemble Interval",
    "forecasting.backtest": "Backtest BacktestRow LawRow backtest",
    "forecasting.compare": "ComparedRow Comparison compare",
    "forecasting.forecast": "DomainForecast Forecast forecast",
    "forecasting.held_out": "HeldOutCurve",
    "forecasting.rules": "Choice",
    "forecasting.verdict": "Verdict verdict",
    "laws": "catalog factors",
    "laws.areas": "Convention",
    "laws.law": "Factor Law Shape Term",
    "laws.points": "Points",
    "live.monitor": "Monitor Watching",
    "live.outlook": "Ahead Alarm DomainOutlook Followed Outlook",
    "live.planned": "Planned",
    "live.rules": "Rule",
    "output": "plot store",
    "schedules.schedule": "Schedule",
    "schedules.segment": "Segment",
    "studies": "datasets logs",
    "studies.history": "History",
    "studies.runs": "Curve LoggedLR Run",
    "studies.study": "Study",
    "studies.study_file": "load_study=load",
}
"""Module -> its public names; NAME=OTHER where the module calls it otherwise."""
_WHERE = {
    word.partition("=")[0]: (f"cptlaw.{module}", word.rpartition("=")[2])
    for module, words in _NAMES.items()
    for word in words.split()
}


def __getattr__(name: str) -> Any:
    """A public name, or a wing, at its first use."""
    if name in _WHERE:
        module, own = _WHERE[name]
        value = getattr(__import__(module, fromlist=[own]), own)
        globals()[name] = value
        return value
    try:
        if not name.startswith("_"):
            return import_module(f"cptlaw.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"cptlaw.{name}":
            raise
    raise AttributeError(f"module 'cptlaw' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})


__all__ = [
    "Ahead",
    "Aim",
    "Alarm",
    "Alternative",
    "Backtest",
    "BacktestRow",
    "Budget",
    "Choice",
    "ComparedRow",
    "Comparison",
    "Convention",
    "CptlawError",
    "Curve",
    "DataError",
    "DomainFit",
    "DomainForecast",
    "DomainOutlook",
    "Ensemble",
    "Factor",
    "Fit",
    "FitError",
    "FitOptions",
    "Followed",
    "Forecast",
    "Goal",
    "HeldOutCurve",
    "History",
    "Interval",
    "KnobEffect",
    "Knobs",
    "Law",
    "LawRow",
    "Limit",
    "LimitPrice",
    "LoggedLR",
    "MissingExtra",
    "Monitor",
    "Numbers",
    "Outcome",
    "Outlook",
    "Pilot",
    "Pilots",
    "Plan",
    "PlanOptions",
    "Planned",
    "Points",
    "Prices",
    "PriorOptions",
    "PriorPlan",
    "PriorRange",
    "Profile",
    "Recipe",
    "Rule",
    "Run",
    "Schedule",
    "Scores",
    "Segment",
    "Shape",
    "ShiftAt",
    "Stability",
    "Start",
    "Study",
    "Term",
    "Tradeoff",
    "Verdict",
    "Watching",
    "Weights",
    "__version__",
    "analysis",
    "backtest",
    "candidates",
    "catalog",
    "compare",
    "datasets",
    "factors",
    "first_pilots",
    "fit",
    "forecast",
    "load_study",
    "logs",
    "pilot",
    "plan",
    "plan_prior",
    "plot",
    "profile",
    "published",
    "shift_at",
    "store",
    "tradeoffs",
    "uncertainty",
    "verdict",
    "with_first_run",
]
