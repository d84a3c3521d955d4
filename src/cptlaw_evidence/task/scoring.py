"""Predictions -> the figures of `cptlaw bench accuracy`, beside a loss that stands still."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import DataError, suggestion
from cptlaw_evidence.accuracy import measuring
from cptlaw_evidence.accuracy.errors import Forecast, RunErrors, errors_of, forecasts_of
from cptlaw_evidence.accuracy.rows import Outcome, rows_of
from cptlaw_evidence.sources import rows
from cptlaw_evidence.sources.loading import Loaded, load, names
from cptlaw_evidence.sources.source import Split
from cptlaw_evidence.task.predictions import Prediction, told

REFERENCE = "last-value"
"""The baseline that others are held against: each run keeps the last loss that was seen of it."""


def score(predictions: Sequence[Prediction], name: str, data: Path | None = None) -> dict[str, Any]:
    """The figures of predictions on the tasks that they are for, as `accuracy.measure` gives them.

    Args:
        predictions: of every row that is asked for, of each split that is to count.
        name: what the law is called.
        data: folder of curves that do not come with the package.

    Raises:
        DataError: an unknown task or row, a row without prediction, curves that are not there.
    """
    began = time.perf_counter()
    if name == REFERENCE:
        raise DataError(f"'{REFERENCE}' is what others are held against; choose another --name.")
    tasks = _known_tasks(predictions)
    loaded = load(tasks, data)
    absent = [one for one in loaded.left_out if one["protocol"] in tasks]
    if absent:
        raise DataError(f"task '{absent[0]['protocol']}': {absent[0]['why']}")
    result = measuring.measure([REFERENCE], tasks, data)
    found: list[dict[str, Any]] = []
    by_task: dict[str, list[Prediction]] = {task: [] for task in tasks}
    for one in predictions:
        by_task[one.task].append(one)
    for protocol in loaded.protocols:
        outcomes = _outcomes(protocol.name, name, by_task[protocol.name], loaded)
        noise = result["noise"][protocol.source]
        found += rows_of(protocol, name, outcomes, noise)
    seconds = time.perf_counter() - began
    rows_ = [*found, *result["rows"]]
    return {**result, "rows": rows_, "laws": [name, REFERENCE], "seconds": seconds}


def _known_tasks(predictions: Sequence[Prediction]) -> list[str]:
    known = names()
    tasks = list(dict.fromkeys(one.task for one in predictions))
    for task in tasks:
        if task not in known:
            raise DataError(f"no task '{task}'. {suggestion(task, known)}")
    if not tasks:
        raise DataError("no row is predicted.")
    return tasks


def _outcomes(
    task: str, law: str, predictions: Sequence[Prediction], loaded: Loaded
) -> list[Outcome]:
    """What came of each split; those of which nothing is predicted say so."""
    splits = loaded.splits[task]
    by_split: dict[int, list[Prediction]] = {}
    for one in predictions:
        if not 1 <= one.split <= len(splits):
            raise DataError(f"{told(one)}: the task has splits 1 to {len(splits)}.")
        by_split.setdefault(one.split, []).append(one)
    return [
        _outcome(task, law, number - 1, split, by_split.get(number, []))
        for number, split in enumerate(splits, start=1)
    ]


def _outcome(
    task: str, law: str, index: int, split: Split, predictions: Sequence[Prediction]
) -> Outcome:
    if not predictions:
        return Outcome(task, index, split.name, law, why="not predicted.")
    losses = {(p.domain, p.run, p.step): p for p in predictions}
    errors: list[RunErrors] = []
    forecasts: list[Forecast] = []
    wanted = rows.asked(split)
    for role in split.study.domains:
        domain = split.domain or role
        mine = [row for row in wanted if row.role == role]
        if not any(p.domain == domain for p in predictions):
            continue
        values = _values(f"{task}, split {index + 1}, {domain}", domain, mine, losses)
        here = _errors(split, role, domain, mine, values)
        ends = {(run, step): v for (_, run, step), v in values.items()}
        finals = {c.run: ends[c.run, split.study.run(c.run).steps] for c in split.candidates}
        errors += here
        forecasts += forecasts_of(split, domain, here, finals)
    if losses:
        first = next(iter(losses.values()))
        raise DataError(f"{told(first)}: the task does not ask for that row.")
    return Outcome(task, index, split.name, law, tuple(errors), tuple(forecasts), chosen=law)


def _values(
    place: str,
    domain: str,
    wanted: Sequence[rows.Row],
    losses: dict[tuple[str, str, int], Prediction],
) -> dict[tuple[str, str, int], float]:
    """Place of a row -> its predicted loss, taken out of `losses`."""
    values: dict[tuple[str, str, int], float] = {}
    for row in wanted:
        one = losses.pop((domain, row.run, row.step), None)
        if one is None:
            raise DataError(f"{place}: no prediction for run '{row.run}', step {row.step}.")
        values[row.place] = one.loss
    return values


def _errors(
    split: Split,
    role: str,
    domain: str,
    wanted: Sequence[rows.Row],
    values: Mapping[tuple[str, str, int], float],
) -> list[RunErrors]:
    """On each scored run."""
    scored = [row for row in wanted if row.use == "scored"]
    starts = {row.run: values[row.place] for row in wanted if row.use == "start"}
    found: list[RunErrors] = []
    for run in dict.fromkeys(row.run for row in scored):
        mine = [row for row in scored if row.run == run]
        predicted = np.array([values[row.place] for row in mine])
        measured = np.array([row.loss for row in mine], dtype=np.float64)
        found.append(errors_of(split, role, run, domain, predicted, measured, starts.get(run)))
    return found
