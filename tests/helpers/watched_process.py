"""A process that uses one damaged input after another, and is watched while it does."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cptlaw.errors import CptlawError

MEGABYTES = 1000
_WAIT = 60  # times the seconds of the processor that are allowed: other work may go on


def work(use: Callable[[Path], dict[str, Any]]) -> None:
    """Answer each line of the input, a path, with what using it came to."""
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(json.dumps(_came_to(use, Path(line[:-1]))) + "\n")
        out.flush()


def _came_to(use: Callable[[Path], dict[str, Any]], path: Path) -> dict[str, Any]:
    began = time.process_time()
    try:
        said = use(path)
    except CptlawError as error:
        said = {"refused": str(error)}
    except MemoryError:
        said = {"crash": "MemoryError"}
    except BaseException as error:
        said = {"crash": "".join(traceback.format_exception(error)[-3:])}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    return {**said, "seconds": time.process_time() - began, "megabytes": peak}


class Watched:
    """The process, begun anew after it hung, died or grew.

    Args:
        script: what is run, and its arguments; with --work it must call `work`.
        seconds: of the processor that one input may take.
    """

    def __init__(self, script: Sequence[str], seconds: float) -> None:
        self.command = [sys.executable, *script, "--work"]
        self.seconds = seconds
        self.process: subprocess.Popen[str] | None = None

    def use(self, path: Path) -> dict[str, Any]:
        """What using an input came to, a hang and a death included."""
        if self.process is None:
            self.process = subprocess.Popen(
                self.command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], _WAIT * self.seconds)[0]:
            self.close()
            return {"crash": "hung", "seconds": _WAIT * self.seconds, "megabytes": 0}
        line = self.process.stdout.readline()
        if not line:
            self.close()
            return {"crash": "the process died", "seconds": 0.0, "megabytes": 0}
        said = json.loads(line)
        if said["megabytes"] > MEGABYTES:
            self.close()
        return said

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.process = None


def trouble(said: dict[str, Any], seconds: float) -> str:
    """What may not have happened whatever the input is; "" if nothing did."""
    if "crash" in said:
        return "crash: " + said["crash"].strip().split("\n")[-1][:80]
    if said["seconds"] > seconds:
        return "slow"
    return "large" if said["megabytes"] > MEGABYTES else ""
