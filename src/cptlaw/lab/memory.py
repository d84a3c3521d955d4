"""What is said of a run that does not fit into the memory of its device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Node

# As PyTorch says it on a GPU (also from behind compiled code), and on a CPU.
_WORDS = ("out of memory", "can't allocate memory")


@contextmanager
def told(node: Node, sequences: int) -> Iterator[None]:
    """Name the mend where memory does not suffice.

    Args:
        node: the run.
        sequences: that a process computes at once.

    Raises:
        DataError: memory did not suffice.
    """
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        raise DataError(
            f"run '{node.name}' does not fit into the memory of {_device()}: {sequences:,} "
            f"{'sequences' if sequences > 1 else 'sequence'} of {node.sequence_length:,} tokens at "
            f"once. {_mend(sequences)}"
        ) from None


def _is_full(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _WORDS)


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        size = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        return f"{torch.cuda.get_device_name()} ({size / 2**30:,.0f} GiB)"
    return "this machine"


def _mend(sequences: int) -> str:
    if sequences > 1:
        half = next(n for n in range(sequences // 2, 0, -1) if sequences % n == 0)
        return (
            f"Set micro_batch, in [training] or its [[run]], to {half:,}"
            f"{' or fewer' if half > 1 else ''}: the batch of a step stays the same."
        )
    return (
        "Set a shorter sequence_length, take a smaller model, or share it out among several GPUs "
        '(--processes, with sharding = "fsdp2" in [training]).'
    )
