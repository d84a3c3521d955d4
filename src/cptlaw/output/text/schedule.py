"""A schedule as text."""

from __future__ import annotations

from typing import NamedTuple

from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule


class Stretch(NamedTuple):
    """A segment within a schedule: its kind, first and last step, and the LR of these."""

    kind: str
    first_step: int
    last_step: int
    first: float
    last: float


def stretches(schedule: Schedule) -> list[Stretch]:
    """The segments of a schedule with their steps."""
    found: list[Stretch] = []
    before = 0
    for segment in schedule.segments:
        begin, end = before + 1, before + segment.run_steps
        first, last = schedule.lr([begin, end]).tolist()
        found.append(Stretch(segment.kind, begin, end, first, last))
        before = end
    return found


def schedule_text(schedule: Schedule) -> str:
    """The segments, and the numbers of the whole."""
    rows = [
        (s.kind, f"{s.first_step} to {s.last_step}", f"{s.first:g}", f"{s.last:g}")
        for s in stretches(schedule)
    ]
    grid = table(("segment", "steps", "first LR", "last LR"), rows)
    return (
        f"{grid}\n  {schedule.steps} steps, peak {schedule.peak:.6g}, final LR "
        f"{schedule.final:.6g}, area {schedule.lr().sum():.6g} (the sum of all learning rates)"
    )
