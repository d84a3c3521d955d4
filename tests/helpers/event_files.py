"""TensorBoard event files for tests, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cptlaw.studies.logs import tfrecords


def masked(data: bytes) -> int:
    """The masked CRC-32C, one bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def field(number: int, content: bytes | int | float, kind: str = "") -> bytes:
    """One protobuf field: bytes, a varint, or a float of a kind such as "<f"."""
    if isinstance(content, bytes):
        return varint(number << 3 | 2) + varint(len(content)) + content
    if kind:
        return varint(number << 3 | (5 if kind == "<f" else 1)) + struct.pack(kind, content)
    return varint(number << 3) + varint(int(content))


def frame(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    return b"".join(
        (head, struct.pack("<I", masked(head)), payload, struct.pack("<I", masked(payload)))
    )


def event(step: int, *values: bytes, time: float = 1.7e9) -> bytes:
    body = field(1, time, "<d") + (field(2, step) if step else b"")
    summary = b"".join(field(1, value) for value in values)
    return frame(body + (field(5, summary) if values else field(3, b"brain.Event:2")))


def simple(tag: str, value: float) -> bytes:
    return field(1, tag.encode()) + field(2, value, "<f")


def tensor(tag: str, content: bytes, last: bytes = b"") -> bytes:
    return field(1, tag.encode()) + field(8, content) + last


def events(points: Iterable[tuple[int, str, float]], time: float = 1.7e9) -> bytes:
    """A file of (step, tag, value), one event each, a second apart."""
    rows = [event(s, simple(tag, v), time=time + i) for i, (s, tag, v) in enumerate(points)]
    return event(0, time=time) + b"".join(rows)


def long_file(path: Path, count: int) -> None:
    """A file of very many events, their checksums worked out all at once."""
    bodies = [
        field(1, 1.7e9 + s, "<d") + field(2, s) + field(5, field(1, simple(tag, value)))
        for s in range(1, count // 3 + 1)
        for tag, value in (("train/loss", 2 + 1 / s), ("train/learning_rate", 1e-4), ("x", s))
    ]
    heads = [struct.pack("<Q", len(body)) for body in bodies]
    sums = [masks(parts) for parts in (heads, bodies)]
    parts = zip(heads, sums[0], bodies, sums[1], strict=True)
    path.write_bytes(b"".join(b"".join(each) for each in parts))


def masks(parts: list[bytes]) -> list[bytes]:
    sizes = np.array([len(part) for part in parts])
    starts = np.cumsum(sizes) - sizes
    crc = tfrecords.checksums(b"".join(parts), starts, sizes)
    return [struct.pack("<I", int(each)) for each in crc]
