"""Plain text as it stands on a page: one width, tables, sentences, numbers."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 110
"""Letters in a line of all text that is made for people."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """A plain text table; the first column is left-aligned, the others right-aligned."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
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
