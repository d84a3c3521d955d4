"""Large delimited text without quotes and comments: its cells are found at once, not one by one.

What is odd in any way is left to `tables.parse`, which is slower and says what is wrong where.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cptlaw.studies.logs.arrow import WORTH_ARROW, column_of
from cptlaw.studies.logs.cells import Cell, Cells, Column, OnDemand
from cptlaw.studies.logs.decimals import PAD, Spans, decimals

_ODD = (b'"', b"#", b"\r", b"\0", b"\n\n")
_AT_ONCE = 1 << 20  # bytes that are looked through at the same time
_ROWS = 1 << 13  # rows of which a column is read at the same time
_LONGEST_HEADER = 1 << 16
_LARGEST = (1 << 31) - 64  # bytes: places have 32 bits
_LINE_FEED, _POINT = ord("\n"), ord(".")


@dataclass(frozen=True, eq=False)
class PlainText(OnDemand):
    """The columns of a text, each read when it is first asked for.

    Args:
        header: column names, k of them, distinct and not empty.
        rows: how many there are.
        line: of the first row, counted from 1.
        column: the cells of column i.
    """

    header: list[str]
    rows: int
    line: int
    column: Callable[[int], Cells]
    _known: dict[str, Cells] = field(default_factory=dict[str, "Cells"])

    def __iter__(self) -> Iterator[str]:
        return iter(self.header)

    def __len__(self) -> int:
        return len(self.header)

    def __getitem__(self, name: str) -> Cells:
        if name not in self._known:
            if name not in self.header:
                raise KeyError(name)
            self._known[name] = self.column(self.header.index(name))
        return self._known[name]


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
    if len(set(header)) < len(header) or not all(header) or len(header) < 2:
        return None
    if len(data) > _LARGEST or data.find(head, end) >= 0:
        return None
    # pyarrow takes "nan(x)" for a number.
    if len(data) >= WORTH_ARROW and data.find(b"(", end) < 0:
        columns = _by_arrow(data, header, delimiter)
        if columns:
            return PlainText(header, len(columns[0]), 2, columns.__getitem__)
    last = b"" if data.endswith(b"\n") else b"\n"
    text = b"".join((b"\n" * PAD, memoryview(data)[end + 1 :], last))
    marks, ends = _marks(text, delimiter)
    if (ends.size - 1) % len(header) or ends.size == 1:
        return None
    # Each row ends with a line feed, and has no other: as many as there are rows.
    octets = np.frombuffer(text, dtype=np.uint8)
    row_ends = octets[marks[ends[len(header) :: len(header)]]]
    if (row_ends != _LINE_FEED).any() or text.count(b"\n") != row_ends.size + PAD:
        return None
    return PlainText(header, row_ends.size, 2, _Marked(text, marks, ends, len(header)).column)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


# --- by pyarrow, where it is installed -----------------------------------------------------------


def _by_arrow(data: bytes, header: list[str], delimiter: str) -> list[Cells] | None:
    """The columns, where each cell is a number or empty; None for any other text.

    Args:
        data: the file, with its header.
        header: column names.
        delimiter: what separates cells.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv as arrow
    except ImportError:
        return None
    names = [str(i) for i in range(len(header))]
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(names, pa.float64()), null_values=[""], check_utf8=False
    )
    parse = arrow.ParseOptions(delimiter=delimiter, quote_char=False, escape_char=False)
    try:
        table = arrow.read_csv(
            pa.BufferReader(data),
            arrow.ReadOptions(column_names=names, skip_rows=1),
            parse,
            convert,
        )
    except pa.ArrowInvalid:
        return None
    return [column_of(pa, table.column(i).chunks, table.num_rows) for i in names]


# --- by numpy alone ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Marked:
    """A text and where its cells are.

    Args:
        text: the rows, each ended by a line feed, behind `PAD` bytes.
        marks: where a cell ends, or holds a point or an e, shape (m,); the first is the byte
            before the first cell.
        ends: which marks end a cell, shape (rows width + 1,), from the first on.
        width: cells of a row.
    """

    text: bytes
    marks: NDArray[np.int32]
    ends: NDArray[np.int32]
    width: int

    def column(self, i: int) -> Cells:
        """The cells of column i."""
        before, ends = self.ends[i : -1 : self.width], self.ends[i + 1 :: self.width]
        values, said = np.full(ends.size, np.nan), np.ones(ends.size, dtype=bool)
        try:
            for low in range(0, ends.size, _ROWS):
                some = slice(low, low + _ROWS)
                spans = self._spans(before[some], ends[some])
                there = spans.starts < spans.ends
                if there.all():
                    values[some] = decimals(self.text, spans)
                else:
                    said[some] = there
                    values[some][there] = decimals(self.text, spans.only(there))
        except ValueError:
            return self._texts(before, ends)
        return Column(values, said)

    def _spans(self, before: NDArray[np.int32], last: NDArray[np.int32]) -> Spans:
        """Where cells stand, n of them, between two marks each."""
        octets = np.frombuffer(self.text, dtype=np.uint8)
        starts, ends = self.marks[before].astype(np.int64) + 1, self.marks[last].astype(np.int64)
        within = last - before - 1
        place = self.marks[last - 1].astype(np.int64)
        powered = (within > 0) & (octets[place] != _POINT)
        powers = np.where(powered, place, ends)
        left = within - powered
        place = self.marks[last - 1 - powered].astype(np.int64)
        pointed = (left > 0) & (octets[place] == _POINT)
        return Spans(starts, ends, np.where(pointed, place, powers), powers, left == pointed)

    def _texts(self, before: NDArray[np.int32], last: NDArray[np.int32]) -> list[Cell]:
        pairs = zip((self.marks[before] + 1).tolist(), self.marks[last].tolist(), strict=True)
        return [self.text[start:end].decode().lstrip(" ") for start, end in pairs]


def _marks(text: bytes, delimiter: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Where a cell ends or holds a point or an e, and which of these places are ends."""
    octets = np.frombuffer(text, dtype=np.uint8)
    places: list[NDArray[np.int32]] = []
    ends: list[NDArray[np.int32]] = []
    count = 0
    for low in range(PAD - 1, octets.size, _AT_ONCE):
        some = octets[low : low + _AT_ONCE]
        ending = (some == _LINE_FEED) | (some == ord(delimiter))
        inside = (some == _POINT) | (some == ord("e")) | (some == ord("E"))
        place = np.flatnonzero(ending | inside)
        ends.append((np.flatnonzero(ending[place]) + count).astype(np.int32))
        places.append((place + low).astype(np.int32))
        count += place.size
    return np.concatenate(places), np.concatenate(ends)
