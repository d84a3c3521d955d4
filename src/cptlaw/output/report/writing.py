"""A report into a file, by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.files import check_folder, make_folder, write_atomic
from cptlaw.output.report.html import html
from cptlaw.output.report.markdown import markdown
from cptlaw.output.report.sections import Report


def write(
    report: Report, path: str | Path, progress: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Write a report; an existing file is replaced.

    Args:
        report: to write.
        path: of a .html file, which holds all it needs; or of a .md file, whose figures go into a
            folder beside it.
        progress: is told of every figure that is drawn.

    Returns:
        The files that were written.

    Raises:
        DataError: another suffix, or a path that cannot be written.
        MissingExtra: plotly is needed for HTML, matplotlib for the figures beside Markdown.
    """
    path = Path(path)
    check(path)
    if path.suffix.lower() == ".html":
        return [write_atomic(path, html(report))]
    folder = make_folder(_figures(path))
    drawn: list[Path] = []

    def figure(number: int, result: object) -> str:
        target = folder / f"{number}.png"
        progress(f"drawing {target.name} ...")
        result.plot(target)  # type: ignore[attr-defined]
        drawn.append(target)
        return f"{folder.name}/{target.name}"

    text = markdown(report, figure)
    return [write_atomic(path, text), *drawn]


def _figures(path: Path) -> Path:
    """The folder of the figures of a Markdown file."""
    return path.with_name(f"{path.stem}-figures")


def check(path: str | Path) -> None:
    """Whether a report can be written there, before the work begins.

    Raises:
        DataError: another suffix, or no such folder.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".md"):
        raise DataError(f"{path}: reports are written as .html or .md. Change the file's suffix.")
    if not path.parent.is_dir():
        raise DataError(f"{path}: there is no directory '{path.parent}'. Make it first.")
    if path.suffix.lower() == ".md":
        check_folder(_figures(path))
