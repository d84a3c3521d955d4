"""A state of the page and a fit -> the numbers that are drawn, in a few dozen milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, integers
from cptlaw.caching import remembers
from cptlaw.decisions.plan.recipe import schedule_of
from cptlaw.errors import DataError
from cptlaw.explorer.dials import batch_of, phase_of
from cptlaw.explorer.state import Choice
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import Start, starts_of
from cptlaw.forecasting.causes import distances
from cptlaw.forecasting.forecast import DomainForecast, curves_of, steps_of
from cptlaw.forecasting.future_run import future_run
from cptlaw.forecasting.intervals import LEVEL
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run

COUNT = 120
"""Places along a curve: enough for a smooth line, few enough to be drawn while one drags."""
_ANNEALED_IN = 0.2  # steps of the annealing of a start, as a share of the steps before it
_FAR = 1e-9
_LEAVES = ("length", "peak LR", "start", "model size", "replay share")
"""What each column of `distances` is."""


@dataclass(frozen=True)
class Look:
    """What one run is predicted to give.

    Args:
        start: where it begins.
        run: the run.
        history: all learning rates up to its end.
        step: places along it, shape (n,).
        lr: learning rate at each, shape (n,).
        curves: domain -> predicted curve at these places.
        plain: domain -> the loss without its annealing part, shape (n,); where it is asked for.
        longest: steps of the run from which on nothing that long was fitted; None for never.
        leaves: in what it leaves the fitted runs.
    """

    start: Start
    run: Run
    history: History
    step: IntArray
    lr: FloatArray
    curves: Mapping[str, DomainForecast]
    plain: Mapping[str, FloatArray]
    longest: int | None
    leaves: tuple[str, ...]

    @property
    def schedule(self) -> Schedule:
        """Its learning rates."""
        assert self.run.schedule is not None
        return self.run.schedule


def look(
    fit: Fit,
    choice: Choice,
    roles: Sequence[str],
    plain: bool = False,
    intervals: bool = True,
    fine: bool = False,
) -> Look:
    """The curves of one run.

    Args:
        fit: fitted or published coefficients.
        choice: the run.
        roles: domains that are wanted.
        plain: whether the loss without its annealing part is wanted too.
        intervals: whether intervals are.
        fine: whether at all places of a forecast, so that numbers are those of `forecast`.

    Raises:
        DataError: a run that cannot be, in words.
    """
    start, run = run_of(fit, choice)
    history = start.history.then(run)
    assert run.schedule is not None
    step = (steps_of if fine else places)(run.schedule, start.history)
    points = Points.along(history, start.history.steps + step, fit.convention)
    curves = curves_of(fit, points, step, LEVEL if intervals else None, roles)
    for role, curve in curves.items():
        if not np.isfinite(curve.loss).all() or np.abs(curve.loss).max() > 1e6:
            raise DataError(f"{role}: the run is so far from what was fitted that nothing is said.")
    return Look(
        start,
        run,
        history,
        step,
        _lr_at(run.schedule, step),
        MappingProxyType(curves),
        MappingProxyType(_plain(fit, points, roles) if plain else {}),
        *_beyond(fit, history, start.history.steps + step, step),
    )


def run_of(fit: Fit, choice: Choice) -> tuple[Start, Run]:
    """Where a choice begins, and the run.

    Raises:
        DataError: a start or a run that cannot be.
    """
    start = start_of(fit, choice.start, choice.base, choice.potential)
    start = start.of_size(choice.model_size)
    values = {
        "steps": float(choice.steps),
        "peak": choice.peak,
        "end": choice.end,
        "warmup": choice.warmup,
        "decay": choice.decay,
        "power": choice.power,
    }
    schedule = schedule_of(choice.family, choice.decay_shape, values)  # type: ignore[arg-type]
    phase = phase_of(fit)
    run = future_run(
        fit,
        start,
        schedule,
        data=phase,
        replay=choice.replay if phase == "cpt" else None,
        model_size=choice.model_size,
        batch=(batch_of(fit), _sequence(fit)),
    )
    return start, replace(run, name="explored")


def start_text(after: str, steps: int, potential: float | None, own: float, peak: float) -> str:
    """What `starts_of` reads for a start of a loss potential: annealed first where it is lower.

    Args:
        after: the checkpoint as named, "" for a base that is a schedule.
        steps: that were trained before it.
        potential: that is wanted, None for the checkpoint's own.
        own: the checkpoint's own.
        peak: of its pre-training.
    """
    if potential is None or potential >= own - 1e-3 or not peak > 0:
        return after
    annealed = max(round(_ANNEALED_IN * steps), 1)
    return f"{after} | linear {annealed} to {potential * peak:.6g}".strip()


@remembers(16)
def start_of(fit: Fit, after: str, base: str, potential: float | None) -> Start:
    """Where a run begins, annealed on D_pt first where its potential is to be lower.

    Raises:
        DataError: there is no such start.
    """
    schedule = base or None
    (plain,) = starts_of(fit, [after or None], schedule)
    lr = plain.history.pt_lr
    if potential is None or plain.kind == "open model" or not lr.size:
        return plain
    peak = float(lr.max())
    text = start_text(after, lr.size, potential, float(lr[-1]) / peak, peak)
    return plain if text == after else starts_of(fit, [text], schedule)[0]


def places(schedule: Schedule, before: History) -> IntArray:
    """Where a curve is worked out for drawing: closer at its beginning, where losses turn."""
    even = steps_of(schedule, before, max(schedule.steps // (COUNT - 20), 1))
    early = (schedule.steps * np.linspace(0, 1, 20) ** 3 / 10).round().astype(np.int64)
    step = np.union1d(even, early)
    return integers(step[step >= even[0]])


def _lr_at(schedule: Schedule, step: IntArray) -> FloatArray:
    """LR of the step that led to each place; at the start, of the first one to come."""
    return schedule.lr(np.maximum(step, 1))


def _plain(fit: Fit, points: Points, roles: Sequence[str]) -> dict[str, FloatArray]:
    found: dict[str, FloatArray] = {}
    for role in roles:
        parts = fit.domain(role).parts(points)
        none = np.zeros(len(points))
        found[role] = sum((v for name, v in parts.items() if name != "annealing"), none)
    return found


def _beyond(
    fit: Fit, history: History, at: IntArray, step: IntArray
) -> tuple[int | None, tuple[str, ...]]:
    """From which step on nothing that long was fitted, and in what else a run leaves the data."""
    if fit.study is None:
        return None, ()
    with np.errstate(over="ignore", divide="ignore"):
        far = np.max([distances(d, history, at) for d in fit.domains.values()], axis=0)
    leaves = tuple(name for name, most in zip(_LEAVES, far.max(axis=0), strict=True) if most > _FAR)
    longer = far[:, 0] > _FAR
    if not longer.any():
        return None, leaves
    first = int(np.argmax(longer))
    return int(step[max(first - 1, 0)]), leaves


def _sequence(fit: Fit) -> int | None:
    """Tokens per sequence that all fitted CPT runs share, None if they do not."""
    runs = () if fit.study is None else fit.study.runs
    found = {run.sequence_length for run in runs if run.data == phase_of(fit)}
    return found.pop() if len(found) == 1 else None
