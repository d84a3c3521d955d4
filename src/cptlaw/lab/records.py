"""What a run leaves in its folder, and how complete it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError, shown
from cptlaw.files import write_atomic

CHECKPOINT = "checkpoint-"
DONE_MARK = "complete"
LOG = "trainer_state.json"
RECORD = "run.json"


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, complete or not, the oldest first."""
    found = [p for p in folder.glob(f"{CHECKPOINT}*") if p.name[len(CHECKPOINT) :].isdigit()]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was saved at."""
    return int(checkpoint.name.removeprefix(CHECKPOINT))


def complete(checkpoint: Path) -> bool:
    """Whether a checkpoint was written to its end."""
    return (checkpoint / DONE_MARK).is_file()


def read(folder: Path) -> dict[str, Any] | None:
    """The record of a run, None where there is none.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise DataError(
            f"{path}: is not JSON ({error}). Remove the folder to train again."
        ) from None


def status(folder: Path) -> str | None:
    """running, stopped, diverged, failed or done; None where there is no record."""
    record = read(folder)
    return None if record is None else record["status"]


def write(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a run."""
    write_atomic(folder / RECORD, json.dumps(record, indent=1))


@contextmanager
def alone(folder: Path, name: str) -> Iterator[None]:
    """Keep a run's folder for this process while it trains; a kill lets go of it.

    Raises:
        DataError: another process has it.
    """
    import fcntl  # not on Windows, where a record can still be read

    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"run '{name}': another process is training it in {folder}. Wait for that one, or "
                "give another folder (-o)."
            ) from None
        yield


def differences(made: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The keys in which two definitions differ, with both values, in one line."""
    told: list[str] = []
    for key in sorted({*made, *wanted}):
        old, new = made.get(key), wanted.get(key)
        if old != new:
            told.append(f"{key}: {shown(old)}, now {shown(new)}")
    return "; ".join(told)
