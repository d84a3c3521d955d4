"""What a forecast may miss by, cause by cause: relative sizes that a calibration weighs.

Most are not constants but shares of what the law says of the run itself, since studies differ
fivefold in how much there is to miss: of the annealing, of the shift, and of the slope of the loss
(a curve that is right but early or late is off by its slope).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, grouped
from cptlaw.caching import remembers
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import Ensemble
from cptlaw.forecasting.measured import GENTLER, figures_of, measured
from cptlaw.laws.factors.transfer import spared
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

# Quantiles one standard deviation of a normal below and above its mean: a spread that a few wild
# refits do not move.
_MIDDLE = (0.16, 0.84)
# Median of the size of a normal variable -> its standard deviation.
_FROM_MEDIAN = 1.4826
_EARLIER = 1.25  # times fewer steps, from which the slope is taken
_NEAR = 1.5  # times the steps within which fitted points tell of the misfit
_FEW = 6  # points that tell nothing of it
_TWICE = 2.0  # times the fitted peak or start, or half: where a young base was tried
_FALLEN = 0.3  # share of its peak from which on a run's LR counts as fallen


class Noise(NamedTuple):
    """Scale of a domain's log residuals: all of it, and the part that neighbours do not share."""

    residual: float
    white: float


class Misfit(NamedTuple):
    """What the fitted points of a domain say of later ones.

    Args:
        noise: scale of the residuals.
        between: root mean square of the runs' own mean residuals.
        runs: how many were fitted.
        fallen: how far the LR of any fitted point has fallen from its run's peak, 0 to 1.
        ends: least and most steps, base included, of the fitted runs whose LR has fallen.
        own: log of each point's steps in its phase, rising within a phase; pt and cpt.
        squares: cumulative squared residuals in that order, from 0; pt and cpt.
    """

    noise: Noise
    between: float
    runs: int
    fallen: float
    ends: tuple[float, float] | None
    own: tuple[FloatArray, FloatArray]
    squares: tuple[FloatArray, FloatArray]


def causes(ensemble: Ensemble, role: str, points: Points) -> FloatArray:
    """What each field of a `Calibration` weighs at n points of one history, shape (n, fields).

    Args:
        ensemble: a fit and its refits.
        role: the domain.
        points: places on one history.
    """
    domain, history = ensemble.fit.domain(role), points.histories[0]
    known, loss = misfit(ensemble.fit, role), domain.loss(points)
    parts = {name: np.abs(value) / loss for name, value in domain.parts(points).items()}
    none, every = np.zeros(loss.size), np.ones(loss.size)
    annealing, shift = parts.get("annealing", none), parts.get("shift", none)
    refits = half_spread(ensemble.losses(role, points)) / loss
    steep, far = _slope(domain, points), distances(domain, history, points.step)
    fallen = decayed(history, points.step)
    found = np.column_stack(
        [
            refits,
            refits * np.sqrt(known.runs),
            _near(known, history, points.step),
            known.between * every,
            every,
            annealing,
            annealing * _other_end(known, points.step),
            np.maximum(fallen - known.fallen, 0.0),
            steep,
            steep[:, None] * far[:, :3],
            far[:, 3],
            shift * np.maximum(far[:, 4], _never_spared(domain, history)),
        ]
    )
    return found * _beyond(domain, history, far)[:, None]


def _never_spared(domain: DomainFit, history: History) -> float:
    """What replay is taken to spare of the shift, where no fitted run had any; else 0."""
    most = domain.ranges.get("replay", (0.0, 0.0))[1]
    if most > 0 or not history.is_cpt or not history.replay > 0:
        return 0.0
    return 1.0 - float(spared(np.array([history.replay]), domain.role).value[0])


def _beyond(domain: DomainFit, history: History, far: FloatArray) -> FloatArray:
    """How many times as far as any forecast was checked n points lie, shape (n,); at least 1.

    There no share was measured: twice as far, all causes count twice.
    """
    kinds = tuple(leaf.law.traits.forecasts for leaf in domain.leaves)
    reach = figures_of(measured().reach, kinds)
    low = domain.ranges.get("cpt_peak_lr" if history.is_cpt else "pt_peak_lr", (0.0, 0.0))[0]
    below = float(history.phase_lr.max(initial=0.0)) < low
    factors = np.array([reach.steps, reach.peak, reach.start, reach.size])
    logs = np.append(np.log(factors), reach.replay)
    logs[1] += np.log(GENTLER) * below
    times: FloatArray = (far / logs).max(axis=1)
    elsewhere = far[:, 1:3].max(axis=1) / np.log(_TWICE)  # another peak or start
    return np.maximum(times, 1.0) * youth(kinds, history) ** np.minimum(elsewhere, 1.0)


def youth(kinds: Iterable[str], history: History) -> float:
    """How many times wider forecasts of twice or half the fitted peaks and starts are, at least 1.

    After a young base it is the root of how many times fewer tokens it has read than those that
    errors were measured after. Chosen on the one study of that kind, which it makes hold.

    Args:
        kinds: of the laws.
        history: of the forecast; 1 where it does not tell the tokens of its pre-training.
    """
    read = history.tokens_a_parameter if history.is_cpt else None
    return 1.0 if not read else max(np.sqrt(figures_of(measured().young, kinds).tokens / read), 1.0)


def half_spread(draws: FloatArray) -> FloatArray:
    """Half the distance that holds the middle 68 % of draws, over the first axis."""
    low, high = np.quantile(draws, _MIDDLE, axis=0)
    return np.asarray((high - low) / 2, dtype=np.float64)


@remembers(8)
def misfit(fit: Fit, role: str) -> Misfit:
    """What the fitted points of a domain say of later ones."""
    observed = fit.observed(role)
    points = observed.points
    residual = np.log(fit.domain(role).loss(points) / observed.loss)
    places = grouped(observed.run, len(observed.runs))
    late = [_late(residual[mine]) for mine in places]
    fallen, ends = 0.0, list[float]()
    for index, mine in enumerate(places):
        step = points.last[mine]
        far = decayed(points.histories[index], step)
        fallen = max(fallen, float(far.max()))
        if far[-1] > _FALLEN:
            ends.append(float(step[-1]))
    start = np.array([h.phase_start for h in points.histories])[points.owner]
    own = np.log(np.maximum(points.step - start, 1))
    each = [_in_order(own, residual, points.is_cpt == phase) for phase in (False, True)]
    return Misfit(
        _noise(late),
        float(np.sqrt(np.mean([mine.mean() ** 2 for mine in late]))),
        len(observed.runs),
        fallen,
        (min(ends), max(ends)) if ends else None,
        (each[0][0], each[1][0]),
        (each[0][1], each[1][1]),
    )


def noise_of(fit: Fit, role: str) -> Noise:
    """Scale of a domain's log residuals, over the last two thirds of every run.

    In the first third losses fall fast and laws are least exact, and few forecasts end there.
    """
    return misfit(fit, role).noise


def _late(residual: FloatArray) -> FloatArray:
    return residual[residual.size // 3 :]


def _noise(late: list[FloatArray]) -> Noise:
    # What neighbours share is gone from their difference; the rest is in it twice.
    steps = [np.diff(mine) / np.sqrt(2.0) for mine in late]
    sizes = [np.abs(np.concatenate(some)) for some in (late, steps)]
    return Noise(*(_FROM_MEDIAN * float(np.median(size)) if size.size else 0.0 for size in sizes))


def _in_order(
    own: FloatArray, residual: FloatArray, mine: BoolArray
) -> tuple[FloatArray, FloatArray]:
    order = np.argsort(own[mine], kind="stable")
    return own[mine][order], np.append(0.0, np.cumsum(residual[mine][order] ** 2))


def _near(known: Misfit, history: History, step: IntArray) -> FloatArray:
    """Root mean square residual of fitted points about as far in their phase, shape (n,)."""
    own, squares = (pair[int(history.is_cpt)] for pair in (known.own, known.squares))
    at = np.log(np.maximum(step - history.phase_start, 1))
    first, last = np.searchsorted(own, np.stack([at - np.log(_NEAR), at + np.log(_NEAR)]))
    count = last - first
    mean = np.sqrt((squares[last] - squares[first]) / np.maximum(count, 1))
    return np.where(count >= _FEW, mean, known.noise.residual)


def _other_end(known: Misfit, step: IntArray) -> FloatArray:
    """Log of how much longer or shorter than every fitted run whose LR has fallen, shape (n,)."""
    if known.ends is None:
        return np.zeros(step.size)
    shortest, longest = np.log(known.ends)
    at = np.log(np.maximum(step, 1))
    return np.maximum(np.maximum(at - longest, shortest - at), 0.0)


def _slope(domain: DomainFit, points: Points) -> FloatArray:
    """By what share the loss changes for a factor of e in steps, without annealing, shape (n,)."""
    history, step = points.histories[0], points.step
    own = np.maximum(step - history.phase_start, 1)
    earlier = np.maximum(np.round(own / _EARLIER), 1).astype(np.int64)
    places, back = np.unique(history.phase_start + earlier, return_inverse=True)
    before = Points.along(history, places, points.convention)
    loss = domain.loss(points)
    with np.errstate(all="ignore"):
        change = _without_annealing(domain, before)[back] - _without_annealing(domain, points)
        found = np.abs(change) / loss / np.log(own / earlier)
    return np.where(np.isfinite(found), found, 0.0)


def _without_annealing(domain: DomainFit, points: Points) -> FloatArray:
    none = np.zeros(len(points))
    parts = domain.parts(points)
    return sum((value for name, value in parts.items() if name != "annealing"), none)


def decayed(history: History, step: IntArray) -> FloatArray:
    """How far the LR has fallen from its highest so far, shape (n,): 0 there, 1 at an LR of 0."""
    lr = history.phase_lr
    if not lr.size:
        return np.zeros(step.size)
    at = np.clip(step - history.phase_start - 1, 0, lr.size - 1)
    highest = np.maximum.accumulate(lr)[at]
    return np.where(highest > 0, 1.0 - lr[at] / np.where(highest > 0, highest, 1.0), 0.0)


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
