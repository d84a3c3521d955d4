"""Logs and studies as text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cptlaw.page import amount, bullets, number, table, wrapped
from cptlaw.schedules.text import short
from cptlaw.studies.faults import faults_of
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study import Study

_FEW = 4  # points below which no schedule is looked for
_LATE = 20  # logging intervals before its first point that make a log one of a later run


def run_text(run: Run) -> str:
    """What a log holds: columns, steps, learning rate, and every note."""
    rows = [
        (
            name,
            curve.source,
            _values(curve),
            f"{len(curve):,}",
            f"{curve.steps[0]:,} to {curve.steps[-1]:,}",
            f"{curve.loss[0]:.4f}",
            f"{curve.loss[-1]:.4f}",
        )
        for name, curve in run.curves.items()
    ]
    head = f"{run.origin or run.name} ({run.format or 'no log'})"
    parts = [
        table(("column", "loss of", "a value is", "points", "steps", "first", "last"), rows, head)
    ]
    if run.logged_lr is not None:
        lr = run.logged_lr
        parts.append(
            f"  learning rate: {lr.lr.size:,} points, {number(float(lr.lr.min()))} to "
            f"{number(float(lr.lr.max()))}, steps {lr.steps[0]:,} to {lr.steps[-1]:,}"
            + ", each of the step after"
            * bool(lr.offset)
        )
        parts += [wrapped(line, "  ", "    ") for line in recognised_lines(lr)]
    odd = [f"Bad data: {fault.sentence}." for fault in faults_of(run)]
    return "\n".join([*parts, *bullets([*odd, *run.notes])])


def _values(curve: Curve) -> str:
    """What each value of a column is."""
    if curve.ema:
        return f"moving average {curve.ema:g}"
    return f"mean of {curve.window} steps" if curve.window > 1 else "of its step"


def recognised_lines(lr: LoggedLR) -> list[str]:
    """Which schedule the logged learning rates are those of, and from which step on."""
    if lr.lr.size < _FEW or not lr.lr.any():
        return []
    start = start_of(lr)
    found = lr.recognised(start)
    if found is None:
        return ["schedule: not recognised; straight lines between the points stand for it"]
    since = f", from step {start} on" if start else ""
    return [f"schedule{since}: {short(found.schedule.text)} ({found.precision})"]


def start_of(lr: LoggedLR) -> int:
    """The step number before the first one of a log whose steps begin late, else 0."""
    spacing = int(np.median(np.diff(lr.steps))) if lr.steps.size > 1 else 1
    first = int(lr.steps[0])
    return first - spacing if first > _LATE * spacing else 0


def study_text(study: Study) -> str:
    """The runs of a study and what they go on from."""
    rows = [
        (
            run.name,
            run.data if run.curves else f"{run.data}, not fitted",
            _start(study, run),
            f"{run.steps:,}",
            number(run.schedule.peak) if run.schedule else "-",
            number(run.replay) if run.data == "cpt" else "-",
            amount(_model_size(study, run)),
            amount(run.batch_tokens * run.steps) if run.batch_tokens else "-",
        )
        for run in study.runs
    ]
    headers = ("run", "data", "starts from", "steps", "peak LR", "replay", "model size", "tokens")
    domains = ", ".join(f"{role} = column '{c}'" for role, c in study.domains.items())
    below = [f"domains: {domains}", *_optimizations(study)]
    return "\n".join([table(headers, rows), *(wrapped(line, "  ", "    ") for line in below)])


def _optimizations(study: Study) -> list[str]:
    """How the runs move their weights, each way once; nothing where no run says so."""
    groups: dict[str, list[str]] = {}
    sizes: dict[str, None] = {}
    for run in study.runs:
        history = study.history(run.name)
        by = history.cpt_by if run.data == "cpt" else history.pt_by
        if history.pt_by.init_std is not None:
            sizes[f"{history.pt_by.init_std:g}"] = None
        reset = ", new optimizer state" if by.optimizer_reset else ""
        words = (replace(by, init_std=None).words or "unknown") + reset
        groups.setdefault(words, []).append(run.name)
    several = [f"{words} ({', '.join(names)})" for words, names in groups.items()]
    ways = [] if set(groups) <= {"unknown"} else several if len(groups) > 1 else list(groups)
    at_first = [f"initial weights {' and '.join(sizes)}"] if sizes else []
    return [f"optimizer: {'; '.join([*ways, *at_first])}"] if ways or at_first else []


def _model_size(study: Study, run: Run) -> float | None:
    """The run's own, or that of the base it goes on from."""
    while run.model_size is None and run.after is not None and run.unknown_base is None:
        run = study.run(run.after)
    return run.model_size


def _start(study: Study, run: Run) -> str:
    if run.after is None:
        return "scratch"
    if run.unknown_base is not None:
        return run.after
    base = study.run(run.after)
    step = base.steps if run.after_step is None else run.after_step
    return f"{run.after}@{base.first_step + step}"
