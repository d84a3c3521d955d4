"""What a person sees while a command works: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

from cptlaw.bar import APART, UNKNOWN, bar, clock, rewrite
from cptlaw.visible import visible

_COUNTED = re.compile(r"\(?\b(\d+) of (\d+)\b\)?:?")


class Progress:
    """Tells what is done and what is left, to standard error.

    A message that says "3 of 12" moves the bar; what is left is told once two are done. On a
    terminal one line is rewritten, elsewhere a message is left out that comes soon after another.
    """

    def __init__(self) -> None:
        self._begun: tuple[float, int, int] | None = None
        self._told = -APART
        self._drawn = False

    def __call__(self, message: str) -> None:
        """Show what is being done."""
        now, message = time.monotonic(), visible(message)
        line = self._line(message, now)
        if sys.stderr.isatty():
            rewrite(line[:UNKNOWN])
            self._drawn = True
        elif now - self._told >= APART:
            self._told = now
            print(message, file=sys.stderr, flush=True)

    def later(self, seconds: float = 1.0) -> Callable[[str], None]:
        """The same for work that is mostly quick: nothing is shown before it has taken so long."""
        begun = time.monotonic()
        return lambda message: self(message) if time.monotonic() - begun >= seconds else None

    def clear(self) -> None:
        """Take the bar away, before anything else is written."""
        if self._drawn:
            rewrite("")
            self._drawn = False

    def _line(self, message: str, now: float) -> str:
        found = _COUNTED.search(message)
        if found is None:
            return message
        number, total = int(found[1]), int(found[2])
        if self._begun is None or self._begun[2] != total or number <= self._begun[1]:
            self._begun = now, number, total
        began, first, _ = self._begun
        words = " ".join((message[: found.start()] + message[found.end() :]).split())
        left = ""
        if number - first >= 2:
            left = f", about {clock((now - began) / (number - first) * (total - number + 1))} left"
        return f"{bar((number - 1) / max(total, 1))} {number} of {total}{left}: {words}"


doing = Progress()
"""Shows what a command is doing."""
