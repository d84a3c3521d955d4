"""How fast runs of a shape have gone here before, for the times of those to come."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.lab import records
from cptlaw.lab.estimate import Estimate, Known, RunEstimate
from cptlaw.lab.tokenizer import key_of

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node


def known_speeds(
    experiment: Experiment, out: Path, names: Iterable[str], threads: int | None
) -> dict[str, Known]:
    """The speed of each run of which one of the same shape was done on this device, by name.

    Args:
        experiment: with the runs.
        out: the folder of all runs.
        names: of the runs asked for.
        threads: that they are to have on a CPU; None leaves open how many they had.
    """
    found: dict[str, list[Known]] = {}
    for node in experiment.nodes:
        for shape, known in _measured(out / node.name, node.name, threads):
            found.setdefault(shape, []).append(known)
    shapes = {name: _shape_of(experiment, experiment.node(name)) for name in names}
    return {name: _typical(found[shape]) for name, shape in shapes.items() if shape in found}


def timed(found: Estimate, known: Mapping[str, Known]) -> Estimate:
    """An estimate with the times of runs whose speed is known.

    Args:
        found: the estimate.
        known: speeds by run.
    """
    return replace(
        found,
        runs=tuple(_timed(run, known.get(run.node.name)) for run in found.runs),
        known=dict(known),
    )


def _timed(run: RunEstimate, known: Known | None) -> RunEstimate:
    if known is None:
        return run
    evaluations = run.evaluations * known.evaluation_seconds
    training = run.tokens / known.tokens_per_second
    return replace(run, seconds=known.start_seconds + training + evaluations)


def _typical(several: list[Known]) -> Known:
    """The medians of some runs of one shape."""

    def median(name: str) -> float:
        return statistics.median(getattr(one, name) for one in several)

    return Known(
        several[0].run,
        median("tokens_per_second"),
        median("start_seconds"),
        median("evaluation_seconds"),
    )


def _measured(folder: Path, name: str, threads: int | None) -> Iterator[tuple[str, Known]]:
    """The shape and speed of a run that is done, if it was done on a device like this one."""
    try:
        record = records.read(folder)
        if record is None or record["status"] != "done" or record["device"] != _device():
            return
        if record["processes"] != 1 or threads not in (None, record["threads"]):
            return
        speed, made = record["speed"], record["defined_by"]
        values = [speed["tokens_per_second"], speed["start_seconds"]]
        rate, start = (float(value) for value in values)
        known = Known(name, rate, start, float(speed["evaluation_seconds"] or 0.0))
        if rate > 0:
            yield _shape(made, speed["micro_batch"], speed["compile"]), known
    except (DataError, KeyError, TypeError, ValueError):
        return  # of an earlier version, or too short to tell


def _device() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def _shape_of(experiment: Experiment, node: Node) -> str:
    micro = node.micro_batch or node.batch_sequences
    return _shape(experiment.identity(node.name), micro, experiment.training.compile)


def _shape(made: Mapping[str, Any], micro_batch: int, compiled: bool) -> str:
    """What the speed of a run hangs on, in one word."""
    keys = ("model", "tokenizer", "batch_sequences", "sequence_length")
    others = (made["training"]["precision"], micro_batch, compiled)
    return key_of([*(made[key] for key in keys), *others])
