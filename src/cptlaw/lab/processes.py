"""Which process this is, as torchrun says in the environment."""

from __future__ import annotations

import os

from cptlaw.errors import DataError

# What launchers leave in the environment; Trainer and accelerate look for all of them.
_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
_LOCAL_RANKS = (
    "LOCAL_RANK",
    "MPI_LOCALRANKID",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_LOCAL_RANK",
)
_PLACES = ("MASTER_ADDR", "MASTER_PORT")
_MEND = "Unset it, or start the run with torchrun."


def prepare() -> None:
    """Make the environment say what is so: one of several processes, or one alone.

    Where this process is alone, what a launcher or a job's shell has left there is taken out of
    this process's environment, so that no package waits for others.

    Raises:
        DataError: there are to be several processes, and a part of what they need is not said.
    """
    if world() > 1:
        _check_several()
    elif not under_torchrun():
        for name in (*_SIZES, *_RANKS, *_LOCAL_RANKS):
            os.environ.pop(name, None)


def _check_several() -> None:
    for name in ("RANK", "LOCAL_RANK"):
        said = os.environ.get(name, "")
        if not (said.isascii() and said.isdecimal() and int(said) < world()):
            raise DataError(
                f"WORLD_SIZE = '{world()}' and {name} = '{said}' in the environment do not go "
                "together. Unset them, or start the run with torchrun."
            )
    for name in _PLACES:
        if not os.environ.get(name):
            raise DataError(
                f"WORLD_SIZE = '{world()}' is in the environment, and no {name} where the "
                f"processes meet. {_MEND}"
            )


def world() -> int:
    """Processes of this run; 1 without torchrun.

    Raises:
        DataError: the environment says something that is no number of processes.
    """
    said = os.environ.get("WORLD_SIZE", "1")
    if not (said.isascii() and said.isdecimal() and len(said) < 8 and int(said)):
        raise DataError(
            f"WORLD_SIZE = '{said}' in the environment is no number of processes. {_MEND}"
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
