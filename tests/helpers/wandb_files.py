"""W&B's files for tests, written by hand."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from event_files import field

BLOCK = 1 << 15


def wandb_file(records: Iterable[bytes]) -> bytes:
    """A LevelDB log of records, cut into pieces where a block ends."""
    out = bytearray(b":W&B" + struct.pack("<HB", 0xBEE1, 0))
    for record in records:
        first = True
        while True:
            room = BLOCK - len(out) % BLOCK
            if room < 7:
                out += bytes(room)
                room = BLOCK
            piece, record = record[: room - 7], record[room - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            body = bytes([kind]) + piece
            out += struct.pack("<IH", zlib.crc32(body), len(piece)) + body
            first = False
            if not record:
                break
    return bytes(out)


def item(key: str, value: Any, number: int = 2) -> bytes:
    keys = b"".join(field(number, part.encode()) for part in key.split("\n"))
    return keys + field(16, json.dumps(value).encode())


def history(row: Mapping[str, Any], step: int, number: int = 2) -> bytes:
    items = b"".join(field(1, item(key, value, number)) for key, value in row.items())
    return field(2, items + field(2, field(1, step)))


def run(run_id: str, name: str, config: Mapping[str, Any] | None = None) -> bytes:
    items = b"".join(field(1, item(k, v, 1)) for k, v in (config or {}).items())
    return field(17, field(1, run_id.encode()) + field(4, items) + field(8, name.encode()))


def rows(*each: Mapping[str, Any], name: str = "mine", **config: Any) -> bytes:
    """A file of one run with these history rows."""
    numbered = (history({**row, "_step": i}, i) for i, row in enumerate(each))
    return wandb_file((run(f"id-{name}", name, config), *numbered))
