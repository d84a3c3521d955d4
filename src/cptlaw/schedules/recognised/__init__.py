"""Which schedule logged learning rates are those of.

`splitting` cuts the log into stretches of one curve each (`curves`), `joining` makes a model of
them whose pieces share what they have in common (`model`), `snapping` finds its numbers, as round
as the log allows. What misses a single point by more than the log was rounded by is not claimed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, whole
from cptlaw.errors import DataError
from cptlaw.schedules.recognised import snapping
from cptlaw.schedules.recognised.curves import Points
from cptlaw.schedules.recognised.joining import joined
from cptlaw.schedules.recognised.model import Model
from cptlaw.schedules.recognised.rounding import readings
from cptlaw.schedules.recognised.splitting import Stretch, stretches
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment

_FEWEST = 4  # points
_MOST_FREE = 24  # numbers that are fitted together; a log that needs more is not worth the time
_TINY = 1e-6  # of the peak: smaller learning rates are compared with this


@dataclass(frozen=True)
class Recognised:
    """The schedule of logged learning rates.

    Args:
        schedule: from step 1 on; its last segment may go on past the last logged step.
        misfit: largest relative difference from a logged learning rate.
        rounding: in which way the log was rounded, such as "3 digits"; empty if it was not.
        first: the first logged step; what the schedule has before it is assumed.
    """

    schedule: Schedule
    misfit: float
    rounding: str
    first: int

    @property
    def precision(self) -> str:
        """How well it has the log's learning rates, as a part of a sentence."""
        rounded = f"logged with {self.rounding}, " if self.rounding else ""
        return f"{rounded}largest misfit {self.misfit:.1g} of a value"

    def through(self, steps: int) -> Schedule:
        """The schedule up to a step: its last shape goes on to its end, then its last LR."""
        schedule = self.schedule
        if schedule.steps >= steps:
            return schedule.truncate(steps)
        *head, last = schedule.segments
        wanted = last.run_steps + steps - schedule.steps
        if last.kind == "constant":
            return Schedule((*head, replace(last, steps=wanted)))
        left = min(math.floor(last.steps - last.first + 1.0 + 1e-9), wanted)
        if left > last.run_steps:
            is_all = last.first == 1.0 and left == last.steps
            last = replace(last, until=None if is_all else left)
        longer = Schedule((*head, last))
        return longer if longer.steps == steps else longer.extend(steps - longer.steps)


def recognise(steps: ArrayLike, lrs: ArrayLike) -> Recognised | None:
    """The schedule that has these learning rates, None where none was found.

    Args:
        steps: shape (n,), whole, increasing, 1 for the first step of the run.
        lrs: shape (n,), the LR of each.

    Raises:
        DataError: unequal lengths, or steps that do not increase from 1 or more.
    """
    x, y = whole(steps).reshape(-1).astype(np.float64), np.array(lrs, np.float64).reshape(-1)
    if x.size != y.size:
        raise DataError(f"{x.size} steps for {y.size} learning rates; give one for each.")
    if x.size and (x[0] < 1 or (np.diff(x) <= 0).any()):
        raise DataError("logged learning rates need steps that increase from 1 or more.")
    if x.size < _FEWEST or not (np.isfinite(y).all() and (y >= 0).all() and y.max() > 0):
        return None
    for reading in readings(y):
        points = Points(x, y, reading.tol)
        parts = stretches(points, bent=reading.bent)
        schedule = None if parts is None else _schedule(parts, points)
        if schedule is not None:
            off = _relative(schedule, points)
            return Recognised(schedule, off, reading.words, int(x[0]))
    return None


def _schedule(parts: list[Stretch], points: Points) -> Schedule | None:
    """The roundest schedule of these stretches that misses no point."""
    model = joined(parts, points)
    if model is None:
        return None
    with np.errstate(all="ignore"):
        for tried in _tries(model, points):
            if snapping.misfit(tried, points) > 1.0:
                continue
            schedule = _made(tried)
            if schedule is not None and _holds(schedule, points):
                return schedule
    return None


def _tries(model: Model, points: Points) -> Iterator[Model]:
    """The model with numbers ever less round."""
    if points.is_exact:
        yield snapping.at_whole_cuts(snapping.at_once(model, points))
    if len(model.free) - len(model.fixed) > _MOST_FREE:
        return
    if points.is_exact:
        fitted, _ = snapping.refined(model, points)
        yield snapping.at_whole_cuts(snapping.at_once(fitted, points))
    yield snapping.one_by_one(model, points)
    yield snapping.one_by_one(model, points, near=1.0)


def _made(model: Model) -> Schedule | None:
    """The model as a schedule."""
    shapes = model.shapes()
    found: list[Segment] = []
    first = round(shapes[0].at)
    try:
        if first:
            found.append(_before(first, shapes[0].start))
        for shaped in shapes:
            segment = shaped.segment()
            if segment is None:
                continue
            if found and shaped.piece.start is None:  # to the last digit where the last one ended
                segment = _from(segment, found[-1].last)
            found.append(segment)
    except (DataError, ValueError, OverflowError):
        return None
    return Schedule(tuple(found)) if found else None


def _from(segment: Segment, lr: float) -> Segment:
    ends = {"start": lr, **({"end": lr} if segment.kind in ("constant", "inverse_sqrt") else {})}
    return replace(segment, **ends)


def _before(steps: int, lr: float) -> Segment:
    """What is assumed before the first curve of a log: a warm-up to its first LR, or 0."""
    if lr > 0 and steps > 1:
        return Segment("warmup", steps, 0.0, lr)
    return Segment("constant", steps, lr, lr)


def _holds(schedule: Schedule, points: Points) -> bool:
    if schedule.steps < points.x[-1]:
        return False
    off = np.abs(schedule.lr(points.x.astype(np.int64)) - points.y)
    return bool((off <= points.tol * (1 + 1e-9)).all())


def _relative(schedule: Schedule, points: Points) -> float:
    least = _TINY * float(points.y.max())
    off: FloatArray = np.abs(schedule.lr(points.x.astype(np.int64)) - points.y)
    worst = float((off / np.maximum(points.y, least)).max())
    return worst if math.isfinite(worst) else math.inf
