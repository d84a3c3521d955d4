"""Runs of logs whose schedule is known from elsewhere."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import datasets, logs
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study


def bundled(name: str) -> Study:
    """A data set of the package, with its D_pt and D_cpt alone."""
    study = datasets.load(name)
    return Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs, study.origin)


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table, such as runs.csv, each with the named columns.

    Raises:
        DataError: it cannot be read, or a row lacks one of them.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from None
    rows: list[dict[str, str]] = []
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        if any(row.get(column) is None for column in columns):
            raise bad_row(path, number, columns)
        rows.append({column: row[column] for column in columns})
    return rows


def bad_row(path: Path, number: int, columns: Sequence[str]) -> DataError:
    """What is said of a row, from 2, that is not as expected."""
    return DataError(f"{path}: row {number}: expected columns {', '.join(columns)}.")


def read_run(
    path: Path,
    losses: str | Sequence[str],
    name: str,
    schedule: Schedule,
    optimizer: str | None = None,
) -> Run:
    """A log as a run with a schedule that must agree with its logged LR.

    One logged LR may differ: that of the step at which it jumps, or after the last.

    Args:
        path: of the log.
        losses: its columns.
        name: of the run.
        schedule: LR of every step.
        optimizer: its name, where the source tells it and the log does not.

    Raises:
        DataError: a file or column is missing, or more of the logged LRs are others.
    """
    run = logs.read(path, losses)
    logged = run.logged_lr
    if logged is not None:
        inside = (logged.steps >= 1) & (logged.steps <= schedule.steps)
        steps, lr = logged.steps[inside], logged.lr[inside]
        off = np.flatnonzero(np.abs(schedule.lr(steps) - lr) > 1e-5 * schedule.peak)
        if off.size > 1:
            raise DataError(
                f"{run.origin}: step {steps[off[0]]} has LR {lr[off[0]]:g}, but its schedule says "
                f"{schedule.lr(steps[off[0]]):g}. Is it the file {name} of that source?"
            )
    return replace(run, name=name, schedule=schedule, optimizer=optimizer or run.optimizer)
