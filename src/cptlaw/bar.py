"""The line on a terminal that is written anew while work goes on: its bar, its room, its times."""

from __future__ import annotations

import os
import sys

from cptlaw.visible import visible

APART = 5.0  # seconds between lines where there is no terminal
UNKNOWN = 98  # characters of a line where the terminal does not say
_WIDTH = 20  # characters of the bar
_ANEW = "\r\x1b[K"  # a terminal writes the line anew


def bar(share: float) -> str:
    """How much is done, as a bar.

    Args:
        share: from 0 to 1.
    """
    filled = round(_WIDTH * share)
    return f"[{'#' * filled}{'-' * (_WIDTH - filled)}]"


def rewrite(line: str, end: str = "") -> None:
    """Write the line anew on standard error, a terminal, no longer than can be rewritten.

    Args:
        line: what is shown; empty takes it away.
        end: a line feed after the last.
    """
    sys.stderr.write(f"{_ANEW}{visible(line)[: _room()]}{end}")
    sys.stderr.flush()


def _room() -> int:
    """Characters of a line that can be rewritten in place: one that wraps cannot."""
    try:
        return max(os.get_terminal_size(sys.stderr.fileno()).columns - 1, 20)
    except (OSError, ValueError):  # a terminal that does not say
        return UNKNOWN


def clock(seconds: float) -> str:
    """A length of time as people say it: 42 s, 3 min 5 s, 2 h 10 min, 4.5 days."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{seconds / 86400:,.1f} days"
