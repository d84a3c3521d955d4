"""How every kind of result is shown; `import cptlaw` registers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cptlaw.decisions.pilot import Pilots
from cptlaw.decisions.plan.result import Plan
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.compare import Comparison
from cptlaw.forecasting.forecast import Forecast
from cptlaw.live.outlook import Followed, Outlook
from cptlaw.output import plot, tables
from cptlaw.output.text.backtest import backtest_text
from cptlaw.output.text.comparison import comparison_text
from cptlaw.output.text.fit import fit_text
from cptlaw.output.text.forecast import forecast_text
from cptlaw.output.text.live import followed_text, outlook_text
from cptlaw.output.text.pilot import pilots_text
from cptlaw.output.text.plan import plan_text
from cptlaw.output.text.study import study_text
from cptlaw.shown import VIEWS, View
from cptlaw.studies.study import Study


def _view(
    text: Callable[..., str],
    figure: Callable[..., Any],
    rows: Callable[[Any], list[tables.Row]],
    detailed: bool = False,
) -> View:
    def shown(result: Any, verbose: bool) -> str:
        return text(result, verbose) if detailed else text(result)

    def drawn(
        result: Any,
        width: float | None = None,
        font_size: float | None = None,
        titles: bool = True,
        **options: Any,
    ) -> Any:
        with plot.sized(width, font_size, titles):
            return figure(result, **options)

    return View(shown, drawn, lambda result: tables.frame(rows(result)), plot.save)


def register() -> None:
    """Tell `shown` how each kind of result is shown."""
    VIEWS.update(
        {
            Backtest: _view(backtest_text, plot.backtest_figure, tables.backtest_rows),
            Comparison: _view(comparison_text, plot.comparison_figure, tables.comparison_rows),
            Fit: _view(fit_text, plot.fit_figure, tables.fit_rows, detailed=True),
            Followed: _view(followed_text, plot.followed_figure, tables.followed_rows),
            Forecast: _view(forecast_text, plot.forecast_figure, tables.forecast_rows),
            Outlook: _view(outlook_text, plot.outlook_figure, tables.outlook_rows),
            Pilots: _view(pilots_text, plot.pilots_figure, tables.pilots_rows),
            Plan: _view(plan_text, plot.plan_figure, tables.plan_rows),
            Study: _view(study_text, plot.study_figure, tables.study_rows),
        }
    )
