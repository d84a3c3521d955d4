"""Which process this is, as torchrun says in the environment."""

from __future__ import annotations

import os

from cptlaw.errors import DataError


def world() -> int:
    """Processes of this run; 1 without torchrun.

    Raises:
        DataError: the environment says something that is no number of processes.
    """
    said = os.environ.get("WORLD_SIZE", "1")
    if not said.isdecimal() or int(said) < 1:
        raise DataError(
            f"WORLD_SIZE = '{said}' in the environment is no number of processes. Unset it, or "
            "start the run with torchrun."
        )
    return int(said)


def leads() -> bool:
    """Whether this process writes and speaks for all; a process alone does, whatever its RANK."""
    return os.environ.get("RANK", "0") == "0" or world() == 1


def under_torchrun() -> bool:
    """Whether torchrun started this process.

    A stop is no failure then: torchrun would write at length about a status that is not 0.
    """
    return "TORCHELASTIC_RUN_ID" in os.environ
