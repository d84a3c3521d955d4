"""Plain text as it stands on a page: one width, tables, sentences, numbers."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

WIDTH = 110
"""Letters in a line of all text that is made for people."""


MARK = "\0table "
"""What a line begins with that stands for a kept table; its number follows."""


@dataclass(frozen=True)
class Table:
    """A table before it is laid out.

    Args:
        title: above it; empty for none.
        headers: one a column.
        rows: their cells.
    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def of_words(self) -> tuple[bool, ...]:
        """Of each column, whether it is the first, or holds words rather than numbers."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.headers)
        return tuple(
            i == 0 or all(cell[:1].isalpha() for cell in column if cell not in ("", "-"))
            for i, column in enumerate(columns)
        )


_KEPT: ContextVar[list[Table] | None] = ContextVar("_KEPT", default=None)


@contextmanager
def kept_tables() -> Generator[list[Table]]:
    """Within it, texts are not laid out: a paragraph is one line, and tables come here.

    For pages that lay out the same words by themselves.
    """
    kept: list[Table] = []
    token = _KEPT.set(kept)
    try:
        yield kept
    finally:
        _KEPT.reset(token)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """A plain text table; the first column is left-aligned, the others right-aligned.

    Within `kept_tables` it is kept as it is, and a line stands for it.
    """
    kept = _KEPT.get()
    if kept is not None:
        kept.append(
            Table(title, tuple(headers), tuple(tuple(c.strip() for c in row) for row in rows))
        )
        return f"{MARK}{len(kept) - 1}"
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid

    grid = Grid(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for i, header in enumerate(headers):
        grid.add_column(header, justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        grid.add_row(*row)
    out = io.StringIO()
    Console(file=out, width=WIDTH, no_color=True, markup=False, highlight=False).print(grid)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip("\n")


def wrapped(text: str, first: str = "", others: str = "") -> str:
    """A text in lines of the page's width.

    Args:
        text: what is said.
        first: what the first line begins with.
        others: what the others begin with.
    """
    if _KEPT.get() is not None:
        return first + " ".join(text.split())
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )


def bullets(sentences: Iterable[str]) -> list[str]:
    """Sentences as the points of a list."""
    return [wrapped(sentence, "  - ", "    ") for sentence in sentences]


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, or a dash."""
    return "-" if value is None or value != value else f"{value:.{digits}g}"


def percent(value: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * value:.2f} %"
