"""Results that answer for themselves: `summary`, `plot` and `to_pandas`.

A fit stands in a low wing. Its text, figure and table are made in `output`, high above it, of
functions that know the fit. So that `fit.summary()` needs no import upward, `output.views`
registers how each kind of result is shown when `cptlaw` is imported, and the methods here look it
up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cptlaw.visible import visible_lines


@dataclass(frozen=True)
class View:
    """How one kind of result is shown.

    Args:
        text: result, whether with all details -> what the command line prints.
        figure: result -> matplotlib's Figure; further keywords are its own.
        table: result -> pandas' DataFrame.
        save: figure, path -> writes it.
    """

    text: Callable[[Any, bool], str]
    figure: Callable[..., Any]
    table: Callable[[Any], Any]
    save: Callable[[Any, Path], Any]


VIEWS: dict[str, View] = {}
"""The views by the name of a kind of result; `output.views` fills it."""


class Shown:
    """A result that tells, draws and tabulates itself."""

    __slots__ = ()

    def summary(self, verbose: bool = False) -> str:
        """The result as text, as the command line prints it.

        Args:
            verbose: with all details, of a result that has more than one page of them (a fit).
        """
        return visible_lines(VIEWS[type(self).__name__].text(self, verbose))

    def plot(self, path: str | Path | None = None, **options: Any) -> Any:
        """Draw the result.

        Args:
            path: the file to write as well, .png, .svg or .pdf.
            options: of the function of `cptlaw.plot` that draws it, such as `fit` for a forecast;
                and `width`, `font_size`, `titles` of `cptlaw.plot.sized`.

        Returns:
            matplotlib's Figure.

        Raises:
            MissingExtra: matplotlib is not installed.
            DataError: nothing to draw, or a path that cannot be written.
        """
        view = VIEWS[type(self).__name__]
        figure = view.figure(self, **options)
        if path is not None:
            view.save(figure, Path(path))
        return figure

    def to_pandas(self) -> Any:
        """The result as a tidy table: one row a fact, one column a quantity.

        Returns:
            pandas' DataFrame.

        Raises:
            MissingExtra: pandas is not installed.
        """
        return VIEWS[type(self).__name__].table(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        import html

        return f"<pre>{html.escape(self.summary())}</pre>"
