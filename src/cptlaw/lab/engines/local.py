"""Runs one after another on this machine, in this process or under torchrun."""

from __future__ import annotations

import gc
from collections.abc import Callable

from cptlaw.lab import records, running, tokens
from cptlaw.lab.engines import torchrun
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
        for name in job.names:
            if asked():
                return Ended(failed, name)
            base = job.experiment.node(name).after
            if base in failed:
                failed[name] = base_failed(base)
            else:
                try:
                    if not one(job, corpus, name, asked, say):
                        return Ended(failed, name)
                except Exception as error:
                    failed[name] = records.reason(error)
            if name in failed:
                say(f"{name}: {failed[name]}")
    return Ended(failed)


def base_failed(base: str | None) -> str:
    """Why a run is skipped."""
    return f"not run, since its base '{base}' failed"


def one(job: Job, corpus: tokens.Corpus, name: str, asked: Callable[[], bool], say: Say) -> bool:
    """Do a run here; whether it came to its end, False if it was stopped on the way.

    Args:
        job: the run is of.
        corpus: tokens of every text.
        name: of the run.
        asked: whether the user wants an end.
        say: told what is worth knowing.
    """
    if job.processes > 1:
        return torchrun.train(job, name, asked)
    from cptlaw.lab.pace import Pace
    from cptlaw.lab.training import Stopped

    number = job.names.index(name) + 1
    later = [job.experiment.node(each) for each in job.names[number:]]
    tokens_later = sum(node.steps * node.batch_tokens for node in later)
    pace = Pace()
    watch = Progress(job.experiment.node(name), number, len(job.names), tokens_later, pace)
    try:
        running.run(
            job.experiment,
            corpus,
            name,
            job.out,
            threads=job.threads,
            asked_to_stop=asked,
            watch=watch,
            say=say,
            pace=pace,
        )
    except Stopped:
        return False
    finally:
        _give_back()
    return True


def _give_back() -> None:
    """Free the memory of a run, for the next one in this process."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
