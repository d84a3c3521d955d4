"""What else minimises a sum of squares: scipy, lmfit, and JAX with optimistix where installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray

MOST = 800  # steps of a search


@dataclass(frozen=True)
class Squares:
    """A sum of squares, halved, that is to be minimised within bounds.

    Args:
        residual: place, shape (k,) -> what is squared, shape (n,).
        start: shape (k,).
        low: lowest place, shape (k,).
        high: highest place, shape (k,).
    """

    residual: Callable[[FloatArray], FloatArray]
    start: FloatArray
    low: FloatArray
    high: FloatArray

    def cost(self, place: FloatArray) -> float:
        """Half the sum of the squares."""
        return 0.5 * float((self.residual(place) ** 2).sum())

    @property
    def inside(self) -> FloatArray:
        """The start, a little within the bounds, as scipy wants it."""
        return np.clip(self.start, self.low + 1e-10, self.high - 1e-10)


def rooted(residual: FloatArray, delta: float, counts: FloatArray | float = 1.0) -> FloatArray:
    """What has the Huber losses of residuals as its halved squares, shape (n,).

    Any tool for least squares then minimises the very objective of a fit.
    """
    size = np.maximum(np.abs(residual), delta)
    outside = np.sign(residual) * np.sqrt(delta * (2.0 * size - delta))
    bent = np.where(np.abs(residual) <= delta, residual, outside)
    return np.asarray(np.sqrt(counts) * bent, dtype=np.float64)


def by_least_squares(problem: Squares) -> float:
    """`scipy.optimize.least_squares` with its defaults: derivatives by differences."""
    from scipy.optimize import least_squares

    bounds = problem.low, problem.high
    found = least_squares(problem.residual, problem.inside, bounds=bounds, max_nfev=MOST)
    return float(found.cost)


def by_curve_fit(problem: Squares) -> float:
    """`scipy.optimize.curve_fit` within bounds."""
    from scipy.optimize import curve_fit

    def curve(_: object, *place: float) -> FloatArray:
        return problem.residual(np.array(place))

    nothing = np.zeros(problem.residual(problem.start).size)
    bounds = problem.low, problem.high
    try:
        end, _ = curve_fit(curve, nothing, nothing, p0=problem.inside, bounds=bounds, max_nfev=MOST)
    except RuntimeError:  # out of steps: it hands back nothing
        return float("inf")
    return problem.cost(np.asarray(end))


def by_lmfit(problem: Squares) -> float:
    """`lmfit.minimize` with its defaults: MINPACK, bounds by a change of variables."""
    import lmfit  # pyright: ignore[reportMissingImports]

    parameters = lmfit.Parameters()
    each = zip(problem.inside, problem.low, problem.high, strict=True)
    for i, (value, low, high) in enumerate(each):
        parameters.add(f"p{i}", value=float(value), min=float(low), max=float(high))

    def residual(p: Mapping[str, Any]) -> FloatArray:
        return problem.residual(np.array(list(p.valuesdict().values())))  # type: ignore[attr-defined]

    most = MOST * (1 + problem.start.size)
    found = lmfit.minimize(residual, parameters, max_nfev=most)
    return 0.5 * float((np.asarray(found.residual) ** 2).sum())


TOOLS: Mapping[str, tuple[str, Callable[[Squares], float]]] = {
    "least_squares": ("scipy", by_least_squares),
    "curve_fit": ("scipy", by_curve_fit),
    "lmfit": ("lmfit", by_lmfit),
}
"""Name -> the package that it needs, and what it reaches."""


def installed() -> dict[str, Callable[[Squares], float]]:
    """The tools that can be used here."""
    return {name: call for name, (needs, call) in TOOLS.items() if find_spec(needs) is not None}


def missing(*packages: str) -> list[str]:
    """Of some packages, those that are not installed."""
    return [name for name in packages if find_spec(name) is None]
