"""What the data decide, as text."""

from __future__ import annotations

from collections.abc import Iterable

from cptlaw.page import number, wrapped

AS_SEEN = "as this law sees them: what your runs do not decide may make it far larger"
"""What an expected regret leaves out; it follows what was chosen between."""

_LEAST_REGRET = 0.001  # below it a figure would say more than is known


def verdict_text(first: str, lines: Iterable[str]) -> str:
    """What to do and how sure that is, then what decides each choice, a line each."""
    return "\n".join(wrapped(line, "", "  ") for line in (first, *lines))


def regret_words(regret: float) -> str:
    """By how much a choice may be beaten, as a number or a bound of it."""
    if 0 < regret < _LEAST_REGRET:
        return f"less than {_LEAST_REGRET}"
    return number(regret, 2)
