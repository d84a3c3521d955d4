"""A whole experiment: data, every run by an engine, and the studies that are left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cptlaw.errors import DataError, suggestion
from cptlaw.files import make_folder, write_atomic
from cptlaw.lab import records, running, studies, tokens
from cptlaw.lab.tokenizer import Say
from cptlaw.studies.bases import with_bases

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment


@dataclass(frozen=True)
class Job:
    """What an engine needs to do any run of an experiment, here or on another machine.

    Args:
        experiment: with its runs, bases before continuations.
        out: folder of all runs, the same path wherever they are done.
        names: the runs to do, bases first.
        threads: of PyTorch on a CPU; None leaves them.
        processes: torchrun processes a run; 1 trains in this process.
    """

    experiment: Experiment
    out: Path
    names: tuple[str, ...]
    threads: int | None = None
    processes: int = 1


@dataclass(frozen=True)
class Swept:
    """How a sweep ended.

    Args:
        done: runs that are complete.
        failed: what went wrong, by run.
        stopped: the run in which the user stopped it, None if nobody did.
        studies: files for `cptlaw fit`.
    """

    done: tuple[str, ...]
    failed: dict[str, str]
    stopped: str | None
    studies: tuple[Path, ...]


@dataclass(frozen=True)
class Ended:
    """How an engine's work ended.

    Args:
        failed: what went wrong, by run.
        stopped: the run in which the user stopped it.
    """

    failed: dict[str, str]
    stopped: str | None = None


Engine = Callable[[Job, Say], Ended]


def data_folder(out: Path) -> Path:
    """Where the tokens of an experiment's runs lie."""
    return out / "data"


def chosen(experiment: Experiment, only: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the runs asked for and of all their bases, bases first; all if none is.

    Raises:
        DataError: there is no run of that name.
    """
    after = {node.name: node.after for node in experiment.nodes}
    for name in only:
        if name not in after:
            raise DataError(f"there is no run '{name}'. {suggestion(name, after)}")
    return with_bases(only or after, after)


def sweep(job: Job, engine: Engine, say: Say) -> Swept:
    """Do every run of a job that is not done yet, and write the studies.

    Args:
        job: what to do.
        engine: who does it.
        say: told what goes on.

    Raises:
        DataError: data that cannot be read, a folder with runs of another definition, or one that
            another sweep is at work in.
    """
    _check_sharding(job)
    make_folder(job.out)
    with records.alone(job.out, f"experiment '{job.experiment.name}'"):
        return _swept(job, engine, say)


def _swept(job: Job, engine: Engine, say: Say) -> Swept:
    _check_folder(job)
    corpus = tokens.prepare(job.experiment, data_folder(job.out), say)
    ready = {n for n in job.names if running.is_done(job.experiment, corpus, n, job.out)}
    for name in job.names:
        _tell_missing(job, name, say)
    if ready:
        say(f"{len(ready)} of {len(job.names)} runs are done already")
    left = replace(job, names=tuple(name for name in job.names if name not in ready))
    ended = engine(left, say) if left.names else Ended({})
    sizes = _sizes(job, corpus, say)
    return Swept(
        tuple(name for name in job.names if name in sizes),
        ended.failed,
        ended.stopped,
        studies.write(job.experiment, job.out, sizes),
    )


def _check_sharding(job: Job) -> None:
    """Refuse early what would fail only after the bases are done."""
    if job.experiment.training.sharding == "none" or job.processes == 1:
        return
    for name in job.names:
        node = job.experiment.node(name)
        if node.after is not None and node.optimizer_state == "keep":
            raise DataError(
                f"run '{name}': under several processes with sharding = 'fsdp2' the optimizer "
                f"state of '{node.after}' cannot be kept. Set optimizer_state = 'new', or sharding "
                "= 'none'."
            )


def _check_folder(job: Job) -> None:
    """One folder holds the runs and studies of one experiment."""
    mark, name = job.out / "experiment.json", job.experiment.name
    if mark.is_file():
        mend = "Remove it if the folder holds the runs of this experiment."
        earlier = records.read_json(mark, mend).get("name")
        if earlier != name:
            raise DataError(
                f"{job.out}: holds the runs of experiment '{earlier}', and this is '{name}'. Give "
                "another folder (-o)."
            )
    write_atomic(mark, json.dumps({"name": name}))


def _tell_missing(job: Job, name: str, say: Say) -> None:
    """Say of a run that came to its end why it is trained again."""
    if records.status(job.out / name) != "done":
        return
    if gone := running.missing(job.experiment.node(name), job.out):
        steps = ", ".join(map(str, gone))
        say(
            f"{name}: is done, but has no checkpoint of step {steps}, which others start from or "
            f"go on from; trained again as far as step {gone[-1]}"
        )


def _sizes(job: Job, corpus: tokens.Corpus, say: Say) -> dict[str, int]:
    """Model sizes of all runs of the experiment that are done, those of earlier sweeps too."""
    sizes: dict[str, int] = {}
    for node in job.experiment.nodes:
        try:
            done = running.is_done(job.experiment, corpus, node.name, job.out)
        except DataError as error:
            say(f"left out of the studies: {error}")
            continue
        if done and (node.after is None or node.after in sizes):
            record = records.read(job.out / node.name)
            assert record is not None
            sizes[node.name] = int(record["model_size"])
    return sizes
