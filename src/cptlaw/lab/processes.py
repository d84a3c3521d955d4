"""Which process this is, as torchrun says in the environment."""

from __future__ import annotations

import os


def world() -> int:
    """Processes of this run; 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this process writes and speaks for all; without torchrun it does."""
    return os.environ.get("RANK", "0") == "0"


def under_torchrun() -> bool:
    """Whether torchrun started this process.

    A stop is no failure then: torchrun would write at length about a status that is not 0.
    """
    return "TORCHELASTIC_RUN_ID" in os.environ
