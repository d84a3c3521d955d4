"""Tables as people and programs write them by hand: separators and numbers of another style."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cptlaw.studies.logs.cells import Cells, Column
from cptlaw.studies.logs.names import STEP_NAMES, quoted, step_column

_COMMA = re.compile(r"-?\d*,\d+(?:[eE][-+]?\d+)?")
_PLAIN = re.compile(r"-?\d+(?:[eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(?:([,.'\u2019\u00a0\u202f ])\d{3})(?:\1\d{3})*")
_RULE = re.compile(r"[|:\s-]+")


def split_by_blanks(line: str) -> list[str] | None:
    """The names of a header whose columns are set apart by blanks or bars; None for another."""
    names = cells_of(line)
    return names if len(names) > 1 and step_column(names) is not None else None


def cells_of(line: str) -> list[str]:
    """The cells of a line, between bars as in Markdown, or between blanks."""
    line = line.strip()
    if line.startswith("|"):
        return [cell.strip() for cell in line.strip("|").split("|")]
    return line.split()


def rows_of(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that holds some."""
    for number, line in enumerate(lines, start=1):
        if line.strip() and not _RULE.fullmatch(line):
            yield number, cells_of(line)


def in_points(
    columns: Sequence[tuple[str, Cells]], delimiter: str
) -> tuple[list[tuple[str, Cells]], list[str]]:
    """Columns with decimal points and without marks between thousands, and what was done.

    Args:
        columns: names and cells.
        delimiter: what sets cells apart; commas within cells are decimal only if it is another.
    """
    told: list[str] = []
    commas = [] if delimiter == "," else [name for name, cells in columns if _has_commas(cells)]
    if commas:
        told.append(f"Decimal commas, read as points: {quoted(commas)}.")
    steps = [
        name
        for name, cells in columns
        if name.strip().lower() in STEP_NAMES
        and name not in commas
        and _in_thousands(cells, commas)
    ]
    if steps:
        told.append(f"Marks between thousands, left out: {quoted(steps)}.")
    changed: list[tuple[str, Cells]] = []
    for name, cells in columns:
        texts = [str(cell) for cell in cells] if name in (*commas, *steps) else []
        if name in commas:
            changed.append((name, [text.replace(",", ".") for text in texts]))
        elif name in steps:
            changed.append((name, [re.sub(r"[^\d]", "", text) for text in texts]))
        else:
            changed.append((name, cells))
    return changed, told


def _has_commas(cells: Cells) -> bool:
    """Whether a column is of numbers, some of them with a decimal comma."""
    texts = _texts(cells)
    with_comma = [text for text in texts if _COMMA.fullmatch(text)]
    rest = (text for text in texts if "," not in text)
    known = all(_PLAIN.fullmatch(text) or text.lower() in ("nan", "inf", "-inf") for text in rest)
    return bool(with_comma) and known and sum("," in text for text in texts) == len(with_comma)


def _in_thousands(cells: Cells, commas: Sequence[str]) -> bool:
    """Whether steps have marks between their thousands; points are such if commas are decimal."""
    texts = _texts(cells)
    marked = [match for text in texts if (match := _THOUSANDS.fullmatch(text))]
    if not marked or any(match[1] == "." and not commas for match in marked):
        return False
    small = [text for text in texts if text.isdigit() and len(text) < 4]
    return len(marked) + len(small) == len(texts)


def _texts(cells: Cells) -> list[str]:
    if isinstance(cells, Column):
        return []
    return [text for cell in cells if (text := str(cell).strip())]
