"""Random weights of runs and of their stretches, from which refits are made.

Residuals of one run are alike, so that neighbouring points are resampled together, and whole runs
too: every run, and within it every stretch of neighbouring points, gets a random weight.

Source: Rubin 1981 (the Bayesian bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.neighbours import stretches
from cptlaw.fitting.observations import Observations


@dataclass(frozen=True, eq=False)
class Resampled:
    """Weights of n points, which all points of a stretch share.

    Args:
        stretch: of every point, shape (n,).
        weights: of s stretches in every refit, shape (count, s); their mean over the points is 1.
    """

    stretch: IntArray
    weights: FloatArray

    def of_points(self, some: slice = slice(None)) -> FloatArray:
        """The weights of every point in some of the refits, shape (r, n)."""
        return self.weights[some][:, self.stretch]


def resampled(observed: Observations, count: int, seed: int) -> Resampled:
    """Random weights of the stretches of n points.

    They depend on the run's name alone, so that domains measured at the same steps are resampled
    alike.

    Args:
        observed: the points.
        count: of refits.
        seed: of the drawing.
    """
    stretch: IntArray = np.empty(len(observed), dtype=np.int64)
    drawn: list[FloatArray] = []
    before = 0
    for index, name in enumerate(observed.runs):
        mine = np.flatnonzero(observed.run == index)
        random = np.random.default_rng([seed, *name.encode()])
        own = stretches(mine.size)
        one = random.standard_gamma(1.0, (count, 1))
        drawn.append(one * random.standard_gamma(1.0, (count, int(own[-1]) + 1)))
        stretch[mine] = before + own
        before += int(own[-1]) + 1
    weights = np.concatenate(drawn, axis=1)
    sizes = np.bincount(stretch, minlength=before)
    return Resampled(stretch, weights / (weights @ sizes / stretch.size)[:, None])


def resampled_weights(observed: Observations, count: int, seed: int) -> FloatArray:
    """Random weights of n points, shape (count, n); see `resampled`."""
    return resampled(observed, count, seed).of_points()
