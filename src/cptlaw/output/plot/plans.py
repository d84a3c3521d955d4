"""A plan as a figure: its learning rates, the trade-offs, and what each knob does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.decisions.plan import KnobEffect, Plan
from cptlaw.decisions.plan.effects import tolerance
from cptlaw.decisions.plan.knobs import KNOBS, is_drop, knob_words
from cptlaw.output.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KNOBS = 3  # panels
_SEEN = 12.0  # times what counts as no difference, that a panel shows at least


@style.styled
def plan_figure(plan: Plan) -> Figure:
    """The planned learning rates, the trade-offs, and the value against each knob.

    Args:
        plan: what to draw.
    """
    knobs = [k for k in plan.knobs if not is_drop(k.name)][:_KNOBS]
    figure = style.new_figure(11, 8 if knobs else 4.6)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.1, 1.0)) if knobs else [figure]
    left, right = parts[0].subplots(1, 2)
    _draw_rates(left, plan)
    _draw_front(right, plan)
    if knobs:
        row = parts[1].subplots(1, len(knobs), sharey=True, squeeze=False)[0]
        above = np.concatenate([np.array(knob.above) for knob in knobs])
        top = float(above[np.isfinite(above)].max(initial=0.0))
        top = 1.05 * max(top, _SEEN * tolerance(plan.aim, plan.best.value))
        row[0].set_ylim(-0.06 * top, top)
        for i, (ax, knob) in enumerate(zip(row, knobs, strict=True)):
            _draw_knob(ax, plan, knob, first=i == 0)
    return figure


def _draw_rates(ax: Axes, plan: Plan) -> None:
    recipe = plan.best.recipe
    lr = np.append(recipe.schedule.lr()[:1], recipe.schedule.lr())
    x, y = style.thin(np.arange(lr.size), lr)
    ax.plot(x, y, color=style.BLUE, label="this plan", zorder=3)
    if plan.default is not None:
        usual = plan.default.recipe.schedule.lr()
        x, y = style.thin(np.arange(1, usual.size + 1), usual)
        ax.plot(x, y, color=style.GREY, linestyle=style.DASHED, label="common default", zorder=2)
    ax.set_ylim(0, 1.12 * lr.max())
    start = "" if recipe.start.is_scratch else f"after {recipe.start.text}"
    style.label_rates(ax, title=style.plain(start))
    ax.legend(loc="best", fontsize=10, frameon=True, framealpha=0.85)


def _draw_front(ax: Axes, plan: Plan) -> None:
    """Recipes of which none is better in everything, on the two domains (or one and the cost)."""
    roles = list(plan.best.losses)
    costly = len(roles) < 2
    y = roles[-1]
    x = ("tokens" if "tokens" in plan.best.costs else "steps") if costly else roles[0]

    def place(option: Any) -> tuple[float, float]:
        return option.costs[x] if costly else option.losses[x], option.losses[y]

    if plan.front:
        points = np.array([place(option) for option in plan.front])
        look: dict[str, Any] = {"linestyle": "none", "color": style.SKY, "markeredgecolor": "none"}
        ax.plot(*points.T, marker="o", markersize=6, label="none better in all", **look)
    star: dict[str, Any] = {"linestyle": "none", "markersize": 14, "zorder": 4}
    ax.plot(*place(plan.best), marker="*", color=style.VERMILION, label="this plan", **star)
    if plan.default is not None:
        known: dict[str, Any] = {"linestyle": "none", "markersize": 8, "color": style.BLACK}
        ax.plot(*place(plan.default), marker="X", label="common default", **known)
    if not costly and x in plan.reference:
        ax.axvline(plan.reference[x], color=style.GREY, linestyle=":", label=f"{x} at the start")
    style.label_axes(ax, x if costly else f"{x} loss (nats)", f"{y} loss (nats)", "trade-offs")
    ax.legend(loc="best", fontsize=10, frameon=True, framealpha=0.85)


def _draw_knob(ax: Axes, plan: Plan, knob: KnobEffect, first: bool) -> None:
    tried, above = np.array(knob.tried), np.array(knob.above)
    near = tolerance(plan.aim, plan.best.value)
    known = np.isfinite(above)
    ax.plot(tried[known], above[known], color=style.BLUE, zorder=3)
    if not known.all():
        for x in tried[~known]:
            ax.axvline(x, color="#EEEEEE", linewidth=6, zorder=0)
    sure = None if plan.stability is None else plan.stability.knobs.get(knob.name)
    if sure is not None and sure.low < sure.high:
        ax.axvspan(sure.low, sure.high, color=style.ORANGE, alpha=0.25, zorder=1)
    ax.axhline(near, color=style.GREY, linestyle=":", zorder=2)
    ax.plot([knob.value], [0.0], marker="*", markersize=14, color=style.VERMILION, zorder=4)
    unit = f" ({plan.aim.unit})" if plan.aim.unit else ""
    words = f"above the best{unit}" if first else ""
    style.label_axes(ax, knob_words(knob.name), words)
    own = KNOBS.get(knob.name)
    if own is not None and own.is_log and not own.is_whole and knob.high / knob.low > 4:
        _log_axis(ax, knob.low, knob.high)
    if first:
        style.tell(ax, "orange: optima of the refits", "dotted: as good")


def _log_axis(ax: Axes, low: float, high: float) -> None:
    """A logarithmic axis with a handful of round numbers."""
    ax.set_xscale("log")
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [d * p for p in powers for d in digits if 0.999 * low <= d * p <= 1.001 * high]
        if len(ticks) <= 5:
            break
    ax.set_xticks(ticks, [style.small_text(tick) for tick in ticks])
    ax.minorticks_off()
