"""A schedule as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.output.text.schedule import stretches
from cptlaw.schedules.schedule import Schedule


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """`{"text", "steps", "peak", "final", "area", "segments": [...]}`."""
    return {
        "text": schedule.text,
        "steps": schedule.steps,
        "peak": schedule.peak,
        "final": schedule.final,
        "area": float(schedule.lr().sum()),
        "segments": [stretch._asdict() for stretch in stretches(schedule)],
    }
