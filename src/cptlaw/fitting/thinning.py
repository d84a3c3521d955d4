"""Fewer points that tell nearly the same: where a search may begin on very many.

The points of a dense log say much the same as every tenth of them. A search over a million points
is one over some thousand, and then a few steps over all of them from where it ended.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cptlaw.fitting.objective import Objective

MOST = 20_000  # points; a search over fewer takes less than a second
FEWEST = 16  # points that are left of each run, however many runs there are


def thinned(objective: Objective) -> Objective | None:
    """The objective on at most so many points, each counting for its neighbours too.

    None where there are few enough. Runs are thinned to equal numbers of points, so that a short
    log beside long ones is kept as it is.
    """
    points, count = objective.points, objective.loss.size
    if count < 2 * MOST:
        return None
    order = np.lexsort((points.step, points.owner))
    _, first, sizes = np.unique(points.owner[order], return_index=True, return_counts=True)
    left = max(MOST // sizes.size, FEWEST)
    together = np.repeat(-(-sizes // left), sizes)  # how many become one, in each run
    begins = np.flatnonzero((np.arange(count) - np.repeat(first, sizes)) % together == 0)
    middle = (begins + np.append(begins[1:], count)) // 2
    rows = order[middle]
    weight = np.add.reduceat(objective.counts[order], begins)
    return replace(objective, points=points.some(rows), loss=objective.loss[rows], weight=weight)
