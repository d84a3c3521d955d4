"""Each run a task of Ray, on this machine or on a cluster; a continuation waits for its base."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError, MissingExtra, first_line
from cptlaw.lab import progress, records, tokens
from cptlaw.lab.engines import local
from cptlaw.lab.stopping import asked_to_stop
from cptlaw.lab.sweep import Ended, Engine, Job, Say, data_folder

_LOOK_EVERY = 0.5
_LAST_WORDS = 1.0


@dataclass(frozen=True)
class _End:
    """How a task ended: whether its run is done, and if it failed, why."""

    done: bool
    failed: str | None = None


@dataclass
class _Tasks:
    """The tasks under way, and what has become of the others.

    Args:
        running: run by task.
        failed: what went wrong, by run.
        stopped: runs that came to no end, since the user wanted none.
    """

    running: dict[Any, str]
    failed: dict[str, str] = field(default_factory=dict[str, str])
    stopped: set[str] = field(default_factory=set[str])


def engine(address: str | None) -> Engine:
    """The engine for a Ray cluster.

    Args:
        address: of the cluster, such as "auto" or "ray://host:10001"; None starts Ray here.
    """
    return lambda job, say: _ray(job, say, address)


def _ray(job: Job, say: Say, address: str | None) -> Ended:
    """Do the runs of a job as Ray tasks, as many at a time as the cluster has room for.

    The folder of the runs and the experiment's texts must lie at the same paths on all machines
    of the cluster, and cptlaw must be installed there. A task has `threads` CPUs for each of its
    processes (one where the job names none), and a GPU for each where the cluster has GPUs.

    Raises:
        MissingExtra: Ray is not installed.
        DataError: the cluster cannot be reached, or has no machine that is large enough.
    """
    ray = _started(address, say)
    try:
        corpus = tokens.prepare(job.experiment, data_folder(job.out), say)
        file = str(Path(job.experiment.file).absolute())
        job = replace(job, threads=job.threads or 1, experiment=replace(job.experiment, file=file))
        wanted = _resources(ray, job)
        with asked_to_stop() as asked:
            return _followed(ray, job, _submitted(ray, job, corpus, wanted), asked, say)
    finally:
        time.sleep(_LAST_WORDS)  # what the tasks wrote last is still on its way here
        ray.shutdown()


def _started(address: str | None, say: Say) -> Any:
    """The module ray, connected."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtra("ray", "ray", "--engine ray") from None

    try:
        ray.init(
            address or "local",
            include_dashboard=None if address else False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        raise DataError(
            f"Ray at {address or 'this machine'} cannot be reached: {records.reason(error)} "
            "Give the address of a running cluster, or leave --ray-address out for this machine."
        ) from None
    have = ray.cluster_resources()
    say(
        f"Ray {f'at {address}' if address else 'on this machine'}: "
        f"{have.get('CPU', 0):.0f} CPUs, {have.get('GPU', 0):.0f} GPUs"
    )
    return ray


def _resources(ray: Any, job: Job) -> dict[str, int]:
    """CPUs and GPUs of each task."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {"num_cpus": (job.threads or 1) * job.processes, "num_gpus": 0}
    if any(machine.get("GPU") for machine in machines):
        wanted["num_gpus"] = job.processes
    room = [
        machine
        for machine in machines
        if machine.get("CPU", 0) >= wanted["num_cpus"]
        and machine.get("GPU", 0) >= wanted["num_gpus"]
    ]
    if not room:
        raise DataError(
            f"no machine of the Ray cluster has the {wanted['num_cpus']} CPUs and "
            f"{wanted['num_gpus']} GPUs that a run with --processes {job.processes} and "
            f"--threads {job.threads} takes. Take fewer."
        )
    return wanted


def _submitted(ray: Any, job: Job, corpus: tokens.Corpus, wanted: dict[str, int]) -> dict[Any, str]:
    """A task for every run, each with its base's task among its arguments."""
    task = ray.remote(max_retries=0, **wanted)(_task)
    shared = ray.put((job, corpus))
    made: dict[str, Any] = {}
    for name in job.names:
        base = made.get(job.experiment.node(name).after or "")
        made[name] = task.options(name=name).remote(shared, name, base)
    return {reference: name for name, reference in made.items()}


def _task(shared: tuple[Job, tokens.Corpus], name: str, base: _End | None) -> _End:
    """One run, on the machine that Ray chose."""
    job, corpus = shared
    if base is not None and not base.done:
        after = job.experiment.node(name).after
        return _End(False, None if base.failed is None else local.base_failed(after))
    if not corpus.tokenizer.is_dir():
        return _End(
            False,
            f"{corpus.tokenizer} is not there on the machine {os.uname().nodename}. All machines "
            "of a Ray cluster must see the folder of the runs under the same path: give such a "
            "one (-o)",
        )
    with asked_to_stop(patient=True) as asked:
        try:
            return _End(local.one(job, corpus, name, asked, progress.told))
        except Exception as error:
            return _End(False, records.reason(error))


def _followed(
    ray: Any, job: Job, running: dict[Any, str], asked: Callable[[], bool], say: Say
) -> Ended:
    """Wait for all tasks, and cancel those that are left once the user wants an end."""
    tasks, cancelled = _Tasks(dict(running)), False
    while tasks.running:
        ready, _ = ray.wait(list(tasks.running), timeout=_LOOK_EVERY)
        for reference in ready:
            _take(ray, job, tasks, reference, cancelled, say)
        if asked() and not cancelled:
            cancelled = True
            for reference in tasks.running:
                ray.cancel(reference, force=False)
    first = next((name for name in job.names if name in tasks.stopped), None)
    return Ended({name: tasks.failed[name] for name in job.names if name in tasks.failed}, first)


def _take(ray: Any, job: Job, tasks: _Tasks, reference: Any, cancelled: bool, say: Say) -> None:
    """Note how a task ended."""
    name = tasks.running.pop(reference)
    base = job.experiment.node(name).after
    try:
        end = ray.get(reference)
    except Exception as error:
        end = _End(records.status(job.out / name) == "done")
        if not end.done and not cancelled:
            lost = local.base_failed(base) if base in tasks.failed else _lost(error)
            end = _End(False, lost)
    if end.failed is not None:
        tasks.failed[name] = end.failed
        say(f"{name}: {end.failed}")
    elif not end.done:
        tasks.stopped.add(name)


def _lost(error: Exception) -> str:
    """Why a task has no result: its worker was killed, its machine went away."""
    return f"Ray lost its task: {first_line(error)}"
