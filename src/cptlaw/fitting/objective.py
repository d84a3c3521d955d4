"""The reference objective: the sum of Huber losses of log residuals, with its gradient.

Source: arXiv:2505.07796, section 3.3 (delta = 1e-3).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.laws.law import Columns, Law
from cptlaw.laws.points import Points

DELTA = 1e-3
PRIOR_WEIGHT = 5e-5
"""What a parameter one standard deviation from its prior's centre costs, twice over: as much as 50
points that are off by 0.1 %."""


def huber(residual: FloatArray, delta: float = DELTA) -> FloatArray:
    """r**2 / 2 up to delta, delta * (|r| - delta / 2) past it."""
    size = np.abs(residual)
    return np.where(size <= delta, 0.5 * residual**2, delta * (size - 0.5 * delta))


@dataclass(frozen=True, eq=False)
class Objective:
    """The objective of one law on n points, over z = (coefficients, search coordinates).

    Args:
        law: m terms, k shape parameters.
        points: where the losses lie.
        loss: nats per token, shape (n,).
        delta: where the Huber loss turns linear, in log loss.
        fixed: shape parameters that keep a given value.
        prior_weight: of the squared distance of parameters from their priors; 0 for none.
        weight: how many points each loss counts for, shape (n,); None for one each.
    """

    law: Law
    points: Points
    loss: FloatArray
    delta: float = DELTA
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    prior_weight: float = PRIOR_WEIGHT
    weight: FloatArray | None = None

    @cached_property
    def counts(self) -> FloatArray:
        """How many points each loss counts for, shape (n,)."""
        return np.ones(self.loss.size) if self.weight is None else self.weight

    @cached_property
    def root(self) -> FloatArray:
        """Square roots of `counts`: what residuals are multiplied by where squares are summed."""
        return np.sqrt(self.counts)

    @cached_property
    def priors(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Centres of the priors, one over their spreads, and over their degrees of freedom.

        Shape (m + k,) each; 0 where there is none.
        """
        shapes = self.law.shapes
        drawn = [t.prior for t in self.law.terms]
        centre = [p.centre if p else 0.0 for p in drawn]
        drawn += [s.prior if s.name not in self.fixed else None for s in shapes]
        own = zip(shapes, drawn[self.terms :], strict=True)
        centre += [s.inner(p.centre) if p else 0.0 for s, p in own]
        sharp = [1.0 / p.spread if p else 0.0 for p in drawn]
        return (
            np.array(centre),
            np.array(sharp),
            np.array([1.0 / p.tails if p else 0 for p in drawn]),
        )

    def prior_costs(self, z: FloatArray) -> FloatArray:
        """What each prior adds to the objective at z, shape (m + k,) both."""
        centre, sharp, tails = self.priors
        square = ((z - centre) * sharp) ** 2
        heavy = np.log1p(tails * square) / np.where(tails > 0, tails, 1.0)
        return 0.5 * self.prior_weight * np.where(tails > 0, heavy, square)

    def prior(self, z: FloatArray) -> float:
        """What all of them add."""
        return float(self.prior_costs(z).sum()) if self._has_priors else 0.0

    @cached_property
    def is_drawn(self) -> BoolArray:
        """Which parameters have a prior, shape (m + k,)."""
        return self.priors[1] > 0

    @cached_property
    def _has_priors(self) -> bool:
        return bool(self.is_drawn.any())

    def drawn(self, z: FloatArray) -> FloatArray:
        """Curvature of the parabola that touches each prior at z and lies above it, (m + k,)."""
        if not self._has_priors:
            return np.zeros(z.size)
        centre, sharp, tails = self.priors
        return self.prior_weight * sharp**2 / (1.0 + tails * ((z - centre) * sharp) ** 2)

    def prior_curvature(self, z: FloatArray) -> FloatArray:
        """Second derivative of each prior, shape (m + k,); below 0 far out on heavy tails."""
        centre, sharp, tails = self.priors
        square = tails * ((z - centre) * sharp) ** 2
        return self.prior_weight * sharp**2 * (1.0 - square) / (1.0 + square) ** 2

    def prior_gradient(self, z: FloatArray) -> FloatArray:
        """The priors' gradient, shape (m + k,)."""
        if not self._has_priors:
            return np.zeros(z.size)
        return self.drawn(z) * (z - self.priors[0])

    @cached_property
    def log_loss(self) -> FloatArray:
        """Natural logarithm of the measured losses."""
        return np.log(self.loss)

    @cached_property
    def terms(self) -> int:
        """Number of linear coefficients."""
        return len(self.law.terms)

    def columns(
        self, z: FloatArray, slopes: bool = True, only: Container[int] | None = None
    ) -> Columns:
        """The law's matrix and slopes at z, shape (m + k,); see `Law.columns`."""
        if not self.law.shapes:
            return self._constant_columns
        return self.law.columns(self.points, z[self.terms :], slopes, self.fixed, only)

    @cached_property
    def _constant_columns(self) -> Columns:
        return self.law.columns(self.points, np.empty(0))

    def at(self, z: FloatArray, slopes: bool = True) -> Place:
        """What there is to know at z, shape (m + k,), from one evaluation of the law."""
        return Place(self, z, self.columns(z, slopes))

    def value(self, z: FloatArray) -> float:
        """The objective at z; infinite where a predicted loss is not above 0."""
        return self.at(z, slopes=False).value

    def residual(self, z: FloatArray) -> FloatArray:
        """log(predicted) - log(measured), shape (n,); infinite where that is undefined."""
        return self.at(z, slopes=False).residual

    def gradient(self, z: FloatArray) -> FloatArray:
        """Gradient at z, shape (m + k,); NaN where the objective is undefined."""
        return self.at(z).gradient

    @cached_property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest z, shape (m + k,) each."""
        low = [-np.inf if t.bound != "nonnegative" else 0.0 for t in self.law.terms]
        high = [np.inf if t.bound != "nonpositive" else 0.0 for t in self.law.terms]
        low += [s.inner(self.fixed.get(s.name, s.low)) for s in self.law.shapes]
        high += [s.inner(self.fixed.get(s.name, s.high)) for s in self.law.shapes]
        return np.array(low), np.array(high)


@dataclass(frozen=True, eq=False)
class Place:
    """An objective at one place, with all that follows from one evaluation of the law there.

    Args:
        objective: on n points.
        z: coefficients, then search coordinates, shape (m + k,).
        columns: the law at these search coordinates.
    """

    objective: Objective
    z: FloatArray
    columns: Columns

    def moved(self, coefficients: FloatArray) -> Place:
        """The place with other coefficients, shape (m,), which needs no evaluation."""
        z = np.concatenate([coefficients, self.z[self.objective.terms :]])
        return Place(self.objective, z, self.columns)

    @property
    def coefficients(self) -> FloatArray:
        """Shape (m,)."""
        return self.z[: self.objective.terms]

    @cached_property
    def prediction(self) -> FloatArray:
        """Predicted losses, shape (n,)."""
        return np.asarray(self.columns.matrix @ self.coefficients)

    @cached_property
    def residual(self) -> FloatArray:
        """log(predicted) - log(measured), shape (n,); infinite where that is undefined."""
        if not self._is_defined:
            return np.full(self.prediction.shape, np.inf)
        return np.log(self.prediction) - self.objective.log_loss

    @cached_property
    def _is_defined(self) -> bool:
        return bool(self.prediction.min() > 0)

    @cached_property
    def value(self) -> float:
        """The objective; infinite where a predicted loss is not above 0."""
        if not self._is_defined:
            return np.inf
        # A Huber loss is what is clipped of a residual, times the residual less half of that.
        left = self.residual - 0.5 * self._clipped
        return float(self.pull @ left) + self.objective.prior(self.z)

    @property  # not kept: of a million points it takes room
    def _clipped(self) -> FloatArray:
        delta = self.objective.delta
        return np.minimum(np.maximum(self.residual, -delta), delta)

    @cached_property
    def pull(self) -> FloatArray:
        """Derivative of the objective in each log residual, shape (n,)."""
        return self.objective.counts * self._clipped

    def pulled(
        self, share: FloatArray, coefficients: FloatArray, only: Container[int] | None = None
    ) -> FloatArray:
        """Sums of the losses' slopes in the k search coordinates, times a share (n,) of each.

        Args:
            share: shape (n,).
            coefficients: those that the slopes are taken for, shape (m,).
            only: terms whose slopes are summed.
        """
        found = np.zeros(self.z.size - coefficients.size)
        for s, t, slope in self.columns.slopes:
            if only is None or t in only:
                found[s] += coefficients[t] * float(slope @ share)
        return found

    @cached_property
    def jacobian(self) -> FloatArray:
        """Derivatives of the log residuals, shape (n, m + k)."""
        return self.rows(slice(None))

    def rows(self, which: slice | IntArray) -> FloatArray:
        """The Jacobian at some of the points, shape (r, m + k)."""
        c, prediction = self.coefficients, self.prediction[which]
        found = np.zeros((self.z.size, prediction.size))
        found[: c.size] = self.columns.matrix[which].T
        for s, t, slope in self.columns.slopes:
            found[c.size + s] += c[t] * slope[which]
        found /= prediction
        return found.T

    @cached_property
    def gradient(self) -> FloatArray:
        """Shape (m + k,); NaN where the objective is undefined."""
        if not np.isfinite(self.value):
            return np.full(self.z.shape, np.nan)
        share, c = self.pull / self.prediction, self.coefficients
        own = [self.columns.matrix.T @ share, self.pulled(share, c)]
        return np.concatenate(own) + self.objective.prior_gradient(self.z)
