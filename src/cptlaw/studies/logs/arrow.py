"""Columns of pyarrow as numbers, without a Python object for each cell and without pandas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.studies.logs.cells import Column

WORTH_ARROW = 1 << 24
"""Bytes of text from which on pyarrow saves more than its import takes."""


def column_of(pa: Any, chunks: Iterable[Any], rows: int) -> Column:
    """One column from its pieces; a missing cell is nan.

    Args:
        pa: pyarrow.
        chunks: arrays of numbers, or of dictionaries of them.
        rows: how many there are in all.

    Raises:
        ValueError: there are fewer or more.
    """
    values, said, at = np.empty(rows), np.ones(rows, dtype=bool), 0
    for cells in chunks:
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        part = slice(at, at + len(cells))
        values[part] = _plain(pa, cells)
        if cells.null_count:
            said[part] = _bits(cells)
            values[part][~said[part]] = np.nan
        at = part.stop
    if at != rows:
        raise ValueError(f"{at} rows where {rows} are promised")
    return Column(values, said)


def _plain(pa: Any, cells: Any) -> FloatArray:
    """An array's numbers as they lie in memory: pyarrow's own way to numpy loads pandas."""
    if pa.types.is_decimal(cells.type):
        return np.array([np.nan if cell is None else float(cell) for cell in cells.to_pylist()])
    kind = np.dtype(cells.type.to_pandas_dtype())
    found = np.frombuffer(cells.buffers()[1], dtype=kind, count=cells.offset + len(cells))
    return found[cells.offset :]


def _bits(cells: Any) -> BoolArray:
    """Which of an array's cells are there."""
    packed = np.frombuffer(cells.buffers()[0], dtype=np.uint8)
    end = cells.offset + len(cells)
    return np.unpackbits(packed, bitorder="little", count=end)[cells.offset :].astype(bool)
