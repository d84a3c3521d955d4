"""A fit and a schedule -> loss curves of a run that nobody has done yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, IntArray, floats, integers, same_values
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.start import Start, open_models, start_from, start_of
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.extrapolation import check_known, fitted_range, warnings
from cptlaw.forecasting.intervals import LEVEL, band
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule, as_schedule
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

    __eq__ = same_values

    @property
    def final(self) -> float:
        """Predicted loss after the last step."""
        return float(self.loss[-1])


@dataclass(frozen=True)
class Forecast:
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))


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
    phase: Data = data or ("pt" if start.is_scratch else "cpt")
    before = start.history
    if before.is_cpt:
        _check_goes_on(start, replay, batch_tokens, sequence_length)
        replay, (batch_tokens, sequence_length) = before.replay, before.batch
    future = _run(fit, _read(schedule, start), phase, replay, model_size)
    future = _with_batch(fit, future, batch_tokens, sequence_length)
    future = replace(future, domain_tokens=domain_tokens)
    if phase == "pt" and before.is_cpt:
        raise DataError(f"{start.words} is a CPT checkpoint; no law covers D_pt training after it.")
    _check_phase(fit, start, future)
    points, step = _points(before, future, fit.convention, every)
    _check_trains(future)
    if not anyway:
        check_known(fit, points)
    with np.errstate(over="ignore", invalid="ignore"):  # _strange tells it in words
        curves = {role: _curve(domain, points, step) for role, domain in fit.domains.items()}
        if level is not None and fit.study is not None:
            curves = _with_bands(fit, curves, points, level)
    sure = all(curve.low is not None for curve in curves.values())
    return Forecast(
        curves,
        _schedule(future),
        start,
        phase,
        future.replay,
        points.histories[0].model_size,
        future.batch_tokens,
        (*warnings(fit, points, future, model_size), *_strange(curves)),
        level if sure else None,
    )


def _schedule(run: Run) -> Schedule:
    assert run.schedule is not None
    return run.schedule


def _read(schedule: Schedule | str | ArrayLike, start: Start) -> Schedule:
    """The schedule, with a hint at the base where it lacks a learning rate to start from."""
    if not start.is_scratch:
        return as_schedule(schedule, start.history.last_lr)
    try:
        return as_schedule(schedule)
    except DataError as error:
        as_schedule(schedule, 0.0)  # raises where more is amiss than the missing start
        raise DataError(
            f"{error} Or say what the run goes on from: after = 'RUN' (--after), or "
            "base_schedule (--base-schedule)."
        ) from None


def _check_goes_on(
    start: Start,
    replay: float | None,
    batch_tokens: float | None,
    sequence_length: int | None,
) -> None:
    """A forecast that goes on with a CPT keeps its replay share and batch."""
    words, before = start.words, start.history
    if not before.has_base:
        raise DataError(f"{words} is CPT from scratch (a hidden CPT curve); no law covers it.")
    if replay is not None and replay != before.replay:
        raise DataError(
            f"{words} has replay = {before.replay:g}; no law covers a share that changes along a "
            "CPT. Leave replay (--replay) out."
        )
    for name, value, own in (
        ("batch_tokens", batch_tokens, before.batch[0]),
        ("sequence_length", sequence_length, before.batch[1]),
    ):
        if value is not None and value != own:
            was = "not said" if own is None else f"{own:g}"
            raise DataError(
                f"{words} has {name} {was}; no law covers a batch that changes along a CPT. "
                f"Leave {name} out."
            )


def _run(
    fit: Fit, schedule: Schedule, phase: Data, replay: float | None, model_size: float | None
) -> Run:
    share = 0.0
    if phase == "cpt":
        shares = fitted_range(fit, "replay")
        usual = shares[0] if shares and shares[0] == shares[1] else 0.0
        share = usual if replay is None else replay
    elif replay:
        raise DataError("replay belongs to a CPT run, but this one trains on D_pt data.")
    return Run("forecast", schedule=schedule, data=phase, replay=share, model_size=model_size)


def _with_batch(fit: Fit, run: Run, batch_tokens: float | None, sequence_length: int | None) -> Run:
    """The batch that was asked for, or the one that all fitted CPT runs share."""
    if batch_tokens is None and sequence_length is None and fit.study is not None:
        found = {(r.batch_tokens, r.sequence_length) for r in fit.study.runs if r.data == "cpt"}
        if len(found) == 1:
            batch_tokens, sequence_length = found.pop()
    run = replace(run, batch_tokens=batch_tokens, sequence_length=sequence_length)
    for domain in fit.domains.values():
        labels = domain.facts.batches
        if domain.law.sees("batch") and run.data == "cpt" and run.batch_label not in labels:
            raise DataError(
                f"a batch of {run.batch_label} (tokens x sequence length) was not fitted; "
                f"fitted: {', '.join(labels)}. Give --batch-tokens and --sequence-length."
            )
    return run


def _check_trains(run: Run) -> None:
    if not _schedule(run).peak > 0:
        raise DataError(
            "the learning rate is 0 at every step, so nothing is trained. A schedule goes on from "
            "the last LR of its base; where that is 0, begin with a warmup, such as: "
            "warmup 100 to 1e-4 | cosine 1900 to 0"
        )


def _check_phase(fit: Fit, start: Start, run: Run) -> None:
    leaves = [leaf for d in fit.domains.values() for leaf in d.leaves]
    if run.data == "cpt" and not any(t.part == "shift" for d in leaves for t in d.law.terms):
        raise DataError(
            f"this fit is of pre-training alone ({leaves[0].law.name}); it knows no shift. Fit a "
            'study with CPT runs, or forecast D_pt training with data = "pt" (--data pt).'
        )
    models = open_models(fit)
    if models and start.kind != "open model":
        raise DataError(start_from(models))
    if run.data == "pt" and start.kind == "open model":
        raise DataError(
            "D_pt training of an open model cannot be forecast: its pre-training is unknown. "
            'Leave data = "pt" (--data pt) out.'
        )
    if run.data == "cpt" and start.is_scratch:
        raise DataError(
            "a CPT forecast needs its base: after = 'RUN' or 'RUN@STEP' (--after), or "
            "base_schedule (--base-schedule)."
        )
    known = run.model_size is not None or start.history.model_size is not None
    if any(d.depends_on_size for d in fit.domains.values()) and not known:
        raise DataError("this fit depends on the model size; give model_size (--model-size N).")


def _points(
    start: History, run: Run, convention: Convention, every: int | None
) -> tuple[Points, IntArray]:
    history = start.then(run)
    before = start.steps
    total = run.steps
    distance = max(total // 400, 1) if every is None else every
    if distance < 1:
        raise DataError(f"every = {every} must be 1 or more.")
    ends = np.cumsum([s.run_steps for s in _schedule(run).segments])
    first = 0
    if not before and history.unknown_base is None:
        first = int(np.argmax(_schedule(run).lr() > 0)) + 1  # before it S1 is 0
    wanted = np.concatenate([np.arange(0, total, distance), np.asarray(ends, dtype=np.int64)])
    step = np.unique(np.append(wanted, [first, total]))
    step = integers(step[step >= first])
    return Points.along(history, before + step, convention), step


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
