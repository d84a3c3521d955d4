"""A process that uses one damaged input after another, and is watched while it does."""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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


@dataclass
class Tally:
    """What damaged inputs of one kind came to; the first of each trouble is kept.

    Args:
        name: of the kind.
        kept: the folder for those that went wrong.
    """

    name: str
    kept: Path
    outcomes: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    megabytes: int = 0

    def add(self, said: dict[str, Any], wrong: str, data: bytes, file: str, done: str = "") -> None:
        """Count one, which was given in a file of that name, and what was done to it."""
        number = self.outcomes.total()
        self.outcomes["refused" if "refused" in said else "read"] += 1
        self.seconds = max(self.seconds, said["seconds"])
        self.megabytes = max(self.megabytes, said["megabytes"])
        if wrong and not self.troubles[wrong]:
            copy = self.kept / f"{self.name}-{number}-{file}".replace(" ", "_")
            copy.write_bytes(data)
            print(f"{self.name}: {wrong}{f' ({done})' if done else ''}: {copy}", flush=True)
            print(said.get("crash", said.get("refused", ""))[-2000:], flush=True)
        if wrong:
            self.troubles[wrong] += 1

    def told(self) -> bool:
        """Print it all; whether anything went wrong."""
        most = {"seconds": self.seconds, "megabytes": self.megabytes}
        said = {"kind": self.name, "count": self.outcomes.total(), **self.outcomes, **most}
        print(json.dumps({**said, "wrong": dict(self.troubles)}), flush=True)
        return bool(self.troubles)


def options(doc: str | None) -> argparse.Namespace:
    """What a command that damages inputs is told; its folder is made."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--count", type=int, default=10_000, help="of each kind")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--kept", type=Path, default=Path("fuzz"), help="where to keep what went wrong"
    )
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.work:
        given.kept.mkdir(parents=True, exist_ok=True)
    return given
