"""How a command gives its result: text, its tables, Markdown, CSV or JSON."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeAlias

import click

from cptlaw.cli.shared import tell
from cptlaw.errors import DataError
from cptlaw.visible import no_formula

Format: TypeAlias = Literal["text", "table", "markdown", "csv", "json"]
Row: TypeAlias = Mapping[str, Any]

_FORMATS = ("text", "table", "markdown", "csv", "json")

JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, nothing else.")
"""For a command that gives no table."""

_FORMAT = click.option(
    "--format",
    "given",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="What is printed: text (words and tables), table (only the tables), markdown, "
    "csv (the rows of the main table, not rounded) or json (everything).",
)
_SHORT = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")


def formatted(command: Callable[..., Any]) -> Callable[..., Any]:
    """--format and --json; the command gets the format as `how`."""

    @functools.wraps(command)
    def with_format(given: Format, as_json: bool, **rest: Any) -> Any:
        if as_json and given not in ("text", "json"):
            raise DataError(f"--json and --format {given} name two formats. Give one.")
        return command(how="json" if as_json else given, **rest)

    return _FORMAT(_SHORT(with_format))


def show(
    how: Format,
    shape: Callable[[], Mapping[str, Any]],
    text: Callable[[], str],
    rows: Callable[[], Iterable[Row]] | None = None,
) -> None:
    """Print a result to standard output.

    Args:
        how: the format.
        shape: the result as one JSON object.
        text: the result as words and tables.
        rows: of its main table, for CSV; left out, the first list of objects in `shape`.
    """
    if how == "text":
        tell(text())
    elif how == "json":
        from cptlaw.output.json.numbers import dumped

        tell(dumped(shape()))
    elif how == "csv":
        tell(_csv(_rows(shape()) if rows is None else rows()).rstrip("\n"))
    else:
        tell(_markdown(text) if how == "markdown" else _tables(text))


def _markdown(text: Callable[[], str]) -> str:
    from cptlaw.output.report.blocks import blocks
    from cptlaw.output.report.markdown import of_blocks

    return of_blocks(blocks(text))


def _tables(text: Callable[[], str]) -> str:
    from cptlaw.page import kept_tables, table

    with kept_tables() as kept:
        words = text()
    if not kept:
        return words
    return "\n\n".join(table(one.headers, one.rows, one.title) for one in kept)


def _rows(shape: Mapping[str, Any]) -> list[Row]:
    """The first list of objects in a result; else the result itself as the one row."""
    for value in shape.values():
        if isinstance(value, list) and value and all(isinstance(v, Mapping) for v in value):
            return value
    return [shape]


def _csv(rows: Iterable[Row]) -> str:
    flat = [dict(_cells(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return out.getvalue()


def _cells(row: Row, before: str = "") -> Iterable[tuple[str, Any]]:
    """The cells of a row; those of objects within it have names such as `losses.pt`."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _cells(value, f"{before}{name}.")
        elif isinstance(value, list | tuple):
            texts = any(isinstance(each, str) for each in value)
            joined = " ".join(map(str, value))
            yield no_formula(before + name), no_formula(joined) if texts else joined
        else:
            yield no_formula(before + name), no_formula(value) if isinstance(value, str) else value
