"""What intervals are made of, fitted to held-out curves, and what such intervals are worth.

Intervals are calibrated without the source that is scored, so that every figure is of curves that
neither the fit nor the calibration has seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from types import MappingProxyType

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.forecasting.intervals import multiplier
from cptlaw.forecasting.measured import Calibration
from cptlaw_evidence.coverage.held_out import LEVELS, HeldOut


@dataclass(frozen=True, eq=False)
class Scored:
    """What the intervals of one curve are worth.

    Args:
        held: the curve.
        figures: shape (methods, levels, 4): share of points within, whether the last one is,
            mean width, mean interval score; the last two in % of the loss. The methods are the
            intervals, the i.i.d. bootstrap and the constant width.
    """

    held: HeldOut
    figures: FloatArray


USUAL = Calibration(
    refits=2.0,
    residual=1.0,
    floor=1e-3,
    horizon=2e-3,
    peak=3e-3,
    start=3e-3,
    size=1e-2,
    replay=1e-2,
    decay=3e-3,
)
_DRAWN = 2.5e-3  # cost of a factor e away from the usual value; a point's error costs about 1
_DEGREES = 4.0  # of freedom of Student's t
_BLIND = 0.1  # relative spread of refits that only says that nothing is known


def calibrate(held: Sequence[HeldOut]) -> Calibration:
    """The calibration under which the errors are likeliest; every source weighs the same.

    Points where the refits spread by more than a tenth of the loss are left out: refits are of
    first order, and how far beyond they lie tells nothing. What no curve asks for keeps its usual
    value.

    Args:
        held: curves with their forecasts.
    """
    from scipy.optimize import minimize

    parts = np.concatenate([h.parts for h in held])
    known = parts[:, 0] <= _BLIND
    error = np.concatenate([h.error for h in held])[known]
    squares, weight = parts[known] ** 2, point_weights(held)[known]
    usual = np.log(astuple(USUAL))

    def cost(logs: FloatArray) -> tuple[float, FloatArray]:
        share = np.exp(2 * logs)
        variance = squares @ share
        ratio = error**2 / variance
        value = 0.5 * np.log(variance) + (_DEGREES + 1) / 2 * np.log1p(ratio / _DEGREES)
        slope = weight * (0.5 - (_DEGREES + 1) / 2 * ratio / (_DEGREES + ratio)) / variance
        away = logs - usual
        gradient = 2 * share * (slope @ squares) + 2 * _DRAWN * away
        return float(weight @ value + _DRAWN * (away @ away)), gradient

    found = minimize(cost, usual, jac=True, method="L-BFGS-B")
    return Calibration(*np.exp(found.x).tolist())


def point_weights(held: Sequence[HeldOut]) -> FloatArray:
    """Weights of all points, which sum to 1.

    Each source weighs the same, and in it each protocol and domain.
    """
    points = Counter[tuple[str, str, str]]()
    for h in held:
        points[h.group, h.protocol, h.domain] += h.error.size
    cells = Counter(group for group, _, _ in points)
    each = [1 / (len(cells) * cells[h.group] * points[h.group, h.protocol, h.domain]) for h in held]
    return np.repeat(each, [h.error.size for h in held])


def constant_widths(held: Sequence[HeldOut]) -> FloatArray:
    """Half the width that holds each level's share of these errors, shape (levels,)."""
    size = np.abs(np.concatenate([h.error for h in held]))
    order = np.argsort(size)
    reached = np.cumsum(point_weights(held)[order])
    at = np.minimum(np.searchsorted(reached, LEVELS), size.size - 1)
    return size[order][at]


def score(held: Sequence[HeldOut]) -> tuple[list[Scored], Mapping[str, Calibration]]:
    """Every curve's figures, and for each source the calibration on the others."""
    groups = list(dict.fromkeys(h.group for h in held))
    if len(groups) < 2:
        raise DataError("curves of one source alone leave nothing to calibrate on.")
    used: dict[str, Calibration] = {}
    scored: list[Scored] = []
    for group in groups:
        others = [h for h in held if h.group != group]
        used[group] = calibrate(others)
        widths = constant_widths(others)
        scored += [Scored(h, _figures(h, used[group], widths)) for h in held if h.group == group]
    return scored, MappingProxyType(used)


def _figures(held: HeldOut, calibration: Calibration, widths: FloatArray) -> FloatArray:
    scale = np.sqrt(((held.parts * np.array(astuple(calibration))) ** 2).sum(axis=1))
    halves = np.outer([multiplier(level) for level in LEVELS], scale)
    fixed = np.repeat(widths[:, None], scale.size, axis=1)
    ends = [np.stack([-halves, halves], axis=1), held.rival, np.stack([-fixed, fixed], axis=1)]
    return np.array(
        [[worth(held.error, *pair) for pair in zip(m, LEVELS, strict=True)] for m in ends]
    )


def worth(error: FloatArray, ends: FloatArray, level: float) -> list[float]:
    """Share within, whether the last is, mean width and mean interval score, both in %."""
    low, high = ends
    missed = np.maximum(low - error, 0.0) + np.maximum(error - high, 0.0)
    within, width = missed == 0, high - low
    penalty = width + 2 / (1 - level) * missed
    return [within.mean(), within[-1], 100 * width.mean(), 100 * penalty.mean()]
