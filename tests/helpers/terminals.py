"""Streams that are a terminal."""

import io


class Terminal(io.StringIO):
    """A standard error that is one."""

    def isatty(self) -> bool:
        return True
