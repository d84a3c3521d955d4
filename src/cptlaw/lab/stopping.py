"""A clean stop: the first Ctrl-C or SIGTERM asks, the second Ctrl-C insists."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def asked_to_stop() -> Iterator[Callable[[], bool]]:
    """A question to ask after every step: whether the user or the scheduler wants an end.

    Inside, SIGINT and SIGTERM only note the wish; a second SIGINT raises KeyboardInterrupt.
    Outside the main thread nothing is caught.
    """
    asked = threading.Event()

    def note(number: int, _: Any) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()
        print(
            "\nstopping after this step, with a checkpoint; Ctrl-C again to stop at once ...",
            file=sys.stderr,
            flush=True,
        )

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
