"""How every kind of result is shown; `import cptlaw` registers it.

The text of a kind NAME is `NAME_text` in a module of `output.text`, its figure `NAME_figure` in
`output.plot`, its rows `NAME_rows` in `output.tables`. Each is loaded by the first call that needs
it: a summary loads no figure, and no other kind's text.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cptlaw.shown import VIEWS, View

_TEXTS = {
    "Backtest": "backtest",
    "Comparison": "comparison",
    "Fit": "fit",
    "Followed": "live",
    "Forecast": "forecast",
    "Outlook": "live",
    "Pilots": "pilot",
    "Plan": "plan",
    "Study": "study",
}
"""Kind of result -> the module of `output.text` that tells it."""
_DETAILED = ("Fit",)
"""Kinds whose text has details that can be asked for."""


def _view(kind: str) -> View:
    name = kind.lower()

    def shown(result: Any, verbose: bool) -> str:
        text = getattr(import_module(f"cptlaw.output.text.{_TEXTS[kind]}"), f"{name}_text")
        return text(result, verbose) if kind in _DETAILED else text(result)

    def drawn(
        result: Any,
        width: float | None = None,
        font_size: float | None = None,
        titles: bool = True,
        **options: Any,
    ) -> Any:
        from cptlaw.output import plot

        with plot.sized(width, font_size, titles):
            return getattr(plot, f"{name}_figure")(result, **options)

    def tabulated(result: Any) -> Any:
        from cptlaw.output import tables

        return tables.frame(getattr(tables, f"{name}_rows")(result))

    def save(figure: Any, path: Any) -> None:
        from cptlaw.output import plot

        plot.save(figure, path)

    return View(shown, drawn, tabulated, save)


def register() -> None:
    """Tell `shown` how each kind of result is shown."""
    VIEWS.update({kind: _view(kind) for kind in _TEXTS})
