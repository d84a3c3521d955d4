"""How many micro-batches are an optimiser step, by the file that LitGPT leaves with its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cptlaw.studies.logs import beside
from cptlaw.studies.runs import Run

_FILE = "hyperparameters.yaml"
_ABOVE = 4  # OUT/logs/csv/version_0/metrics.csv
_MOST_DIGITS = 9  # more are no count of devices or sequences


def with_micro_batches(run: Run, path: Path) -> Run:
    """The run with its micro-batches to a step, where a file of LitGPT tells, and a note.

    Args:
        run: whose log counts micro-batches.
        path: the log, a file or a folder.
    """
    for file in _files(path):
        said = beside.settings_in(file)
        count = _count(said)
        if count is not None:
            note = (
                f"{file.name} of the run says: {said['global_batch_size']} sequences a step on "
                f"{said['devices']} devices, {said['micro_batch_size']} to a micro-batch, so that "
                f"{count} micro-batches are one optimiser step (micro_batches = {count})."
            )
            return replace(run, micro_batches=count, notes=(*run.notes, note))
        if said:
            note = (
                f"{file.name} of the run does not tell on how many devices it ran, and so not how "
                "many micro-batches are an optimiser step."
            )
            return replace(run, notes=(*run.notes, note))
    return run


def _files(path: Path) -> Iterator[Path]:
    """The file in the run's folder, or beside its last weights, from the log's folder up."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    for above in (folder, *folder.parents[:_ABOVE]):
        with suppress(OSError):
            weights = sorted(above.glob("step-*"), reverse=True)
            for place in (above, above / "final", *weights):
                if (place / _FILE).is_file():
                    yield place / _FILE
                    return


def _count(said: dict[str, str]) -> int | None:
    """Micro-batches to an optimiser step of one device, as LitGPT works them out."""
    with suppress(KeyError, ValueError):
        devices = _counted(said["devices"]) * _counted(said.get("num_nodes", "1"))
        batch = _counted(said["global_batch_size"]) // devices
        return batch // _counted(said["micro_batch_size"]) or None
    return None


def _counted(text: str) -> int:
    number = int(text) if len(text) <= _MOST_DIGITS else 0
    if number < 1:
        raise ValueError(text)
    return number
