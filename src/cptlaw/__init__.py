"""Predict and plan the continual pre-training of language models.

The whole public API is listed here; everything else may change.
"""

from cptlaw import catalog, datasets, factors, logs, plot, published, report, store
from cptlaw.areas import Convention
from cptlaw.backtest import Backtest, backtest
from cptlaw.errors import CptlawError, DataError, FitError, MissingExtra
from cptlaw.fit import fit
from cptlaw.fitted import DomainFit, Fit
from cptlaw.forecast import DomainForecast, Forecast, forecast
from cptlaw.history import History
from cptlaw.law import Factor, Law, Shape, Term
from cptlaw.runs import Curve, LoggedLR, Run
from cptlaw.schedule import Schedule
from cptlaw.scores import Scores
from cptlaw.segment import Segment
from cptlaw.shift import ShiftAt, shift_at
from cptlaw.study import Study
from cptlaw.study_file import load as load_study

__version__ = "0.1.0"
__all__ = [
    "Backtest",
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
    "History",
    "Law",
    "LoggedLR",
    "MissingExtra",
    "Run",
    "Schedule",
    "Scores",
    "Segment",
    "Shape",
    "ShiftAt",
    "Study",
    "Term",
    "__version__",
    "backtest",
    "catalog",
    "datasets",
    "factors",
    "fit",
    "forecast",
    "load_study",
    "logs",
    "plot",
    "published",
    "report",
    "shift_at",
    "store",
]
