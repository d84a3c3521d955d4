"""Figures of fits: curves against measured losses, residuals, and the parts of a law.

In use they are reached through `cptlaw.plot`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting import windows
from cptlaw.fitting.observations import Observations, observe
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws.areas import warmup_steps
from cptlaw.laws.points import Points
from cptlaw.output.plot import style, ticks, words
from cptlaw.output.plot.phases import (
    PHASES,
    X_LABEL,
    Phase,
    in_order,
    phase_columns,
    phase_of,
    transfer_of,
)
from cptlaw.studies.history import History
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEY = "markers: measured, lines: fitted"
RESIDUAL = "fitted \u2212 measured (%)"
BOTH = f"{KEY}; residual: {RESIDUAL}"


@dataclass(frozen=True)
class _Drawn:
    """What the panels of a domain show: what is fitted, and n measured losses.

    `at` are their steps on the axis of their phase, shape (n,): those of the pre-training count
    from its beginning, those of a CPT from the transfer.
    """

    domain: DomainFit
    study: Study
    observed: Observations
    at: IntArray
    looks: Mapping[str, dict[str, Any]]

    def along(self, run: str, history: History, step: IntArray) -> Points:
        """Places on a run's history, with the loss averaged where its log averages it."""
        curve = self.study.run(run).curves.get(self.study.domains[self.domain.role])
        before = self.study.before(self.study.run(run)).steps
        return windows.along(history, step, curve, before, self.observed.points.convention)

    def seen(self, phase: Phase) -> BoolArray:
        """Which of the losses belong to a phase, shape (n,)."""
        is_cpt = [phase_of(history) == "cpt" for history in self.observed.points.histories]
        return np.array(is_cpt)[self.observed.run] == (phase == "cpt")

    @property
    def phases(self) -> list[Phase]:
        """The phases that have losses."""
        return [phase for phase in PHASES if self.seen(phase).any()]

    def runs(self, phase: Phase) -> list[tuple[int, str]]:
        """Index and name of every run with points in a phase, in the order of the study."""
        names, there = self.observed.runs, set(self.observed.run[self.seen(phase)].tolist())
        known = [(names.index(name), name) for name in self.looks if name in names]
        return [(i, name) for i, name in known if i in there]


def _drawn(fit: Fit, role: str, study: Study | None) -> _Drawn:
    domain, study = fit.domain(role), study or fit.study
    if study is None:
        raise DataError(
            "published coefficients come without the points they were fitted to. Draw a forecast, "
            "or give a study to compare them with."
        )
    observed = observe(study, role, fit.convention)
    before = np.array([transfer_of(history) for history in observed.points.histories])
    at = observed.points.pt_step + observed.points.cpt_step - before[observed.run]
    return _Drawn(domain, study, observed, at, _looks(fit, study))


def _one_phase(drawn: _Drawn, phase: Phase | None) -> Phase:
    if phase is None:
        return drawn.phases[-1]
    if phase not in drawn.phases:
        raise DataError(
            f"no loss of the phase '{phase}' to draw; there are some of {', '.join(drawn.phases)}."
        )
    return phase


def _looks(fit: Fit, study: Study) -> dict[str, dict[str, Any]]:
    """The look of every run with losses, the same in all panels."""
    names = [run.name for run in study.runs if run.curves]
    labels = words.labels(names)
    fitted = {run.name for run in fit.study.runs if run.curves} if fit.study else set()
    held_out = {name: " (held out)" * bool(fitted and name not in fitted) for name in names}
    return {
        name: {**style.look(i), "label": labels[name] + held_out[name]}
        for i, name in enumerate(names)
    }


# --- losses and residuals ---------------------------------------------------------------------


@style.styled
def fit(
    fit: Fit,
    role: str,
    ax: Axes | None = None,
    *,
    study: Study | None = None,
    phase: Phase | None = None,
) -> Axes:
    """Measured losses (markers) and fitted curves (lines) of all runs of a phase.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        role: the domain.
        ax: where to draw; left out, a figure of its own.
        study: whose runs are drawn, such as one with the runs that were held out; left out,
            those that were fitted.
        phase: "pt", against the step, or "cpt", against the step since the transfer; left out,
            the CPT if there is one.

    Raises:
        DataError: no such domain, or no points.
    """
    drawn = _drawn(fit, role, study)
    phase = _one_phase(drawn, phase)
    own, ax = ax is None, style.axes(ax)
    handles = _draw_losses(ax, drawn, phase)
    ticks.label_axes(ax, X_LABEL[phase], title=words.domain_title(role))
    style.legend(ax, handles, own, KEY)
    return ax


@style.styled
def residuals(
    fit: Fit,
    role: str,
    ax: Axes | None = None,
    *,
    study: Study | None = None,
    phase: Phase | None = None,
) -> Axes:
    """Fitted minus measured, in percent of the measured loss, of all runs of a phase.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        role: the domain.
        ax: where to draw; left out, a figure of its own.
        study: whose runs are drawn; left out, those that were fitted.
        phase: "pt", against the step, or "cpt", against the step since the transfer; left out,
            the CPT if there is one.

    Raises:
        DataError: no such domain, or no points.
    """
    drawn = _drawn(fit, role, study)
    phase = _one_phase(drawn, phase)
    own, ax = ax is None, style.axes(ax, height=4)
    handles = _draw_residuals(ax, drawn, phase)
    ticks.label_axes(ax, X_LABEL[phase], RESIDUAL, words.domain_title(role))
    style.legend(ax, handles, own)
    return ax


@style.styled
def fit_figure(
    fit: Fit, roles: Sequence[str] | None = None, *, study: Study | None = None
) -> Figure:
    """Losses above and residuals below; of each domain the pre-training, narrow, and the CPT.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        roles: up to four domains; left out, the first four of the fit, D_pt and D_cpt first.
        study: whose runs are drawn; left out, those that were fitted.

    Raises:
        DataError: no such domain, too many, or no points.
    """
    shown = words.shown(fit.domains, roles)
    domains = {role: _drawn(fit, role, study) for role in shown}
    figure, columns = phase_columns({r: d.phases for r, d in domains.items()}, (2.2, 1.0))
    handles: dict[str, Any] = {}
    for column in columns:
        drawn = domains[column.role]
        found = _draw_losses(column.above, drawn, column.phase)
        _draw_residuals(column.below, drawn, column.phase)
        column.label(style.LOSS, "residual (%)")
        handles.update({str(handle.get_label()): handle for handle in found})
    more = words.not_shown(fit.domains, shown) if roles is None else ""
    named = in_order(handles, domains[shown[0]].looks)
    style.legend_below(figure, named, "; ".join(filter(None, [BOTH, more])))
    return figure


def _draw_losses(ax: Axes, drawn: _Drawn, phase: Phase) -> list[Any]:
    from matplotlib.lines import Line2D

    observed, handles, transfers = drawn.observed, list[Any](), list[int]()
    seen, runs = drawn.seen(phase), drawn.runs(phase)
    for i, name in runs:
        mine = (observed.run == i) & seen
        look, history = drawn.looks[name], observed.points.histories[i]
        before, at, loss = transfer_of(history), drawn.at[mine], observed.loss[mine]
        kept = style.sample(at.size, max(200 // len(runs), 30))
        ax.plot(
            at[kept], loss[kept], **{**look, "linestyle": "", **_FAINT}, markersize=style.pts(3.5)
        )
        first = _start(drawn.study, name, int(at.min()) + before)
        step = style.grid(first, int(at.max()) + before, history.pt_lr.size)
        points = drawn.along(name, history, step)
        ax.plot(step - before, drawn.domain.loss(points), **{**look, "marker": ""}, zorder=3)
        handles.append(Line2D([], [], **look))
    if phase == "pt":
        transfers = [history.phase_start for history in observed.points.histories]
    above = style.frame_losses(ax, drawn.at[seen], observed.loss[seen])
    style.tell(ax, words.points_text(above, "above"))
    return handles + style.transfers(ax, [step for step in transfers if step])


_FAINT: dict[str, Any] = {"alpha": 0.45, "markeredgewidth": 0, "zorder": 2}


def _start(study: Study, name: str, measured: int) -> int:
    """Where a run's curve begins: at its base, or else at its first fitted point."""
    before = study.before(study.run(name))
    return before.steps if before.steps or before.unknown_base is not None else measured


def _draw_residuals(ax: Axes, drawn: _Drawn, phase: Phase) -> list[Any]:
    observed, handles = drawn.observed, list[Any]()
    seen, runs = drawn.seen(phase), drawn.runs(phase)
    percent = 100.0 * (drawn.domain.loss(observed.points) / observed.loss - 1.0)
    for i, name in runs:
        mine = np.flatnonzero((observed.run == i) & seen)
        kept = mine[style.sample(mine.size, style.DRAWN // len(observed.runs))]
        look = {
            **drawn.looks[name],
            "linestyle": "",
            **_FAINT,
            "alpha": 0.7,
            "markersize": style.pts(3.5),
        }
        handles += ax.plot(drawn.at[kept], percent[kept], **look)
    ax.axhline(0, color=style.BLACK, linewidth=style.pts(1.0), zorder=1)
    outside = style.frame_residuals(ax, percent[seen])
    style.tell(ax, words.points_text(outside, "outside"))
    return handles


# --- parts of a law ---------------------------------------------------------------------------


@style.styled
def decomposition(fit: Fit, role: str, run: str, ax: Axes | None = None) -> Axes:
    """What each part of a law contributes along a run: base, annealing, and shift.

    The base is what the forward area alone would give; annealing brings it to the hidden PT
    curve, what D_pt training would give; the distribution shift brings that to the loss.

    Args:
        fit: fitted to a study.
        role: the domain.
        run: a run of the study. A CPT is drawn with as many steps of the pre-training before it
            as it has itself, anything else from the first step of the pre-training on.
        ax: where to draw; left out, a figure of its own.

    Raises:
        DataError: no such domain or run, or published coefficients.
    """
    own, drawn = ax is None, _drawn(fit, role, None)
    history, observed = drawn.study.history(run), drawn.observed
    ax = style.axes(ax)
    mine = np.flatnonzero(_along(drawn.study, run, observed))
    known = history.unknown_base is None
    begin = max(warmup_steps(history.pt_lr), 1) if known else 0
    at = observed.points.pt_step[mine] + observed.points.cpt_step[mine]
    begin = int(at.min()) if mine.size and known else begin
    begin = max(begin, history.phase_start - history.cpt_lr.size) if known else begin
    mine, at = mine[at >= begin], at[at >= begin]
    step = style.grid(begin, history.steps, history.pt_lr.size)
    points = drawn.along(run, history, step)
    handles = _draw_parts(ax, step, drawn.domain.parts(points))
    curves = [np.asarray(line.get_ydata()) for line in handles if hasattr(line, "get_ydata")]
    steps = np.concatenate([np.tile(step, len(curves)), at])
    if style.frame_losses(ax, steps, np.concatenate([*curves, observed.loss[mine]])):
        style.tell(ax, "first steps above")
    if mine.size:
        kept = style.sample(mine.size, 150)
        marks: dict[str, Any] = {"marker": "o", "linestyle": "", "color": style.GREY, "alpha": 0.6}
        handles += ax.plot(at[kept], observed.loss[mine[kept]], **marks, label="measured")
    handles += style.transfers(ax, [history.phase_start] if history.phase_start else [])
    ticks.label_axes(ax, title=f"{words.domain_title(role)}, {words.plain(run)}")
    style.legend(ax, handles, own)
    return ax


def _along(study: Study, run: str, observed: Observations) -> BoolArray:
    """Which of n points lie on the way to the end of a run, in it or in its bases, shape (n,)."""
    chosen = np.zeros(len(observed), dtype=np.bool_)
    last: int | None = None
    name: str | None = run
    while name is not None:
        here = study.run(name)
        mine = observed.run == (observed.runs.index(name) if name in observed.runs else -1)
        chosen |= mine if last is None else mine & (observed.step <= last)
        last = here.after_step
        name = here.after if here.unknown_base is None else None
    return chosen


_ANNEALING: dict[str, Any] = {"color": style.GREEN, "alpha": 0.25, "linewidth": 0}
_SHIFT: dict[str, Any] = {
    "facecolor": "none",
    "edgecolor": style.VERMILION,
    "hatch": "///",
    "linewidth": 0,
    "alpha": 0.6,
}


def _draw_parts(ax: Axes, step: IntArray, parts: Mapping[Any, FloatArray]) -> list[Any]:
    """The curves between the parts, n steps each, and the areas between the curves."""
    none = np.zeros(step.size)
    base = parts.get("base", none)
    hidden = base + parts.get("annealing", none)
    loss = hidden + parts.get("shift", none)
    dots: dict[str, Any] = {"color": style.GREY, "linestyle": style.DOTTED}
    dashes: dict[str, Any] = {"color": style.BLUE, "linestyle": style.DASHED}
    lines = ax.plot(step, base, label="base: forward area alone", **dots)
    fills = [ax.fill_between(step, base, hidden, label="annealing", **_ANNEALING)]
    if np.any(loss != hidden):
        lines += ax.plot(step, hidden, label="hidden PT curve", **dashes, zorder=3)
        fills.append(ax.fill_between(step, hidden, loss, label="shift", **_SHIFT))
    lines += ax.plot(step, loss, color=style.BLACK, label="fitted loss", zorder=3)
    return [*lines, *fills]
