"""Predict and plan the continual pre-training of language models.

The whole public API is listed here; everything else may change.
"""

from cptlaw.decisions import analysis
from cptlaw.decisions.cost import Prices
from cptlaw.decisions.goal import Goal
from cptlaw.decisions.pilot import Budget, Pilot, Pilots, candidates, first_pilots, pilot
from cptlaw.decisions.plan import Aim, Knobs, Limit, Plan, PlanOptions, plan
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
from cptlaw.forecasting.backtest import Backtest, backtest
from cptlaw.forecasting.compare import Comparison, compare
from cptlaw.forecasting.forecast import DomainForecast, Forecast, forecast
from cptlaw.laws import catalog, factors
from cptlaw.laws.areas import Convention
from cptlaw.laws.law import Factor, Law, Shape, Term
from cptlaw.output import plot, store
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment
from cptlaw.studies import datasets, logs
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file import load as load_study

__version__ = "0.1.0"
__all__ = [
    "Aim",
    "Backtest",
    "Budget",
    "Comparison",
    "Convention",
    "CptlawError",
    "Curve",
    "DataError",
    "DomainFit",
    "DomainForecast",
    "Factor",
    "Fit",
    "FitError",
    "FitOptions",
    "Forecast",
    "Goal",
    "History",
    "Knobs",
    "Law",
    "Limit",
    "LoggedLR",
    "MissingExtra",
    "Pilot",
    "Pilots",
    "Plan",
    "PlanOptions",
    "Prices",
    "Profile",
    "Run",
    "Schedule",
    "Scores",
    "Segment",
    "Shape",
    "ShiftAt",
    "Start",
    "Study",
    "Term",
    "Tradeoff",
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
    "plot",
    "profile",
    "published",
    "shift_at",
    "store",
    "tradeoffs",
    "uncertainty",
]
