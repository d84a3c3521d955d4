"""LevelDB logs as W&B writes them: blocks of 32 KiB with records in one or several pieces.

A file starts with 7 bytes, ":W&B" first. A piece has a header of 7 bytes, the CRC-32 of its kind
and bytes (4), how many bytes (2), and its kind (1): whole, first, middle or last. What is left of
a block that is too short for a header stays empty.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = b":W&B"
_BLOCK = 1 << 15
_HEADER = 7
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass
class Reading:
    """The records of a log, and what went wrong on the way.

    Args:
        data: the file's bytes.
        damage: where bytes were passed over, filled while the records are read.
        cut: whether the file ends within a record.
    """

    data: bytes
    damage: list[int] = field(default_factory=list[int])
    cut: bool = False

    def records(self) -> Iterator[bytes]:
        """Each record that is whole; behind damage reading goes on with the next block."""
        at, pieces = _HEADER, list[bytes]()
        while at < len(self.data):
            room = _BLOCK - at % _BLOCK
            if room < _HEADER or not any(self.data[at : at + _HEADER]):
                at += room  # what is left of a block is empty
                continue
            piece, end = self._piece(at, room)
            if piece is None:
                self.cut = self.cut or at + room >= len(self.data)
                if not self.cut:
                    self.damage.append(at)
                pieces.clear()
                at += room
                continue
            at, kind = end, self.data[at + 6]
            if kind in (_WHOLE, _FIRST):
                pieces = [piece]
            elif pieces:
                pieces.append(piece)
            if kind in (_WHOLE, _LAST) and pieces:
                yield b"".join(pieces)
                pieces = []
        self.cut = self.cut or bool(pieces)

    def _piece(self, at: int, room: int) -> tuple[bytes | None, int]:
        """The bytes of the piece at a place, None if it is damaged, and where it ends."""
        head = self.data[at : at + _HEADER]
        if len(head) < _HEADER:
            return None, at
        size, kind = int.from_bytes(head[4:6], "little"), head[6]
        end = at + _HEADER + size
        if size > room - _HEADER or end > len(self.data) or not _WHOLE <= kind <= _LAST:
            return None, at
        if zlib.crc32(self.data[at + 6 : end]) != int.from_bytes(head[:4], "little"):
            return None, at
        return self.data[at + _HEADER : end], end
