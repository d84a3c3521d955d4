"""Token files that grow chunk by chunk, with a journal that says how far they are good."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cptlaw.arrays import IntArray
from cptlaw.files import write_atomic

JOURNAL = "journal.jsonl"
_SHARD_TOKENS = 1 << 29


@dataclass(frozen=True)
class Entry:
    """What became of one chunk of documents.

    Args:
        source: hash of the documents.
        parts: tokens that it gave to shard after shard, as (shard, tokens).
        made: hash of these tokens.
        seen: runs of words of the validation text in it that no chunk before had.
        whole: whether all of its documents were taken.
    """

    source: str
    parts: tuple[tuple[int, int], ...]
    made: str
    seen: tuple[int, ...]
    whole: bool

    @property
    def tokens(self) -> int:
        """Tokens of the chunk."""
        return sum(count for _, count in self.parts)


def digest(*parts: bytes) -> str:
    """Thirty-two hexadecimal digits of some bytes."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(part)
    return found.hexdigest()


class Shards:
    """The files of a text's tokens while they are made, train-00000.npy and on.

    Each chunk of tokens is appended, and then a line to the journal. After a kill, what the
    journal vouches for is kept and all behind it cut off. The heads of the files say nothing
    before `finish`.

    Args:
        folder: of the files.
        kind: of the numbers, "uint16" or "uint32".
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, np.dtype(kind)
        self.head = len(_head(self.kind, 0))
        self.filled: list[int] = []
        self.entries: list[Entry] = []
        self._file: BinaryIO | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for entry in _journal(folder / JOURNAL):
            if not self._good(entry):
                break
            self._count(entry)
        self._cut()

    @property
    def total(self) -> int:
        """Tokens in all files."""
        return sum(self.filled)

    def forget(self, count: int) -> None:
        """Keep the first chunks alone, since what follows was made of other text.

        Args:
            count: chunks to keep.
        """
        kept, self.entries, self.filled = self.entries[:count], [], []
        for entry in kept:
            self._count(entry)
        self._cut()

    def add(
        self, source: str, ids: NDArray[Any], ends: IntArray, seen: IntArray, *, whole: bool
    ) -> None:
        """Append the tokens of a chunk; a file ends with the document that fills it.

        Args:
            source: hash of its documents.
            ids: the tokens.
            ends: shape (documents,): where each document's end.
            seen: runs of words of the validation text that are new.
            whole: whether all documents of the chunk were taken.
        """
        ids = ids.astype(self.kind, copy=False)
        parts: list[tuple[int, int]] = []
        start = 0
        while start < len(ids):
            if not self.filled or self.filled[-1] >= _SHARD_TOKENS:
                self.close()
                self.filled.append(0)
            room = _SHARD_TOKENS - self.filled[-1]
            end = int(ends[min(np.searchsorted(ends, start + room), len(ends) - 1)])
            self._append(ids[start:end].tobytes())
            parts.append((len(self.filled) - 1, end - start))
            self.filled[-1] += end - start
            start = end
        entry = Entry(source, tuple(parts), digest(ids.tobytes()), tuple(seen.tolist()), whole)
        self.entries.append(entry)
        with (self.folder / JOURNAL).open("a") as journal:
            journal.write(json.dumps(asdict(entry)) + "\n")

    def finish(self) -> dict[str, int]:
        """Write the heads of the files; tokens by file name."""
        self.close()
        sizes: dict[str, int] = {}
        for number, count in enumerate(self.filled):
            path = self._path(number)
            with path.open("r+b") as file:
                file.write(_head(self.kind, count))
            sizes[path.name] = count
        return sizes

    def _path(self, number: int) -> Path:
        return self.folder / f"train-{number:05d}.npy"

    def _append(self, content: bytes) -> None:
        if self._file is None:
            path = self._path(len(self.filled) - 1)
            if not path.exists():
                path.write_bytes(_head(self.kind, 0))
            self._file = path.open("ab")
        self._file.write(content)
        self._file.flush()

    def close(self) -> None:
        """Let go of the file that is being written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _count(self, entry: Entry) -> None:
        for number, count in entry.parts:
            self.filled += [0] * (number + 1 - len(self.filled))
            self.filled[number] += count
        self.entries.append(entry)

    def _good(self, entry: Entry) -> bool:
        """Whether the files hold what an entry says, behind what those before it say."""
        held: list[bytes] = []
        for number, count in entry.parts:
            before = self.filled[number] if number < len(self.filled) else 0
            try:
                with self._path(number).open("rb") as file:
                    file.seek(self.head + before * self.kind.itemsize)
                    held.append(file.read(count * self.kind.itemsize))
            except OSError:
                return False
        return digest(*held) == entry.made

    def _cut(self) -> None:
        """Remove all that the journal does not vouch for, and write it anew without that."""
        self.close()
        for path in self.folder.glob("train-*.npy"):
            number = path.stem.removeprefix("train-")
            if not number.isdigit() or int(number) >= len(self.filled):
                path.unlink()
        for number, count in enumerate(self.filled):
            with self._path(number).open("r+b") as file:
                file.truncate(self.head + count * self.kind.itemsize)
        lines = [json.dumps(asdict(entry)) + "\n" for entry in self.entries]
        write_atomic(self.folder / JOURNAL, "".join(lines))


def _journal(path: Path) -> list[Entry]:
    """The entries of a journal as far as it can be read; the last may be half a line."""
    found: list[Entry] = []
    try:
        lines = path.read_text().split("\n")[:-1]
    except (OSError, ValueError):
        return found
    for line in lines:
        try:
            found.append(_entry(json.loads(line)))
        except (ValueError, TypeError, KeyError):
            break
    return found


def _entry(values: Mapping[str, Any]) -> Entry:
    parts = tuple((int(number), int(count)) for number, count in values["parts"])
    seen = tuple(int(number) for number in values["seen"])
    return Entry(str(values["source"]), parts, str(values["made"]), seen, bool(values["whole"]))


def _head(kind: np.dtype[Any], count: int) -> bytes:
    """The head of an array file, as long for every count."""
    head = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(kind)
    about = {"descr": descr, "fortran_order": False, "shape": (count,)}
    np.lib.format.write_array_header_1_0(head, about)
    return head.getvalue()
