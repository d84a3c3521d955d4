"""Schedules into training runs: as files, and as a scheduler of PyTorch.

To add a kind of file: write its module, and enter it in `EXPORTS` by its suffix.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.schedules.export.csv import csv_text
from cptlaw.schedules.export.python import python_text
from cptlaw.schedules.export.torch import lambda_lr
from cptlaw.schedules.schedule import Schedule

__all__ = ["EXPORTS", "export_text", "lambda_lr", "write"]

EXPORTS: dict[str, Callable[[Schedule, str], str]] = {".csv": csv_text, ".py": python_text}
"""Suffix -> (schedule, the file's name without its suffix) -> the file's text."""


def export_text(schedule: Schedule, path: str | Path) -> str:
    """What a schedule's file of that name holds; its suffix says of what kind it is.

    Args:
        schedule: what to write.
        path: where to, such as lr.csv or lr.py.

    Raises:
        DataError: there is no such kind of file, or the name does not suit it.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in EXPORTS:
        raise DataError(
            f"{path}: a schedule is written as {', '.join(EXPORTS)}, not '{suffix}'. Change the "
            "file's suffix."
        )
    try:
        return EXPORTS[suffix](schedule, Path(path).stem)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def write(schedule: Schedule, path: str | Path) -> Path:
    """Write a schedule as the kind of file that the suffix says.

    Args:
        schedule: what to write.
        path: where to, such as lr.csv or lr.py.

    Raises:
        DataError: there is no such kind of file, the name does not suit it, or the folder is
            missing or cannot be written to.
    """
    return write_atomic(path, export_text(schedule, path))
