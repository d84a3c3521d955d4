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

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.forecasting.intervals import multiplier
from cptlaw.forecasting.measured import Calibration
from cptlaw_evidence.coverage.held_out import LEVELS, HeldOut
from cptlaw_evidence.coverage.kinds import kind_of


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
    refits=0.5,
    runs=0.2,
    residual=0.7,
    between=0.7,
    floor=2e-4,
    annealing=1e-2,
    length=2e-2,
    fall=2e-2,
    slope=1e-2,
    horizon=4e-2,
    peak=7e-2,
    start=5e-2,
    size=1e-2,
    replay=0.25,
)
_DRAWN = 3e-3  # cost of a factor e away from the usual value; a factor e of the score costs 1
_BLIND = 0.1  # relative spread of refits that only says that nothing is known
_POINTS = 12  # of a curve that count
_FINAL = 0.3  # share of a curve's weight that its last point has besides
_SOFT = 0.1  # share of an interval's half width over which a miss sets in


def calibrate(held: Sequence[HeldOut]) -> Calibration:
    """The calibration whose intervals score best, wide enough for sources that it has not seen.

    The mean interval score of every kind of forecast in every source counts alike, in the
    logarithm, so that neither wide intervals nor a single source decide. Then every source is left
    out in turn, and all weights are multiplied by what makes 90 % of the errors lie within: what
    the best weights for some sources miss on the next.

    Args:
        held: curves with their forecasts.
    """
    sample = _sampled(held)
    best = _best(sample, np.log(astuple(USUAL)))
    ratios, weights = list[FloatArray](), list[FloatArray]()
    for source in np.unique(sample.source):
        mine = sample.source == source
        if mine.all():
            ratios.append(sample.error / np.sqrt(sample.squares @ np.exp(2 * best)))
            weights.append(sample.weight)
            break
        other = _best(sample.only(~mine), best)
        ratios.append(sample.error[mine] / np.sqrt(sample.squares[mine] @ np.exp(2 * other)))
        weights.append(sample.weight[mine])
    reached = _quantile(np.concatenate(ratios), np.concatenate(weights), LEVELS[-1])
    wider = reached / multiplier(LEVELS[-1])
    return Calibration(*(wider * np.exp(best)).tolist())


@dataclass(frozen=True, eq=False)
class _Sample:
    """Points that a calibration is fitted to; n of them.

    Args:
        squares: of the causes, shape (n, fields).
        error: its size, shape (n,).
        weight: of the point, shape (n,); 1 in total.
        cell: which kind of forecast in which source it is of, shape (n,).
        source: shape (n,).
    """

    squares: FloatArray
    error: FloatArray
    weight: FloatArray
    cell: IntArray
    source: IntArray

    def only(self, mine: BoolArray) -> _Sample:
        """Some of the points, with the weight that they had among themselves."""
        cell = np.unique(self.cell[mine], return_inverse=True)[1]
        weight = self.weight[mine] / self.weight[mine].sum()
        return _Sample(self.squares[mine], self.error[mine], weight, cell, self.source[mine])


def _sampled(held: Sequence[HeldOut]) -> _Sample:
    """Some points of every curve; runs of a cell weigh the same, and so do the curves of a run.

    A source weighs as the root of the number of its cells.
    """
    cells: dict[tuple[str, str], dict[str, list[HeldOut]]] = {}
    for h in held:
        cells.setdefault((h.group, kind_of(h.protocol)), {}).setdefault(h.run, []).append(h)
    count = Counter(group for group, _ in cells)
    sources = list(count)
    found: list[tuple[FloatArray, FloatArray, FloatArray, IntArray, IntArray]] = []
    for cell, ((group, _), runs) in enumerate(cells.items()):
        each = count[group] ** -0.5 / len(runs)
        for curves in runs.values():
            for h in curves:
                at = _places(h, _POINTS // (1 + len(curves) // 8))
                weight = np.full(at.size, (1 - _FINAL) / max(at.size, 1))
                weight[-1:] += _FINAL
                names = np.full(at.size, cell), np.full(at.size, sources.index(group))
                weight *= each / len(curves)
                found.append((h.parts[at] ** 2, np.abs(h.error[at]), weight, *names))
    weight = np.concatenate([each[2] for each in found])
    return _Sample(
        np.concatenate([each[0] for each in found]),
        np.concatenate([each[1] for each in found]),
        weight / weight.sum(),
        np.concatenate([each[3] for each in found]),
        np.concatenate([each[4] for each in found]),
    )


def _places(held: HeldOut, most: int) -> IntArray:
    """Some points of a curve where something is known, the last one among them."""
    known = np.flatnonzero(held.parts[:, 0] <= _BLIND)
    even = np.linspace(0, known.size - 1, min(known.size, max(most, 2)))
    return known[np.unique(np.round(even).astype(np.int64))]


def _best(sample: _Sample, begin: FloatArray) -> FloatArray:
    """Logarithms of the weights whose intervals score best, shape (fields,)."""
    from scipy.optimize import minimize

    usual = np.log(astuple(USUAL))
    cells = np.bincount(sample.cell, sample.weight)

    def cost(logs: FloatArray) -> tuple[float, FloatArray]:
        share = np.exp(2 * logs)
        scale = np.sqrt(sample.squares @ share)
        value, slope = 0.0, np.zeros(scale.size)
        for level in LEVELS:
            times = multiplier(level)
            worth, its_slope = _soft_score(sample.error, times * scale, level)
            mean = np.bincount(sample.cell, sample.weight * worth) / cells
            value += float(cells @ np.log(mean)) / len(LEVELS)
            slope += sample.weight / mean[sample.cell] * its_slope * times / len(LEVELS)
        away = logs - usual
        gradient = share * ((slope / scale) @ sample.squares) + 2 * _DRAWN * away
        return value + _DRAWN * float(away @ away), gradient

    found = minimize(cost, begin, jac=True, method="L-BFGS-B", options={"ftol": 1e-7})
    return np.asarray(found.x, dtype=np.float64)


def _soft_score(error: FloatArray, half: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Interval scores of n errors and their slopes in the half width; misses set in softly."""
    past = (error / half - 1.0) / _SOFT
    missed = np.logaddexp(0.0, past)
    steep = 2 / (1 - level)
    set_in = 0.5 * (1.0 + np.tanh(past / 2))
    slope = 2.0 + steep * (_SOFT * missed - set_in * error / half)
    return 2.0 * half + steep * _SOFT * half * missed, slope


def _quantile(values: FloatArray, weights: FloatArray, share: float) -> float:
    """The value that a share of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(reached, share)), values.size - 1)])


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
    weights = point_weights(held)
    return np.array([_quantile(size, weights, level) for level in LEVELS])


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
