"""A log as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.output.text.study import start_of
from cptlaw.studies.faults import faults_of
from cptlaw.studies.runs import LoggedLR, Run


def run_json(run: Run) -> dict[str, Any]:
    """What a log holds, one object: its columns, its learning rates, and every note."""
    lr = run.logged_lr
    return {
        "name": run.name,
        "origin": run.origin,
        "format": run.format,
        "columns": {
            name: {
                "source": curve.source,
                "window": curve.window,
                "ema": curve.ema,
                "step": curve.steps.tolist(),
                "loss": curve.loss.tolist(),
            }
            for name, curve in run.curves.items()
        },
        "lr": None
        if lr is None
        else {"step": lr.steps.tolist(), "lr": lr.lr.tolist(), "offset": lr.offset},
        "schedule": None if lr is None else _schedule(lr),
        "optimizer": run.optimizer,
        "weight_decay": run.weight_decay,
        "init_std": run.init_std,
        "lr_groups": list(run.lr_groups),
        "doubts": dict(run.doubts),
        "counts_micro_batches": run.counts_micro_batches,
        "micro_batches": run.micro_batches,
        "faults": [fault.sentence for fault in faults_of(run)],
        "notes": list(run.notes),
    }


def _schedule(lr: LoggedLR) -> dict[str, Any] | None:
    """The schedule of the logged learning rates, if one was recognised."""
    start = start_of(lr)
    found = lr.recognised(start)
    if found is None:
        return None
    return {
        "text": found.schedule.text,
        "misfit": found.misfit,
        "rounding": found.rounding,
        "start": start,
    }
