"""Figures into files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
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
    return save_all(figure, [path])[0]


@styled
def save_all(figure: Figure | Axes, paths: Sequence[str | Path]) -> list[Path]:
    """Write a figure in several formats, its parts laid out once where the first is PNG.

    Args:
        figure: a figure, or axes of the one that is meant.
        paths: as of `save`.

    Raises:
        DataError: as `save`.
    """
    targets = [(Path(path), figure_kind(path)) for path in paths]
    for path, _ in targets:
        if not path.parent.is_dir():
            raise DataError(f"{path}: there is no directory '{path.parent}'. Make it first.")
    whole = whole_figure(figure)
    _make_readable(whole)
    with _laid_out(whole) if targets[0][1] == "png" else nullcontext():
        return [write_atomic(path, _content(whole, kind)) for path, kind in targets]


def _content(figure: Figure, kind: str) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format=kind, metadata=_UNDATED[kind])
    return content.getvalue()


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay the parts of a figure out for PNG now, not by a whole drawing before each file."""
    from matplotlib import rc_context, rcParams

    engine = figure.get_layout_engine()
    if engine is not None:
        before, figure.dpi = figure.dpi, rcParams["savefig.dpi"]
        engine.execute(figure)
        figure.dpi = before
    with rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        try:
            yield
        finally:
            figure.set_layout_engine(engine)


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
