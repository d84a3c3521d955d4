"""Parquet files, one column at a time, as numbers without a Python object for each cell."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.errors import DataError, MissingExtra
from cptlaw.studies.logs.cells import Cells, Column
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.points import MOST_CELLS
from cptlaw.studies.logs.source import PARQUET, Source

MOST_TEXTS = 2_000_000
"""The most cells of text that are read."""
_AT_ONCE = 1 << 20  # rows


@dataclass(frozen=True)
class Found:
    """The columns of a Parquet file.

    Args:
        columns: names and cells, in the order of the file.
        others: names of columns that hold neither numbers nor text.
    """

    columns: list[tuple[str, Cells]]
    others: list[str]


def parquet_columns(source: Source) -> Found:
    """Read the columns of numbers and of text.

    Raises:
        DataError: the file is damaged, has no rows, or unpacks to more than is read.
        MissingExtra: without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtra("pyarrow", "parquet", "Reading a Parquet log") from None
    try:
        with parquet.ParquetFile(_place(source), memory_map=True) as file:
            return _columns(pa, source, file)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{source.given}: damaged Parquet file ({error}). Write or copy it again."
        ) from None


def _place(source: Source) -> Any:
    """The file itself; what was unpacked, if it was gzipped."""
    return source.path if source.data == PARQUET else io.BytesIO(source.data)


def _columns(pa: Any, source: Source, file: Any) -> Found:
    schema, rows = file.schema_arrow, file.metadata.num_rows
    if not rows:
        raise DataError(f"{source.given}: columns {quoted(schema.names)} but no rows.")
    numeric = [field.name for field in schema if _is_number(pa, field.type)]
    texts = [field.name for field in schema if _is_text(pa, field.type)]
    if rows * len(numeric) > MOST_CELLS or rows * len(texts) > MOST_TEXTS:
        raise DataError(
            f"{source.given}: {rows} rows of {len(numeric)} columns of numbers and {len(texts)} of "
            f"text are more than is read: {MOST_CELLS} cells of numbers, {MOST_TEXTS} of text. "
            "Write a file with the columns that you need."
        )
    columns: list[tuple[str, Cells]] = []
    for name in schema.names:
        if name in numeric:
            columns.append((name.strip(), _numbers(pa, file, name, rows)))
        elif name in texts:
            columns.append((name.strip(), file.read([name]).column(0).to_pylist()))
    return Found(columns, [name for name in schema.names if name not in (*numeric, *texts)])


def _is_number(pa: Any, kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    known = pa.types
    return known.is_integer(kind) or known.is_floating(kind) or known.is_decimal(kind)


def _is_text(pa: Any, kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


def _numbers(pa: Any, file: Any, name: str, rows: int) -> Column:
    """One column, read in batches; a missing cell is nan."""
    values, said, at = np.empty(rows), np.ones(rows, dtype=bool), 0
    for batch in file.iter_batches(batch_size=_AT_ONCE, columns=[name]):
        cells = batch.column(0)
        if pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_decode()
        part = slice(at, at + len(cells))
        values[part] = _plain(pa, cells)
        if cells.null_count:
            said[part] = _bits(cells)
        at = part.stop
    if at != rows:
        raise ValueError(f"{at} rows where {rows} are promised")
    values[~said] = np.nan
    return Column(values, said)


def _plain(pa: Any, cells: Any) -> FloatArray:
    """An array's numbers as they lie in memory: pyarrow's own way to numpy loads pandas."""
    if pa.types.is_decimal(cells.type):
        return np.array([np.nan if cell is None else float(cell) for cell in cells.to_pylist()])
    kind = np.dtype(cells.type.to_pandas_dtype())
    found = np.frombuffer(cells.buffers()[1], dtype=kind, count=cells.offset + len(cells))
    return found[cells.offset :].astype(np.float64)


def _bits(cells: Any) -> BoolArray:
    """Which of an array's cells are there."""
    packed = np.frombuffer(cells.buffers()[0], dtype=np.uint8)
    end = cells.offset + len(cells)
    return np.unpackbits(packed, bitorder="little", count=end)[cells.offset :].astype(bool)
