"""Tokens -> training sequences: mixtures by share, in a fixed order that a seed decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.lab.reading import Reading, Stretch, blocks, reading
from cptlaw.lab.tokens import Tokens


def sizes(tokens: Mapping[str, Tokens]) -> dict[str, list[int]]:
    """Training tokens in each file of every text."""
    return {name: [own.sizes[path.name] for path in own.train] for name, own in tokens.items()}


def read(tokens: Mapping[str, Tokens], own: Stretch, before: Sequence[Stretch] = ()) -> Reading:
    """Which sequences a run reads, and in which order.

    Args:
        tokens: of every text, by name.
        own: what the run takes.
        before: what its bases took, the first of them first.

    Raises:
        DataError: a text that is shorter than one sequence.
    """
    for name in own.texts:
        _Blocks(tokens[name], own.length)
    return reading(sizes({name: tokens[name] for name in own.texts}), own, before)


def sequences(tokens: Mapping[str, Tokens], chosen: Reading, length: int) -> Any:
    """Training sequences of a mixture, as a datasets.Dataset of `input_ids` and `labels`.

    Each sequence comes whole from one text, drawn by its share. The first n sequences of a stream
    are the same however many are wanted.

    Args:
        tokens: of every text, by name.
        chosen: which of them.
        length: tokens a sequence.
    """
    from datasets import Dataset

    views = [_Blocks(tokens[name], length) for name in chosen.texts]
    small = np.int32 if max(len(view) for view in views) < 1 << 31 else np.int64
    rows = Dataset.from_dict({"text": chosen.text, "block": chosen.block.astype(small)})

    def fetch(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        pairs = zip(batch["text"], batch["block"], strict=True)
        ids = [views[t].block(b) for t, b in pairs]
        return {"input_ids": ids, "labels": ids}

    return rows.with_transform(fetch)


def validation(tokens: Tokens, length: int) -> Any:
    """The validation sequences of one text, as a datasets.Dataset.

    Raises:
        DataError: there is not one whole sequence.
    """
    import torch
    from datasets import Dataset

    ids = np.load(tokens.validation)
    whole = ids.size // length
    if not whole:
        raise DataError(
            f"[text.{tokens.name}]: {ids.size} validation tokens are less than one sequence of "
            f"{length}. Raise [validation] tokens, or give more text."
        )
    rows = torch.from_numpy(ids[: whole * length].astype(np.int64).reshape(whole, length))

    def fetch(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        ids = list(rows[batch["block"]])
        return {"input_ids": ids, "labels": ids}

    return Dataset.from_dict({"block": np.arange(whole)}).with_transform(fetch)


class _Blocks:
    """Sequences of one length cut from the shards of a text, mapped from disk."""

    def __init__(self, tokens: Tokens, length: int) -> None:
        self.length = length
        self.arrays = [np.load(path, mmap_mode="r") for path in tokens.train]
        self.ends = np.cumsum(blocks([array.size for array in self.arrays], length))
        if not self.arrays or not self.ends[-1]:
            raise DataError(
                f"[text.{tokens.name}]: {tokens.train_tokens} training tokens are less than one "
                f"sequence of {length}. Give more text."
            )

    def __getstate__(self) -> tuple[int, list[str]]:
        """What identifies the blocks; datasets would hash every token otherwise."""
        return self.length, [str(array.filename) for array in self.arrays]

    def __len__(self) -> int:
        return int(self.ends[-1])

    def block(self, number: int) -> Any:
        import torch

        shard = int(np.searchsorted(self.ends, number, side="right"))
        at = (number - (int(self.ends[shard - 1]) if shard else 0)) * self.length
        return torch.from_numpy(self.arrays[shard][at : at + self.length].astype(np.int64))
