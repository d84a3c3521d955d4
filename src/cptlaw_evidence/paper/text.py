"""A drawing as text."""

from __future__ import annotations

from cptlaw.page import number, table, wrapped
from cptlaw_evidence.paper.drawing import MADE_FROM, Drawing


def drawing_text(drawing: Drawing) -> str:
    """Title, tables, numbers and notes."""
    lines = [f"{drawing.title} (from {MADE_FROM[drawing.source]})"]
    for each in drawing.tables:
        rows = [[c if isinstance(c, str) else number(c, 5) for c in row] for row in each.rows]
        lines += ["", table(each.headings, rows)]
    if drawing.numbers:
        rows = [[what, number(value, 5)] for what, value in drawing.numbers.items()]
        lines += ["", table(["", "value"], rows)]
    return "\n".join([*lines, "", *map(wrapped, drawing.notes)])
