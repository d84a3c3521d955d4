"""A table as lines of text, in whatever width there is; no cell is cut."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence

_EDGE = "  "
_GAPS = (3, 2)
# A cell of more lines than this is hard to read across: a list is better.
_TALLEST = 6
# A long name may be broken behind these.
_BREAKS = re.compile(r"[^\s/_.,;:=|@-]*[/_.,;:=|@-]+|[^\s/_.,;:=|@-]+")
_NUMBER = re.compile(r"[-+<>~\d.]")


def letters(text: str) -> int:
    """Places that a text takes on a terminal."""
    return sum(_places(letter) for letter in text)


def _places(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def laid_out(
    headers: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool], width: int
) -> list[str]:
    """A table in lines of at most so many letters, where its longest words allow.

    Long headers are folded first, then cells of words. Where that is not enough, every row
    becomes a short list of its cells.

    Args:
        headers: one a column.
        rows: as many cells each.
        left: of each column, whether it is aligned to the left.
        width: letters in a line.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(headers)
    bodies = [max((letters(cell) for cell in column), default=0) for column in columns]
    full = [max(body, letters(h)) for body, h in zip(bodies, headers, strict=True)]
    folded = [max(body, _longest(h)) for body, h in zip(bodies, headers, strict=True)]
    least = [
        max(_longest(h), *(_longest(cell) for cell in column), 1)
        for h, column in zip(headers, columns, strict=True)
    ]
    for low, high in ((full, full), (folded, full), (least, folded)):
        for gap in _GAPS:
            room = width - len(_EDGE) - gap * (len(headers) - 1)
            if sum(low) <= room:
                widths = _shared_out(low, high, room)
                made = _grid(headers, rows, left, widths, gap)
                if made is not None:
                    return made
    return _as_lists(headers, rows, width)


def _pieces(text: str) -> list[str]:
    """The parts of a cell between which a line may end, each with the blank before it."""
    found: list[str] = []
    for word in text.split():
        parts = [word] if _NUMBER.match(word) else _BREAKS.findall(word)
        found += [(" " if i == 0 and found else "") + part for i, part in enumerate(parts)]
    return found


def _longest(text: str) -> int:
    return max((letters(piece.strip()) for piece in _pieces(text)), default=0)


def _shared_out(low: list[int], high: list[int], room: int) -> list[int]:
    """Widths between the two that fill the room: the narrow columns get theirs first."""
    widths = list(low)
    spare = room - sum(widths)
    while spare > 0:
        short = [i for i, wide in enumerate(widths) if wide < high[i]]
        if not short:
            break
        narrowest = min(short, key=lambda i: widths[i])
        widths[narrowest] += 1
        spare -= 1
    return widths


def _fold(text: str, width: int) -> list[str]:
    """A cell in lines of at most so many letters."""
    if letters(text) <= width:
        return [text]
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and letters(lines[-1] + piece) > width:
            lines.append(piece.strip())
        else:
            lines[-1] += piece if lines[-1] else piece.strip()
    return lines


def _grid(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: Sequence[bool],
    widths: list[int],
    gap: int,
) -> list[str] | None:
    """Rows below a line; None where cells would be folded into too many lines."""
    between = " " * gap

    def lines(cells: Sequence[str], at_bottom: bool = False) -> list[str] | None:
        parts = [_fold(cell, wide) for cell, wide in zip(cells, widths, strict=True)]
        height = max(map(len, parts), default=1)
        if height > _TALLEST:
            return None
        blank = [[""] * (height - len(part)) for part in parts]
        stacked = [b + p if at_bottom else p + b for b, p in zip(blank, parts, strict=True)]
        found: list[str] = []
        for line in zip(*stacked, strict=True):
            placed = [_placed(*one) for one in zip(line, widths, left, strict=True)]
            found.append((_EDGE + between.join(placed)).rstrip())
        return found

    head = lines(headers, at_bottom=True)
    bodies = [lines(row) for row in rows]
    if head is None or any(body is None for body in bodies):
        return None
    rule = " " + "─" * (sum(widths) + gap * (len(widths) - 1) + 1)
    return [*head, rule, *(line for body in bodies if body for line in body)]


def _placed(text: str, width: int, left: bool) -> str:
    blank = " " * (width - letters(text))
    return text + blank if left else blank + text


def _as_lists(headers: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Each row under its first cell, the others with the names of their columns."""
    found: list[str] = []
    for row in rows:
        first = f"{headers[0]} {row[0]}".strip() if headers[0] else row[0]
        found += _paragraph(first, "  ", "    ", width)
        line = ""
        for header, cell in zip(headers[1:], row[1:], strict=True):
            if not cell.strip():
                continue
            pair = f"{header}: {cell.strip()}" if header else cell.strip()
            if line and 5 + letters(f"{line}; {pair}") > width:
                found += _paragraph(line + ";", "    ", "      ", width)
                line = pair
            else:
                line = f"{line}; {pair}" if line else pair
        found += _paragraph(line, "    ", "      ", width) if line else []
    return found


def _paragraph(text: str, first: str, others: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(others) + 1),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
