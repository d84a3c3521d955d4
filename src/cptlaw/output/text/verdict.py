"""What the data decide, as text."""

from __future__ import annotations

from collections.abc import Iterable

from cptlaw.page import wrapped


def verdict_text(first: str, lines: Iterable[str]) -> str:
    """What to do and how sure that is, then what decides each choice, a line each."""
    return "\n".join(wrapped(line, "", "  ") for line in (first, *lines))
