"""Protocol buffers as bytes: the fields of a message, whatever its schema."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}


class Malformed(ValueError):
    """Bytes that are no protobuf message."""


class Field(NamedTuple):
    """One field of a message.

    Args:
        number: of the field in its schema.
        kind: VARINT, FIXED64, BYTES or FIXED32.
        start: where its value starts (of a varint: the value itself).
        end: where its value ends.
    """

    number: int
    kind: int
    start: int
    end: int


def varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 7 bits a byte, and where it ends.

    Raises:
        Malformed: it is longer than 64 bits, or the data end in it.
    """
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise Malformed("a number without an end")


def signed(value: int) -> int:
    """A varint read as int64."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return value - (1 << 64) if value >> 63 else value


def fields(data: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the message in data[start:end].

    Raises:
        Malformed: a field that runs past the end, or of a kind that is not used any more.
    """
    at = start
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(data, at)
            yield Field(number, kind, value, at)
            continue
        if kind == BYTES:
            size, at = varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise Malformed(f"a field of kind {kind}")
        if at + size > end:
            raise Malformed("a field that runs past the end of its message")
        yield Field(number, kind, at, at + size)
        at += size
    if at > end:
        raise Malformed("a field that runs past the end of its message")


def text(data: bytes, field: Field) -> str:
    """A field of bytes as text; what is not UTF-8 is replaced."""
    return data[field.start : field.end].decode("utf-8", "replace")


def float32(data: bytes, at: int) -> float:
    """The 32-bit number at a place."""
    return struct.unpack_from("<f", data, at)[0]


def float64(data: bytes, at: int) -> float:
    """The 64-bit number at a place."""
    return struct.unpack_from("<d", data, at)[0]
