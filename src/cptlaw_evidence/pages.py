"""Results as tables of words, for a terminal and for a page in Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cptlaw.page import MARK, kept_tables, width
from cptlaw.page import table as text_table


@dataclass(frozen=True)
class Table:
    """Cells of a table.

    Args:
        title: what it shows.
        headers: of the columns; the first column names the rows.
        rows: as many cells each.
        note: a sentence on its figures.
        best: for each row the columns of its lowest figure.
        in_words: whether the cells are words, not figures.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    best: tuple[frozenset[int], ...] = ()
    in_words: bool = False

    def first(self, columns: int) -> Table:
        """The first columns only, that of the names not counted."""
        return self._part(1, 1 + columns)

    def in_width(self, width: int) -> list[Table]:
        """The same in several tables of at most so many characters a line."""
        cells = [max(map(len, column)) + 3 for column in zip(self.headers, *self.rows, strict=True)]
        starts, used = [1], cells[0]
        for column, size in enumerate(cells[1:], start=1):
            if used + size > width and column > starts[-1]:
                starts.append(column)
                used = cells[0]
            used += size
        ends = [*starts[1:], len(cells)]
        return [self._part(start, end) for start, end in zip(starts, ends, strict=True)]

    def _part(self, start: int, end: int) -> Table:
        headers = (self.headers[0], *self.headers[start:end])
        rows = tuple((row[0], *row[start:end]) for row in self.rows)
        return Table(self.title, headers, rows, self.note, in_words=self.in_words)


def lowest(words: Sequence[str]) -> frozenset[int]:
    """Columns of the lowest of several figures; one that lacks a split does not count."""
    figures = {i: float(word) for i, word in enumerate(words, 1) if word[-1] not in "-*"}
    if len(figures) < 2:
        return frozenset()
    return frozenset(i for i, value in figures.items() if value == min(figures.values()))


def percent(value: float | None) -> str:
    """A fraction in percent, without the sign."""
    return "-" if value is None else f"{100 * value:.2f}"


def nats(value: float | None, sign: str = "") -> str:
    """Nats to four decimals, without the zero before the point."""
    return "-" if value is None else re.sub(r"^([+-]?)0\.", r"\1.", f"{value:{sign}.4f}")


# --- text -------------------------------------------------------------------------------------


def plain(table: Table) -> str:
    """A table for a terminal."""
    # A title inside a table narrower than itself would be wrapped.
    parts = [table.title, text_table(table.headers, table.rows), *filter(None, [table.note])]
    return "\n".join(parts)


def within_width(tables: Iterable[Table]) -> list[str]:
    """Tables for a terminal, in parts that fit."""
    return [plain(part) for table in tables for part in table.in_width(width() - 2)]


def listed(title: str, lines: Sequence[str]) -> list[str]:
    """Sentences under a title; nothing where there are none."""
    return ["\n".join([f"{title}:", *(f"  - {line}" for line in lines)])] if lines else []


def left_out(result: Mapping[str, Any]) -> list[str]:
    """Sentences: what was not done, and why."""
    found: dict[str, dict[str, None]] = {}
    for one in result["left_out"]:
        law = f"{one['law']} on " if "law" in one else ""
        found.setdefault(one["why"], {})[law + one["protocol"]] = None
    return [f"{', '.join(places)}: {why}" for why, places in found.items()]


def effort(what: str, result: Mapping[str, Any]) -> str:
    """What was done, in which time, by how many processes."""
    jobs = counted(result["jobs"], "process", "es")
    return f"{what} in {result['seconds']:.0f} s with {jobs}"


def counted(count: int, word: str, plural: str = "s") -> str:
    """A number of things, such as "2 laws"."""
    return f"{count} {word}{plural if count != 1 else ''}"


# --- Markdown ---------------------------------------------------------------------------------


def page(title: str, command: str, done: str, parts: Iterable[str]) -> str:
    """A page; empty parts are left out. What made it stands last, what was found first.

    Args:
        title: of the page.
        command: that made it.
        done: what it took, of `effort`.
        parts: paragraphs, lists and tables.
    """
    made = f"Made by `{command}`: {done}. Do not edit."
    return "\n\n".join(part for part in (f"# {title}", *parts, "---", made) if part) + "\n"


def section(table: Table, level: int = 2) -> str:
    """A table under its title, with its note; nothing where it has no rows."""
    if not table.rows:
        return ""
    return "\n\n".join(p for p in (f"{'#' * level} {table.title}", table.note, grid(table)) if p)


def of_text(make: Callable[[], str]) -> str:
    """A text for a terminal as sections: tables under their titles, what is below as one paragraph.

    Args:
        make: makes the text.
    """
    with kept_tables() as kept:
        lines = make().splitlines()
    parts: list[str] = []
    words: list[str] = []
    for line in [*lines, ""]:
        if (not line or line.startswith(MARK)) and words:
            parts.append(" ".join(words))
            words.clear()
        if line.startswith(MARK):
            found = kept[int(line.removeprefix(MARK))]
            parts.append(section(Table(found.title, found.headers, found.rows)))
        elif line:
            words.append(line.strip())
    return "\n\n".join(parts)


def grid(table: Table) -> str:
    """A table in Markdown; the lowest figures are bold."""
    best = table.best or [frozenset[int]()] * len(table.rows)
    side = "---" if table.in_words else "---:"
    lines = [_line(table.headers), _line(["---", *[side] * (len(table.headers) - 1)])]
    for row, marked in zip(table.rows, best, strict=True):
        lines.append(_line(f"**{w}**" if i in marked else w for i, w in enumerate(row)))
    return "\n".join(lines)


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(word.replace('|', chr(92) + '|') for word in words)} |"


def bullets(lines: Iterable[str], otherwise: str = "") -> str:
    """A list, or what to say where there is nothing."""
    return "\n".join(f"- {line}" for line in lines) or otherwise
