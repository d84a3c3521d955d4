"""A run in several processes of one machine: started by torchrun, stopped by a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cptlaw import temporary
from cptlaw.lab import processes, records
from cptlaw.lab.stopping import STOP_FILE
from cptlaw.lab.sweep import Job

_LOOK_EVERY = 0.2


def train(job: Job, name: str, asked: Callable[[], bool]) -> bool:
    """Train a run of a job by torchrun; whether it came to its end, False if it was stopped.

    The processes belong to a session of their own, so that Ctrl-C reaches this process alone.
    It asks for the stop by a file, which gives them all the time that a checkpoint takes;
    torchrun itself would kill them 30 seconds after a signal.

    Args:
        job: with the number of processes.
        name: of the run.
        asked: whether the user wants an end.

    Raises:
        RuntimeError: torchrun failed; its words are on standard error.
    """
    with temporary.folder("cptlaw-stop-") as folder:
        stop = folder / "stop"
        environment = os.environ | {
            "OMP_NUM_THREADS": str(job.threads or 1),
            STOP_FILE: str(stop),
        }
        process = subprocess.Popen(command(job, name), env=environment, start_new_session=True)
        status = ended(process, stop, asked)
    if status:
        raise RuntimeError(f"torchrun ended with status {status}; its words are above")
    return records.status(job.out / name) == "done"


def ended(process: subprocess.Popen[bytes], stop: Path, asked: Callable[[], bool]) -> int:
    """Wait for a process, and ask it to stop by a file once the user wants an end; its status.

    Args:
        process: in a session of its own.
        stop: the file.
        asked: whether the user wants an end.
    """
    try:
        while process.poll() is None:
            if asked():
                stop.touch()
            time.sleep(_LOOK_EVERY)
    except BaseException:
        _kill(process)
        raise
    return int(process.returncode)


def command(job: Job, name: str) -> list[str]:
    """The words that start torchrun for a run of a job."""
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    return [*start, "--nproc-per-node", str(job.processes), *module(job, name)]


def module(job: Job, *names: str) -> list[str]:
    """The words after python or torchrun that do runs of a job, one after another."""
    words = ["-m", "cptlaw", "lab", "run", str(Path(job.experiment.file).absolute()), *names]
    words += ["-o", str(job.out)]
    return words if job.threads is None else [*words, "--threads", str(job.threads)]


def leave() -> None:
    """End the process group together with all others; one that just exits may abort the others."""
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()


def end() -> None:
    """End this process at once, if it is one of several that torchrun started.

    Threads that the back ends leave behind may abort an ordinary exit, after all is written.
    """
    if processes.under_torchrun() and processes.world() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End torchrun and with it its processes: at once, where it does not hang."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        process.kill()
