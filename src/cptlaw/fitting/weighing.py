"""How many points each fitted loss counts for.

What a law misses bends a whole stretch of a run: a log ten times as dense tells the noise better,
and the law hardly. So a run counts for as many points as there are stretches in which it could be
missed, however many it has: some for being there, as many again for each e-fold of progress, and
for a fall of the learning rate from its peak to 0. They are spread evenly over its steps, and no
evaluation counts for more than itself, but in a run that has hardly any: a branch of which the
end alone was measured is as much news as one with many evaluations. Thus priors weigh as much
beside a dense log as beside a thin one, and a run that is logged more often has no more to say
than the others.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, grouped
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import Observations
from cptlaw.fitting.options import FitOptions
from cptlaw.laws.law import Law
from cptlaw.studies.history import History

POINTS = 25.0
"""Points that a stretch of a run counts for; chosen on runs of several sources (LOG.md)."""
FEWEST = 9.0
"""Points that a run counts for where it has fewer; chosen on annealed branches (LOG.md)."""
KEPT = 0.05  # share of the PT's area that counts as progress where a CPT begins
LEAST = 1e-3  # of its last progress, from which a run counts


def pose(
    law: Law,
    observed: Observations,
    options: FitOptions,
    fixed: Mapping[str, float] | None = None,
) -> Objective:
    """What is minimised for a law on the losses of one domain.

    Args:
        law: the law.
        observed: n losses.
        options: how it is fitted.
        fixed: shape parameters that keep a value; left out, those of the options.
    """
    return Objective(
        law,
        observed.points,
        observed.loss,
        options.delta,
        options.fixed if fixed is None else fixed,
        options.prior_weight,
        counted(law, observed, options.weigh),
    )


def counted(law: Law, observed: Observations, weigh: bool | None) -> FloatArray | None:
    """The weights with which a law is fitted, shape (n,); None where all points count alike.

    Args:
        law: the law.
        observed: n losses.
        weigh: as asked for; None for laws with priors alone, since laws without are fitted as
            their papers do it.
    """
    return weights_of(observed) if (law.has_priors if weigh is None else weigh) else None


def weights_of(observed: Observations) -> FloatArray:
    """How many points each of n losses counts for, shape (n,); over 1 in runs of few alone."""
    points = observed.points
    weights, step = np.ones(len(observed)), points.pt_step + points.cpt_step
    for mine in grouped(observed.run, len(observed.runs)):
        if mine.size:
            at = step[mine]
            history = points.histories[int(points.owner[mine[0]])]
            spread = _spread_evenly(at, POINTS * (1.0 + stretches(history, at)))
            weights[mine] = spread * max(1.0, FEWEST / float(spread.sum()))
    return weights


def stretches(history: History, at: IntArray) -> float:
    """E-folds of progress, and falls of the LR from its peak to 0, between first and last point.

    Args:
        history: LR of every step.
        at: steps on it, shape (n,).
    """
    lr = np.concatenate([history.pt_lr, history.cpt_lr])
    first, last = max(int(at.min()), 1), max(int(at.max()), 1)
    area = np.cumsum(lr)
    kept = float(area[history.pt_lr.size - 1]) if history.is_cpt and history.pt_lr.size else 0.0
    end = max(float(area[last - 1]) - kept, 0.0) + KEPT * kept
    if end <= 0:
        return 0.0
    start = max(float(area[first - 1]) - kept, 0.0) + KEPT * kept
    moved = np.abs(np.diff(lr[first - 1 : last])).sum() / lr.max()
    return float(np.log(end / max(start, LEAST * end)) + moved)


def _spread_evenly(at: IntArray, total: float) -> FloatArray:
    """A total over points at n steps, by the steps nearest to each; points at one step share it."""
    steps, place, alike = np.unique(at, return_inverse=True, return_counts=True)
    if steps.size == 1:
        return np.full(at.size, 1.0 / at.size)
    middles = (steps[1:] + steps[:-1]) / 2.0
    ends = 2.0 * steps[0] - middles[0], 2.0 * steps[-1] - middles[-1]
    width: FloatArray = np.diff(np.concatenate([[ends[0]], middles, [ends[1]]]))
    return (np.minimum(total * width / width.sum(), 1.0) / alike)[place]
