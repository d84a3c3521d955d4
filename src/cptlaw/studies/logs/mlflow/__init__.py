"""MLflow: its database, its older folder `mlruns/`, one metric's file, and the UI's CSV.

Each of them holds single values, of a metric at a step.
"""

from __future__ import annotations

from cptlaw.studies.logs.mlflow import database, exported, folder

FORMATS = (database.FORMAT, folder.RUNS, folder.METRIC, exported.FORMAT)
"""All that MLflow leaves, each told by its content."""
