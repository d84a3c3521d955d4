"""A clean stop: the first Ctrl-C or SIGTERM asks, the second Ctrl-C insists."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cptlaw.lab import processes

STOP_FILE = "CPTLAW_STOP_FILE"
PARENT = "CPTLAW_PARENT"
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
)
_wishes: list[int] = []  # signals that asked


@contextmanager
def asked_to_stop(*, patient: bool = False) -> Iterator[Callable[[], bool]]:
    """A question to ask after every step: whether the user or the scheduler wants an end.

    Inside, SIGINT, SIGTERM and SIGUSR1 only note the wish; a second SIGINT raises
    KeyboardInterrupt. Outside the main thread nothing is caught. The file that the environment
    variable CPTLAW_STOP_FILE names asks too, as soon as it is there: whoever starts torchrun
    stops all its processes by it. So does the end of the process that CPTLAW_PARENT names.

    Args:
        patient: a second SIGINT is only one more wish, where one Ctrl-C may arrive twice.
    """
    noted = threading.Event()
    file, parent = os.environ.get(STOP_FILE), os.environ.get(PARENT)

    def note(number: int, _: Any) -> None:
        if noted.is_set() and number == signal.SIGINT and not patient:
            raise KeyboardInterrupt
        if not noted.is_set() and processes.leads():
            again = "" if patient else "; Ctrl-C again to stop at once"
            with suppress(RuntimeError):  # the signal may have come inside another print
                print(
                    f"\nstopping after this step, with a checkpoint{again} ...",
                    file=sys.stderr,
                    flush=True,
                )
        _wishes.append(number)
        noted.set()

    def asked() -> bool:
        left = parent is not None and not _alive(int(parent))
        return noted.is_set() or left or (file is not None and Path(file).exists())

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    _wishes.clear()
    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _alive(process: int) -> bool:
    if os.name == "nt":  # where os.kill with 0 sends Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def status() -> int:
    """The exit status of a process that was asked to stop: 143 after SIGTERM, else 130."""
    return 128 + (signal.SIGTERM if _wishes[:1] == [signal.SIGTERM] else signal.SIGINT)
