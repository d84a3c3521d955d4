"""Laws of out-of-domain sets: sums of the fitted D_pt and D_cpt losses, chosen by left-out runs.

Eq. 6 of arXiv:2505.07796 adds two weighted losses. Between runs of one model a loss on one set
follows that on another as a shifted power law, K (L - E)^k + E' (arXiv:2411.12925, 2502.12120).
With both losses in it, so that a set may lose more than D_pt does or gain what D_cpt gains, powers
fitted to real CPT runs forecast no better than a power of 1, which leaves a constant beside Eq. 6.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.domain import fit_combination
from cptlaw.fitting.observations import Observations
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.projection import huber_weight
from cptlaw.fitting.result import DomainFit, combination
from cptlaw.laws.catalog import BY_CROSS_VALIDATION, COMBINATION, COMBINATIONS, LOSS_TO_LOSS
from cptlaw.studies.study import Study

COMBINED = (BY_CROSS_VALIDATION, *COMBINATIONS)
"""What `FitOptions.ood_law` may be for a set to be a sum of the two losses."""
_CLEARLY = 0.8  # times the error of Eq. 6 on left-out runs
_FEWEST = 3  # runs, or leaving one out says too little
_REWEIGHTINGS = 8


def combines(study: Study, found: Mapping[str, DomainFit], options: FitOptions) -> bool:
    """Whether out-of-domain sets are sums of the D_pt and D_cpt losses that were found."""
    return options.ood_law in COMBINED and {"pt", "cpt"} <= set(found) and study.has_cpt


def fit_out_of_domain(
    role: str, observed: Observations, found: Mapping[str, DomainFit], options: FitOptions
) -> tuple[DomainFit, tuple[str, ...]]:
    """Fit an out-of-domain set as a sum of the two losses, and say why as this one.

    Args:
        role: "ood.NAME".
        observed: its losses.
        found: the fits on D_pt and D_cpt.
        options: how.
    """
    name, why = options.ood_law, tuple[str, ...]()
    if name == BY_CROSS_VALIDATION:
        name = COMBINATION
        error = left_out_errors(observed, found, options.delta)
        if error and error[LOSS_TO_LOSS] < _CLEARLY * error[COMBINATION]:
            name = LOSS_TO_LOSS
            why = (
                f"law {name}: of runs left out in turn it is off by {100 * error[name]:.2g} %, "
                f"{COMBINATION} by {100 * error[COMBINATION]:.2g} %. --ood-law decides.",
            )
    return fit_combination(role, observed, found, name, options), why


def left_out_errors(
    observed: Observations, found: Mapping[str, DomainFit], delta: float
) -> dict[str, float]:
    """Mean relative error of each combination on runs that its coefficients do not see.

    Every run is left out in turn and counts alike. The two losses are those of `found`, which has
    seen all runs. Of fewer than three runs nothing is said.

    Args:
        observed: losses of the out-of-domain set.
        found: the fits on D_pt and D_cpt.
        delta: where the Huber objective turns linear.
    """
    if len(observed.runs) < _FEWEST:
        return {}
    errors: dict[str, float] = {}
    for name in COMBINATIONS:
        law = combination(found["pt"], found["cpt"], name)
        matrix = law.columns(observed.points, np.empty(0)).matrix / observed.loss[:, None]
        each: list[float] = []
        for run in range(len(observed.runs)):
            out = observed.run == run
            coefficients = _robust(matrix[~out], delta)
            each.append(float(np.abs(matrix[out] @ coefficients - 1.0).mean()))
        errors[name] = float(np.mean(each))
    return errors


def _robust(matrix: FloatArray, delta: float) -> FloatArray:
    """Coefficients (m,) that bring matrix @ c, shape (n,), nearest to 1 by the Huber loss."""
    weight = np.ones(matrix.shape[0])
    found = np.zeros(matrix.shape[1])
    for _ in range(_REWEIGHTINGS):
        solved = np.linalg.lstsq(matrix * weight[:, None], weight, rcond=None)[0]
        found = np.asarray(solved, dtype=np.float64)
        weight = huber_weight(matrix @ found - 1.0, delta)
    return found
