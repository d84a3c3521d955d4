"""How the command ends when a signal asks it to: at once, in one line, with nothing half done.

A handler that raises is not enough. Its exception may come while a package is imported, inside a
callback or a finaliser, where others take it for an error of theirs, print it or drop it. So the
handler takes away what is temporary and ends the process itself. A command that has something to
do at its end (to draw a figure, to close a server) asks for an exception within `unwinding`.

The imports below `cptlaw` take most of a second, so the package imports this module before them,
and the handlers are there from then on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
INTERRUPTED = "interrupted; no file was left half-written."

at_end: list[Callable[[], None]] = []
"""What takes temporary files and folders away; none of it may wait for anything."""


class Asked(KeyboardInterrupt):
    """A signal that asks for the end, within `unwinding`.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(stop: BaseException) -> int:
    """The exit status of a process that was interrupted: 128 and the number of the signal."""
    return 128 + (stop.number if isinstance(stop, Asked) else signal.SIGINT)


def take_away() -> None:
    """Take away all that is temporary."""
    for each in at_end:
        with suppress(Exception):
            each()


@contextmanager
def unwinding() -> Generator[None]:
    """Within it a signal raises `Asked`, so that what is open is closed on the way out.

    It is raised once more at the end where someone within has dropped it, as servers do.
    """
    noted: list[int] = []

    def ask(number: int, _: Any) -> None:
        noted.append(number)
        raise Asked(number)

    before = _handle(ask) if _is_command() else {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        raise Asked(noted[0])


def _is_command() -> bool:
    """Whether `cptlaw` or `python -m cptlaw` was started, and this is no process of a pool."""
    given = sys.orig_argv
    if "--multiprocessing-fork" in given:
        return False
    if "-m" in given[:-1] and given[given.index("-m") + 1] == "cptlaw":
        return True
    name = (sys.argv or [""])[0].replace("\\", "/").rpartition("/")[2]
    return name in ("cptlaw", "cptlaw.exe", "cptlaw-script.py")


def _handle(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Let a function answer; what is ignored (by nohup, or in the background) stays ignored."""
    before: dict[int, Any] = {}
    for number in _SIGNALS:
        with suppress(ValueError):  # not in the main thread
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, handler)
    return before


def _end(number: int, _: Any) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second one must not cut this short
    take_away()
    with suppress(OSError):
        start = "\r\x1b[K" if os.isatty(2) else ""  # over the bar, where there is one
        os.write(2, f"{start}{INTERRUPTED}\n".encode())
    os._exit(128 + number)


if _is_command():
    _handle(_end)
