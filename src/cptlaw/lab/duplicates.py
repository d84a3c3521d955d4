"""Validation documents that the training text holds, whole or in good part."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt

from cptlaw.arrays import BoolArray, IntArray
from cptlaw.lab.document import Document

WORDS = 8
_BATCH = 1 << 20
_PADDING, _UNKNOWN = 0, -1
_Hashes = npt.NDArray[np.uint64]
_WORD = re.compile(r"\w+")
# Odd numbers, one for each place in a run of words, from the golden ratio.
_PLACES = (np.arange(1, 2 * WORDS, 2, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Overlap:
    """A validation document that training documents hold in good part.

    Args:
        document: its name.
        share: of its runs of 8 words, those that some training document holds, in [0, 1].
        characters: its length.
    """

    document: str
    share: float
    characters: int


@dataclass(frozen=True)
class _Runs:
    """The runs of 8 words of n documents.

    Args:
        numbers: of each known word, 1 and up; 0 fills up documents of fewer words.
        hashes: shape (m,): of each run, sorted, once each.
        positions: shape (r,): where each run's hash stands in `hashes`, document after document.
        starts: shape (n + 1,): where each document's runs start in `positions`.
    """

    numbers: dict[str, int]
    hashes: _Hashes
    positions: IntArray
    starts: IntArray


def overlaps(
    validation: Sequence[Document], training: Iterable[Document], threshold: float = 0.5
) -> tuple[Overlap, ...]:
    """The validation documents of which the training documents hold a share, the largest first.

    Words are runs of letters, digits and underscores, whatever their case. A document of fewer
    than 8 words is held only by one of the same words. Memory grows with the validation text.

    Args:
        validation: the documents to look for.
        training: those to look in; taken once.
        threshold: the least share that is told, in (0, 1].
    """
    sought = Sought(validation)
    return sought.overlaps(sought.seen_in(training), threshold)


class Sought:
    """Validation documents to look for in training text, by runs of 8 words.

    Args:
        validation: the documents.
    """

    def __init__(self, validation: Sequence[Document]) -> None:
        self.documents = tuple((document.name, len(document.text)) for document in validation)
        self.runs = _runs(validation)

    def seen_in(self, training: Iterable[Document]) -> IntArray:
        """The runs that stand in these training documents, by number.

        Args:
            training: taken once.
        """
        held = np.zeros(len(self.runs.hashes), dtype=bool)
        for numbers in _batches(training, self.runs.numbers):
            _mark(held, self.runs.hashes, numbers)
        return np.flatnonzero(held)

    def overlaps(self, seen: IntArray, threshold: float = 0.5) -> tuple[Overlap, ...]:
        """The documents of which a share was seen, the largest first.

        Args:
            seen: the runs that were, by number; in any order, also more than once.
            threshold: the least share that is told, in (0, 1].
        """
        held = np.zeros(len(self.runs.hashes), dtype=bool)
        held[seen] = True
        found: list[Overlap] = []
        for index, (name, characters) in enumerate(self.documents):
            own = held[self.runs.positions[self.runs.starts[index] : self.runs.starts[index + 1]]]
            share = float(own.mean()) if own.size else 0.0
            if own.any() and share >= threshold:
                found.append(Overlap(name, share, characters))
        return tuple(sorted(found, key=lambda overlap: (-overlap.share, overlap.document)))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(documents: Sequence[Document]) -> _Runs:
    numbers: dict[str, int] = {}
    hashes: list[_Hashes] = [np.empty(0, dtype=np.uint64)]
    for document in documents:
        words = _words(document.text)
        for word in words:
            numbers.setdefault(word, len(numbers) + 1)
        own = _padded(words, numbers)
        hashes.append(_hashed(own, np.ones(max(len(own) - WORDS + 1, 0), dtype=bool)))
    kept, positions = np.unique(np.concatenate(hashes), return_inverse=True)
    starts = np.cumsum([len(part) for part in hashes])
    return _Runs(numbers, kept, positions, starts)


def _padded(words: Sequence[str], numbers: dict[str, int]) -> IntArray:
    """The numbers of a document's words, filled up to 8 where it has fewer, but some."""
    found = np.fromiter(map(numbers.get, words, repeat(_UNKNOWN)), np.int64, len(words))
    missing = WORDS - len(words) if words else 0
    return np.pad(found, (0, max(missing, 0)), constant_values=_PADDING)


def _batches(documents: Iterable[Document], numbers: dict[str, int]) -> Iterator[IntArray]:
    """Documents one after another, an unknown word between them, in pieces of like size."""
    gap = np.array([_UNKNOWN])
    parts: list[IntArray] = []
    size = 0
    for document in documents:
        parts += (_padded(_words(document.text), numbers), gap)
        size += len(parts[-2]) + 1
        if size >= _BATCH:
            yield np.concatenate(parts)
            parts, size = [], 0
    if parts:
        yield np.concatenate(parts)


def _mark(held: BoolArray, hashes: _Hashes, numbers: IntArray) -> None:
    """Mark, in place, the validation runs (m hashes) that stand among words (numbers, k)."""
    if len(numbers) < WORDS or not len(hashes):
        return
    unknown = np.concatenate(([0], np.cumsum(numbers == _UNKNOWN)))
    found = np.unique(_hashed(numbers, unknown[WORDS:] == unknown[:-WORDS]))
    places = np.minimum(np.searchsorted(hashes, found), len(hashes) - 1)
    held[places[hashes[places] == found]] = True


def _hashed(numbers: IntArray, wanted: BoolArray) -> _Hashes:
    """A 64-bit hash of each wanted run of 8 words.

    Args:
        numbers: of the words, shape (k,).
        wanted: shape (k - 7,), of the runs by their first word.
    """
    mixed = _mixed(numbers.astype(np.uint64))
    starts = np.flatnonzero(wanted)
    total = np.zeros(len(starts), dtype=np.uint64)
    for offset, factor in enumerate(_PLACES):
        total += mixed[starts + offset] * factor
    return total


def _mixed(values: _Hashes) -> _Hashes:
    """Spread numbers over 64 bits, so that sums of them seldom meet (the mix of SplitMix64)."""
    mixed = (values + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
