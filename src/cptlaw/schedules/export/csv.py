"""A schedule as a table with the learning rate of every step."""

from __future__ import annotations

from cptlaw.schedules.schedule import Schedule


def csv_text(schedule: Schedule, name: str) -> str:
    """The columns step and lr, a row for every step, all digits of every learning rate."""
    rows = (f"{step},{lr!r}\n" for step, lr in enumerate(schedule.lr().tolist(), start=1))
    return "step,lr\n" + "".join(rows)
