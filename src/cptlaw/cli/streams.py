"""Standard output and error: whether they are there, and what becomes of them when they break."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from cptlaw.errors import DataError

PIPE_CLOSED = 141
"""Exit status where the reader of a pipe has gone: as of a program that SIGPIPE ends."""


def prepare() -> None:
    """Make the streams fit to write to, before anything else is done.

    Raises:
        DataError: standard output is closed, so that what is printed would be lost in silence.
    """
    is_closed = sys.stdout is None
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass  # a closed stream's number must not become that of a file we write
    os.close(handle)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if is_closed:
        raise DataError(
            "standard output is closed, so what is printed would be lost. Leave it open, or send "
            "it to a file or to /dev/null."
        )
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # not one of the process's own
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def reader_has_gone() -> bool:
    """Whether click ended the command since nobody reads the pipe that it writes to."""
    return type(sys.stdout).__name__.endswith("PacifyFlushWrapper")


def give_up() -> None:
    """Write no more to streams that cannot be written to, not even when Python ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError, AttributeError):
                handle = os.open(os.devnull, os.O_WRONLY)
                os.dup2(handle, stream.fileno())
                os.close(handle)
