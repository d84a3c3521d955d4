"""Which sequences a run reads: a mixture's draws, and each text's blocks, those least read first.

A text is cut into blocks of the run's length. Its k-th reading goes through them in an order that
the seed, the text's name and k decide. A block that the runs before have read n times is left out
of the first n readings, so that a run goes on in every text where its bases stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cptlaw.arrays import IntArray

_DRAWN_AT_ONCE = 1000  # as datasets.interleave_datasets draws, so that old runs go on unchanged


@dataclass(frozen=True)
class Stretch:
    """Sequences one after another of the endless stream of a mixture.

    Args:
        shares: text -> share of the sequences, together 1.
        length: tokens a sequence.
        seed: decides the order.
        skip: sequences of the stream before the first.
        count: sequences.
    """

    shares: Mapping[str, float]
    length: int
    seed: int
    skip: int
    count: int

    @property
    def texts(self) -> tuple[str, ...]:
        """Those with a share, in the order of their names."""
        return tuple(sorted(name for name, share in self.shares.items() if share > 0))

    @property
    def stream(self) -> tuple[Any, ...]:
        """What two stretches of one stream have in common."""
        return self.shares, self.length, self.seed

    @cached_property
    def taken(self) -> dict[str, int]:
        """Sequences of each text."""
        if len(self.texts) == 1:
            return {self.texts[0]: self.count}
        counts = np.bincount(self.draws(), minlength=len(self.texts))
        return dict(zip(self.texts, counts.tolist(), strict=True))

    def tokens(self, text: str) -> float:
        """Tokens of a text, on average over the draws."""
        return self.shares.get(text, 0.0) * self.count * self.length

    def draws(self) -> NDArray[np.uint8]:
        """The text of each sequence, by its number in `texts`."""
        total = self.skip + self.count
        if len(self.texts) == 1:
            return np.zeros(self.count, np.uint8)
        random = np.random.default_rng(self.seed)
        weights = [self.shares[name] for name in self.texts]
        drawn = [
            random.choice(len(weights), size=_DRAWN_AT_ONCE, p=weights).astype(np.uint8)
            for _ in range(-(-total // _DRAWN_AT_ONCE))
        ]
        return np.concatenate([np.empty(0, np.uint8), *drawn])[self.skip : total]


@dataclass(frozen=True)
class TextRead:
    """What a run reads of a text.

    Args:
        blocks: sequences of the run's length that the text has.
        known: of these, how many come last, since its bases have read them.
        taken: sequences that the run itself takes.
        again_from: of these, the number of the first that was read before, from 0; None without.
    """

    blocks: int
    known: int
    taken: int
    again_from: int | None


@dataclass(frozen=True)
class Reading:
    """The sequences of a run, in their order.

    Args:
        texts: names of the texts.
        text: shape (n,): of each sequence, by its number in `texts`.
        block: shape (n,): which block of its text.
        told: what it comes to, by text.
    """

    texts: tuple[str, ...]
    text: NDArray[np.uint8]
    block: IntArray
    told: Mapping[str, TextRead]

    def again_from_step(self, batch_sequences: int) -> dict[str, int]:
        """The steps, from 1, from which on texts are read once more; none for other texts."""
        found: dict[str, int] = {}
        for number, name in enumerate(self.texts):
            first = self.told[name].again_from
            if first is not None:
                at = int(np.flatnonzero(self.text == number)[first])
                found[name] = at // batch_sequences + 1
        return found

    def record(self, length: int, batch_sequences: int) -> dict[str, dict[str, int | None]]:
        """What it comes to as plain JSON values, by text.

        The tokens that the run takes, those that there are, those of them that come last since its
        bases have read them, and the step from which on text is read once more.

        Args:
            length: tokens a sequence.
            batch_sequences: sequences a step.
        """
        again = self.again_from_step(batch_sequences)
        return {
            name: {
                "tokens": told.taken * length,
                "of": told.blocks * length,
                "skipped": told.known * length,
                "read_again_from_step": again.get(name),
            }
            for name, told in self.told.items()
        }


def reading(sizes: Mapping[str, Sequence[int]], own: Stretch, before: Sequence[Stretch]) -> Reading:
    """The sequences of a run that goes on from others.

    Args:
        sizes: tokens in each file of every text; a sequence comes whole from one file.
        own: what the run takes.
        before: what its bases took, the first of them first.
    """
    drawn = own.draws()
    block = np.zeros(len(drawn), np.int64)
    told: dict[str, TextRead] = {}
    for number, name in enumerate(own.texts):
        text = _Text(name, sizes[name])
        for stretch in before:
            if stretch.taken.get(name):
                text.read(stretch, stretch.taken[name])
        known = text.times(own.length)
        places = np.flatnonzero(drawn == number)
        block[places] = text.read(own, len(places))
        told[name] = _told(known, len(places))
    return Reading(own.texts, drawn, block, told)


def _told(times: IntArray, taken: int) -> TextRead:
    known = int(np.count_nonzero(times))
    fresh = len(times) - known
    return TextRead(len(times), known, taken, fresh if taken > fresh else None)


def blocks(sizes: Sequence[int], length: int) -> list[int]:
    """How many sequences of a length each file of a text holds."""
    return [size // length for size in sizes]


class _Text:
    """How often each part of a text was read, by the length of the sequences."""

    def __init__(self, name: str, sizes: Sequence[int]) -> None:
        self.salt = int.from_bytes(name.encode(), "big") % (1 << 62)
        self.sizes = sizes
        self.so_far: dict[int, IntArray] = {}

    def times(self, length: int) -> IntArray:
        """How often each block of this length was read, the most of what lies in it."""
        total = np.zeros(sum(blocks(self.sizes, length)), np.int64)
        for other, times in self.so_far.items():
            total += times if other == length else self._recut(times, other, length)
        return total

    def read(self, stretch: Stretch, wanted: int) -> IntArray:
        """The blocks that a run takes next; from then on they count as read."""
        times = self.times(stretch.length)
        order = self._order(times, wanted, stretch.seed)
        earlier = self.so_far.get(stretch.length, np.zeros_like(times))
        self.so_far[stretch.length] = earlier + np.bincount(order, minlength=len(times))
        return order

    def _order(self, times: IntArray, wanted: int, seed: int) -> IntArray:
        """The next block numbers: a block that was read n times waits for the reading after."""
        found: list[IntArray] = [np.empty(0, np.int64)]
        count, number = 0, int(times.min())
        while count < wanted:
            order = np.random.default_rng([seed, self.salt, number]).permutation(len(times))
            found.append(order[times[order] <= number])
            count += len(found[-1])
            number += 1
        return np.concatenate(found)[:wanted]

    def _recut(self, times: IntArray, length: int, other: int) -> IntArray:
        """Times of blocks of one length as those of another, the most of all that overlap."""
        found: list[IntArray] = []
        at = 0
        for held, wanted in zip(blocks(self.sizes, length), blocks(self.sizes, other), strict=True):
            part = np.append(times[at : at + held], 0)  # what is left over was never read
            starts = np.arange(wanted) * other
            first = np.minimum(starts // length, held)
            last = np.minimum((starts + other - 1) // length, held)
            most = np.zeros(wanted, np.int64)
            for k in range(int((last - first).max(initial=-1)) + 1):
                most = np.maximum(most, part[np.minimum(first + k, last)])
            found.append(most)
            at += held
        return np.concatenate(found)
