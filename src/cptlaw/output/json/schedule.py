"""A schedule as one plain dict."""

from __future__ import annotations

from typing import Any

from cptlaw.schedules.schedule import Schedule


def schedule_json(schedule: Schedule) -> dict[str, Any]:
    """`{"text", "steps", "peak", "final", "area", "segments": [...]}`."""
    return {
        "text": schedule.text,
        "steps": schedule.steps,
        "peak": schedule.peak,
        "final": schedule.final,
        "area": float(schedule.lr().sum()),
        "segments": _segments(schedule),
    }


def _segments(schedule: Schedule) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before = 0
    for segment in schedule.segments:
        steps = segment.run_steps
        first, last = schedule.lr([before + 1, before + steps]).tolist()
        span = {"first_step": before + 1, "last_step": before + steps}
        rows.append({"kind": segment.kind, **span, "first": first, "last": last})
        before += steps
    return rows
