"""The forms of the distribution shift, and their fit to measured shifts.

Source: arXiv:2505.07796, Eq. 3 and figure 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray


def power_shift(params: Mapping[str, float], area: FloatArray) -> FloatArray:
    """B (1 - (1 + E S1cpt)^-beta) of a fit's parameters, shape (n,)."""
    return params["B"] * shape(area, params["E"], params["beta"])


def shape(x: FloatArray, e: float, beta: float | None) -> FloatArray:
    """1 - (1 + e x)^-beta, or 1 - exp(-e x) without beta, shape (n,)."""
    exponent = e * x if beta is None else beta * np.log1p(e * x)
    return -np.expm1(-exponent)


@dataclass(frozen=True)
class ShiftFit:
    """A form fitted to shifts: B (1 - (1 + E x)^-beta), or B (1 - exp(-E x)) without beta."""

    B: float
    E: float
    beta: float | None
    r2: float

    def at(self, x: FloatArray) -> FloatArray:
        """The shift at x, in the unit that it was fitted in, shape (n,)."""
        return self.B * shape(x, self.E, self.beta)


def fit_shift(x: FloatArray, y: FloatArray, *, power: bool) -> ShiftFit:
    """Least squares of the power form or the exponential form, from several starts.

    Args:
        x: steps or areas since the transfer, shape (n,).
        y: shifts, shape (n,).
        power: whether it is the power form.
    """
    from scipy.optimize import minimize

    def parts(z: FloatArray) -> tuple[float, FloatArray]:
        unit = shape(x, float(np.exp(z[0])), float(np.exp(z[1])) if power else None)
        return float(unit @ y / (unit @ unit)), unit

    def cost(z: FloatArray) -> float:
        b, unit = parts(z)
        return float(((y - b * unit) ** 2).sum())

    rate = 1.0 / float(x.max())
    box = [(np.log(rate / 100), np.log(rate * 1e6)), (np.log(1e-3), np.log(10.0))][: 1 + power]
    starts = [(np.log(rate * k), np.log(b)) for k in (1, 30, 1e3) for b in (0.05, 0.5, 3.0)]
    tries = [minimize(cost, s[: 1 + power], bounds=box, method="L-BFGS-B") for s in starts]
    best = min(tries, key=lambda found: float(found.fun))
    b, unit = parts(best.x)
    r2 = 1.0 - float(((y - b * unit) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    return ShiftFit(b, float(np.exp(best.x[0])), float(np.exp(best.x[1])) if power else None, r2)
