"""The words of a result, taken apart: paragraphs, lists, headings and tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from cptlaw.page import MARK, Table, kept_tables

_POINTS = ("- ", "! ")


@dataclass(frozen=True)
class Heading:
    """A line above a list."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """One idea, or what follows from it.

    Args:
        text: of one line.
        is_formula: whether it is an equation.
    """

    text: str
    is_formula: bool = False


@dataclass(frozen=True)
class Points:
    """A list."""

    items: tuple[str, ...]


Block: TypeAlias = Heading | Paragraph | Points | Table


def blocks(write: Callable[[], str]) -> tuple[Block, ...]:
    """What a function would print, as blocks.

    Args:
        write: lays out its text by `cptlaw.page`.
    """
    with kept_tables() as tables:
        lines = [line for line in write().split("\n") if line.strip()]
    found: list[Block] = []
    items: list[str] = []
    for i, line in enumerate(lines):
        bare = line.strip()
        if bare.startswith(_POINTS):
            items.append(bare[2:])
            continue
        if items:
            found.append(Points(tuple(items)))
            items = []
        number = line.removeprefix(MARK)
        if number != line and number.isdecimal() and int(number) < len(tables):
            found.append(tables[int(number)])
            continue
        follows = lines[i + 1].strip() if i + 1 < len(lines) else ""
        is_heading = follows.startswith("- ") and not bare.endswith((".", ":"))
        found.append(Heading(bare) if is_heading else Paragraph(bare, _is_formula(bare)))
    return tuple([*found, Points(tuple(items))] if items else found)


def led(found: tuple[Block, ...]) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    """What leads, and the rest: the first block, and the next where the first announces it."""
    announced = isinstance(found[0], Paragraph) and found[0].text.endswith(":") if found else False
    count = 2 if announced else 1
    return found[:count], found[count:]


def _is_formula(line: str) -> bool:
    left, equals, _ = line.partition(" = ")
    return bool(equals) and (left == "L" or left.endswith(": L"))
