"""A fit and a schedule -> loss curves of a run that nobody has done yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, IntArray, floats, integers, same_values
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.start import Start, start_of
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.extrapolation import check_known, warnings
from cptlaw.forecasting.future_run import future_run
from cptlaw.forecasting.intervals import LEVEL, band
from cptlaw.forecasting.verdict import Verdict, verdict
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.shown import Shown
from cptlaw.studies.history import History
from cptlaw.studies.runs import Data, Run


@dataclass(frozen=True, eq=False)
class DomainForecast:
    """Predicted curve of one domain; every array has shape (n,), losses in nats per token.

    Args:
        step: steps since the start of the forecast run; 0 is the checkpoint it starts from.
        loss: predicted loss.
        base: the hidden PT curve: what the same schedule would give on D_pt data.
        shift: loss - base.
        low: lower end of the interval of what one run will measure; None if there is none.
        high: upper end of it.
        mean_low: lower end of the interval of the mean over many such runs; None if there is none.
        mean_high: upper end of it.

    Raises:
        DataError: no point, or arrays of different lengths.
    """

    step: IntArray
    loss: FloatArray
    base: FloatArray
    shift: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None
    mean_low: FloatArray | None = None
    mean_high: FloatArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", integers(self.step))
        for name in ("loss", "base", "shift", "low", "high", "mean_low", "mean_high"):
            values = getattr(self, name)
            object.__setattr__(self, name, None if values is None else floats(values))
            if values is not None and getattr(self, name).size != self.step.size:
                raise DataError(f"{name} has {len(values)} values for {self.step.size} steps.")
        if not self.step.size:
            raise DataError("a forecast needs a point.")

    def __repr__(self) -> str:
        return (
            f"<DomainForecast: {self.loss.size} losses, {self.loss[0]:.4f} at step {self.step[0]} "
            f"to {self.final:.4f} at step {self.step[-1]}>"
        )

    __eq__ = same_values

    @property
    def final(self) -> float:
        """Predicted loss after the last step."""
        return float(self.loss[-1])


@dataclass(frozen=True)
class Forecast(Shown):
    """Loss curves of one future run on every domain of a fit.

    Args:
        domains: role -> curve.
        schedule: the run's learning rates.
        start: where it begins.
        data: "pt" or "cpt".
        replay: share of D_pt in the CPT data.
        model_size: non-embedding parameters, or None.
        batch_tokens: tokens per step, or None.
        warnings: how far it leaves what was fitted, each a sentence.
        level: share of cases in which the intervals are to hold; None if there are none.
        verdict: what decides its choices; None where an older version stored it.
    """

    domains: Mapping[str, DomainForecast]
    schedule: Schedule
    start: Start
    data: Data
    replay: float = 0.0
    model_size: float | None = None
    batch_tokens: float | None = None
    warnings: tuple[str, ...] = ()
    level: float | None = None
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))

    def __repr__(self) -> str:
        ends = ", ".join(f"{role} {curve.final:.4f}" for role, curve in self.domains.items())
        return (
            f"<Forecast of a {self.data} run from {self.start.words}, {self.schedule.steps} steps: "
            f"{ends} at the end>"
        )


def forecast(
    fit: Fit,
    schedule: Schedule | str | ArrayLike,
    *,
    after: str | None = None,
    base_schedule: Schedule | str | ArrayLike | None = None,
    data: Data | None = None,
    replay: float | None = None,
    model_size: float | None = None,
    batch_tokens: float | None = None,
    sequence_length: int | None = None,
    domain_tokens: float | None = None,
    every: int | None = None,
    level: float | None = LEVEL,
    anyway: bool = False,
) -> Forecast:
    """Predict the loss curves of a run.

    Args:
        fit: fitted or published coefficients.
        schedule: the run's learning rates: a schedule, its text, or an array of shape (steps,).
        after: what it goes on from: "RUN" or "RUN@STEP" of the fitted study, or "unknown:NAME".
        base_schedule: the pre-training's learning rates, instead of `after`.
        data: "cpt" (default after a base) or "pt" (default from scratch): what it trains on.
        replay: share of D_pt in the CPT data; left out, that of the fitted CPT runs if they
            share one, else 0.
        model_size: non-embedding parameters; left out, the base's.
        batch_tokens: tokens per step of the CPT; left out, that of the fitted CPT runs.
        sequence_length: tokens per sequence of the CPT.
        domain_tokens: distinct tokens of D_cpt data; left out, no step sees any of them again.
        every: step distance of the curve; left out, about 400 points.
        level: of the intervals; None for none. Published coefficients have none either.
        anyway: forecast even where nothing is known, such as at ten times the fitted peak LR.

    Raises:
        DataError: the start is missing or unknown, the schedule is impossible, or it lies where
            nothing is known.
    """
    start = start_of(fit, after, base_schedule)
    run = future_run(
        fit,
        start,
        schedule,
        data=data,
        replay=replay,
        model_size=model_size,
        batch=(batch_tokens, sequence_length),
        domain_tokens=domain_tokens,
    )
    return _forecast_of(fit, start, run, every=every, level=level, anyway=anyway)


def _forecast_of(
    fit: Fit, start: Start, run: Run, *, every: int | None, level: float | None, anyway: bool
) -> Forecast:
    """The curves of a run, and how far it leaves what was fitted."""
    assert run.schedule is not None
    before, history = start.history, start.history.then(run)
    step = steps_of(run.schedule, before, every)
    points = Points.along(history, before.steps + step, fit.convention)
    if not anyway:
        check_known(fit, points)
    curves = curves_of(fit, points, step, level)
    sure = all(curve.low is not None for curve in curves.values())
    return Forecast(
        domains=curves,
        schedule=run.schedule,
        start=start,
        data=run.data,
        replay=run.replay,
        model_size=history.model_size,
        batch_tokens=run.batch_tokens,
        warnings=(*warnings(fit, points, run, run.model_size), *_strange(curves)),
        level=level if sure else None,
        verdict=verdict(fit, history),
    )


def steps_of(schedule: Schedule, before: History, every: int | None = None) -> IntArray:
    """Where a curve is worked out: evenly, where segments end, and at both of its ends.

    Args:
        schedule: the run's learning rates.
        before: what the run goes on from.
        every: step distance; left out, about 400 points.
    """
    distance = max(schedule.steps // 400, 1) if every is None else every
    if distance < 1:
        raise DataError(f"every = {every} must be 1 or more.")
    first = 0
    if not before.steps and before.unknown_base is None:
        first = int(np.argmax(schedule.lr() > 0)) + 1  # before it S1 is 0
    ends = np.cumsum([segment.run_steps for segment in schedule.segments], dtype=np.int64)
    step = np.concatenate([np.arange(0, schedule.steps, distance), ends, [first, schedule.steps]])
    return integers(np.unique(step[step >= first]))


def curves_of(
    fit: Fit,
    points: Points,
    step: IntArray,
    level: float | None = LEVEL,
    roles: Iterable[str] | None = None,
) -> dict[str, DomainForecast]:
    """The curve of every domain, with intervals where the fit has what they need.

    Args:
        fit: fitted or published coefficients.
        points: n places on one history.
        step: steps since the start of its last run, shape (n,).
        level: of the intervals; None for none.
        roles: the domains that are wanted; left out, all.
    """
    wanted = fit.domains if roles is None else roles
    with np.errstate(over="ignore", invalid="ignore"):  # _strange tells it in words
        curves = {role: _curve(fit.domain(role), points, step) for role in wanted}
        if level is not None and fit.study is not None:
            curves = _with_bands(fit, curves, points, level)
    return curves


def _curve(domain: DomainFit, points: Points, step: IntArray) -> DomainForecast:
    parts = domain.parts(points)
    shift = parts.get("shift", np.zeros(step.size))
    base = sum((v for k, v in parts.items() if k != "shift"), np.zeros(step.size))
    return DomainForecast(step, base + shift, base, shift)


def _with_bands(
    fit: Fit, curves: Mapping[str, DomainForecast], points: Points, level: float
) -> dict[str, DomainForecast]:
    """The curves with their intervals."""
    ensemble = ensemble_of(fit)
    found: dict[str, DomainForecast] = {}
    for role, curve in curves.items():
        ends = band(ensemble, role, points, level)
        finite = all(np.isfinite(end).all() for end in ends)
        found[role] = replace(curve, **ends._asdict()) if finite else curve
    return found


_ABSURD = 1e6  # nats per token


def _strange(curves: Mapping[str, DomainForecast]) -> list[str]:
    """A sentence for every curve that no loss can follow."""
    if not all((np.abs(curve.loss) < _ABSURD).all() for curve in curves.values()):
        raise DataError("the schedule is so far from what was fitted that no loss is predicted.")
    return [
        f"{role}: the predicted loss falls to {curve.loss.min():.3g}, which no loss can be; the "
        "schedule is too far from what was fitted."
        for role, curve in curves.items()
        if curve.loss.min() <= 0
    ]
