"""TFRecord files: where each record lies, and whether its checksum holds.

A record is its length (8 bytes), the masked CRC-32C of these (4), its bytes, and their masked
CRC-32C (4).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cptlaw.arrays import BoolArray, IntArray

_HEADER, _FOOTER = 12, 4
_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_LONGEST_CHECKED = 1 << 14


@dataclass(frozen=True)
class Records:
    """The records of a file up to the first that is damaged.

    Args:
        starts: where the bytes of each start, shape (n,).
        sizes: how many it has, shape (n,).
        end: where the last one ends; the file's size if all of it could be read.
    """

    starts: IntArray
    sizes: IntArray
    end: int


def starts_as_records(data: bytes) -> bool:
    """Whether a file starts with a record, by the checksum of its length."""
    if len(data) < _HEADER:
        return False
    size, checksum = struct.unpack_from("<QI", data)
    return size < 1 << 32 and bool(checksums(data, np.zeros(1, int), np.array([8]))[0] == checksum)


def records(data: bytes) -> Records:
    """Find the records; nothing is looked for behind one that is cut or has no true length."""
    starts: list[int] = []
    sizes: list[int] = []
    size_at, end = struct.Struct("<Q").unpack_from, len(data)
    at = 0
    while at + _HEADER + _FOOTER <= end:
        (size,) = size_at(data, at)
        if size > end - at - _HEADER - _FOOTER:
            break
        starts.append(at + _HEADER)
        sizes.append(size)
        at += _HEADER + size + _FOOTER
    found = Records(np.array(starts, dtype=np.int64), np.array(sizes, dtype=np.int64), at)
    heads = found.starts - _HEADER
    true = checksums(data, heads, np.full(heads.size, 8)) == _written(data, heads + 8)
    if true.all():
        return found
    bad = int(np.argmin(true))
    return Records(found.starts[:bad], found.sizes[:bad], int(heads[bad]))


def intact(data: bytes, found: Records, which: IntArray) -> BoolArray:
    """Whether the checksum of each of some records holds.

    Args:
        data: the file.
        found: its records.
        which: of them are asked for, shape (m,); the very long ones are taken to be right.

    Returns:
        Shape (m,).
    """
    starts, sizes = found.starts[which], found.sizes[which]
    short = sizes <= _LONGEST_CHECKED
    fine = np.ones(which.size, dtype=bool)
    written = _written(data, starts[short] + sizes[short])
    fine[short] = checksums(data, starts[short], sizes[short]) == written
    return fine


def _written(data: bytes, at: IntArray) -> NDArray[np.uint32]:
    octets = np.frombuffer(data, dtype=np.uint8)
    return octets[at[:, None] + np.arange(4)].view("<u4")[:, 0].astype(np.uint32)


def checksums(data: bytes, starts: IntArray, sizes: IntArray) -> NDArray[np.uint32]:
    """The masked CRC-32C of many stretches at once, one byte of each at a time."""
    octets, table = np.frombuffer(data, dtype=np.uint8), _table()
    longest_first = np.argsort(-sizes, kind="stable")
    begin, size = starts[longest_first], sizes[longest_first]
    crc = np.full(starts.size, 0xFFFFFFFF, dtype=np.uint32)
    # Those with a byte i come first, and are fewer with each i.
    counts = np.searchsorted(-size, -np.arange(int(size.max(initial=0))), side="left")
    for i, count in enumerate(counts.tolist()):
        some = crc[:count]
        some[:] = table[(some ^ octets[begin[:count] + i]) & 0xFF] ^ (some >> np.uint32(8))
    crc ^= np.uint32(0xFFFFFFFF)
    masked = np.empty_like(crc)
    masked[longest_first] = ((crc >> np.uint32(15)) | (crc << np.uint32(17))) + np.uint32(_MASK)
    return masked


@cache
def _table() -> NDArray[np.uint32]:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, (crc >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), crc >> np.uint32(1))
    return crc
