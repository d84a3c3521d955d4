"""Figures of studies and of the runs to do next.

In use they are reached through `cptlaw.plot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.decisions.pilot import Pilots
from cptlaw.output.plot import style
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.styled
def study_figure(study: Study, roles: Sequence[str] | None = None) -> Figure:
    """Learning rates above and measured losses below, one column a domain.

    Args:
        study: whose runs with losses are drawn, each from the step at which it begins.
        roles: up to four domains; left out, the first four, D_pt and D_cpt first.

    Raises:
        DataError: no such domain, or too many.
    """
    shown = style.shown(study.domains, roles)
    figure, rows = style.columns(len(shown), (1.0, 2.2))
    runs = [run for run in study.runs if run.curves]
    names = style.labels([run.name for run in runs])
    before = {run.name: study.history(run.name).lr.size - run.steps for run in runs}
    handles: dict[str, Any] = {}
    for (above, below), role in zip(rows.T, shown, strict=True):
        first, losses, steps = role == shown[0], list[Any](), list[Any]()
        for i, run in enumerate(runs):
            look = {**style.look(i), "label": names[run.name]}
            _draw_rates(above, run, before[run.name], look)
            if (curve := run.curves.get(study.domains[role])) is None:
                continue
            x, y = style.thin(before[run.name] + curve.steps, curve.loss)
            every = max(x.size // 8, 1)
            (line,) = below.plot(x, y, **look, markevery=every)
            handles.setdefault(run.name, line)
            losses.append(y)
            steps.append(x)
        style.label_rates(above, "", "learning rate" if first else "", style.domain_title(role))
        style.label_axes(below, "step", style.LOSS if first else "")
        if losses:
            cut = style.frame_losses(below, np.concatenate(steps), np.concatenate(losses))
            style.tell(below, style.points_text(cut, "above"))
    words = style.not_shown(study.domains, shown) if roles is None else ""
    style.legend_below(figure, list(handles.values()), words)
    figure.align_ylabels(rows[:, 0])
    return figure


@style.styled
def pilots_figure(pilots: Pilots) -> Figure:
    """Learning rates of the runs to do, and what each takes off the expected regret.

    Args:
        pilots: first runs are drawn without regret, which needs a fit.
    """
    known = [p for p in pilots.pilots if p.regret_after is not None]
    figure = style.new_figure(11 if known else 8, 4.6)
    panels: Any = figure.subplots(1, 2 if known else 1, squeeze=False)[0]
    names = style.labels([run.name for run in pilots.runs])
    for i, run in enumerate(pilots.runs):
        width = 2.0 + 2.0 * (len(names) - 1 - i) / len(names)  # the earlier, the wider
        look = {**style.look(i), "label": names[run.name], "linewidth": width}
        _draw_rates(panels[0], run, 0, look)
    style.label_rates(panels[0], "step of the run", title="runs to do")
    panels[0].set_ylim(bottom=0)
    handles = list(panels[0].get_lines())
    if known:
        left = [known[0].regret_before, *(p.regret_after for p in known)]
        panels[1].plot(range(len(left)), left, color=style.BLUE, marker="o", markersize=8)
        ticks = ["none", *map(str, range(1, len(left)))]
        style.label_rates(panels[1], "runs done, in this order", "regret (nats)", "expected regret")
        panels[1].set_xticks(range(len(left)), ticks)
        panels[1].set_ylim(bottom=0)
    style.legend_below(figure, handles)
    return figure


def _draw_rates(ax: Axes, run: Run, before: int, look: dict[str, Any]) -> None:
    assert run.schedule is not None
    lr = run.schedule.lr()
    x, y = style.thin(np.arange(before, before + lr.size + 1), np.concatenate([lr[:1], lr]))
    ax.plot(x, y, **{**look, "marker": ""})
