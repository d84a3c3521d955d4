"""A plan as a figure: its learning rates, the trade-offs, and what each knob does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.decisions.plan import KnobEffect, Plan
from cptlaw.decisions.plan.effects import tolerance
from cptlaw.decisions.plan.knobs import KNOBS, is_drop, knob_words
from cptlaw.output.plot import style, ticks, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KNOBS = 3  # panels
_FAR = 4.0  # times a lower peak, from which on the axis is logarithmic
_SEEN = 12.0  # times what counts as no difference, that a panel shows at least


@style.styled
def plan_figure(plan: Plan) -> Figure:
    """The planned learning rates, the trade-offs, and the value against each knob.

    Args:
        plan: what to draw.
    """
    knobs = [k for k in plan.knobs if not is_drop(k.name)][:_KNOBS]
    figure = style.new_figure(style.within(11.5), 8 if knobs else 4.6)
    grid = figure.add_gridspec(2 if knobs else 1, 1, height_ratios=(1.1, 1.0)[: 1 + bool(knobs)])
    above = grid[0].subgridspec(1, 2)
    handles = _draw_rates(figure.add_subplot(above[0]), plan)
    handles += _draw_front(figure.add_subplot(above[1]), plan)
    if knobs:
        below = grid[1].subgridspec(1, len(knobs))
        panels = [figure.add_subplot(below[i]) for i in range(len(knobs))]
        _draw_knobs(panels, plan, knobs)
    style.legend_below(figure, list({h.get_label(): h for h in handles}.values()))
    return figure


def _draw_rates(ax: Axes, plan: Plan) -> list[Any]:
    """The learning rates of the plan and of the common default.

    Where one is far below the other, the axis is logarithmic, and what decays leaves it below.
    """
    recipe = plan.best.recipe
    lines: list[Any] = [("learning rate of this plan", recipe.schedule.lr(), style.BLUE, "-")]
    if plan.default is not None:
        usual = plan.default.recipe.schedule.lr()
        lines.append(("of the common default", usual, style.GREY, style.DASHED))
    handles: list[Any] = []
    for place, (label, lr, color, dashes) in enumerate(lines):
        x, y = style.thin(np.arange(lr.size + 1), np.append(lr[:1], lr))
        look: dict[str, Any] = {"color": color, "linestyle": dashes, "zorder": 3 - place}
        handles += ax.plot(x, y, label=label, **look)
    start = "" if recipe.start.is_scratch else f"after {recipe.start.text}"
    ticks.label_rates(ax, title=words.plain(start))
    peaks = [float(lr.max()) for _, lr, _, _ in lines]
    if min(peaks) < max(peaks) / _FAR:
        ticks.log_axis(ax, "y", min(peaks) / 5, 1.5 * max(peaks))
    else:
        ax.set_ylim(0, 1.12 * max(peaks))
    return handles


def _draw_front(ax: Axes, plan: Plan) -> list[Any]:
    """Recipes of which none is better in everything, on the two domains (or one and the cost).

    What is third, the length, is their colour.
    """
    roles = list(plan.best.losses)
    costly = len(roles) < 2
    y = roles[-1]
    cost = "tokens" if "tokens" in plan.best.costs else "steps"
    x = cost if costly else roles[0]

    def place(option: Any) -> tuple[float, float]:
        return option.costs[x] if costly else option.losses[x], option.losses[y]

    handles: list[Any] = []
    if len(plan.front) > 1:
        points = np.array([place(option) for option in plan.front])
        lengths = np.array([option.recipe.schedule.steps for option in plan.front])
        look: dict[str, Any] = {
            "s": style.pts(6.3) ** 2,
            "label": "other trade-offs",
            "zorder": 2,
        }
        if costly or len(set(lengths.tolist())) == 1:
            handles.append(ax.scatter(*points.T, color=style.SKY, **look))
        else:
            dots = ax.scatter(*points.T, c=lengths, cmap="viridis", **look)
            style.color_bar(ax, dots, "steps")
            handles.append(dots)
    star: dict[str, Any] = {"linestyle": "none", "markersize": style.pts(14), "zorder": 4}
    handles += ax.plot(
        *place(plan.best), marker="*", color=style.VERMILION, label="this plan", **star
    )
    if plan.default is not None:
        known: dict[str, Any] = {
            "linestyle": "none",
            "markersize": style.pts(8),
            "color": style.BLACK,
        }
        handles += ax.plot(*place(plan.default), marker="X", label="common default", **known)
    if not costly and x in plan.reference:
        look = {"color": style.GREY, "linestyle": ":", "label": f"{x} at the start"}
        handles.append(ax.axvline(plan.reference[x], **look))
    ticks.label_axes(ax, x if costly else f"{x} loss (nats)", f"{y} loss (nats)", "trade-offs")
    if not costly:
        ticks.label_numbers(ax)
    return handles


def _draw_knobs(panels: Sequence[Axes], plan: Plan, knobs: Sequence[KnobEffect]) -> None:
    above = np.concatenate([np.array(knob.above) for knob in knobs])
    top = float(above[np.isfinite(above)].max(initial=0.0))
    top = 1.05 * max(top, _SEEN * tolerance(plan.aim, plan.best.value))
    for i, (ax, knob) in enumerate(zip(panels, knobs, strict=True)):
        ax.set_ylim(-0.06 * top, top)
        _draw_knob(ax, plan, knob, first=i == 0)
        ax.tick_params(labelleft=i == 0)


def _draw_knob(ax: Axes, plan: Plan, knob: KnobEffect, first: bool) -> None:
    tried, above = np.array(knob.tried), np.array(knob.above)
    near = tolerance(plan.aim, plan.best.value)
    known = np.isfinite(above)
    ax.plot(tried[known], above[known], color=style.BLUE, zorder=3)
    if not known.all():
        for x in tried[~known]:
            ax.axvline(x, color="#EEEEEE", linewidth=style.pts(6), zorder=0)
    sure = None if plan.stability is None else plan.stability.knobs.get(knob.name)
    if sure is not None and sure.low < sure.high:
        ax.axvspan(sure.low, sure.high, color=style.ORANGE, alpha=0.25, zorder=1)
    ax.axhline(near, color=style.GREY, linestyle=":", zorder=2)
    ax.plot(
        [knob.value], [0.0], marker="*", markersize=style.pts(14), color=style.VERMILION, zorder=4
    )
    unit = f" ({plan.aim.unit})" if plan.aim.unit else ""
    words = f"above the best{unit}" if first else ""
    ticks.label_axes(ax, knob_words(knob.name), words)
    own = KNOBS.get(knob.name)
    if own is None or not own.is_whole:
        ticks.label_numbers(ax)
    if own is not None and own.is_log and not own.is_whole and knob.high / knob.low > 4:
        ticks.log_axis(ax, "x", knob.low, knob.high)
    if first:
        style.tell(ax, "orange: optima of the refits", "dotted: as good")
