"""A schedule as text."""

from __future__ import annotations

from cptlaw.output.json.schedule import schedule_json
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule


def schedule_text(schedule: Schedule) -> str:
    """The segments, and the numbers of the whole."""
    found = schedule_json(schedule)
    rows = [
        (s["kind"], f"{s['first_step']} to {s['last_step']}", f"{s['first']:g}", f"{s['last']:g}")
        for s in found["segments"]
    ]
    grid = table(("segment", "steps", "first LR", "last LR"), rows)
    return (
        f"{grid}\n  {found['steps']} steps, peak {found['peak']:.6g}, final LR "
        f"{found['final']:.6g}, area {found['area']:.6g} (the sum of all learning rates)"
    )
