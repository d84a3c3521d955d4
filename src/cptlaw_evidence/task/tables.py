"""The rows of a split as tables: where each loss lies, and what led there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources import rows
from cptlaw_evidence.sources.source import Split

FEATURES = {
    "pt_steps": "steps of pre-training that led there; 0 where nobody knows them",
    "cpt_steps": "steps of continual pre-training that led there",
    "lr": "learning rate of the last of these steps",
    "pt_lr_sum": "sum of the learning rates of the pre-training steps",
    "cpt_lr_sum": "the same of the continual pre-training",
    "peak_lr": "highest learning rate so far",
    "replay": "share of pre-training data in the continual pre-training; 0 before it",
    "parameters": "without embeddings; empty where not known",
}
PLACE = ("split", "domain", "run", "step")
LOSS = "loss"


@dataclass(frozen=True)
class Tables:
    """What is handed out of one split, and what is asked for; each row a mapping of columns.

    Args:
        train: with a loss.
        test: without.
        runs: name -> what is known of it, with the learning rate of each of its steps.
    """

    train: list[dict[str, Any]]
    test: list[dict[str, Any]]
    runs: dict[str, dict[str, Any]]


def of_split(split: Split, number: int) -> Tables:
    """The tables of a split, which is counted from 1."""
    handed, wanted = rows.fitted(split), rows.asked(split)
    train = _described(split, number, handed)
    for line, row in zip(train, handed, strict=True):
        line[LOSS] = row.loss
    names = dict.fromkeys(row.run for row in (*handed, *wanted))
    return Tables(train, _described(split, number, wanted), _runs(split.study, names))


def _described(split: Split, number: int, some: Sequence[rows.Row]) -> list[dict[str, Any]]:
    """Place and features of each row."""
    by_run: dict[str, list[int]] = {}
    for index, row in enumerate(some):
        by_run.setdefault(row.run, []).append(index)
    found: list[dict[str, Any]] = [{} for _ in some]
    for run, mine in by_run.items():
        columns = features(split.study, run, np.array([some[i].step for i in mine]))
        for at, i in enumerate(mine):
            row = some[i]
            place = (number, split.domain or row.role, row.run, row.step)
            found[i] = dict(zip(PLACE, place, strict=True))
            found[i] |= {name: values[at] for name, values in columns.items()}
    return found


def features(study: Study, name: str, steps: np.ndarray[Any, Any]) -> dict[str, list[Any]]:
    """What led to some steps of a run, by the names of `FEATURES`.

    Args:
        study: that has the run.
        name: of the run.
        steps: since its start, shape (n,).
    """
    history, before = study.history(name), study.before(study.run(name))
    at = before.pt_lr.size + before.cpt_lr.size + steps
    pt = np.minimum(at, history.pt_lr.size)
    cpt = at - pt
    lr = history.lr
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (history.pt_lr, history.cpt_lr)]
    peaks = np.concatenate([[0.0], np.maximum.accumulate(lr)])
    values = (
        pt,
        cpt,
        np.concatenate([[0.0], lr])[at],
        sums[0][pt],
        sums[1][cpt],
        peaks[at],
        np.where(cpt > 0, history.replay, 0.0),
    )
    found = {name: rounded(v) for name, v in zip(FEATURES, values, strict=False)}
    return {**found, "parameters": [history.model_size] * steps.size}


def rounded(values: np.ndarray[Any, Any]) -> list[Any]:
    """Numbers with ten digits: as long as needed, and alike on all machines."""
    if values.dtype.kind == "i":
        return values.tolist()
    return [float(f"{value:.10g}") for value in values.tolist()]


def _runs(study: Study, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The named runs, and those that they go on from."""
    found: dict[str, dict[str, Any]] = {}
    todo = list(names)
    while todo:
        run = study.run(todo.pop())
        if run.name in found:
            continue
        found[run.name] = _told(run)
        if run.after is not None and run.unknown_base is None:
            todo.append(run.after)
    return {run.name: found[run.name] for run in study.runs if run.name in found}


_KEYS = ("data", "after", "after_step", "replay", "batch_tokens", "sequence_length")
_MORE = ("domain_tokens", "optimizer", "weight_decay")


def _told(run: Run) -> dict[str, Any]:
    assert run.schedule is not None
    told = {key: getattr(run, key) for key in (*_KEYS, *_MORE)}
    return {**told, "parameters": run.model_size, "lr": rounded(run.schedule.lr())}
