"""Predictions of the benchmark's tasks by laws of the catalogue."""

import numpy as np

from cptlaw.fitting.observations import observe
from cptlaw.laws.points import Points
from cptlaw_evidence.fits import fit_of
from cptlaw_evidence.sources import rows
from cptlaw_evidence.sources.loading import load
from cptlaw_evidence.task.predictions import Prediction


def predictions_of(law, protocols, data=None):
    """What a law, fitted to each split, says of every row that is asked for."""
    loaded = load(protocols, data)
    return [
        Prediction(task, number, split.domain or row.role, row.run, row.step, loss)
        for task in protocols
        for number, split in enumerate(loaded.splits[task], start=1)
        for row, loss in losses(split, fit_of(split.fitted, law))
    ]


def losses(split, fitted):
    """Every row with the loss of a fit."""
    measured = {}
    for role in split.study.domains:
        seen = observe(split.study, role, fitted.convention)
        # together, as they are scored: memories are summed over blocks of neighbouring places
        values = fitted.domain(role).loss(seen.points)
        places = zip(seen.run, seen.step, values, strict=True)
        measured |= {(role, seen.runs[r], int(step)): float(v) for r, step, v in places}
    for row in rows.asked(split):
        yield row, measured.get(row.place) or alone(split.study, fitted, row)


def alone(study, fitted, row):
    """The loss of a fit at the start or the end of a run."""
    history = study.history(row.run) if row.step else study.before(study.run(row.run))
    at = np.array([history.pt_lr.size + history.cpt_lr.size])
    return float(fitted.domain(row.role).loss(Points.along(history, at, fitted.convention))[0])
