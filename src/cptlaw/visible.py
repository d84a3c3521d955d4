r"""Text from anywhere, made safe to show.

A column, a run or a file may have any name, and a log or a stored file holds any text. What would
steer a terminal, turn the order of letters, end a line or break a file of XML is spelled out
here, and here alone: `\x1b` for an escape, `\u202e` for a mark that turns text round.
"""

from __future__ import annotations

import unicodedata


def visible(text: str) -> str:
    """A text of one line in which each character is seen; others stand as Python spells them."""
    return text if text.isprintable() else "".join(map(_spelled, text))


def visible_lines(text: str) -> str:
    """A text of several lines, each of them made visible; line feeds alone end a line."""
    return "\n".join(map(visible, text.split("\n")))


def no_formula(text: str) -> str:
    """Text for a cell of a spreadsheet, with an apostrophe before what would be a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _spelled(letter: str) -> str:
    if letter.isprintable() or unicodedata.category(letter) == "Zs":  # blanks of any width
        return letter
    return letter.encode("unicode_escape").decode("ascii")
