"""The CSV that MLflow's page of a metric exports: run_id, key, value, step, timestamp."""

from __future__ import annotations

from cptlaw.errors import DataError
from cptlaw.studies.logs import tables
from cptlaw.studies.logs.mlflow.metrics import Metrics, table
from cptlaw.studies.logs.source import Format, Source, picked
from cptlaw.studies.logs.table import Table

_HEADER = ["run_id", "key", "value", "step", "timestamp"]
_OF_RUNS = b"Start Time,Duration,Run ID,"  # the export of the list of runs


def _claims(source: Source) -> bool:
    first = source.data[:200].removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].strip()
    return first.replace(b'"', b"") == ",".join(_HEADER).encode() or first.startswith(_OF_RUNS)


def _read(source: Source) -> Table:
    grid = tables.parse(source)
    if grid.header != _HEADER:
        raise DataError(
            f"{source.given}: MLflow's list of runs, which has only the last value of each metric. "
            "Export the metric's own page as CSV, or name mlflow.db or the run's folder in mlruns."
        )
    runs = {row[0]: row[0] for row in grid.rows}
    if not runs:
        raise DataError(f"{source.given}: a header but no rows.")
    run, metrics = picked(source, runs), Metrics()
    for run_id, key, value, step, time in grid.rows:
        if run_id == run:
            metrics.add(key, step, time, value)
    return table(source, run, metrics, grid.notes)


FORMAT = Format("mlflow", _claims, _read, (".csv",), several=True)
