"""Figures into files."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.output.plot.style import styled, whole_figure
from cptlaw.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# --- files ------------------------------------------------------------------------------------
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


def figure_kind(path: str | Path) -> str:
    """The format that the suffix of a path asks for: png, svg or pdf.

    Raises:
        DataError: another suffix.
    """
    suffix = Path(path).suffix
    kind = suffix.lower().removeprefix(".")
    if kind not in _UNDATED:
        raise DataError(
            f"{path}: figures are written as .png, .svg or .pdf, not '{suffix}'. "
            "Change the file's suffix."
        )
    return kind


@styled
def save(figure: Figure | Axes, path: str | Path) -> Path:
    """Write a figure as PNG, SVG or PDF, by the suffix of the path; all of it or nothing.

    Args:
        figure: a figure, or axes of the one that is meant.
        path: the file to write; an existing one is replaced.

    Raises:
        DataError: another suffix, or a path that cannot be written.
    """
    path, kind = Path(path), figure_kind(path)
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no directory '{path.parent}'. Make it first.")
    content, whole = io.BytesIO(), whole_figure(figure)
    _make_readable(whole)
    whole.savefig(content, format=kind, metadata=_UNDATED[kind])
    return write_atomic(path, content.getvalue())


def _make_readable(figure: Figure) -> None:
    """Spell out letters that no font or SVG file has, and dollars that are no formula."""
    from matplotlib.text import Text

    for part in figure.findobj(Text):
        assert isinstance(part, Text)
        given = part.get_text()
        text = "\n".join(map(_readable, given.split("\n")))
        if text != given:
            part.set_text(text)


def _readable(line: str) -> str:
    from matplotlib.mathtext import MathTextParser

    line = visible(line)
    if "$" in line:
        try:
            MathTextParser("path").parse(line)
        except ValueError:
            return re.sub(r"(?<!\\)\$", r"\\$", line)
    return line
