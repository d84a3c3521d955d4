"""A schedule as text."""

from __future__ import annotations

from typing import NamedTuple

from cptlaw.page import number, table
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
    """The numbers of the whole, then its segments."""
    rows = [
        (
            s.kind,
            f"{s.first_step:,} to {s.last_step:,}",
            number(s.first, 6),
            number(s.last, 6),
        )
        for s in stretches(schedule)
    ]
    head = (
        f"{schedule.steps:,} steps, peak LR {number(schedule.peak, 6)}, last LR "
        f"{number(schedule.final, 6)}, sum of all learning rates "
        f"{number(float(schedule.lr().sum()), 6)}"
    )
    return f"{head}\n\n{table(('segment', 'steps', 'first LR', 'last LR'), rows)}"
