"""A report as Markdown, with still figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from cptlaw.output.report.blocks import Block, Heading, Points
from cptlaw.output.report.sections import Report, Section
from cptlaw.page import Table
from cptlaw.shown import Shown
from cptlaw.visible import visible, visible_lines

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def markdown(report: Report, figure: Callable[[int, Shown], str]) -> str:
    """The whole report.

    Args:
        report: to write.
        figure: draws the n-th figure, of a result, and says where it lies.
    """
    parts = [f"# {plain(visible(report.title))}"]
    for number, section in enumerate(report.sections, start=1):
        parts.append(f"## {plain(section.title)}")
        parts.append(of_blocks(section.blocks))
        if section.drawn is not None:
            parts.append(f"![{plain(section.title)}]({figure(number, section.drawn)})")
        parts += _code(section)
    return visible_lines("\n\n".join(parts)) + "\n"


def of_blocks(blocks: Iterable[Block]) -> str:
    """Words and tables as Markdown.

    Args:
        blocks: the words of a result, taken apart.
    """
    return "\n\n".join(map(_block, blocks))


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\1", text)


def _code(section: Section) -> list[str]:
    if not section.code:
        return []
    longest = max((len(run) for run in re.findall(r"`+", section.code)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}markdown\n{section.code.rstrip()}\n{fence}"]


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"### {plain(block.text)}"
    if isinstance(block, Points):
        return "\n".join(f"- {plain(item)}" for item in block.items)
    if isinstance(block, Table):
        return _table(block)
    return f"`{block.text.replace('`', '')}`" if block.is_formula else plain(block.text)


def _table(table: Table) -> str:
    rows = [table.headers, *table.rows]
    cells = [[plain(cell.replace("\n", " ")) or " " for cell in row] for row in rows]
    rule = [":---" if words else "---:" for words in table.of_words]
    lines = [f"| {' | '.join(row)} |" for row in (cells[0], rule, *cells[1:])]
    return "\n".join([*([f"{plain(table.title)}\n"] if table.title else []), *lines])
