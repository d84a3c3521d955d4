"""MLflow's SQLite database, `mlflow.db`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError
from cptlaw.studies.logs import sqlite
from cptlaw.studies.logs.mlflow.metrics import Metrics, table
from cptlaw.studies.logs.source import Format, Source, picked
from cptlaw.studies.logs.table import Table

_NEEDED = frozenset({"key", "value", "timestamp", "run_uuid", "step", "is_nan"})
_NAME = "mlflow.db"


def _claims(source: Source) -> bool:
    path = _path(source)
    return path.is_file() and sqlite.columns(source, path, "metrics") >= _NEEDED


def _path(source: Source) -> Path:
    """The database; nothing where the source is not one and holds none."""
    if source.is_directory:
        return source.path / _NAME
    return source.path if sqlite.is_database(source) else Path()


def _read(source: Source) -> Table:
    path, metrics, notes = _path(source), Metrics(), list[str]()
    with sqlite.opened(source, path) as database:
        runs = _runs(source, path, database)
        run = picked(source, runs)
        wanted = (
            "SELECT key, value, timestamp, step, is_nan FROM metrics "
            "WHERE run_uuid = ? ORDER BY rowid"
        )
        for key, value, time, step, is_nan in sqlite.whole_rows(database, wanted, run, notes):
            metrics.add(str(key), step, time, math.nan if is_nan else value)
        settings: dict[str, Any] = {}
        if {"key", "value", "run_uuid"} <= sqlite.columns(source, path, "params"):
            params = "SELECT key, value FROM params WHERE run_uuid = ?"
            settings = {str(k): v for k, v in database.execute(params, (run,))}
    return table(source, runs[run] or run, metrics, notes, settings, path)


def _runs(source: Source, path: Path, database: Any) -> dict[str, str]:
    """What people call each run that has metrics and was not deleted, by its id."""
    ids = [str(run) for (run,) in sqlite.distinct(database, "run_uuid")]
    names = dict.fromkeys(ids, "")
    if {"run_uuid", "key", "value"} <= sqlite.columns(source, path, "tags"):
        tags = database.execute("SELECT run_uuid, value FROM tags WHERE key = 'mlflow.runName'")
        names |= {str(run): str(name) for run, name in tags if run in names}
    if {"run_uuid", "name", "lifecycle_stage"} <= sqlite.columns(source, path, "runs"):
        for run, name, stage in database.execute(
            "SELECT run_uuid, name, lifecycle_stage FROM runs"
        ):
            if run in names and stage == "deleted":
                del names[run]
            elif run in names and name:
                names[run] = str(name)
    if not names:
        raise DataError(f"{source.given}: an MLflow database without a metric of any run.")
    return names


FORMAT = Format("mlflow", _claims, _read, (".db",), several=True)
