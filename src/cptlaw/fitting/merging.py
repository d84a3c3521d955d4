"""One point for each stretch of very many: what refits need of a dense log.

All points of a stretch have one weight in a refit, and a law hardly bends within it. So a stretch
is a point in its middle: it pulls on the law as all of its points do together, and gives way as
they would, which is as a parabola where they are many, since then as many residuals come within
delta as leave it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.resampling import Resampled

NO_BEND = 1e9  # a delta that no residual reaches
LEAST_INSIDE = 0.05  # share of points within delta, or a stretch would give way without end


def merged(objective: Objective, z: FloatArray, drawn: Resampled) -> Objective:
    """The objective near a fit, on a point for each of s stretches.

    Args:
        objective: on n points.
        z: the fit, shape (m + k,).
        drawn: has the stretches.
    """
    place = objective.at(z, slopes=False)
    count = drawn.weights.shape[1]
    inside = np.abs(place.residual) <= objective.delta
    share = max(float(objective.counts @ inside / objective.counts.sum()), LEAST_INSIDE)
    weight = share * np.bincount(drawn.stretch, objective.counts, count)
    residual = np.bincount(drawn.stretch, place.pull, count) / weight
    rows = _middles(drawn)
    few = replace(
        objective,
        points=objective.points.some(rows),
        loss=objective.loss[rows],
        delta=NO_BEND,
        weight=weight,
    )
    # By the prediction on these points alone, whose blocks may be cut elsewhere.
    return replace(few, loss=few.at(z, slopes=False).prediction * np.exp(-residual))


def _middles(drawn: Resampled) -> IntArray:
    """The middle point of every stretch, shape (s,)."""
    order: IntArray = np.argsort(drawn.stretch, kind="stable")
    sizes = np.bincount(drawn.stretch, minlength=drawn.weights.shape[1])
    first = np.cumsum(sizes) - sizes
    return order[first + sizes // 2]
