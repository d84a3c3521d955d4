"""Figures of what held-out runs say: backtests and comparisons of laws.

In use they are reached through `cptlaw.plot`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cptlaw.errors import DataError
from cptlaw.forecasting.backtest import Backtest
from cptlaw.forecasting.compare import ComparedRow, Comparison
from cptlaw.output.plot import style, ticks, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ERROR, _SHORT = "mean error on held-out points (%)", "mean error (%)"


@style.styled
def backtest_figure(backtest: Backtest) -> Figure:
    """Mean error of every law on every held-out run, one panel a domain.

    Args:
        backtest: of up to four domains that are drawn, D_pt and D_cpt first.
    """
    roles = words.shown(dict.fromkeys(row.domain for row in backtest.rows), None)
    laws = list(dict.fromkeys(row.law for row in backtest.rows))
    runs = list(dict.fromkeys(row.run for row in backtest.rows))
    figure, panels = _panels(len(roles), len(runs) * (1 + 0.25 * (len(laws) - 1)))
    labels, handles = words.labels(runs), list[Any]()
    for ax, role in zip(panels, roles, strict=True):
        mine = {(r.law, r.run): 100 * r.scores.mape for r in backtest.rows if r.domain == role}
        for i, law in enumerate(laws):
            shift = 0.5 * (i - (len(laws) - 1) / 2) / max(len(laws), 1)
            places = [(x, y + shift) for y, n in enumerate(runs) if (x := mine.get((law, n)))]
            look = {**style.look(i), "linestyle": "none", "markersize": style.pts(9)}
            drawn = ax.plot(*zip(*places, strict=True), **look, label=law) if places else []
            handles += drawn if ax is panels[0] else []
        _rows(ax, [labels[name] for name in runs], words.domain_title(role))
    style.legend_below(figure, handles, f"Held out: {backtest.held_out}")
    return figure


@style.styled
def comparison_figure(comparison: Comparison) -> Figure:
    """Mean error of every law, with the interval of its difference from the reference law.

    Args:
        comparison: of up to four domains that are drawn, D_pt and D_cpt first.
    """
    roles = words.shown(dict.fromkeys(row.domain for row in comparison.rows), None)
    laws = list(dict.fromkeys(row.law for row in comparison.rows))
    figure, panels = _panels(len(roles), len(laws))
    handles: list[Any] = []
    for ax, role in zip(panels, roles, strict=True):
        mine = {row.law: row for row in comparison.rows if row.domain == role}
        handles = _draw_compared(ax, mine, laws, comparison)
        _rows(ax, laws, words.domain_title(role))
    style.legend_below(figure, handles)
    return figure


def _draw_compared(
    ax: Axes, rows: dict[str, ComparedRow], laws: list[str], comparison: Comparison
) -> list[Any]:
    """The errors of one domain; a law whose bar stays left of the line is clearly better."""
    base = 100 * rows[comparison.against].mape
    look: dict[str, Any] = {"color": style.GREY, "linestyle": style.DASHED, "zorder": 1}
    line = ax.axvline(base, label=f"{comparison.against}, the reference", **look)
    bar: Any = None
    for y, law in enumerate(laws):
        row = rows[law]
        if (gap := row.difference) is not None:
            ends = [base + 100 * gap.low, base + 100 * gap.high]
            words = f"{100 * comparison.level:g} % interval of the difference"
            (bar,) = ax.plot(
                ends, [y, y], color=style.SKY, linewidth=style.pts(7), label=words, zorder=2
            )
        color = style.BLACK if law == comparison.against else style.BLUE
        ax.plot([100 * row.mape], [y], marker="o", markersize=style.pts(9), color=color, zorder=3)
    return [line, bar] if bar is not None else [line]


def _panels(count: int, rows: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side, high enough for so many rows."""
    if not count:
        raise DataError("there is no held-out curve to draw.")
    figure = style.new_figure(style.within(4.6 + 3.0 * count), 1.9 + 0.55 * rows)
    return figure, list(figure.subplots(1, count, sharey=True, squeeze=False)[0])


def _rows(ax: Axes, names: list[str], title: str) -> None:
    """One row a name, the first on top, errors from 0 on."""
    ticks.label_rates(ax, _SHORT if style.is_narrow() else _ERROR, "", title)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    low, high = ax.get_xlim()
    ax.set_xlim(min(0.0, low), 1.04 * high)  # so that no marker stands on the edge
