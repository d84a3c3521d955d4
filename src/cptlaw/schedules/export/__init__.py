"""Schedules into training runs: as files, and as a scheduler of PyTorch.

To add a kind of file: write its module, and enter it in `EXPORTS` by what its name ends in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.schedules.export.configs import (
    axolotl_text,
    llamafactory_text,
    megatron_text,
    transformers_text,
)
from cptlaw.schedules.export.csv import csv_text
from cptlaw.schedules.export.optax import optax_text
from cptlaw.schedules.export.python import python_text
from cptlaw.schedules.export.torch import lambda_lr
from cptlaw.schedules.schedule import Schedule

__all__ = ["EXPORTS", "export_text", "kind_of", "lambda_lr", "write"]

EXPORTS: dict[str, Callable[..., str]] = {
    ".csv": csv_text,
    ".py": python_text,
    "optax.py": optax_text,
    "hf.yaml": transformers_text,
    "axolotl.yaml": axolotl_text,
    "llamafactory.yaml": llamafactory_text,
    "megatron.args": megatron_text,
}
"""End of the file's name -> (schedule, the name without its suffix) -> the file's text."""

_MIXED = ("axolotl.yaml", "llamafactory.yaml")  # those that say how data are mixed, too


def kind_of(path: str | Path) -> str | None:
    """The longest of `EXPORTS` that a file's name ends in."""
    name = Path(path).name.lower()
    ends = [end for end in EXPORTS if name.endswith(end)]
    return max(ends, key=len, default=None)


def export_text(schedule: Schedule, path: str | Path, replay: float | None = None) -> str:
    """What a schedule's file of that name holds; the end of the name says of what kind it is.

    Args:
        schedule: what to write.
        path: where to, such as lr.csv, lr.py or axolotl.yaml.
        replay: share of D_pt in the CPT data, for the kinds that say how data are mixed.

    Raises:
        DataError: there is no such kind of file, or the name does not suit it, or the framework
            has no such schedule.
    """
    kind = kind_of(path)
    if kind is None:
        raise DataError(
            f"{path}: a schedule is written as {', '.join(EXPORTS)}, not "
            f"'{Path(path).suffix.lower()}'. Change the file's suffix."
        )
    more = (replay,) if kind in _MIXED else ()
    try:
        return EXPORTS[kind](schedule, Path(path).stem, *more)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def write(schedule: Schedule, path: str | Path, replay: float | None = None) -> Path:
    """Write a schedule as the kind of file that the end of its name says.

    Args:
        schedule: what to write.
        path: where to, such as lr.csv, lr.py or axolotl.yaml.
        replay: share of D_pt in the CPT data, for the kinds that say how data are mixed.

    Raises:
        DataError: there is no such kind of file, the name does not suit it, the framework has no
            such schedule, or the folder is missing or cannot be written to.
    """
    return write_atomic(path, export_text(schedule, path, replay))
