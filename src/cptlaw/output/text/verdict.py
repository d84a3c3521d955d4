"""What the data decide, as text."""

from __future__ import annotations

from cptlaw.forecasting.verdict import Verdict
from cptlaw.page import wrapped


def verdict_text(verdict: Verdict) -> str:
    """What to do and how sure that is, then what decides each choice; at most four sentences."""
    return "\n".join(wrapped(line, "", "  ") for line in (verdict.first, *verdict.lines))
