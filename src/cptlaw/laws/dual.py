"""Values that carry their derivatives along, so that a formula is written once.

Every operation applies the chain rule to what it is given (forward differentiation): derivatives
are exact to rounding, at a cost that grows with the number of parameters. A law has at most eight
or so, and mostly two or three in one factor, so that this costs less than differences would, and
no search is misled by a derivative that was forgotten when a formula changed.

Where a recurrence over the whole history has a derivative in closed form, `chained` takes it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, TypeVar

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray

Number: TypeAlias = "Dual | FloatArray | float"


@dataclass(frozen=True, eq=False)
class Dual:
    """n values and their derivatives in k parameters.

    Args:
        value: shape (n,), or (1,) for a parameter.
        slopes: shape (k, n); (k, 1) for a parameter, and (1, n) for a constant, whatever k.
    """

    __array_ufunc__ = None  # an array on the left leaves the operation to us

    value: FloatArray
    slopes: FloatArray

    def __add__(self, other: Number) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slopes + other.slopes)
        value = self.value + other
        if self.slopes.shape[1] == value.size:
            return Dual(value, self.slopes)
        return Dual(value, np.broadcast_to(self.slopes, (self.slopes.shape[0], value.size)))

    def __mul__(self, other: Number) -> Dual:
        if isinstance(other, Dual):
            slopes = self.slopes * other.value + other.slopes * self.value
            return Dual(self.value * other.value, slopes)
        return Dual(self.value * other, self.slopes * other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slopes)

    def __sub__(self, other: Number) -> Dual:
        return self + (-other)

    def __rsub__(self, other: FloatArray | float) -> Dual:
        return -self + other

    def __truediv__(self, other: Number) -> Dual:
        if isinstance(other, Dual):
            return self * other.inverse()
        return self * (1.0 / other)

    def __rtruediv__(self, other: FloatArray | float) -> Dual:
        return self.inverse() * other

    def __getitem__(self, index: IntArray | BoolArray) -> Dual:
        return Dual(self.value[index], self.slopes[:, index])

    def inverse(self) -> Dual:
        """1 / self."""
        value = 1.0 / self.value
        return Dual(value, -self.slopes * value**2)

    def through(self, value: FloatArray, slope: FloatArray) -> Dual:
        """A function of self by its value and derivative there, both of shape (n,)."""
        return Dual(value, self.slopes * slope)


Value = TypeVar("Value", Dual, float)


def variables(*values: float, slopes: bool = True) -> tuple[Dual, ...]:
    """Parameters, each with its own derivative, or with none at all, which is quicker."""
    units = _units(len(values), slopes)
    return tuple(Dual(np.array([value]), unit) for value, unit in zip(values, units, strict=True))


@cache  # asked for at every factor of every step of a search
def _units(count: int, slopes: bool) -> tuple[FloatArray, ...]:
    """The derivatives of k parameters in each of them, shape (k, 1) each; (0, 1) without."""
    unit = np.eye(count) if slopes else np.empty((0, count))
    unit.flags.writeable = False
    return tuple(unit[:, i : i + 1] for i in range(count))


def constant(value: FloatArray) -> Dual:
    """Values of shape (n,) that depend on no parameter."""
    return Dual(value, np.zeros((1, value.size)))


def sloped(parameter: Dual) -> bool:
    """Whether derivatives are wanted."""
    return parameter.slopes.shape[0] > 0


def chained(value: FloatArray, slopes: FloatArray | Sequence[FloatArray], *given: Dual) -> Dual:
    """A function of r parameters by its value (n,) and its derivative in each of them, (r, n).

    Where no derivatives are wanted, there need be none.
    """
    if not sloped(given[0]):
        return Dual(value, np.zeros((0, value.size)))
    units = _units(len(given), True)
    if all(p.slopes is unit for p, unit in zip(given, units, strict=True)):
        return Dual(value, np.asarray(slopes))
    turned = np.concatenate([p.slopes for p in given], axis=1)
    return Dual(value, turned @ np.asarray(slopes))


def exp(x: Dual) -> Dual:
    """e**x."""
    value = np.exp(x.value)
    return x.through(value, value)


def log(x: Dual) -> Dual:
    """Natural logarithm."""
    return x.through(np.log(x.value), 1.0 / x.value)


def log1p(x: Value) -> Value:
    """log(1 + x)."""
    if not isinstance(x, Dual):
        return math.log1p(x)
    return x.through(np.log1p(x.value), 1.0 / (1.0 + x.value))


def expm1(x: Value) -> Value:
    """e**x - 1."""
    if not isinstance(x, Dual):
        return math.expm1(x)
    return x.through(np.expm1(x.value), np.exp(x.value))


def sqrt(x: Dual) -> Dual:
    """Square root."""
    value = np.sqrt(x.value)
    return x.through(value, 0.5 / value)


def log_gamma(x: Dual) -> Dual:
    """Logarithm of the gamma function, for x above 0."""
    from scipy.special import digamma, gammaln

    return x.through(gammaln(x.value), digamma(x.value))


def power(x: Dual | FloatArray, exponent: Dual | float) -> Dual:
    """x**exponent for x of 0 or more; 0 and without derivative where x is 0."""
    x = x if isinstance(x, Dual) else constant(x)
    live = x.value > 0
    safe = Dual(np.where(live, x.value, 1.0), x.slopes)
    raised = exp(log(safe) * exponent)
    return raised * live.astype(np.float64)


def box(x: Dual, exponent: Dual) -> Dual:
    """(e**(exponent * x) - 1) / exponent, which is x where the exponent is 0."""
    y = exponent * x
    return x * y.through(*mean_growth(y.value))


def mean_growth(y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(e**y - 1) / y, the mean of a growth from 1 over y, and its derivative; 1 and 1/2 at 0."""
    live = np.where(y == 0.0, 1.0, y)
    ratio = np.where(y == 0.0, 1.0, np.expm1(live) / live)
    series = 0.5 + y * (1.0 / 3.0 + y * (0.125 + y / 30.0))
    return ratio, np.where(np.abs(y) < 1e-3, series, (1.0 + y * ratio - ratio) / live)


def mean_fade(x: Dual) -> Dual:
    """(1 - e**-x) / x for x of 0 or more, the mean of a fading from 1 over x; 1 at 0."""
    small = x.value < 1e-4
    safe = np.where(small, 1.0, x.value)
    series = 1.0 - x.value / 2.0 + x.value**2 / 6.0
    value = np.where(small, series, -np.expm1(-safe) / safe)
    series = -0.5 + x.value / 3.0 - x.value**2 / 8.0
    slope = np.where(small, series, (np.exp(-safe) - value) / safe)
    return x.through(value, slope)
