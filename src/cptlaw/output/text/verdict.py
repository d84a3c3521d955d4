"""What the data decide, as text."""

from __future__ import annotations

from cptlaw.forecasting.verdict import Verdict
from cptlaw.page import wrapped


def verdict_text(verdict: Verdict | None, first: str = "") -> str:
    """What to do and how sure that is, then what decides each choice, a line each.

    Args:
        verdict: None where an older version stored none.
        first: what the first line begins with.
    """
    lines = (first,) if verdict is None else (f"{first} {verdict.first}".strip(), *verdict.lines)
    return "\n".join(wrapped(line, "", "  ") for line in lines)
