"""Tokens -> training sequences: mixtures by share, in a fixed order that a seed decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cptlaw.errors import DataError
from cptlaw.lab.tokens import Tokens


def sequences(
    tokens: Mapping[str, Tokens],
    shares: Mapping[str, float],
    *,
    count: int,
    length: int,
    seed: int,
    skip: int = 0,
) -> Any:
    """Training sequences of a mixture, as a datasets.Dataset of `input_ids` and `labels`.

    Each sequence comes whole from one text, drawn by its share; a text's sequences are shuffled
    anew each time it has been used up. The first n sequences are the same for every `count`.

    Args:
        tokens: of every text, by name.
        shares: text -> share of the sequences, together 1.
        count: sequences wanted.
        length: tokens a sequence.
        seed: decides the order.
        skip: sequences to leave out at the beginning.

    Raises:
        DataError: a text that is shorter than one sequence.
    """
    from datasets import Dataset, interleave_datasets

    names = sorted(name for name, share in shares.items() if share > 0)
    views = {name: _Blocks(tokens[name], length) for name in names}
    total = skip + count
    parts: list[Any] = []
    for i, name in enumerate(names):
        share = shares[name]
        enough = math.ceil(total * share + 8 * math.sqrt(total * share * (1 - share)) + 8)
        order = _order(len(views[name]), enough, seed, name)
        parts.append(Dataset.from_dict({"text": np.full(enough, i, np.uint8), "block": order}))
    mixed = parts[0]
    if len(parts) > 1:
        weights = [shares[name] for name in names]
        mixed = interleave_datasets(parts, weights, seed, stopping_strategy="first_exhausted")
    chosen = mixed.select(range(skip, total))

    def fetch(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        pairs = zip(batch["text"], batch["block"], strict=True)
        ids = [views[names[t]].block(b) for t, b in pairs]
        return {"input_ids": ids, "labels": ids}

    return chosen.with_transform(fetch)


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


def _order(blocks: int, wanted: int, seed: int, name: str) -> NDArray[Any]:
    """Block numbers, every block once before any comes again."""
    salt = int.from_bytes(name.encode(), "big") % (1 << 62)
    rounds = math.ceil(wanted / blocks)
    order = [np.random.default_rng([seed, salt, k]).permutation(blocks) for k in range(rounds)]
    return np.concatenate(order)[:wanted].astype(np.int32 if blocks < 1 << 31 else np.int64)


class _Blocks:
    """Sequences of one length cut from the shards of a text, mapped from disk."""

    def __init__(self, tokens: Tokens, length: int) -> None:
        self.length = length
        self.arrays = [np.load(path, mmap_mode="r") for path in tokens.train]
        self.ends = np.cumsum([array.size // length for array in self.arrays])
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
