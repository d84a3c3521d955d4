"""Trackio's database of a project: a table `metrics` with a row of JSON for each log call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cptlaw.errors import DataError
from cptlaw.studies.logs import sqlite
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.history_rows import HistoryRows, laid_out
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.source import Format, Source, picked
from cptlaw.studies.logs.table import Table

_NEEDED = frozenset({"run_name", "step", "metrics"})


def _claims(source: Source) -> bool:
    return sqlite.is_database(source) and sqlite.columns(source, source.path, "metrics") >= _NEEDED


def _read(source: Source) -> Table:
    columns = sqlite.columns(source, source.path, "metrics")
    key = "run_id" if "run_id" in columns else "run_name"  # as it was before 0.20
    rows, notes, bad = HistoryRows(), list[str](), 0
    with sqlite.opened(source, source.path) as database:
        told = sqlite.distinct(database, f"{key}, run_name")
        runs = {str(run): str(name) for run, name in told}
        if not runs:
            raise DataError(f"{source.given}: a Trackio project without a row; nothing was logged.")
        run = picked(source, runs)
        wanted = f"SELECT step, metrics FROM metrics WHERE {key} = ? ORDER BY rowid"
        for step, metrics in sqlite.whole_rows(database, wanted, run, notes):
            bad += not _add(rows, step, metrics)
        settings = _config(database, source, key, run)
    if bad:
        notes.append(f"Rows that are no JSON objects left out: {bad}.")
    if not rows.count:
        raise DataError(f"{source.given}: no row of the run '{runs[run]}' can be read.")
    laid = laid_out([rows], source.given)
    if laid.no_numbers:
        notes.append(f"Left out, holding no numbers: {quoted(laid.no_numbers)}.")
    known = habit(laid.columns)
    series, summed = known.without_summaries(laid.columns)
    return Table(
        source.given,
        runs[run],
        "trackio",
        series,
        lambda row: f"{source.given}, row {row + 1} of '{runs[run]}'",
        habit=known,
        notes=(*notes, *summed),
        settings=settings,
    )


def _add(rows: HistoryRows, step: Any, metrics: Any) -> bool:
    """Add a row; false if it cannot be read."""
    try:
        values = json.loads(metrics)
    except (TypeError, ValueError, RecursionError):
        return False
    if not isinstance(values, dict):
        return False
    for name, value in values.items():
        rows.add_value(name, value)
    if isinstance(step, int | float) and not rows.holds("_step"):
        rows.add("_step", float(step))
    rows.count += 1
    return True


def _config(database: Any, source: Source, key: str, run: str) -> Mapping[str, Any]:
    """What the run was configured with."""
    if key in sqlite.columns(source, source.path, "configs"):
        found = database.execute(f"SELECT config FROM configs WHERE {key} = ?", (run,)).fetchone()
        with suppress(TypeError, ValueError, RecursionError):
            config = json.loads(found[0])
            if isinstance(config, dict):
                return {k: v for k, v in config.items() if not k.startswith("_")}
    return {}


FORMAT = Format("trackio", _claims, _read, (".db",), several=True)
