"""Predict and plan the continual pre-training of language models.

The whole public API is listed here; everything else may change.
"""

from cptlaw import (
    analysis,
    catalog,
    datasets,
    factors,
    logs,
    plot,
    published,
    report,
    store,
    uncertainty,
)
from cptlaw.areas import Convention
from cptlaw.backtest import Backtest, backtest
from cptlaw.compare import Comparison, compare
from cptlaw.errors import CptlawError, DataError, FitError, MissingExtra
from cptlaw.fit import fit
from cptlaw.fitted import DomainFit, Fit
from cptlaw.forecast import DomainForecast, Forecast, forecast
from cptlaw.goal import Goal
from cptlaw.history import History
from cptlaw.law import Factor, Law, Shape, Term
from cptlaw.pilot import Budget, Pilot, Pilots, candidates, first_pilots, pilot
from cptlaw.plan import Aim, Knobs, Limit, Plan, Prices, plan
from cptlaw.profile import Profile, profile
from cptlaw.runs import Curve, LoggedLR, Run
from cptlaw.schedule import Schedule
from cptlaw.scores import Scores
from cptlaw.segment import Segment
from cptlaw.shift import ShiftAt, shift_at
from cptlaw.study import Study
from cptlaw.study_file import load as load_study
from cptlaw.tradeoffs import Tradeoff, tradeoffs

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
    "Prices",
    "Profile",
    "Run",
    "Schedule",
    "Scores",
    "Segment",
    "Shape",
    "ShiftAt",
    "Study",
    "Term",
    "Tradeoff",
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
    "report",
    "shift_at",
    "store",
    "tradeoffs",
    "uncertainty",
]
