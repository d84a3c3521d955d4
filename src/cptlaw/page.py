"""Plain text as it stands on a page: one width, tables, sentences, numbers."""

from __future__ import annotations

import math
import os
import sys
import textwrap
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from cptlaw.layout import laid_out
from cptlaw.visible import visible

READABLE = 100
"""Letters in a line of sentences at most; tables may be as wide as the terminal."""

_NARROWEST = 30

MARK = f"table {os.urandom(8).hex()} "
"""What a line begins with that stands for a kept table; its number follows. No name is like it."""


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


def width() -> int:
    """Letters in a line: what COLUMNS says, else the terminal's width, else 100."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdigit() and int(asked):
        return max(int(asked), _NARROWEST)
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns or READABLE, _NARROWEST)
    except (AttributeError, OSError, ValueError):
        return READABLE


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
    """A plain text table in the page's width; words are aligned to the left, numbers to the right.

    Where it is too wide, cells are folded or rows become lists; nothing is cut. Within
    `kept_tables` it is kept as it is, and a line stands for it.
    """
    headers, title = tuple(map(visible, headers)), visible(title)
    cells = tuple(tuple(visible(cell.strip()) for cell in row) for row in rows)
    made = Table(title, headers, cells)
    kept = _KEPT.get()
    if kept is not None:
        kept.append(made)
        return f"{MARK}{len(kept) - 1}"
    lines = laid_out(made.headers, made.rows, made.of_words, width())
    return "\n".join([*([wrapped(title), ""] if title else []), *lines])


def wrapped(text: str, first: str = "", others: str = "") -> str:
    """A text in lines of the page's width.

    Args:
        text: what is said.
        first: what the first line begins with.
        others: what the others begin with.
    """
    text = visible(text.replace("\n", " "))
    if _KEPT.get() is not None:
        return first + " ".join(text.split())
    return textwrap.fill(
        text,
        min(width(), READABLE),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def bullets(sentences: Iterable[str]) -> list[str]:
    """Sentences as the points of a list."""
    return [wrapped(sentence, "  - ", "    ") for sentence in sentences]


def number(value: float | None, digits: int = 4) -> str:
    """A number with so many significant digits, such as 1,500, 0.021 or 3e-5; a dash for none.

    Whole numbers below a million are given whole; from 1e15 on there is an exponent.
    """
    if value is None or value != value:
        return "-"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 1e15:
        return power(value, digits - 1)
    short = float(f"{value:.{digits}g}")
    if short == int(short):
        return f"{int(short):,}"
    if abs(short) >= 1000:
        return f"{short:,.{max(0, digits - len(str(int(abs(short)))))}f}"
    mantissa, e, exponent = f"{short:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def typed(value: float, digits: int = 6) -> str:
    """A number as it is typed on a command line: 7e9, 20000, 0.0003."""
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def amount(count: float | None) -> str:
    """A large count in three digits: 512, 16.4k, 2.46M, 10.5B; a dash for none."""
    if count is None or count != count:
        return "-"
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if 0.9995 * size <= count < 1e15:
            value = count / size
            digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
            shown = f"{value:,.{digits}f}"
            return (shown.rstrip("0").rstrip(".") if digits else shown) + unit
    return number(count, 3)


def quantity(value: float, digits: int = 4) -> str:
    """A number of any size: as `number`, from a million on as `amount`."""
    return amount(value) if value >= 1e6 else number(value, digits)


def power(value: float | None, digits: int = 1) -> str:
    """A number with an exponent, such as 2.9e12; a question mark for none."""
    if value is None:
        return "?"
    mantissa, exponent = f"{value:.{max(digits, 0)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa and digits > 1 else mantissa
    return f"{mantissa}e{int(exponent)}"


def percent(value: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * value:.2f} %"
