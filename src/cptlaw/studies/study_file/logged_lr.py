"""The learning rate of every step, from what a study says and what a log holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.page import number
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import LoggedLR, Run

TOLERANCE = 0.01  # relative to the peak: what a rounded log may differ by
FLAT = 1e-6


def learning_rate(
    run: Run,
    exact: Schedule | None,
    prefer: str = "log",
    base_lr: float | None = None,
) -> tuple[Schedule | None, tuple[str, ...]]:
    """The schedule of a run, and notes on how it came about.

    Args:
        run: steps counted from its own start.
        exact: the schedule of its `schedule` text or `lrs` file, if any.
        prefer: "log" or "schedule": which one holds where the two disagree.
        base_lr: LR of the last step before this run, None if there is none or nobody knows.

    Returns:
        The schedule, None if there is nothing to make it from; and sentences.
    """
    if run.logged_lr is None:
        return exact, ()
    if exact is None:
        return from_log(run, base_lr)
    if not run.logged_lr.lr.any() and exact.peak:
        return exact, ("The log's learning rate is 0 at every step; the schedule is used.",)
    comparison = compare(exact, run.logged_lr)
    if comparison.agrees:
        return exact, comparison.notes
    if prefer == "schedule":
        return exact, (*comparison.notes, "The schedule is used, as lr_from says.")
    logged, notes = from_log(run, base_lr)
    told = 'The logged learning rate is used; lr_from = "schedule" overrules that.'
    return logged, (*comparison.notes, told, *notes)


@dataclass(frozen=True)
class Agreement:
    """Whether a schedule and the logged learning rates agree, and what there is to tell."""

    agrees: bool
    notes: tuple[str, ...] = ()


def compare(schedule: Schedule, logged: LoggedLR) -> Agreement:
    """Compare a schedule with the logged LRs, allowing the log to be one step off.

    Args:
        schedule: LR of the run's steps.
        logged: steps counted from the run's own start.
    """
    peak = max(schedule.peak, float(logged.lr.max()))
    offsets = [logged.offset + extra for extra in (0, -1, 1)]
    trials = [_differences(schedule, logged, offset) for offset in offsets]
    if not trials[0][0].size:
        return Agreement(True, ("No logged learning rate lies within the schedule's steps.",))
    bad = [float(np.mean(gap > TOLERANCE * peak)) if gap.size else 1.0 for _, gap, _ in trials]
    best = min(range(3), key=lambda i: (bad[i], i))
    best = best if bad[best] < bad[0] / 2 else 0
    steps, gap, lr = trials[best]
    if not bad[best]:
        found = ("the step before", "its own step", "the next step", "the step after the next")
        told = f"The logged learning rate is that of {found[offsets[best] + 1]}, judging by the "
        return Agreement(True, (told + "schedule.",) if best else ())
    first, worst = int(np.argmax(gap > TOLERANCE * peak)), int(np.argmax(gap))
    planned = float(schedule.lr(steps[first : first + 1])[0])
    return Agreement(
        False,
        (
            f"Schedule and logged learning rate disagree from step {steps[first]} on: "
            f"{number(planned, 6)} planned, {number(lr[first], 6)} logged; the largest "
            "difference is "
            f"{number(gap[worst], 6)}, at step {steps[worst]}.",
        ),
    )


def _differences(
    schedule: Schedule, logged: LoggedLR, offset: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Steps within the schedule, |planned - logged| and the logged LR at each."""
    steps = logged.steps + offset
    within = (steps >= 1) & (steps <= schedule.steps)
    steps, lr = steps[within], logged.lr[within]
    return steps, np.abs(schedule.lr(steps) - lr), lr


def from_log(run: Run, base_lr: float | None = None) -> tuple[Schedule | None, tuple[str, ...]]:
    """A schedule of straight lines through the logged LRs, and what was assumed.

    Args:
        run: steps counted from its own start; it has logged LRs.
        base_lr: LR of the last step before this run.
    """
    assert run.logged_lr is not None
    steps, lr = run.logged_lr.steps + run.logged_lr.offset, run.logged_lr.lr
    at_start, early = lr[steps == 0], int((steps < 0).sum())
    steps, lr = steps[steps > 0], lr[steps > 0]
    last = int(run.logged_lr.steps[-1])
    length = max([last, *(int(c.steps[-1]) for c in run.curves.values())])
    if not steps.size or length < 1:
        return None, ()
    notes = [f"Learning rate from {steps.size} logged points, straight lines between them."]
    if early:
        notes.append(f"{early} learning rates logged before the run's start were left out.")
    given = float(at_start[0]) if at_start.size else None
    start, assumed = _start(steps, lr, given, base_lr, is_root=run.after is None)
    if steps[0] > 1:
        notes.append(f"Before the first of them, at step {steps[0]}: {assumed}.")
    if length > steps[-1]:
        notes.append(
            f"After the last of them, at step {steps[-1]}, it is held at {number(lr[-1], 6)} "
            "up to step "
            f"{length}, where the log ends."
        )
    notes.extend(_jump(steps, lr))
    total = max(length, int(steps[-1]))
    schedule = Schedule.from_points(steps, lr, total, start_lr=start).truncate(length)
    return schedule, tuple(notes)


def _start(
    steps: IntArray,
    lr: FloatArray,
    at_start: float | None,
    base_lr: float | None,
    is_root: bool,
) -> tuple[float | None, str]:
    """LR before the first step (None: hold the first point's) and the assumption in words."""
    first = float(lr[0])
    if at_start is not None and (base_lr is None or not _near(at_start, base_lr)):
        return at_start, f"a straight line from the {number(at_start, 6)} logged at its start"
    if base_lr is not None and _near(first, base_lr):
        held = abs(first - base_lr) <= FLAT * base_lr
        return (
            None if held else base_lr,
            f"it goes on from the base's last LR, {number(base_lr, 6)}",
        )
    back = _carried_back(steps, lr)
    if lr.size > 1 and lr[1] > first * (1 + TOLERANCE):
        if back > 2 * TOLERANCE * first and _is_line(steps, lr):
            return back, f"the warm-up's line carried back to {number(back)} at its start"
        return 0.0, "a straight line from 0, since the next points rise as in a warm-up"
    # A decay out of base_lr has made a good part of the way from it between two logged points.
    if base_lr is not None and back - first >= 0.4 * (base_lr - first) > 0:
        return base_lr, f"a decay from the base's last LR, {number(base_lr, 6)}"
    if is_root and _begins_late(steps):
        return 0.0, "a straight line from 0, since the log seems to begin after the warm-up"
    return None, f"the first logged value, {number(first, 6)}"


def _begins_late(steps: IntArray) -> bool:
    """Whether several logging intervals passed before the first point."""
    return bool(steps.size > 1 and steps[0] > 3 * np.median(np.diff(steps)))


def _near(lr: float, other: float) -> bool:
    return abs(lr - other) <= TOLERANCE * max(lr, other)


def _carried_back(steps: IntArray, lr: FloatArray) -> float:
    """LR at step 0 on the line through the first two points."""
    if lr.size < 2:
        return float(lr[0])
    slope = (lr[1] - lr[0]) / (steps[1] - steps[0])
    return float(lr[0] - slope * steps[0])


def _is_line(steps: IntArray, lr: FloatArray) -> bool:
    """Whether the first three points lie on one straight line."""
    if lr.size < 3:
        return False
    slopes = np.diff(lr[:3]) / np.diff(steps[:3])
    return bool(abs(slopes[1] - slopes[0]) <= 2 * TOLERANCE * abs(slopes[0]))


def _jump(steps: IntArray, lr: FloatArray) -> list[str]:
    """A note on the first change between two flat stretches, which a straight line smears."""
    if lr.size < 4:
        return []
    flat = np.isclose(lr[1:], lr[:-1], rtol=FLAT, atol=0)
    found = np.flatnonzero(~flat[1:-1] & flat[:-2] & flat[2:] & (np.diff(steps)[1:-1] > 1)) + 1
    if not found.size:
        return []
    i = int(found[0])
    return [
        f"Between steps {steps[i]} and {steps[i + 1]} it goes from {number(lr[i], 6)} to "
        f"{number(lr[i + 1], 6)}, "
        "flat on both sides: if it did so at once, the straight line smears it; lrs or schedule "
        "in the study would be exact."
    ]
