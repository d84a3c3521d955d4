"""Large delimited text without quotes and comments: its cells are found at once, not one by one.

What is odd in any way is left to `tables.parse`, which is slower and says what is wrong where.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.studies.logs.cells import Cell, Cells, Column, OnDemand

_ODD = (b'"', b"#", b"\r", b"\0")
_AT_ONCE = 1 << 14  # cells that are objects at the same time
_LONGEST_HEADER = 1 << 16


@dataclass(frozen=True, eq=False)
class PlainText(OnDemand):
    """The columns of a text, each read when it is first asked for.

    Args:
        header: column names, k of them, distinct and not empty.
        body: the rows, each ended by a line feed.
        ends: where each cell ends, shape (rows, k).
        line: of the first row, counted from 1.
    """

    header: list[str]
    body: bytes
    ends: IntArray
    line: int
    _known: dict[str, Cells] = field(default_factory=dict[str, "Cells"])

    def __iter__(self) -> Iterator[str]:
        return iter(self.header)

    def __len__(self) -> int:
        return len(self.header)

    def __getitem__(self, name: str) -> Cells:
        if name not in self._known:
            if name not in self.header:
                raise KeyError(name)
            self._known[name] = self._column(self.header.index(name))
        return self._known[name]

    def _column(self, i: int) -> Cells:
        ends = self.ends[:, i]
        starts = np.r_[0, self.ends[:-1, -1] + 1] if i == 0 else self.ends[:, i - 1] + 1
        said = starts < ends
        values = np.full(ends.size, np.nan)
        try:
            values[said] = _numbers(self.body, starts[said], ends[said])
        except ValueError:
            return self._texts(starts, ends)
        return Column(values, said)

    def _texts(self, starts: IntArray, ends: IntArray) -> list[Cell]:
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return [self.body[start:end].decode().lstrip(" ") for start, end in pairs]


def plain_text(data: bytes, delimiter: str) -> PlainText | None:
    """The text as columns; None if anything in it needs a closer look.

    Args:
        data: the file, in UTF-8.
        delimiter: what separates its cells.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    end = data.find(b"\n", 0, _LONGEST_HEADER)
    head = data[:end]
    if end <= 0 or any(mark in data for mark in _ODD) or not _is_utf8(data):
        return None
    header = [name.strip() for name in next(csv.reader([head.decode()], delimiter=delimiter))]
    body = data[end + 1 :]
    if len(set(header)) < len(header) or not all(header) or len(header) < 2 or head in body:
        return None
    if not body.endswith(b"\n"):
        body += b"\n"
    octets = np.frombuffer(body, dtype=np.uint8)
    is_end = octets == ord("\n")
    is_end |= octets == ord(delimiter)
    ends = np.flatnonzero(is_end)
    if ends.size % len(header) or ends.size == 0:
        return None
    ends = ends.reshape(-1, len(header))
    # Each row ends with a line feed, and has no other: as many as there are rows.
    if (octets[ends[:, -1]] != ord("\n")).any() or body.count(b"\n") != len(ends):
        return None
    return PlainText(header, body, ends, 2)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _numbers(body: bytes, starts: IntArray, ends: IntArray) -> FloatArray:
    """Cells, n of them, as numbers.

    Raises:
        ValueError: one of them is text.
    """
    values = np.empty(starts.size)
    for low in range(0, starts.size, _AT_ONCE):
        some = slice(low, low + _AT_ONCE)
        pairs = zip(starts[some].tolist(), ends[some].tolist(), strict=True)
        cells = [body[start:end] for start, end in pairs]
        values[some] = np.fromiter(map(float, cells), dtype=np.float64, count=len(cells))
    return values
