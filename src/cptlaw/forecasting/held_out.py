"""Errors on held-out curves, and their means on resampled data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, floats, integers, same_values
from cptlaw.fitting.neighbours import stretches


@dataclass(frozen=True, eq=False)
class HeldOutCurve:
    """Errors of one law on the held-out points of one run and domain.

    Args:
        law: name of the law.
        run: name of the run.
        domain: role of the domain.
        part: what was fitted, a few words.
        step: of the n held-out points.
        error: |log predicted - log measured| there, shape (n,).
        every: steps of all points of that run, from which stretches are counted.
    """

    law: str
    run: str
    domain: str
    part: str
    step: IntArray
    error: FloatArray
    every: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", integers(self.step))
        object.__setattr__(self, "error", floats(self.error))
        object.__setattr__(self, "every", integers(self.every))

    def __repr__(self) -> str:
        return (
            f"<HeldOutCurve: {self.law} on {self.run}, {self.domain}, fitted {self.part}: "
            f"{self.error.size} points, mean error {self.mape:.3%}>"
        )

    __eq__ = same_values

    @property
    def mape(self) -> float:
        """Mean error, a fraction."""
        return float(self.error.mean())

    @property
    def final(self) -> float:
        """Error at the last point, a fraction."""
        return float(self.error[-1])


def resampled_means(curves: Sequence[HeldOutCurve], count: int, seed: int) -> FloatArray:
    """Mean errors under random weights of runs and of stretches within them, shape (count,).

    Weights depend on the seed, the run's name and its steps alone, so that two laws, and two
    parts of a study, are resampled alike.
    """
    names = sorted({c.run for c in curves})
    random = np.random.default_rng([seed, len(names)])
    own = dict(zip(names, _weights(random, count, len(names)).T, strict=True))
    top, total = np.zeros(count), np.zeros(count)
    for curve in curves:
        stretch = stretches(curve.every.size)
        named = np.random.default_rng([seed, *curve.run.encode()])
        weights = _weights(named, count, int(stretch[-1]) + 1)[:, stretch]
        weights = weights[:, np.isin(curve.every, curve.step)]
        top += own[curve.run] * (weights @ curve.error) / weights.sum(axis=1)
        total += own[curve.run]
    return top / total


def _weights(random: np.random.Generator, count: int, n: int) -> FloatArray:
    """Random weights of n things, shape (count, n).

    Gamma weights whose weighted mean varies as the mean of n does, s^2 / n with s^2 the unbiased
    variance; those of the usual Bayesian bootstrap vary too little where n is small.
    """
    if n == 1:
        return np.ones((count, 1))
    return random.standard_gamma(max(n - 2.0, 0.5) / n, (count, n)) + 1e-9
