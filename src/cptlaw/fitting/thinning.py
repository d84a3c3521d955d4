"""Fewer points that tell nearly the same: where a search may begin on very many.

The points of a dense log say much the same as every tenth of them, and a thousand runs much the
same as a hundred. A search over a million points is one over some thousand, and then a few steps
over all of them from where it ended.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, grouped
from cptlaw.fitting.objective import Objective
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

MOST = 20_000  # points; a search over fewer takes less than a second
MOST_RUNS = 100
FEWEST = 16  # points that are left of each run
FEWEST_ALIKE = 4  # runs that are left of those of one kind


def thinned(objective: Objective) -> Objective | None:
    """The objective on about so many points, each counting for its neighbours too.

    None where there are few enough. Runs are thinned to equal numbers of points, so that a short
    log beside long ones is kept as it is, and left out only beside others of their kind.
    """
    if objective.loss.size < 2 * MOST:
        return None
    share = _runs_that_stay(objective.points)
    rows, weight = _fewer(objective, np.flatnonzero(share))
    points = objective.points.some(rows)
    weight = weight * share[points.owner]
    weight *= objective.counts.sum() / weight.sum()
    return replace(objective, points=points, loss=objective.loss[rows], weight=weight)


def _runs_that_stay(points: Points) -> FloatArray:
    """How many runs each history stands for, 0 for those that are left out, shape (s,)."""
    kinds: dict[tuple[object, ...], list[int]] = defaultdict(list)
    used: list[int] = np.unique(points.owner).tolist()
    for index in used:
        kinds[_kind(points.histories[index])].append(index)
    every = -(-len(used) // MOST_RUNS)
    share = np.zeros(len(points.histories))
    for alike in kinds.values():
        left = alike[:: max(1, min(every, len(alike) // FEWEST_ALIKE))]
        share[left] = len(alike) / len(left)
    return share


def _kind(history: History) -> tuple[object, ...]:
    """What tells runs apart beside their learning rates."""
    base = history.unknown_base or history.pt_lr.size if history.is_cpt else None
    return history.is_cpt, base, history.batch, history.model_size, history.replay


def _fewer(objective: Objective, histories: IntArray) -> tuple[IntArray, FloatArray]:
    """Points that stay of these histories, and how many points each counts for."""
    points = objective.points
    left = max(MOST // histories.size, FEWEST)
    places = grouped(points.owner, len(points.histories))
    rows: list[IntArray] = []
    weights: list[FloatArray] = []
    staying: list[int] = histories.tolist()
    for index in staying:
        own = places[index]
        mine: IntArray = own[np.argsort(points.step[own], kind="stable")]
        together = -(-mine.size // left)
        begins: IntArray = np.arange(0, mine.size, together, dtype=np.int64)
        rows.append(mine[(begins + np.append(begins[1:], mine.size)) // 2])
        weights.append(np.add.reduceat(objective.counts[mine], begins))
    return np.concatenate(rows), np.concatenate(weights)
