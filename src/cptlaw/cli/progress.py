"""What a person sees while a command works: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable

from cptlaw.visible import visible

_COUNTED = re.compile(r"\(?\b(\d+) of (\d+)\b\)?:?")
_WIDTH = 20  # characters of the bar
_LINE = 98  # characters of a line at most
EVERY = 5.0  # seconds between lines where there is no terminal


class Progress:
    """Tells what is done and what is left, to standard error.

    A message that says "3 of 12" moves the bar; what is left is told once two are done. On a
    terminal one line is rewritten, elsewhere a message is left out that comes soon after another.
    """

    def __init__(self) -> None:
        self._begun: tuple[float, int, int] | None = None
        self._told = -EVERY
        self._drawn = False

    def __call__(self, message: str) -> None:
        """Show what is being done."""
        now, message = time.monotonic(), visible(message)
        line = self._line(message, now)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line[: _room()]}")
            sys.stderr.flush()
            self._drawn = True
        elif now - self._told >= EVERY:
            self._told = now
            print(message, file=sys.stderr, flush=True)

    def later(self, seconds: float = 1.0) -> Callable[[str], None]:
        """The same for work that is mostly quick: nothing is shown before it has taken so long."""
        begun = time.monotonic()
        return lambda message: self(message) if time.monotonic() - begun >= seconds else None

    def clear(self) -> None:
        """Take the bar away, before anything else is written."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def _line(self, message: str, now: float) -> str:
        found = _COUNTED.search(message)
        if found is None:
            return message
        number, total = int(found[1]), int(found[2])
        if self._begun is None or self._begun[2] != total or number <= self._begun[1]:
            self._begun = now, number, total
        began, first, _ = self._begun
        filled = round(_WIDTH * (number - 1) / max(total, 1))
        bar = "#" * filled + "-" * (_WIDTH - filled)
        words = " ".join((message[: found.start()] + message[found.end() :]).split())
        left = ""
        if number - first >= 2:
            left = f", about {_clock((now - began) / (number - first) * (total - number + 1))} left"
        return f"[{bar}] {number} of {total}{left}: {words}"


def _room() -> int:
    """Characters of a line that can be rewritten in place: one that wraps cannot."""
    try:
        return min(_LINE, max(os.get_terminal_size(sys.stderr.fileno()).columns - 1, 20))
    except (OSError, ValueError):  # a terminal that does not say
        return _LINE


def _clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


doing = Progress()
"""Shows what a command is doing."""
