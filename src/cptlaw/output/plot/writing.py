"""Figures into files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.output.plot.style import styled, whole_figure

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
    content = io.BytesIO()
    whole_figure(figure).savefig(content, format=kind, metadata=_UNDATED[kind])
    return write_atomic(path, content.getvalue())
