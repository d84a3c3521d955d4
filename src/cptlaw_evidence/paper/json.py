"""A drawing as a plain dict for JSON."""

from __future__ import annotations

import math
from typing import Any

from cptlaw.arrays import FloatArray
from cptlaw.output.json.numbers import finite
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel


def drawing_json(drawing: Drawing) -> dict[str, Any]:
    """`{"name", "title", "source", "numbers": {}, "panels": [], "tables": [], "notes": []}`.

    A panel has "lines", each with "x", "y" and, for a band, "high"; no number is null.
    """
    return {
        "name": drawing.name,
        "title": drawing.title,
        "source": drawing.source,
        "numbers": {name: finite(value) for name, value in drawing.numbers.items()},
        "panels": [_panel(panel) for panel in drawing.panels],
        "tables": [
            {"headings": list(t.headings), "rows": [[_cell(c) for c in row] for row in t.rows]}
            for t in drawing.tables
        ],
        "notes": list(drawing.notes),
    }


def drawing_rows(drawing: Drawing) -> list[dict[str, Any]]:
    """Rows of the first table, or a row for every number where there is none."""
    for table in drawing.tables:
        return [dict(zip(table.headings, map(_cell, row), strict=True)) for row in table.rows]
    return [{"name": name, "value": finite(value)} for name, value in drawing.numbers.items()]


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "x_label": panel.x_label,
        "y_label": panel.y_label,
        "log_x": panel.log_x,
        "log_y": panel.log_y,
        "lines": [_line(line) for line in panel.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "label": line.label,
        "group": line.group,
        "look": line.look,
        "x": _values(line.x),
        "y": _values(line.y),
        "high": None if line.high is None else _values(line.high),
    }


def _values(values: FloatArray) -> list[float | None]:
    return [finite(value) for value in values.tolist()]


def _cell(value: str | float) -> str | float | None:
    return value if isinstance(value, str) or math.isfinite(value) else None
