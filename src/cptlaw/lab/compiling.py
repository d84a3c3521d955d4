"""torch.compile, paid once for the runs of one shape and not for each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cptlaw.lab.tokenizer import key_of

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment, Node

_CACHE = "TORCHINDUCTOR_CACHE_DIR"
_process: dict[str, str] = {}  # the shape that this process has compiled for: so is dynamo's state


def shape(experiment: Experiment, node: Node) -> str:
    """What compiled code hangs on, in one word: runs of one shape share it.

    Args:
        experiment: the run is of.
        node: the run.
    """
    own = (node.batch_sequences, node.sequence_length, node.micro_batch, node.rope_theta)
    return key_of([experiment.identity(node.name)["model"], *own])


def ready(experiment: Experiment, node: Node, data: Path) -> None:
    """Make this process compile a run as one of its own would, with what others have compiled.

    Code of another shape is forgotten, as dynamo would make code for both that rounds otherwise;
    what inductor makes is kept beside the tokens, for other processes and machines.

    Args:
        experiment: the run is of.
        node: the run.
        data: the folder of the tokens.
    """
    if not experiment.training.compile:
        return
    import torch

    os.environ.setdefault(_CACHE, str(data / "compiled"))
    os.environ.setdefault("ACCELERATE_DYNAMO_USE_DYNAMIC", "False")  # one code for each size
    own = shape(experiment, node)
    if _process.setdefault("shape", own) != own:
        torch._dynamo.reset()
        _process["shape"] = own
