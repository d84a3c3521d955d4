"""Runs one after another on this machine, in this process or under torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

from cptlaw.errors import CptlawError
from cptlaw.lab import records, running, tokens
from cptlaw.lab.progress import Progress
from cptlaw.lab.stopping import asked_to_stop
from cptlaw.lab.sweep import Ended, Job, Say, data_folder


def local(job: Job, say: Say) -> Ended:
    """Do the runs of a job in their order; a failed one stops only those that go on from it.

    Args:
        job: what to do.
        say: told of failures.
    """
    failed: dict[str, str] = {}
    corpus = tokens.prepare(job.experiment, data_folder(job.out), say)
    with asked_to_stop() as asked:
        for number, name in enumerate(job.names, start=1):
            if asked():
                return Ended(failed, name)
            base = job.experiment.node(name).after
            if base in failed:
                failed[name] = f"not run, since its base '{base}' failed"
            else:
                try:
                    if not _one(job, corpus, name, number, asked):
                        return Ended(failed, name)
                except Exception as error:
                    failed[name] = reason(error)
            if name in failed:
                say(f"{name}: {failed[name]}")
    return Ended(failed)


def reason(error: Exception) -> str:
    """What went wrong, in one line; errors that are not ours keep their type's name."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, CptlawError) else f"{type(error).__name__}: {text}"


def _one(
    job: Job, corpus: tokens.Corpus, name: str, number: int, asked: Callable[[], bool]
) -> bool:
    """Whether the run came to its end; False if it was stopped on the way."""
    if job.processes > 1:
        return _torchrun(job, name)
    from cptlaw.lab.training import Stopped

    watch = Progress(job.experiment.node(name), number, len(job.names))
    try:
        running.run(
            job.experiment,
            corpus,
            name,
            job.out,
            threads=job.threads,
            asked_to_stop=asked,
            watch=watch,
        )
    except Stopped:
        return False
    return True


def _torchrun(job: Job, name: str) -> bool:
    """The run in several processes of this machine; its last words are the reason of a failure."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        *("--nproc-per-node", str(job.processes)),
        *("-m", "cptlaw", "lab", "run", job.experiment.file, name, "-o", str(job.out)),
    ]
    if job.threads is not None:
        command += ["--threads", str(job.threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(job.threads or 1)}
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        if records.status(job.out / name) == "stopped":
            return False
        raise RuntimeError(f"torchrun ended with status {done.returncode}; its words are above")
    return True
