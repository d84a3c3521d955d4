"""Tidy tables: CSV and its kin with tabs or semicolons, and Parquet."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import AnyStr

from cptlaw.errors import DataError
from cptlaw.studies.logs.cells import Cells, is_number
from cptlaw.studies.logs.habits import habit_of_table
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.parquet import parquet_columns
from cptlaw.studies.logs.plain_text import plain_text
from cptlaw.studies.logs.source import PARQUET as MAGIC
from cptlaw.studies.logs.source import Format, Source
from cptlaw.studies.logs.spelling import in_points, rows_of, split_by_blanks
from cptlaw.studies.logs.table import Table, count_of_rows

_DELIMITERS = ",\t;"
_LONGEST_HEADER = 1 << 16
_LONGEST_LINE = 1 << 20
_TAIL = 1 << 14
_UNENDING = re.compile(r"[-+]|[-+]?\d*\.|[-+]?\d*+\.?\d*+[eE][-+]?")  # a number before its end
_NO_ROWS = ("#", "sep=")  # comments, and what a spreadsheet is told
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FEW = 10  # rows; a short last cell among so few may be whole


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
    source.refuse_many_lines()
    text = source.text
    if (grid := _by_blanks(text)) is not None:
        return _checked(source, grid)
    _refuse_long_lines(source.given, text)
    delimiter = _delimiter(source.given, text)
    reader = csv.reader(_lines(text, delimiter), delimiter=delimiter, skipinitialspace=True)
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


def _refuse_long_lines(given: str, text: str) -> None:
    at = _long_line(text, "\n")
    if at is not None:
        number = text.count("\n", 0, at) + 1
        raise DataError(
            f"{given}, line {number}: more than {_LONGEST_LINE} characters, the most that a row "
            "may have. Write a file of one row a line, with the columns that you need."
        )


def _long_line(text: AnyStr, end: AnyStr) -> int | None:
    """Where a line begins that is longer than a row may be."""
    at = 0
    while len(text) - at >= _LONGEST_LINE:
        found = text.rfind(end, at, at + _LONGEST_LINE)
        if found < 0:
            return at
        at = found + 1
    return None


def _by_blanks(text: str) -> Grid | None:
    """A table whose cells are set apart by blanks, or by bars as in Markdown; None for another."""
    head = next((line for line in _lines(text) if line != "\n"), "")
    bars = head.strip().startswith("|")
    if not bars and any(mark in head for mark in _DELIMITERS):
        return None
    header = split_by_blanks(head)
    if header is None:
        return None
    found = list(rows_of(_lines(text)))[1:]
    notes = (f"Cells are set apart by {'bars' if bars else 'blanks'}.",)
    return Grid(
        header, [row for _, row in found], [at for at, _ in found], "|" if bars else " ", notes
    )


def _lines(text: str, delimiter: str = "") -> Iterator[str]:
    """Lines as they stand; a comment, or a blank line that is no row of empty cells, as nothing."""
    for match in _LINE.finditer(text):  # StringIO would hold four bytes a character
        line = match.group()
        is_row = line.strip() or (delimiter and delimiter in line)
        yield line if is_row and not line.startswith(_NO_ROWS) else "\n"


def _delimiter(given: str, text: str) -> str:
    line = next((line for line in _lines(text) if line != "\n"), "")
    try:
        return max(_DELIMITERS, key=lambda d: len(next(csv.reader([line], delimiter=d))))
    except csv.Error as error:
        raise DataError(f"{given}: the header cannot be split ({error}).") from None


def _checked(source: Source, grid: Grid) -> Grid:
    """The grid with every row as long as its header; repeated headers and a cut end left out."""
    notes = [*_notes_on(grid.delimiter), *grid.notes]
    header, rows, lines = grid.header, grid.rows, grid.lines
    alike = [i for i, row in enumerate(rows) if row[0].strip() == header[0]]
    again = {i for i in alike if [cell.strip() for cell in rows[i]] == header}
    if again:
        notes.append(f"The header comes again, first at line {lines[min(again)]}; left out.")
        lines = [line for i, line in enumerate(lines) if i not in again]
        rows = [row for i, row in enumerate(rows) if i not in again]
    if rows and not source.text.endswith("\n"):
        is_open = source.text[source.text.rfind("\n") :].count('"') % 2 == 1
        is_cut = len(rows[-1]) < len(header) or is_open
        column = [len(row[-1]) for row in rows if len(row) == len(header)]
        told, is_cut = last_cell(f"line {lines[-1]}", rows[-1][-1], column, is_cut)
        notes += told
        if is_cut:
            lines, rows = lines[:-1], rows[:-1]
            notes.append(f"{count_of_rows(len(rows))} before it were read.")
    odd = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if odd is not None:
        raise DataError(
            f"{source.given}, line {lines[odd]}: {len(rows[odd])} cells, but the header has "
            f"{len(header)} ({quoted(header)}). Leave missing values empty between separators."
        )
    return Grid(header, rows, lines, grid.delimiter, tuple(notes))


def last_cell(
    where: str, cell: str, sizes: Sequence[int], is_cut: bool = False
) -> tuple[list[str], bool]:
    """A sentence on the last cell of a text that has no line end, and whether its row is cut.

    Args:
        where: of the row, such as "line 12".
        cell: the last one.
        sizes: how many characters its column has in each row, the last one included.
        is_cut: whether the row is known to be.
    """
    shortest = min(sizes[:-1], default=1)
    is_cut = is_cut or _UNENDING.fullmatch(cell) is not None
    if is_cut or (0 < len(cell) < shortest and len(sizes) > _FEW):
        return [f"The last row, {where}, is cut short and was left out."], True
    if len(cell) < max([shortest, *sizes]):
        lacks = f"'{cell}' may lack digits" if cell else "its last cell is lost"
        return [f"The last row, {where}, has no line end. If it was cut, {lacks}."], False
    return [], False


def _read_delimited(source: Source) -> Table:
    if (plain := _plain(source)) is not None:
        return plain
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
    spelled, told = in_points(list(zip(header, cells, strict=True)), grid.delimiter)
    columns, notes = _named(source.given, spelled)
    place = lambda row: f"{source.given}, line {grid.lines[row]}"  # noqa: E731
    return _table(source, grid.delimiter, columns, place, (*grid.notes, *told, *notes))


def _plain(source: Source) -> Table | None:
    """A text in which nothing is odd; None for any other."""
    start = source.data[:_LONGEST_HEADER]
    if b"\0" in start or b"\n" not in start or _long_line(source.data, b"\n") is not None:
        return None
    head = start.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    delimiter = max(_DELIMITERS, key=head.count)
    if delimiter != "," and b"," in source.data:  # perhaps decimal
        return None
    data, told = _without_cut(source.data, delimiter)
    columns = plain_text(data, delimiter)
    if columns is None or all(is_number(name) for name in columns):
        return None
    columns = replace(columns, header=_tensorboard_tag(source, columns.header))
    place = lambda row: f"{source.given}, line {columns.line + row}"  # noqa: E731
    return _table(source, delimiter, columns, place, (*_notes_on(delimiter), *told))


def _without_cut(data: bytes, delimiter: str) -> tuple[bytes, list[str]]:
    """A text without a last line that is cut, and what to say of it."""
    lines = data[-_TAIL:].split(b"\n")[1:]
    if len(lines) < 2 or not lines[-1]:
        return data, []
    cells = [line.decode("utf-8", "replace").rsplit(delimiter, 1)[-1] for line in lines]
    number = data.count(b"\n") + 1
    told, is_cut = last_cell(f"line {number}", cells[-1], list(map(len, cells)))
    return (data[: data.rfind(b"\n") + 1] if is_cut else data), told


def _notes_on(delimiter: str) -> tuple[str, ...]:
    return ("Cells are separated by semicolons.",) if delimiter == ";" else ()


def _table(
    source: Source,
    delimiter: str,
    columns: Mapping[str, Cells],
    place: Callable[[int], str],
    notes: tuple[str, ...],
) -> Table:
    known = habit_of_table(columns)
    return Table(
        source.given,
        source.stem,
        "tsv" if delimiter == "\t" else "csv",
        columns,
        place,
        habit=known,
        notes=notes,
    )


def _tensorboard_tag(source: Source, header: list[str]) -> list[str]:
    """The header, with the tag that TensorBoard puts into the name of a file it exports."""
    if sorted(name.lower() for name in header) != ["step", "value", "wall time"]:
        return header
    tag = source.stem.rpartition("tag-")[2]
    return [tag if name.lower() == "value" and tag else name for name in header]


def _named(
    given: str, columns: Sequence[tuple[str, Cells]]
) -> tuple[Mapping[str, Cells], list[str]]:
    """Columns by name; those without a name are left out, and two of one name are refused."""
    names = sorted(name for name, _ in columns if name)
    twice = [name for name, other in pairwise(names) if name == other]
    if twice:
        raise DataError(f"{given}: two columns are named '{twice[0]}'. Rename or remove one.")
    unnamed = [cells for name, cells in columns if not name]
    lost = sum(any(cells[i] not in ("", None) for i in range(len(cells))) for cells in unnamed)
    notes = [f"Columns without a name left out: {lost}."] if lost else []
    return {name: cells for name, cells in columns if name}, notes


def _read_parquet(source: Source) -> Table:
    columns = parquet_columns(source)
    notes: list[str] = []
    if columns.others:
        notes.append(f"Left out, holding neither numbers nor text: {quoted(columns.others)}.")
    known = habit_of_table(columns)
    return Table(
        source.given,
        source.stem,
        "parquet",
        columns,
        lambda row: f"{source.given}, row {row + 1}",
        habit=known,
        notes=tuple(notes),
    )


PARQUET = Format(
    "parquet", lambda source: source.data.startswith(MAGIC), _read_parquet, (".parquet",)
)
DELIMITED = Format("csv", lambda source: not source.is_directory, _read_delimited, (".csv", ".tsv"))
