"""Databases of MLflow and Trackio for tests, with the tables that these make."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

_MLFLOW = """
CREATE TABLE runs (run_uuid VARCHAR(32) NOT NULL, name VARCHAR(250), status VARCHAR(9),
    start_time BIGINT, lifecycle_stage VARCHAR(20), experiment_id INTEGER);
CREATE TABLE metrics ("key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
    run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL,
    is_nan BOOLEAN DEFAULT '0' NOT NULL,
    CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan));
CREATE TABLE params ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL,
    run_uuid VARCHAR(32) NOT NULL);
CREATE TABLE tags ("key" VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL);
"""
_TRACKIO = """
CREATE TABLE metrics (id INTEGER PRIMARY KEY AUTOINCREMENT, {run} timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);
CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, {run} run_name TEXT NOT NULL,
    config TEXT NOT NULL, created_at TEXT NOT NULL);
"""


def mlflow(
    path: Path, runs: Mapping[str, Iterable[tuple[int, str, float]]], stage: str = "active"
) -> Path:
    """A database with the values (step, metric, value) of each run, logged a second apart."""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_MLFLOW)
        for name, values in runs.items():
            run = f"id-{name}"
            database.execute("INSERT INTO runs VALUES (?, ?, '', 0, ?, 0)", (run, name, stage))
            database.execute("INSERT INTO params VALUES ('optim', 'adamw_torch', ?)", (run,))
            for i, (step, metric, value) in enumerate(values):
                kept = (metric, 0 if value != value else value, i, run, step, value != value)
                database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", kept)
    return path


def trackio(path: Path, runs: Mapping[str, Iterable[Mapping[str, Any]]], ids: bool = True) -> Path:
    """A database with rows of each run."""
    named = "run_id TEXT NOT NULL," if ids else ""
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(_TRACKIO.format(run=named))
        for name, rows in runs.items():
            who = [f"id-{name}"] if ids else []
            marks = "?, " * len(who)
            for step, row in enumerate(rows):
                database.execute(
                    f"INSERT INTO metrics VALUES (NULL, {marks}'now', ?, ?, ?)",
                    (*who, name, step, json.dumps(row).encode()),
                )
            database.execute(
                f"INSERT INTO configs VALUES (NULL, {marks}?, ?, 'now')",
                (*who, name, json.dumps({"optim": "lion", "_Username": "x"})),
            )
    return path
