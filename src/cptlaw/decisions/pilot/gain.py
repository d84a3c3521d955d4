"""What it is worth to know more before a choice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cptlaw.arrays import FloatArray

_DRAWS = 1000  # and as many again with the sign turned


@dataclass(frozen=True, eq=False)
class Choice:
    """A choice of the lowest of n uncertain values.

    Args:
        value: expected values, shape (n,).
        covariance: of the values, shape (n, n).
        seed: of the draws.
    """

    value: FloatArray
    covariance: FloatArray
    seed: int = 0

    @cached_property
    def regret(self) -> float:
        """By how much the run that looks best is worse than the best one, on average over draws."""
        return self._gained(self.covariance)

    def removed(self, learned: FloatArray) -> float:
        """By how much the expected regret falls once a part of the covariance is known.

        The value of the run that would be chosen then, averaged over what could be learned, is
        lower than the value of the one that looks best now; the best value stays what it is.

        Args:
            learned: the part that becomes known, shape (n, n).
        """
        return min(self._gained(learned), self.regret)

    def _gained(self, covariance: FloatArray) -> float:
        sizes, vectors = np.linalg.eigh(covariance)
        root = (vectors * np.sqrt(np.maximum(sizes, 0.0))) @ vectors.T
        moved = self.value + self._normal @ root
        return float((moved[:, self.best] - moved.min(axis=1)).mean())

    @property
    def best(self) -> int:
        """Index of the run that looks best."""
        return int(np.argmin(self.value))

    @property
    def rival(self) -> int:
        """Index of the run that is likeliest to be better than the one that looks best."""
        best, c = self.best, self.covariance
        spread = np.sqrt(np.maximum(np.diag(c) + c[best, best] - 2 * c[best], 1e-300))
        apart = (self.value - self.value[best]) / spread
        apart[best] = np.inf
        return int(np.argmin(apart))

    @cached_property
    def _normal(self) -> FloatArray:
        drawn = np.random.default_rng(self.seed).standard_normal((_DRAWS, self.value.size))
        return np.concatenate([drawn, -drawn])


def removed(covariance: FloatArray, learned: FloatArray) -> float:
    """Share of n summed standard deviations that goes away once a part of it is known.

    Args:
        covariance: before, shape (n, n).
        learned: the part that becomes known, shape (n, n).
    """
    before = np.diag(covariance)
    after = np.maximum(before - np.diag(learned), 0.0)
    return 1.0 - float(np.sqrt(after).sum() / max(np.sqrt(before).sum(), 1e-300))
