"""Runs in a process of their own, one for those of a shape: none takes the others along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cptlaw import temporary
from cptlaw.lab import compiling, records, tokens
from cptlaw.lab.engines import local
from cptlaw.lab.engines.torchrun import ended, module
from cptlaw.lab.stopping import PARENT, STOP_FILE, asked_to_stop
from cptlaw.lab.sweep import Ended, Job, Say, data_folder


def apart(job: Job, say: Say) -> Ended:
    """Do the runs of a job, those of one shape one after another in one process.

    What the first run has compiled serves the others. A run that fails ends its process; the
    next begins with what is left. One that failed behind others is tried once more alone, as
    memory that they have not given back may have been the reason.

    Args:
        job: what to do.
        say: told of failures.
    """
    tokens.prepare(job.experiment, data_folder(job.out), say)
    failed: dict[str, str] = {}
    left, alone = list(job.names), set[str]()
    with asked_to_stop() as asked:
        while left:
            base = job.experiment.node(left[0]).after
            if base in failed:
                failed[left[0]] = local.base_failed(base)
                say(f"{left[0]}: {failed[left.pop(0)]}")
                continue
            group = _group(job, left, failed, alone)
            before = {name: records.read(job.out / name) for name in group}
            status = _do(job, group, asked)
            done = [name for name in group if _is_done(job, name)]
            left = [name for name in left if name not in done]
            ill = next((name for name in group if name not in done), None)
            if ill is None:
                continue
            if asked():
                return Ended(failed, ill)
            if ill != group[0] and _may_try_again(job, ill, alone):
                say(f"{ill}: {_why(job, ill, status, before[ill])}; tried once more, alone")
                alone.add(ill)
                left.remove(ill)
                left.insert(0, ill)
            else:
                failed[ill] = _why(job, ill, status, before[ill])
                left.remove(ill)
                say(f"{ill}: {failed[ill]}")
    return Ended(failed)


def _group(
    job: Job, left: Sequence[str], failed: Mapping[str, str], alone: set[str]
) -> tuple[str, ...]:
    """The first run that is left, and those of its shape whose bases are done or before them."""
    if left[0] in alone:
        return (left[0],)
    nodes = {name: job.experiment.node(name) for name in left}
    shape = compiling.shape(job.experiment, nodes[left[0]])
    group: list[str] = []
    for name, node in nodes.items():
        waits = node.after in failed or (node.after in nodes and node.after not in group)
        if not waits and name not in alone and compiling.shape(job.experiment, node) == shape:
            group.append(name)
    return tuple(group)


def _do(job: Job, names: tuple[str, ...], asked: Callable[[], bool]) -> int:
    """Start a process for some runs, and wait for its end; its status."""
    with temporary.folder("cptlaw-stop-") as folder:
        stop = folder / "stop"
        environment = os.environ | {STOP_FILE: str(stop), PARENT: str(os.getpid())}
        words = [sys.executable, *module(job, *names)]
        process = subprocess.Popen(words, env=environment, start_new_session=True)
        return ended(process, stop, asked)


def _is_done(job: Job, name: str) -> bool:
    return records.status(job.out / name) == "done"


def _may_try_again(job: Job, name: str, alone: set[str]) -> bool:
    """Whether a run failed for a reason that may lie in the runs before it."""
    return name not in alone and records.status(job.out / name) not in (None, "diverged")


def _why(job: Job, name: str, status: int, before: dict[str, Any] | None) -> str:
    """Why a run has failed: as its record says, if it is a new one, or as its process has ended."""
    record = records.read(job.out / name) or {}
    if record != before and record.get("status") != "running" and record.get("error"):
        return str(record["error"])
    if status < 0:
        known = {number.value: number.name for number in signal.Signals}
        memory = ", perhaps for want of memory" if status == -signal.SIGKILL else ""
        return f"its process was ended by {known.get(-status, f'signal {-status}')}{memory}"
    return f"its process ended with status {status}; its words are above"
