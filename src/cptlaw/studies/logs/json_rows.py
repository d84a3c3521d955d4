"""JSON objects as rows: JSON Lines, and a JSON list of objects."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, cast

from cptlaw.errors import DataError
from cptlaw.studies.logs.cells import Cell, Cells
from cptlaw.studies.logs.habits import habit_of_table
from cptlaw.studies.logs.names import lr_columns, quoted
from cptlaw.studies.logs.plain_json import plain_lines
from cptlaw.studies.logs.source import Format, Source
from cptlaw.studies.logs.table import Table, count_of_rows

_DEEPEST = 20


def load(source: Source) -> Any:
    """The whole file as one JSON value.

    Raises:
        DataError: naming the line where it stops being JSON.
    """
    try:
        return json.loads(source.text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{source.given}, line {error.lineno}: malformed JSON ({error.msg}). Mend or restore "
            "the file."
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source.given}: JSON that cannot be read ({error}).") from None


def columns_of(
    records: Sequence[Mapping[str, Any]],
) -> tuple[dict[str, list[Cell]], list[str]]:
    """Columns from records; objects in them become columns `a/b`, lists are left out.

    Args:
        records: n objects; a key that one lacks is a missing cell.

    Returns:
        n cells for each key, and a sentence on what was left out.
    """
    if any(isinstance(value, dict) for record in records for value in record.values()):
        records = [dict(flat(record)) for record in records]
    names = dict.fromkeys(chain.from_iterable(records))
    columns: dict[str, list[Cell]] = {}
    nested: list[str] = []
    for name in names:
        cells = [_cell(record.get(name)) for record in records]
        if lr_columns([name]):  # a list of several is told apart where the LR is read
            cells = [_as_text(record.get(name)) for record in records]
        if any(cell is _NESTED for cell in cells):
            nested.append(name)
            cells = [None if cell is _NESTED else cell for cell in cells]
            if all(cell is None for cell in cells):
                continue
        columns[name] = cells
    notes = [f"Nested values left out, of {quoted(nested)}."] if nested else []
    return columns, notes


_NESTED = object()


def flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The cells of an object and of those in it, named by their paths `a/b`."""
    for name, value in record.items():
        path = f"{prefix}/{name}" if prefix else str(name)
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from flat(cast("dict[str, Any]", value), path, depth + 1)
        else:
            yield path, value


def _cell(value: Any) -> Any:
    kind = type(value)
    if kind is float or kind is int or kind is str:
        return value
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return None
    return _cell(value[0]) if _groups(value) == 1 else _NESTED


def _groups(value: Any) -> int:
    """How many numbers a list holds; 0 if it is none."""
    if not isinstance(value, list) or not all(isinstance(v, int | float) for v in value):
        return 0
    return len(value)


def _as_text(value: Any) -> Any:
    return str(value) if _groups(value) > 1 else _cell(value)


def _read_lines(source: Source) -> Table:
    if (plain := plain_lines(source.data)) is not None:
        return _of_columns(source, "jsonl", plain, [], lambda row: f"line {row + 1}")
    if (whole := _in_one(source)) is not None:
        return whole
    source.refuse_many_lines()
    records: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    notes: list[str] = []
    lines = source.text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if number == len(lines) and records and _is_cut(line):
            notes.append(f"The last row, line {number}, is cut short and was left out.")
            continue
        records.append(_record(f"{source.given}, line {number}", line))
        numbers.append(number)
    if notes:
        notes.append(f"{count_of_rows(len(records))} before it were read.")
    return _table(source, "jsonl", records, notes, lambda row: f"line {numbers[row]}")


def _in_one(source: Source) -> Table | None:
    """A file that is one object: of a list for each column, or with its rows in a list of it."""
    first = source.data.lstrip()[:_SEEN].split(b"\n", 1)[0].strip()
    if b"\n" in source.data.strip() and first != b"{":
        return None
    value = load(source)
    lists = {name: each for name, each in value.items() if isinstance(each, list) and each}
    rows = {name: each for name, each in lists.items() if all(isinstance(r, dict) for r in each)}
    if len(rows) == 1:
        (name, records), told = *rows.items(), ""
        told = f"The rows were read from the list '{name}' of the file."
        return _table(source, "json", records, [told], lambda row: f"'{name}', entry {row + 1}")
    sizes = {len(each) for each in lists.values()}
    if len(lists) > 1 and len(sizes) == 1:
        records = [
            dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True)
        ]
        return _table(source, "json", records, [], lambda row: f"entry {row + 1}")
    return None


def _is_cut(line: str) -> bool:
    """Whether a last line without a line end is an object that was not written to its end."""
    return line.lstrip().startswith("{") and not line.rstrip().endswith("}")


def _record(place: str, line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line) if not line.lstrip().startswith("{'") else ast.literal_eval(line)
    except (ValueError, RecursionError, SyntaxError, MemoryError, TypeError) as error:
        raise DataError(
            f"{place}: malformed JSON ({error}). Expected one object a line, such as "
            '{"step": 10, "loss": 3.2}; mend or delete the line.'
        ) from None
    if not isinstance(value, dict):
        raise DataError(
            f"{place}: a JSON value that is not an object. Expected one object a line, such as "
            '{"step": 10, "loss": 3.2}.'
        )
    return value


def _read_list(source: Source) -> Table:
    values = load(source)
    if values and all(isinstance(value, int | float) for value in values):
        raise DataError(
            f"{source.given}: a list of numbers, not a log. If it holds the learning rate of "
            "every step, give it to a run of a study as lrs."
        )
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise DataError(
                f"{source.given}, entry {number}: expected an object such as "
                '{"step": 10, "loss": 3.2}.'
            )
    return _table(source, "json", values, [], lambda row: f"entry {row + 1}")


def _table(source: Source, kind: str, records: Any, notes: list[str], number: Any) -> Table:
    columns, told = columns_of(records)
    return _of_columns(source, kind, columns, [*notes, *told], number)


_STEP_OF_ALL = ("global_step/max_steps", "iteration")  # of ms-swift: "10/150"
_OF_ALL = re.compile(r"(\d{1,15})/\d{1,15}")


def _without_totals(columns: Mapping[str, Cells]) -> Mapping[str, Cells]:
    """The columns, with a step that is told as one of so many as the step alone."""
    for name in _STEP_OF_ALL:
        cells = columns.get(name)
        if not isinstance(cells, list) or "global_step" in columns:
            continue
        told = [None if cell is None else _OF_ALL.fullmatch(str(cell)) for cell in cells]
        if all(step or cell is None for step, cell in zip(told, cells, strict=True)):
            steps = [None if step is None else int(step[1]) for step in told]
            return {"global_step": steps, **{k: v for k, v in columns.items() if k != name}}
    return columns


def _of_columns(
    source: Source, kind: str, columns: Mapping[str, Cells], notes: list[str], number: Any
) -> Table:
    if not columns:
        raise DataError(f"{source.given}: its objects hold no values; expected steps and losses.")
    columns = _without_totals(columns)
    known = habit_of_table(columns)
    return Table(
        source.given,
        source.stem,
        kind,
        columns,
        lambda row: f"{source.given}, {number(row)}",
        habit=known,
        notes=tuple(notes),
    )


_SEEN = 1 << 16

LINES = Format("jsonl", lambda source: source.first_character == "{", _read_lines, (".jsonl",))
LIST = Format("json", lambda source: source.first_character == "[", _read_list, (".json",))
