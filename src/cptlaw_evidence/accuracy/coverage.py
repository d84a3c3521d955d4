"""How well intervals hold: how often a measured loss lies within that of its forecast.

Intervals are calibrated without the source that is scored, so that every figure is of curves that
neither the fit nor the calibration has seen.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.fitting import uncertainty
from cptlaw.fitting.observations import observe
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Ensemble, ensemble_of
from cptlaw.forecasting.intervals import (
    decayed,
    distances,
    multiplier,
    noise_of,
    scales,
)
from cptlaw.forecasting.measured import Calibration
from cptlaw.laws.points import Points
from cptlaw_evidence.accuracy import pool
from cptlaw_evidence.accuracy.protocol import Split
from cptlaw_evidence.accuracy.rooms import Loaded, load

LEVELS = (0.5, 0.8, 0.9)
LAWS = ("effective", "paper")
GROUPS = {"tiny-grid-far": "tiny-grid"}
"""Sources that are left out together, since they share runs."""


@dataclass(frozen=True, eq=False)
class Held:
    """A measured curve that a fit has not seen, beside its forecast; n points.

    Args:
        protocol: its name.
        group: the source; one name for those that share runs.
        run: the run, told from those of the same name in other studies of the source.
        domain: the split's name of it, else the role.
        law: as asked for.
        error: log(measured / predicted), shape (n,).
        parts: what each field of a `Calibration` weighs, shape (n, 9).
        rival: ends of the i.i.d. bootstrap's intervals of `error`, shape (levels, 2, n).
    """

    protocol: str
    group: str
    run: str
    domain: str
    law: str
    error: FloatArray
    parts: FloatArray
    rival: FloatArray


@dataclass(frozen=True, eq=False)
class Scored:
    """What the intervals of one curve are worth.

    Args:
        held: the curve.
        figures: shape (methods, levels, 4): share of points within, whether the last one is,
            mean width, mean interval score; the last two in % of the loss. The methods are the
            intervals, the i.i.d. bootstrap and the constant width.
    """

    held: Held
    figures: FloatArray


@dataclass(frozen=True)
class LawCoverage:
    """What became of one law.

    Args:
        law: as asked for.
        calibration: on all sources.
        without: source -> the calibration on the others, with which it is scored.
        scored: every curve that was forecast.
    """

    law: str
    calibration: Calibration
    without: Mapping[str, Calibration]
    scored: tuple[Scored, ...]


@dataclass(frozen=True)
class Coverage:
    """How well the intervals of laws hold.

    Args:
        laws: each in turn.
        left_out: {"protocol", "why"} of what was not scored, with its law where that is why.
        jobs: processes.
        seconds: it took.
    """

    laws: tuple[LawCoverage, ...]
    left_out: tuple[Mapping[str, str], ...]
    jobs: int
    seconds: float


def measure(
    laws: Sequence[str] = LAWS,
    protocols: Sequence[str] = (),
    data: Path | None = None,
    *,
    jobs: int = 1,
    only_fit: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Coverage:
    """Forecast what fits have not seen, and judge the intervals.

    Args:
        laws: names that `fit` takes, of single laws.
        protocols: names; none for all.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        only_fit: whether only the calibration on all sources is wanted.
        progress: is told of what is done.

    Raises:
        DataError: an unknown protocol, broken curves, a law without any forecast, or a single
            source, so that nothing is left to calibrate on.
        FitError: a process ended on its own.
    """
    began = time.perf_counter()
    laws, loaded = list(dict.fromkeys(laws)), load(protocols, data)
    groups = {GROUPS.get(p.source, p.source) for p in loaded.protocols}
    if len(groups) < 2 and not only_fit:
        raise DataError(
            f"only the curves {groups.pop()} are there, but intervals are calibrated on other "
            "sources than the scored one. --data names a folder with more."
        )
    held, failed = _collected(loaded, laws, data, jobs, progress)
    found: list[LawCoverage] = []
    for law in laws:
        mine = [h for h in held if h.law == law]
        if not mine:
            raise DataError(f"no curve could be forecast with law '{law}': {failed[0]['why']}")
        scored, without = ([], {}) if only_fit else score(mine)
        found.append(LawCoverage(law, calibrate(mine), without, tuple(scored)))
    left_out = (*loaded.left_out, *failed)
    return Coverage(tuple(found), left_out, jobs, time.perf_counter() - began)


_Found = tuple[list[Held], list[dict[str, str]]]


def collect(task: pool.Task, splits: pool.Splits) -> _Found:
    """Fit once and forecast every curve that the task's splits hold back.

    Args:
        task: a law and the splits that share a fit.
        splits: of every protocol.

    Returns:
        The curves, and what could not be forecast and why.
    """
    protocol, index = task.uses[0]
    try:
        ensemble = ensemble_of(pool._fitted(splits[protocol][index].fitted, task.law))
        rival = independent(ensemble.fit)
    except Exception as error:  # one law's trouble must not cost the results of the others
        why = pool._reason(error)
        return [], [{"protocol": p, "law": task.law, "why": why} for p, _ in task.uses]
    held: list[Held] = []
    left_out: list[dict[str, str]] = []
    for protocol, index in task.uses:
        for one in _of_split(protocol, splits[protocol][index], task.law, ensemble, rival):
            if isinstance(one, Held):
                held.append(one)
            else:
                left_out.append({"protocol": protocol, "law": task.law, "why": one})
    return held, left_out


def _of_split(
    protocol: str, split: Split, law: str, ensemble: Ensemble, rival: Ensemble
) -> Generator[Held | str]:
    fit = ensemble.fit
    for role in split.study.domains:
        observed = observe(split.study, role, fit.convention)
        for index, run in enumerate(observed.runs):
            mine = (observed.run == index) & (observed.step > split.scored.get(run, np.inf))
            if not mine.any():
                continue
            history, step = observed.points.histories[index], observed.points.step[mine]
            points = Points.along(history, step, fit.convention)
            name = f"{run}, {history.steps} steps"
            domain = split.domain or role
            found = _forecast(role, points, observed.loss[mine], ensemble, rival)
            yield (
                f"no finite forecast of '{run}' on {domain} ({split.name})."
                if found is None
                else Held(protocol, "", name, domain, law, *found)
            )


def _forecast(
    role: str, points: Points, measured: FloatArray, ensemble: Ensemble, rival: Ensemble
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Error, parts and the rival's ends; None where the forecast is no loss."""
    predicted = ensemble.fit.domain(role).loss(points)
    if not (np.isfinite(predicted) & (predicted > 0)).all():
        return None
    error, ends = np.log(measured / predicted), independent_ends(rival, role, points)
    found = error, parts(ensemble, role, points), ends
    return found if all(np.isfinite(part).all() for part in found) else None


_REFITS_ALONE = Calibration(1.0, *[0.0] * (len(fields(Calibration)) - 1))


def parts(ensemble: Ensemble, role: str, points: Points) -> FloatArray:
    """What each field of a calibration is multiplied with at n points, shape (n, 9)."""
    refits = scales(ensemble, role, points, _REFITS_ALONE)[0]
    noise = np.full(refits.size, noise_of(ensemble.fit, role).residual)
    far = distances(ensemble.fit.domain(role), points.histories[0], points.step)
    fallen = decayed(points.histories[0], points.step)
    return np.column_stack([refits, noise, np.ones(refits.size), far, fallen])


def independent(fit: Fit, count: int = uncertainty.COUNT, seed: int = 0) -> Ensemble:
    """Refits of single laws to points resampled one by one, as if residuals were independent."""
    random = np.random.default_rng(seed)
    moves: dict[str, tuple[FloatArray, ...]] = {}
    for role, domain in fit.domains.items():
        observed = fit.observed(role)
        weights = random.standard_gamma(1.0, (count, len(observed)))
        moves[role] = (uncertainty.refitted(fit, domain, observed, weights, None),)
    return Ensemble(fit, moves)


def independent_ends(rival: Ensemble, role: str, points: Points) -> FloatArray:
    """Ends of the rival's intervals of log(measured / predicted), shape (levels, 2, n)."""
    domain, observed = rival.fit.domain(role), rival.fit.observed(role)
    residual = np.log(observed.loss / domain.loss(observed.points))
    noise = np.random.default_rng(1).choice(residual, (len(rival), 1))
    draws = np.maximum(rival.losses(role, points) / domain.loss(points), 1e-9)
    tails = [((1 - level) / 2, (1 + level) / 2) for level in LEVELS]
    ends = np.quantile(np.log(draws) + noise, np.ravel(tails), axis=0)
    return ends.reshape(len(LEVELS), 2, -1)


def _collected(
    loaded: Loaded,
    laws: Sequence[str],
    data: Path | None,
    jobs: int,
    progress: Callable[[str], None],
) -> _Found:
    todo = pool.tasks(loaded.splits, laws)
    progress(f"{len(todo)} fits, {jobs} at a time ...")
    groups = {p.name: GROUPS.get(p.source, p.source) for p in loaded.protocols}
    held: list[Held] = []
    left_out: list[dict[str, str]] = []
    with closing(pool.run(todo, loaded.splits, data, jobs, collect)) as results:
        for done, (found, failed) in enumerate(results, start=1):
            held += [replace(one, group=groups[one.protocol]) for one in found]
            left_out += failed
            if done % 10 == 0 or done == len(todo):
                progress(f"{done} of {len(todo)} fits")
    order = {p.name: i for i, p in enumerate(loaded.protocols)}
    return sorted(held, key=lambda h: (order[h.protocol], h.run, h.domain)), left_out


_USUAL = Calibration(2.0, 1.0, 1e-3, 2e-3, 3e-3, 3e-3, 1e-2, 1e-2, 3e-3)
_DRAWN = 2.5e-3  # cost of a factor e away from the usual value; a point's error costs about 1
_DEGREES = 4.0  # of freedom of Student's t
_BLIND = 0.1  # relative spread of refits that only says that nothing is known


def calibrate(held: Sequence[Held]) -> Calibration:
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
    usual = np.log(astuple(_USUAL))

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


def point_weights(held: Sequence[Held]) -> FloatArray:
    """Weights of all points, which sum to 1.

    Each source weighs the same, and in it each protocol and domain.
    """
    points = Counter[tuple[str, str, str]]()
    for h in held:
        points[h.group, h.protocol, h.domain] += h.error.size
    cells = Counter(group for group, _, _ in points)
    each = [1 / (len(cells) * cells[h.group] * points[h.group, h.protocol, h.domain]) for h in held]
    return np.repeat(each, [h.error.size for h in held])


def constant_widths(held: Sequence[Held]) -> FloatArray:
    """Half the width that holds each level's share of these errors, shape (levels,)."""
    size = np.abs(np.concatenate([h.error for h in held]))
    order = np.argsort(size)
    reached = np.cumsum(point_weights(held)[order])
    at = np.minimum(np.searchsorted(reached, LEVELS), size.size - 1)
    return size[order][at]


def score(held: Sequence[Held]) -> tuple[list[Scored], Mapping[str, Calibration]]:
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


def _figures(held: Held, calibration: Calibration, widths: FloatArray) -> FloatArray:
    scale = np.sqrt(((held.parts * np.array(astuple(calibration))) ** 2).sum(axis=1))
    halves = np.outer([multiplier(level) for level in LEVELS], scale)
    fixed = np.repeat(widths[:, None], scale.size, axis=1)
    ends = [np.stack([-halves, halves], axis=1), held.rival, np.stack([-fixed, fixed], axis=1)]
    return np.array(
        [[_worth(held.error, *pair) for pair in zip(m, LEVELS, strict=True)] for m in ends]
    )


def _worth(error: FloatArray, ends: FloatArray, level: float) -> list[float]:
    low, high = ends
    missed = np.maximum(low - error, 0.0) + np.maximum(error - high, 0.0)
    within, width = missed == 0, high - low
    penalty = width + 2 / (1 - level) * missed
    return [within.mean(), within[-1], 100 * width.mean(), 100 * penalty.mean()]
