"""Intervals of forecasts: how far a measured loss may lie from the predicted one.

A forecast misses for three reasons: the coefficients are uncertain (refits tell by how much), the
runs are noisy and the law is not exact (the fitted residuals tell), and the forecast leaves what
was fitted. Each adds to the scale of the error; how much was measured on real curves that the fit
had not seen (`cptlaw bench coverage`). In units of that scale errors follow Student's t with four
degrees of freedom.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import Ensemble, Interval
from cptlaw.forecasting.measured import OTHERS, Calibration, measured, one_kind
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

LEVEL = 0.9
# Of freedom of Student's t. Held-out errors have heavier tails than a normal; 3, 6 and 10 held no
# better in `cptlaw bench coverage`.
_DEGREES = 4.0
# Quantiles one standard deviation of a normal below and above its mean: a spread that a few wild
# refits do not move.
_MIDDLE = (0.16, 0.84)
# Median of the size of a normal variable -> its standard deviation.
_FROM_MEDIAN = 1.4826


class Band(NamedTuple):
    """Lower and upper ends at n points, shape (n,) each, nats per token.

    `low` and `high` are for the loss that one run will measure, the others for the mean of many.
    """

    low: FloatArray
    high: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray


class Noise(NamedTuple):
    """Scale of a domain's log residuals: all of it, and the part that neighbours do not share."""

    residual: float
    white: float


def band(ensemble: Ensemble, role: str, points: Points, level: float = LEVEL) -> Band:
    """The interval of the loss at n points of one future run.

    Args:
        ensemble: a fit and its refits.
        role: the domain.
        points: places on one history.
        level: share of measured losses that are to lie within.

    Raises:
        DataError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError(f"level = {level:g} must lie between 0 and 1, such as 0.9.")
    loss = ensemble.fit.domain(role).loss(points)
    run, mean = scales(ensemble, role, points)
    times = multiplier(level)
    with np.errstate(over="ignore"):  # without bound, which `forecast` leaves out
        ends = [np.exp(sign * times * scale) for scale in (run, mean) for sign in (-1, 1)]
        return Band(*(loss * end for end in ends))


def contrast(
    ensemble: Ensemble, role: str, one: Points, other: Points, level: float = LEVEL
) -> Interval:
    """The interval of the difference between the last losses of two future runs.

    What the refits say of the difference counts, not of each loss; noise and what the law misses
    count for both.

    Args:
        ensemble: a fit and its refits.
        role: the domain.
        one: places on one history.
        other: places on another, whose last loss is taken off.
        level: share of differences that are to lie within.

    Raises:
        DataError: a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError(f"level = {level:g} must lie between 0 and 1, such as 0.9.")
    domain = ensemble.fit.domain(role)
    ends = [float(domain.loss(points)[-1]) for points in (one, other)]
    draws = [ensemble.losses(role, points)[:, -1] for points in (one, other)]
    weigh = calibration_of(domain)
    apart = weigh.refits * half_spread(draws[0] - draws[1])
    # A refit moves both losses together, so that its part must not count once for each: it is taken
    # out of both variances, and the spread of the difference stands for it.
    own = [
        (scales(ensemble, role, points)[0][-1] * end) ** 2 - (weigh.refits * half_spread(draw)) ** 2
        for points, end, draw in zip((one, other), ends, draws, strict=True)
    ]
    reach = multiplier(level) * float(np.sqrt(apart**2 + max(sum(own), 0.0)))
    value = ends[0] - ends[1]
    return Interval(value, value - reach, value + reach, level)


def half_spread(draws: FloatArray) -> float:
    """Half the distance that holds the middle 68 % of draws."""
    low, high = np.quantile(draws, _MIDDLE)
    return float(high - low) / 2


def multiplier(level: float) -> float:
    """Half the width of an interval in units of the error's scale."""
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2, _DEGREES))


def scales(
    ensemble: Ensemble,
    role: str,
    points: Points,
    calibration: Calibration | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Scale of the relative error at n points, for one run and for the mean, shape (n,) each.

    Args:
        ensemble: a fit and its refits.
        role: the domain.
        points: places on one history.
        calibration: what the parts weigh; left out, that of the law.
    """
    domain = ensemble.fit.domain(role)
    weigh = calibration or calibration_of(domain)
    loss = domain.loss(points)
    draws = ensemble.losses(role, points)
    ends = np.quantile(draws, _MIDDLE, axis=0)
    refits = (ends[1] - ends[0]) / 2 / loss
    noise = noise_of(ensemble.fit, role)
    far = distances(domain, points.histories[0], points.step)
    weights = np.array([weigh.horizon, weigh.peak, weigh.start, weigh.size, weigh.replay])
    fallen = weigh.decay * decayed(points.histories[0], points.step)
    # The causes are taken as independent, so that their squares add up.
    squares = (weigh.refits * refits) ** 2 + ((far * weights) ** 2).sum(axis=1) + fallen**2
    run = squares + (weigh.residual * noise.residual) ** 2 + weigh.floor**2
    # The mean of many runs is free of the noise that each has for itself, of nothing else.
    mean = np.maximum(run - noise.white**2, squares)
    return np.sqrt(run), np.sqrt(mean)


def calibration_of(domain: DomainFit) -> Calibration:
    """What was measured for the law, or a wide one for a law that was not measured."""
    known = measured().intervals
    kind = one_kind((leaf.law.traits.forecasts for leaf in domain.leaves), OTHERS)
    return known.get(kind, known[OTHERS])


def noise_of(fit: Fit, role: str) -> Noise:
    """Scale of a domain's log residuals, over the last two thirds of every run.

    In the first third losses fall fast and laws are least exact, and few forecasts end there.
    """
    observed = fit.observed(role)
    residual = np.log(fit.domain(role).loss(observed.points) / observed.loss)
    late: list[FloatArray] = []
    steps: list[FloatArray] = []
    for index in range(len(observed.runs)):
        mine = residual[observed.run == index]
        late.append(mine[mine.size // 3 :])
        # What neighbours share is gone from their difference; the rest is in it twice.
        steps.append(np.diff(mine[mine.size // 3 :]) / np.sqrt(2.0))
    sizes = (np.abs(np.concatenate(some)) for some in (late, steps))
    return Noise(*(_FROM_MEDIAN * float(np.median(size)) for size in sizes))


def decayed(history: History, step: IntArray) -> FloatArray:
    """How far the LR of a run has fallen from its peak, shape (n,): 0 at the peak, 1 at 0."""
    lr = history.phase_lr
    peak = float(lr.max(initial=0.0))
    if not peak > 0:
        return np.zeros(step.size)
    at = np.clip(step - history.phase_start - 1, 0, lr.size - 1)
    return 1.0 - lr[at] / peak


def distances(domain: DomainFit, history: History, step: IntArray) -> FloatArray:
    """How far n points leave what was fitted, shape (n, 5); 0 within.

    Columns: logarithm of steps over the longest fitted, of peak LR, of the start's steps and of
    the size over the nearest fitted, difference of the replay share.
    """
    ranges, cpt = domain.ranges, history.is_cpt
    far = np.zeros((step.size, 5))
    longest = ranges.get("cpt_steps" if cpt else "pt_steps")
    if longest is not None:
        own = np.maximum(step - history.phase_start, 1)
        far[:, 0] = np.maximum(np.log(own / longest[1]), 0.0)
    asked = {
        1: ("cpt_peak_lr" if cpt else "pt_peak_lr", float(history.phase_lr.max(initial=0.0))),
        2: ("start_step", float(history.phase_start)),
        3: ("model_size", history.model_size or 0.0),
    }
    for column, (name, value) in asked.items():
        if name in ranges and value > 0:
            low, high = ranges[name]
            far[:, column] = max(np.log(value / high), np.log(low / value), 0.0)
    if cpt and "replay" in ranges:
        low, high = ranges["replay"]
        far[:, 4] = max(history.replay - high, low - history.replay, 0.0)
    return far
