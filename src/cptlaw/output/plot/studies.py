"""Figures of studies and of the runs to do next.

In use they are reached through `cptlaw.plot`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.decisions.pilot import Pilots
from cptlaw.output.curves import PHASES, Phase, phase_of, transfer_of
from cptlaw.output.plot import style, ticks, words
from cptlaw.output.plot.phases import in_order, phase_columns
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@style.styled
def study_figure(study: Study, roles: Sequence[str] | None = None) -> Figure:
    """Learning rates above and losses below; of each domain the pre-training, narrow, and the CPT.

    Args:
        study: whose runs with losses are drawn, each from the step at which it begins.
        roles: up to four domains; left out, the first four, D_pt and D_cpt first.

    Raises:
        DataError: no such domain, or too many.
    """
    shown = words.shown(study.domains, roles)
    runs = _drawn(study)
    phases: dict[str, list[Phase]] = {role: _phases(study, runs, role) for role in shown}
    figure, columns = phase_columns(phases, (1.0, 2.2))
    handles: dict[str, Any] = {}
    for column in columns:
        mine = [run for run in runs if run.phase == column.phase]
        for run in mine:
            _draw_rates(column.above, run.run, run.before, run.look)
        handles.update(_draw_losses(column.below, study.domains[column.role], mine))
        column.label("learning rate", style.LOSS)
        ticks.label_small(column.above)
    left_out = words.not_shown(study.domains, shown) if roles is None else ""
    style.legend_below(figure, in_order(handles, {r.run.name: r.look for r in runs}), left_out)
    return figure


@dataclass(frozen=True)
class _Drawn:
    """A run, its phase, the steps of that phase before its first, and its look."""

    run: Run
    phase: Phase
    before: int
    look: dict[str, Any]


def _drawn(study: Study) -> list[_Drawn]:
    runs = [run for run in study.runs if run.curves]
    names = words.labels([run.name for run in runs])
    found: list[_Drawn] = []
    for i, run in enumerate(runs):
        history = study.history(run.name)
        before = history.pt_lr.size + history.cpt_lr.size - run.steps - transfer_of(history)
        look = {**style.look(i), "label": names[run.name]}
        found.append(_Drawn(run, phase_of(history), before, look))
    return found


def _phases(study: Study, runs: Sequence[_Drawn], role: str) -> list[Phase]:
    there = {run.phase for run in runs if study.domains[role] in run.run.curves}
    return [phase for phase in PHASES if phase in there]


def _draw_losses(ax: Axes, column: str, runs: Sequence[_Drawn]) -> dict[str, Any]:
    """The measured losses of runs; the handles of their lines by label."""
    handles: dict[str, Any] = {}
    losses, steps = list[Any](), list[Any]()
    for run in runs:
        if (curve := run.run.curves.get(column)) is None:
            continue
        x, y = style.thin(run.before + curve.steps, curve.loss)
        (line,) = ax.plot(x, y, **run.look, markevery=max(x.size // 8, 1))
        handles[run.look["label"]] = line
        losses.append(y)
        steps.append(x)
    cut = style.frame_losses(ax, np.concatenate(steps), np.concatenate(losses))
    style.tell(ax, words.points_text(cut, "above"))
    return handles


@style.styled
def pilots_figure(pilots: Pilots) -> Figure:
    """Learning rates of the runs to do, and what each takes off the expected regret.

    Args:
        pilots: first runs are drawn without regret, which needs a fit.
    """
    known = [p for p in pilots.pilots if p.regret_after is not None]
    figure = style.new_figure(11 if known else 8, 4.6)
    panels: Any = figure.subplots(1, 2 if known else 1, squeeze=False)[0]
    names = words.labels([run.name for run in pilots.runs])
    for i, run in enumerate(pilots.runs):
        width = 2.0 + 2.0 * (len(names) - 1 - i) / len(names)  # the earlier, the wider
        look = {**style.look(i), "label": names[run.name], "linewidth": style.pts(width)}
        _draw_rates(panels[0], run, 0, look)
    ticks.label_rates(panels[0], "step of the run", title="runs to do")
    panels[0].set_ylim(bottom=0)
    handles = list(panels[0].get_lines())
    if known:
        left = [known[0].regret_before, *(p.regret_after for p in known)]
        panels[1].plot(
            range(len(left)), left, color=style.BLUE, marker="o", markersize=style.pts(8)
        )
        ticks.label_rates(panels[1], "runs done, in this order", "regret (nats)", "expected regret")
        panels[1].set_xticks(range(len(left)), ["none", *map(str, range(1, len(left)))])
        panels[1].set_ylim(bottom=0)
    style.legend_below(figure, handles)
    return figure


def _draw_rates(ax: Axes, run: Run, before: int, look: dict[str, Any]) -> None:
    assert run.schedule is not None
    lr = run.schedule.lr()
    x, y = style.thin(np.arange(before, before + lr.size + 1), np.concatenate([lr[:1], lr]))
    ax.plot(x, y, **{**look, "marker": ""})
