"""What a run leaves in its folder, and how complete it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cptlaw.errors import CptlawError, DataError, shown
from cptlaw.files import checksum, write_atomic

CHECKPOINT = "checkpoint-"
DONE_MARK = "complete"
_HELD = (
    ".safetensors",
    ".json",
    ".pt",
    ".pth",
    ".bin",
)  # files of a checkpoint that decide what follows
_AGAIN = "Remove that run's folder to train it again."
_KEYS = {"status": str, "fingerprint": str, "defined_by": dict}
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


def mark_complete(checkpoint: Path) -> None:
    """Say that a checkpoint was written to its end, and what its files hold."""
    made = [p for p in sorted(checkpoint.iterdir()) if p.is_file() and p.suffix in _HELD]
    sums = {path.name: checksum(path) for path in made}
    write_atomic(checkpoint / DONE_MARK, json.dumps(sums, indent=1))


def check_whole(checkpoint: Path, who: str, mend: str = _AGAIN) -> None:
    """Compare the files of a complete checkpoint with what was written.

    One that is missing is left to who needs it: an optimizer state may be removed to save room.

    Args:
        checkpoint: one that is marked complete.
        who: goes on from it, for the error.
        mend: what to do, for the error.

    Raises:
        DataError: a file was changed, or the mark cannot be read.
    """
    try:
        text = (checkpoint / DONE_MARK).read_text()
        sums = json.loads(text or "{}")  # the mark of a checkpoint of 0.1.0 is empty
        there = {n: made for n, made in sums.items() if (checkpoint / Path(n).name).is_file()}
        changed = [n for n, made in there.items() if checksum(checkpoint / Path(n).name) != made]
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{who}: {checkpoint} cannot be checked ({error}). {mend}") from None
    if changed:
        raise DataError(
            f"{who}: {', '.join(changed)} of {checkpoint} changed since it was written. {mend}"
        )


def read(folder: Path) -> dict[str, Any] | None:
    """The record of a run, None where there is none.

    Raises:
        DataError: it cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    record = read_json(path, "Remove the folder to train again.")
    wrong = [key for key, kind in _KEYS.items() if not isinstance(record.get(key), kind)]
    if wrong:
        raise DataError(
            f"{path}: is damaged: no {' and no '.join(wrong)} that can be read. Remove the folder "
            "to train again."
        )
    return record


def read_json(path: Path, mend: str) -> dict[str, Any]:
    """A file that the lab wrote: one object of JSON.

    Args:
        path: of a file that is there.
        mend: what to do where it cannot be read.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error}). {mend}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no object of JSON. {mend}")
    return found


def reason(error: BaseException) -> str:
    """What went wrong, in one line; errors that are not ours keep their type's name."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, CptlawError) else f"{type(error).__name__}: {text}"


def status(folder: Path) -> str | None:
    """running, stopped, diverged, failed or done; None where there is no record."""
    record = read(folder)
    return None if record is None else record["status"]


def write(folder: Path, record: dict[str, Any]) -> None:
    """Write the record of a run."""
    write_atomic(folder / RECORD, json.dumps(record, indent=1))


@contextmanager
def alone(folder: Path, who: str) -> Iterator[None]:
    """Keep a folder for this process while it works there; a kill lets go of it.

    Args:
        folder: of a run, or of all runs of an experiment.
        who: works there, for the error.

    Raises:
        DataError: another process has it.
    """
    import fcntl  # not on Windows, where a record can still be read

    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                f"{who}: another process is at work on it in {folder}. Wait for that one, or give "
                "another folder (-o)."
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
