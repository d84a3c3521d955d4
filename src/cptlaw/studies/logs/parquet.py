"""Parquet files, one column at a time, as numbers without a Python object for each cell."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cptlaw.errors import DataError, MissingExtra
from cptlaw.studies.logs.arrow import column_of
from cptlaw.studies.logs.cells import Cells, OnDemand
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.points import MOST_CELLS
from cptlaw.studies.logs.source import PARQUET, Source

MOST_TEXTS = 2_000_000
"""The most cells of text that are read."""
_AT_ONCE = 1 << 20  # rows


@dataclass(frozen=True, eq=False)
class ParquetColumns(OnDemand):
    """The columns of a Parquet file that hold numbers or text.

    Args:
        source: the file.
        named: what the file calls each column, by its name without blanks around it.
        texts: names of those that hold text.
        others: names of columns that hold neither.
        rows: how many there are.
    """

    source: Source
    named: dict[str, str]
    texts: frozenset[str]
    others: list[str]
    rows: int
    _known: dict[str, Cells] = field(default_factory=dict[str, "Cells"])

    def __iter__(self) -> Iterator[str]:
        return iter(self.named)

    def __len__(self) -> int:
        return len(self.named)

    def __getitem__(self, name: str) -> Cells:
        if name not in self._known:
            column, is_text = self.named[name], name in self.texts
            self._refuse_too_much(is_text)
            with _opened(self.source) as (pa, file):
                if is_text:
                    read = file.read([column]).column(0).to_pylist()
                else:
                    batches = file.iter_batches(batch_size=_AT_ONCE, columns=[column])
                    read = column_of(pa, (batch.column(0) for batch in batches), self.rows)
            self._known[name] = read
        return self._known[name]

    def _refuse_too_much(self, is_text: bool) -> None:
        held = 1 + sum((name in self.texts) == is_text for name in self._known)
        most, what = (MOST_TEXTS, "text") if is_text else (MOST_CELLS, "numbers")
        if held * self.rows > most:
            raise DataError(
                f"{self.source.given}: {self.rows} rows of {held} columns of {what} are more than "
                f"{most} cells, the most that is read. Write a file with the columns and rows "
                "that you need."
            )


def parquet_columns(source: Source) -> ParquetColumns:
    """Find the columns of numbers and of text.

    Raises:
        DataError: the file is damaged or has no rows.
        MissingExtra: without pyarrow.
    """
    with _opened(source) as (pa, file):
        schema, rows = file.schema_arrow, file.metadata.num_rows
        numeric = [field.name for field in schema if _is_number(pa, field.type)]
        texts = [field.name for field in schema if _is_text(pa, field.type)]
    if not rows:
        raise DataError(f"{source.given}: columns {quoted(schema.names)} but no rows.")
    used = [name for name in schema.names if name in numeric or name in texts]
    stripped = [name.strip() for name in used]
    twice = next((name for name in stripped if stripped.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{source.given}: two columns are named '{twice}'. Rename or remove one.")
    return ParquetColumns(
        source,
        {name.strip(): name for name in used if name.strip()},
        frozenset(name.strip() for name in texts),
        [name for name in schema.names if name not in used or not name.strip()],
        rows,
    )


@contextmanager
def _opened(source: Source) -> Generator[tuple[Any, Any]]:
    """pyarrow, and the file.

    Raises:
        DataError: the file is damaged; raised also for what is read within.
        MissingExtra: without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtra("pyarrow", "parquet", "Reading a Parquet log") from None
    # One that was gzipped has been unpacked; any other is read in place.
    place = source.path if source.data == PARQUET else io.BytesIO(source.data)
    try:
        with parquet.ParquetFile(place, memory_map=True) as file:
            yield pa, file
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{source.given}: damaged Parquet file ({error}). Write or copy it again."
        ) from None


def _is_number(pa: Any, kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    known = pa.types
    return known.is_integer(kind) or known.is_floating(kind) or known.is_decimal(kind)


def _is_text(pa: Any, kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
