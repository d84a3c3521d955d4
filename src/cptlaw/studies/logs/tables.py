"""Tidy tables: CSV and its kin with tabs or semicolons, and Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from cptlaw.errors import DataError, MissingExtra
from cptlaw.studies.logs.cells import Cell, is_number
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.source import Format, Source
from cptlaw.studies.logs.table import Table

_DELIMITERS = ",\t;"


@dataclass(frozen=True)
class Grid:
    """A delimited text file taken apart.

    Args:
        header: column names, k of them.
        rows: cells, each row k of them.
        lines: file line, from 1, of each row.
        delimiter: what separates the cells.
        notes: what was done, each a sentence.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    notes: tuple[str, ...] = ()


def parse(source: Source) -> Grid:
    """Split delimited text into cells; blank lines and lines that start with # are skipped.

    Raises:
        DataError: naming the line that has too many or too few cells, or cannot be split.
    """
    text = source.text
    delimiter = _delimiter(source.given, text)
    reader = csv.reader(_lines(text), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"{source.given}, line {reader.line_num}: cannot be split into cells ({error}). "
            "Check its quotes."
        ) from None
    if not rows:
        raise DataError(f"{source.given}: no lines but comments; expected a header and rows.")
    header = [name.strip() for name in rows[0]]
    grid = Grid(header, rows[1:], lines[1:], delimiter)
    return _checked(source, grid)


def _lines(text: str) -> Iterator[str]:
    for line in io.StringIO(text):
        yield "\n" if line.startswith("#") or not line.strip() else line


def _delimiter(given: str, text: str) -> str:
    line = next((line for line in _lines(text) if line != "\n"), "")
    try:
        return max(_DELIMITERS, key=lambda d: len(next(csv.reader([line], delimiter=d))))
    except csv.Error as error:
        raise DataError(f"{given}: the header cannot be split ({error}).") from None


def _checked(source: Source, grid: Grid) -> Grid:
    """The grid with every row as long as its header; repeated headers and a cut end left out."""
    notes = ["Cells are separated by semicolons."] if grid.delimiter == ";" else []
    header, rows, lines = grid.header, grid.rows, grid.lines
    alike = [i for i, row in enumerate(rows) if row[0].strip() == header[0]]
    again = {i for i in alike if [cell.strip() for cell in rows[i]] == header}
    if again:
        notes.append(f"The header comes again, first at line {lines[min(again)]}; left out.")
        lines = [line for i, line in enumerate(lines) if i not in again]
        rows = [row for i, row in enumerate(rows) if i not in again]
    if len(rows) > 1 and len(rows[-1]) < len(header) and not source.text.endswith("\n"):
        notes.append(f"The last line, {lines[-1]}, is cut short and was left out.")
        lines, rows = lines[:-1], rows[:-1]
    odd = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if odd is not None:
        raise DataError(
            f"{source.given}, line {lines[odd]}: {len(rows[odd])} cells, but the header has "
            f"{len(header)} ({quoted(header)}). Leave missing values empty between separators."
        )
    return Grid(header, rows, lines, grid.delimiter, tuple(notes))


def _read_delimited(source: Source) -> Table:
    grid = parse(source)
    if all(is_number(name) for name in grid.header):
        raise DataError(
            f"{source.given}: its first line holds numbers, not column names. Add a header line, "
            "such as step,lr,loss."
        )
    if not grid.rows:
        raise DataError(
            f"{source.given}: a header ({quoted(grid.header)}) but no rows; expected a row a step."
        )
    cells = list(zip(*grid.rows, strict=True))
    header = _tensorboard_tag(source, grid.header)
    columns, notes = _named(source.given, list(zip(header, cells, strict=True)))
    known = habit(columns)
    return Table(
        source.given,
        source.stem,
        "tsv" if grid.delimiter == "\t" else "csv",
        columns,
        lambda row: f"{source.given}, line {grid.lines[row]}",
        averaged=known.averaged,
        lr_note=known.lr_note,
        notes=(*grid.notes, *notes),
    )


def _tensorboard_tag(source: Source, header: list[str]) -> list[str]:
    """The header, with the tag that TensorBoard puts into the name of a file it exports."""
    if sorted(name.lower() for name in header) != ["step", "value", "wall time"]:
        return header
    tag = source.stem.rpartition("tag-")[2]
    return [tag if name.lower() == "value" and tag else name for name in header]


def _named(
    given: str, columns: Sequence[tuple[str, Sequence[Cell]]]
) -> tuple[Mapping[str, Sequence[Cell]], list[str]]:
    """Columns by name; those without a name are left out, and two of one name are refused."""
    names = sorted(name for name, _ in columns if name)
    twice = [name for name, other in pairwise(names) if name == other]
    if twice:
        raise DataError(f"{given}: two columns are named '{twice[0]}'. Rename or remove one.")
    unnamed = [cells for name, cells in columns if not name]
    lost = sum(any(cell not in ("", None) for cell in cells) for cells in unnamed)
    notes = [f"Columns without a name left out: {lost}."] if lost else []
    return {name: cells for name, cells in columns if name}, notes


def _read_parquet(source: Source) -> Table:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtra("pyarrow", "parquet", "Reading a Parquet log") from None
    try:
        table = parquet.read_table(io.BytesIO(source.data))
        fields = [(field.name, field.type, table.column(i)) for i, field in enumerate(table.schema)]
        usable = [(name.strip(), _cells(pa, kind, cells)) for name, kind, cells in fields]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            f"{source.given}: damaged Parquet file ({error}). Write or copy it again."
        ) from None
    if not table.num_rows:
        raise DataError(f"{source.given}: columns {quoted(table.column_names)} but no rows.")
    others = [name for name, cells in usable if cells is None]
    columns, notes = _named(source.given, [(n, c) for n, c in usable if c is not None])
    if others:
        notes.append(f"Left out, holding neither numbers nor text: {quoted(others)}.")
    return Table(
        source.given,
        source.stem,
        "parquet",
        columns,
        lambda row: f"{source.given}, row {row + 1}",
        notes=tuple(notes),
    )


def _cells(pa: Any, kind: Any, column: Any) -> list[Cell] | None:
    """A Parquet column's cells, None if its type is neither number nor text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if numeric:
        return [None if cell is None else float(cell) for cell in column.to_pylist()]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return column.to_pylist()
    return None


PARQUET = Format(
    "parquet", lambda source: source.data.startswith(b"PAR1"), _read_parquet, (".parquet",)
)
DELIMITED = Format("csv", lambda source: not source.is_directory, _read_delimited, (".csv", ".tsv"))
