"""How precisely learning rates were logged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray

_MOST_DIGITS = 8  # more are taken for all
_FEWEST = 2


@dataclass(frozen=True)
class Reading:
    """One way to read a log: what each LR may be off by, and whether curves are looked for."""

    tol: FloatArray
    words: str
    bent: bool = True


def readings(lr: FloatArray) -> Iterator[Reading]:
    """What each logged LR may be off by, the strictest reading of the log first.

    Args:
        lr: logged, shape (n,).

    Yields:
        exact values, values of 32 bits, values rounded to so many significant digits, values
        rounded to so many decimals.
    """
    peak = float(lr.max())
    exact = 1e-8 * lr + 1e-10 * peak
    least = exact + 1e-5 * peak
    few, unit = _significant(lr), _decimals(lr)
    # Only constants and lines have short values of their own accord.
    yield Reading(exact, "", bent=few is None and unit is None)
    if (lr.astype(np.float32).astype(np.float64) == lr).all():
        yield Reading(4e-7 * lr + 2e-7 * peak, "32-bit values")
        return
    if few is not None:
        digits, units = few
        yield Reading(0.5 * units + least, f"{digits} digits")
    if unit is not None:
        yield Reading(np.full(lr.shape, 0.5 * 10.0**-unit) + exact, f"{unit} decimals")


def _significant(lr: FloatArray) -> tuple[int, FloatArray] | None:
    """The most digits that any LR has, and the unit of the last of them of each."""
    above = lr > 0
    power = np.zeros(lr.shape)
    power[above] = np.floor(np.log10(lr[above]))
    for digits in range(_FEWEST, _MOST_DIGITS + 1):
        unit = 10.0 ** (power - digits + 1)
        if np.allclose(np.round(lr / unit) * unit, lr, rtol=1e-12, atol=0):
            unit[~above] = 10.0 ** (power[above].min() - digits + 1) if above.any() else 1.0
            return digits, unit
    return None


def _decimals(lr: FloatArray) -> int | None:
    """How many decimals the LRs have, if all have few."""
    for decimals in range(3, 14):
        unit = 10.0**-decimals
        if np.allclose(np.round(lr / unit) * unit, lr, rtol=1e-12, atol=1e-16):
            return decimals
    return None
