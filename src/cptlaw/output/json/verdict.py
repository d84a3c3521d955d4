"""What the data decide, as one plain dict."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cptlaw.forecasting.verdict import Verdict


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """`{"first": what to do, "lines": [...], "status", "choices": {name: {"status", ...}}}`."""
    choices = {choice.name: asdict(choice) for choice in verdict.choices}
    for each in choices.values():
        del each["name"]
    return {
        "first": verdict.first,
        "lines": list(verdict.lines),
        "status": verdict.status,
        "choices": choices,
    }
