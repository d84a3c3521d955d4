"""The training tokens of a text: made by several processes, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from cptlaw.arrays import IntArray
from cptlaw.lab import encoding
from cptlaw.lab.document import Document
from cptlaw.lab.duplicates import Sought
from cptlaw.lab.encoding import Chunk, Encoded, Encoder
from cptlaw.lab.shards import Shards, digest

_CHARACTERS = 1 << 20  # of a chunk; a change of it changes no token, but old journals fit no more


@dataclass(frozen=True)
class Made:
    """The training tokens of a text.

    Args:
        sizes: tokens by file name.
        seen: the validation's runs of words that stand in them.
        notes: what the reader of the text had to tell.
    """

    sizes: dict[str, int]
    seen: IntArray
    notes: tuple[str, ...]


def make(
    documents: Iterable[Document],
    encoder: Encoder,
    sought: Sought,
    folder: Path,
    *,
    most: int | None,
    notes: list[str],
    workers: int | None,
    tell: Callable[[int], None],
) -> Made:
    """Write the tokens of a text's training documents, from where an earlier try was left.

    The documents are read again from the first; those whose tokens are there already, and are the
    same as then, are not encoded again.

    Args:
        documents: in their order.
        encoder: the tokenizer.
        sought: the validation text, to find in them.
        folder: gets the files, and has those of an earlier try.
        most: tokens wanted; None for all.
        notes: that reading the documents adds to.
        workers: processes; None is one for each core. The tokens do not depend on it.
        tell: called with the tokens there are, after each chunk.

    Raises:
        DataError: as the documents' reader does; or a process was killed.
    """
    with closing(Shards(folder, encoder.kind)) as written:
        return _made(_Chunks(documents, notes), encoder, sought, written, most, workers, tell)


def _made(
    chunks: _Chunks,
    encoder: Encoder,
    sought: Sought,
    shards: Shards,
    most: int | None,
    workers: int | None,
    tell: Callable[[int], None],
) -> Made:
    given, told = iter(chunks), tuple[str, ...]()
    waiting: list[Chunk] = []
    for number, entry in enumerate(tuple(shards.entries)):
        chunk = next(given, None)
        if chunk is None or _source(chunk) != entry.source:
            shards.forget(number)
            waiting += [] if chunk is None else [chunk]
            break
        told = chunk.notes
    seen = {number for entry in shards.entries for number in entry.seen}
    enough = most is not None and shards.total >= most
    tell(shards.total)
    if not enough:
        for chunk, found in encoding.in_order(chain(waiting, given), encoder, sought, workers):
            room = None if most is None else most - shards.total
            found = found if room is None else _first(chunk, found, room, sought)
            new = np.array(sorted(set(found.seen.tolist()) - seen), np.int64)
            whole = len(found.ends) == len(chunk.documents)
            shards.add(_source(chunk), found.ids, found.ends, new, whole=whole)
            seen.update(new.tolist())
            told = chunk.notes
            tell(shards.total)
            if room is not None and len(found.ids) >= room:
                enough = True
                break
        if not enough:
            told = chunks.end()
    return Made(shards.finish(), np.array(sorted(seen), np.int64), told)


def _first(chunk: Chunk, found: Encoded, room: int, sought: Sought) -> Encoded:
    """The tokens of a chunk that there is room for, and what their documents hold."""
    if len(found.ids) <= room:
        return found
    count = int(np.searchsorted(found.ends, room)) + 1
    ends = np.minimum(found.ends[:count], room)
    return Encoded(found.ids[:room], ends, sought.seen_in(chunk.documents[:count]))


def _source(chunk: Chunk) -> str:
    parts = (part for document in chunk.documents for part in (document.name, document.text))
    return digest(*(part.encode("utf-8", "surrogatepass") + b"\0" for part in parts))


class _Chunks:
    """Documents in chunks of like size, whoever makes tokens of them.

    A fault of the text is kept for `end`: others are still at work on what stands before it.
    """

    def __init__(self, documents: Iterable[Document], notes: list[str]) -> None:
        self.documents, self.notes = documents, notes
        self.fault: Exception | None = None

    def __iter__(self) -> Iterator[Chunk]:
        part: list[Document] = []
        size = 0
        try:
            for document in self.documents:
                part.append(document)
                size += len(document.text)
                if size >= _CHARACTERS:
                    yield self._chunk(part)
                    part, size = [], 0
        except Exception as fault:
            self.fault = fault
        if part:
            yield self._chunk(part)

    def end(self) -> tuple[str, ...]:
        """All notes, once the last chunk was taken.

        Raises:
            Exception: what went wrong when the documents were read.
        """
        if self.fault is not None:
            raise self.fault
        return tuple(self.notes)

    def _chunk(self, part: list[Document]) -> Chunk:
        return Chunk(tuple(part), tuple(self.notes))
