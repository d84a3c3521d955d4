"""Intervals of forecasts: how far a measured loss may lie from the predicted one.

A forecast misses for three reasons: the coefficients are uncertain (refits tell by how much), the
runs are noisy and the law is not exact (the fitted residuals tell), and the forecast leaves what
was fitted (`causes`). Each adds to the scale of the error; how much was measured on real curves
that the fit had not seen (`cptlaw bench coverage`), so that intervals hold on a source of curves
that had no part in it. In units of that scale errors follow Student's t with four degrees of
freedom: held-out errors have heavier tails than a normal, and 3, 6 and 10 degrees held no better.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import Ensemble, Interval, check_level
from cptlaw.forecasting import student
from cptlaw.forecasting.causes import causes, half_spread, misfit, noise_of
from cptlaw.forecasting.measured import Calibration, figures_of, measured
from cptlaw.laws.points import Points

LEVEL = 0.9
FIELDS = tuple(field.name for field in fields(Calibration))


class Band(NamedTuple):
    """Lower and upper ends at n points, shape (n,) each, nats per token.

    `low` and `high` are for the loss that one run will measure, the others for the mean of many.
    """

    low: FloatArray
    high: FloatArray
    mean_low: FloatArray
    mean_high: FloatArray


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
    check_level(level)
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
    check_level(level)
    domain = ensemble.fit.domain(role)
    ends = [float(domain.loss(points)[-1]) for points in (one, other)]
    draws = [ensemble.losses(role, points)[:, -1] for points in (one, other)]
    weigh = refit_weight(ensemble.fit, role)
    apart = weigh * float(half_spread(draws[0] - draws[1]))
    # A refit moves both losses together, so that its part must not count once for each: it is taken
    # out of both variances, and the spread of the difference stands for it.
    own = [
        (scales(ensemble, role, points)[0][-1] * end) ** 2 - (weigh * float(half_spread(draw))) ** 2
        for points, end, draw in zip((one, other), ends, draws, strict=True)
    ]
    reach = multiplier(level) * float(np.sqrt(apart**2 + max(sum(own), 0.0)))
    value = ends[0] - ends[1]
    return Interval(value, value - reach, value + reach, level)


def multiplier(level: float) -> float:
    """Half the width of an interval in units of the error's scale."""
    return student.quantile(0.5 + level / 2)


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
    weigh = calibration or calibration_of(ensemble.fit.domain(role))
    # The causes are taken as independent, so that their squares add up.
    squares = (causes(ensemble, role, points) * np.array(astuple(weigh))) ** 2
    run = squares.sum(axis=1)
    # The mean of many runs is free of the noise that each has for itself, of nothing else.
    own = squares[:, [FIELDS.index(name) for name in ("residual", "floor")]].sum(axis=1)
    mean = np.maximum(run - noise_of(ensemble.fit, role).white ** 2, run - own)
    return np.sqrt(run), np.sqrt(mean)


def refit_weight(fit: Fit, role: str) -> float:
    """How much the spread of the refits counts, all in all."""
    weigh = calibration_of(fit.domain(role))
    return float(np.hypot(weigh.refits, weigh.runs * np.sqrt(misfit(fit, role).runs)))


def calibration_of(domain: DomainFit) -> Calibration:
    """What was measured for the law, or a wide one for a law that was not measured."""
    kinds = (leaf.law.traits.forecasts for leaf in domain.leaves)
    return figures_of(measured().intervals, kinds)
