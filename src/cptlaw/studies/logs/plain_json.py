"""Many JSON objects, one a line, of numbers and texts alone: read some thousands at a time.

What is odd in any way is left to `json_rows`, which is slower and says what is wrong where.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from cptlaw.studies.logs.arrow import WORTH_ARROW, column_of
from cptlaw.studies.logs.cells import Cell, Cells, Column

_AT_ONCE = 1 << 21  # bytes whose objects are held at the same time
_MISSING = type(None)
_NUMBERS = {int, float, _MISSING}
_IN_JSON = {True: "true", False: "false"}


def plain_lines(data: bytes) -> dict[str, Cells] | None:
    """The objects as columns, one row a line; None if anything in them needs a closer look.

    Args:
        data: the file, in UTF-8.
    """
    data = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n")
    if len(data) >= WORTH_ARROW and (columns := _by_arrow(data)):
        return columns
    parts: dict[str, list[tuple[int, Cells]]] = {}
    rows = 0
    try:
        for records in _records(data):
            for name in dict.fromkeys(chain.from_iterable(records)):
                cells = _cells([record.get(name) for record in records])
                parts.setdefault(name, []).append((rows, cells))
            rows += len(records)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return {name: _joined(each, rows) for name, each in parts.items()}


def _by_arrow(data: bytes) -> dict[str, Cells] | None:
    """The columns by pyarrow, where it is installed and each line is surely one object."""
    lines = data.count(b"\n") + 1
    if b"\r" in data or data.count(b"}\n{") != lines - 1:
        return None
    try:
        import pyarrow as pa
        from pyarrow import json as arrow
    except ImportError:
        return None
    whole = arrow.ReadOptions(block_size=max(_AT_ONCE, data.find(b"\n") * 4))
    as_text: dict[str, Any] = {}  # what pyarrow would take for a time
    try:
        table = arrow.read_json(pa.BufferReader(data), whole)
        as_text = {f.name: pa.string() for f in table.schema if pa.types.is_timestamp(f.type)}
        if as_text:
            known = arrow.ParseOptions(explicit_schema=pa.schema(as_text))
            table = arrow.read_json(pa.BufferReader(data), whole, known)
        if table.num_rows != lines:
            return None
        return {f.name: _of_arrow(pa, f.type, table.column(f.name), lines) for f in table.schema}
    except (pa.ArrowException, ValueError, TypeError):
        return None


def _of_arrow(pa: Any, kind: Any, column: Any, rows: int) -> Cells:
    """Cells of one key.

    Raises:
        TypeError: they are neither numbers nor texts.
    """
    if pa.types.is_null(kind):
        return Column(np.full(rows, np.nan), np.zeros(rows, dtype=bool))
    if pa.types.is_int64(kind) or pa.types.is_float64(kind):
        return column_of(pa, column.chunks, rows)
    if pa.types.is_string(kind):
        return column.to_pylist()
    if pa.types.is_boolean(kind):
        return [value if value is None else _IN_JSON[value] for value in column.to_pylist()]
    raise TypeError("neither numbers nor texts")


def _records(data: bytes) -> Iterator[list[dict[str, Any]]]:
    """The objects of some lines after the other.

    Raises:
        ValueError: they are not one object a line.
    """
    at = 0
    while at < len(data):
        end = len(data) if at + _AT_ONCE >= len(data) else data.rfind(b"\n", at, at + _AT_ONCE)
        if end < at:
            raise ValueError("a very long line")
        some = data[at:end]
        records = json.loads(b"[%b]" % some.replace(b"\n", b","))
        if len(records) != some.count(b"\n") + 1 or set(map(type, records)) != {dict}:
            raise ValueError("not one object a line")
        yield records
        at = end + 1


def _cells(values: list[Any]) -> Cells:
    """Values of one key.

    Raises:
        TypeError: some are neither numbers nor texts.
    """
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        said = np.ones(len(values), dtype=bool)
        if _MISSING in kinds:
            said = np.fromiter((v is not None for v in values), dtype=bool, count=len(values))
        return Column(np.array(values, dtype=np.float64), said)
    if bool in kinds:
        values = [_IN_JSON[value] if isinstance(value, bool) else value for value in values]
    if kinds <= {*_NUMBERS, str, bool}:
        return values
    raise TypeError("neither numbers nor texts")


def _joined(parts: Sequence[tuple[int, Cells]], rows: int) -> Cells:
    """One column from its parts, each with the row at which it starts."""
    if all(isinstance(cells, Column) for _, cells in parts):
        values, said = np.full(rows, np.nan), np.zeros(rows, dtype=bool)
        for start, cells in parts:
            if isinstance(cells, Column):
                values[start : start + len(cells)] = cells.values
                said[start : start + len(cells)] = cells.said
        return Column(values, said)
    texts: list[Cell] = [None] * rows
    for start, cells in parts:
        texts[start : start + len(cells)] = [cells[i] for i in range(len(cells))]
    return texts
