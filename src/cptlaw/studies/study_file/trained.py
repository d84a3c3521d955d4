"""Whether a log that begins by itself is one of a model that was trained before."""

from __future__ import annotations

import numpy as np

from cptlaw.studies.runs import Run
from cptlaw.studies.study_file.numbering import FAR, spacing
from cptlaw.studies.study_file.numbering import logged_steps as steps_of

UNANSWERED = "?"
"""What `after` holds in a draft until somebody says what the run goes on from."""
# A model that begins from nothing has ln(vocabulary) nats a token, 7 to 12, and is still falling
# steeply when most logs have their first row; byte and character models, and pre-trainings with
# few rows, begin lower, and fall by a sixth and more in their first tenth.
SCRATCH = 6.0  # nats; more at the first row is training from scratch
SURELY_TRAINED = 3.2  # nats; few pre-trainings have come so low by their first row
EARLY, FALL = 0.1, 0.1  # share of the steps, and of the loss, that training from scratch falls by


def seems_trained(log: Run) -> str | None:
    """Why a log is taken for that of a model that was trained before; None if it is not.

    Args:
        log: a root of the study, steps as logged.
    """
    steps = steps_of(log)
    if steps.size < 3 or steps[0] > FAR * spacing(steps):
        return None
    losses = {c: curve for c, curve in log.curves.items() if len(curve) > 2}
    starts = {column: float(curve.loss[0]) for column, curve in losses.items()}
    starts = {column: first for column, first in starts.items() if first < 2 * SCRATCH}
    if not starts or max(starts.values()) > SCRATCH:
        return None
    column = max(starts, key=lambda column: starts[column])
    first, curve = starts[column], losses[column]
    early = steps[0] + EARLY * (steps[-1] - steps[0])
    at = max(int(np.searchsorted(curve.steps, early, side="right")) - 1, 1)
    if first > SURELY_TRAINED and curve.loss[at] < (1.0 - FALL) * first:
        return None
    return (
        f"its loss '{column}' is {first:.3g} at step {int(curve.steps[0])} already, where a model "
        "trained from scratch has 7 or more"
    )
