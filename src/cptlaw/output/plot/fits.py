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
from cptlaw.output.plot import style
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
    """What a panel shows: a fitted domain, and n measured losses with their global steps (n,).

    Those before the step `since` are not drawn.
    """

    domain: DomainFit
    study: Study
    observed: Observations
    at: IntArray
    looks: Mapping[str, dict[str, Any]]
    since: int

    def along(self, run: str, history: History, step: IntArray) -> Points:
        """Places on a run's history, with the loss averaged where its log averages it."""
        curve = self.study.run(run).curves.get(self.study.domains[self.domain.role])
        before = self.study.before(self.study.run(run)).steps
        return windows.along(history, step, curve, before, self.observed.points.convention)

    @property
    def seen(self) -> BoolArray:
        """Which of the losses are drawn, shape (n,)."""
        return self.at >= self.since

    @property
    def runs(self) -> list[tuple[int, str]]:
        """Index and name of every run with points, in the order of the study."""
        names, there = self.observed.runs, set(self.observed.run[self.seen].tolist())
        known = [(names.index(name), name) for name in self.looks if name in names]
        return [(i, name) for i, name in known if i in there]


def _drawn(fit: Fit, role: str, study: Study | None, since: int = 0) -> _Drawn:
    domain, study = fit.domain(role), study or fit.study
    if study is None:
        raise DataError(
            "published coefficients come without the points they were fitted to. Draw a forecast, "
            "or give a study to compare them with."
        )
    observed = observe(study, role, fit.convention)
    at = observed.points.pt_step + observed.points.cpt_step
    if at.max() < since:
        raise DataError(f"no {role} loss from step {since} on; the last is at {at.max()}.")
    return _Drawn(domain, study, observed, at, _looks(fit, study), since)


def _looks(fit: Fit, study: Study) -> dict[str, dict[str, Any]]:
    """The look of every run with losses, the same in all panels."""
    names = [run.name for run in study.runs if run.curves]
    labels = style.labels(names)
    fitted = {run.name for run in fit.study.runs if run.curves} if fit.study else set()
    held_out = {name: " (held out)" * bool(fitted and name not in fitted) for name in names}
    return {
        name: {**style.look(i), "label": labels[name] + held_out[name]}
        for i, name in enumerate(names)
    }


# --- losses and residuals ---------------------------------------------------------------------


@style.styled
def fit(
    fit: Fit, role: str, ax: Axes | None = None, *, study: Study | None = None, since: int = 0
) -> Axes:
    """Measured losses (markers) and fitted curves (lines) of all runs, against the global step.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        role: the domain.
        ax: where to draw; left out, a figure of its own.
        study: whose runs are drawn, such as one with the runs that were held out; left out,
            those that were fitted.
        since: the first step that is drawn, counted from the beginning of the pre-training.

    Raises:
        DataError: no such domain, or no points.
    """
    own, ax = ax is None, style.axes(ax)
    handles = _draw_losses(ax, fit, _drawn(fit, role, study, since))
    style.label_axes(ax, title=style.domain_title(role))
    style.legend(ax, handles, own, KEY)
    return ax


@style.styled
def residuals(
    fit: Fit, role: str, ax: Axes | None = None, *, study: Study | None = None, since: int = 0
) -> Axes:
    """Fitted minus measured, in percent of the measured loss, against the global step.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        role: the domain.
        ax: where to draw; left out, a figure of its own.
        study: whose runs are drawn; left out, those that were fitted.
        since: the first step that is drawn, counted from the beginning of the pre-training.

    Raises:
        DataError: no such domain, or no points.
    """
    own, ax = ax is None, style.axes(ax, height=4)
    handles = _draw_residuals(ax, _drawn(fit, role, study, since))
    style.label_axes(ax, y=RESIDUAL, title=style.domain_title(role))
    style.legend(ax, handles, own)
    return ax


@style.styled
def fit_figure(
    fit: Fit, roles: Sequence[str] | None = None, *, study: Study | None = None, since: int = 0
) -> Figure:
    """Losses above and residuals below, one column a domain.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        roles: up to four domains; left out, the first four of the fit, D_pt and D_cpt first.
        study: whose runs are drawn; left out, those that were fitted.
        since: the first step that is drawn, counted from the beginning of the pre-training.

    Raises:
        DataError: no such domain, too many, or no points.
    """
    shown = style.shown(fit.domains, roles)
    panels = {role: _drawn(fit, role, study, since) for role in shown}
    figure, rows = style.columns(len(shown), (2.2, 1.0))
    handles: dict[str, Any] = {}
    for (above, below), (role, drawn) in zip(rows.T, panels.items(), strict=True):
        first = role == shown[0]
        found = _draw_losses(above, fit, drawn)
        _draw_residuals(below, drawn)
        style.label_axes(above, "", style.LOSS if first else "", style.domain_title(role))
        style.label_axes(below, y="residual (%)" if first else "")
        handles.update({str(handle.get_label()): handle for handle in found})
    more = style.not_shown(fit.domains, shown) if roles is None else ""
    style.legend_below(figure, list(handles.values()), "; ".join(filter(None, [BOTH, more])))
    figure.align_ylabels(rows[:, 0])
    return figure


def _draw_losses(ax: Axes, fit: Fit, drawn: _Drawn) -> list[Any]:
    from matplotlib.lines import Line2D

    observed, handles, transfers = drawn.observed, list[Any](), list[int]()
    for i, name in drawn.runs:
        mine = (observed.run == i) & drawn.seen
        look, history = drawn.looks[name], observed.points.histories[i]
        at, loss = drawn.at[mine], observed.loss[mine]
        kept = style.sample(at.size, max(400 // len(observed.runs), 60))
        ax.plot(at[kept], loss[kept], **{**look, "linestyle": ""}, alpha=0.4, zorder=2)
        first = max(_start(drawn.study, name, int(at.min())), drawn.since)
        step = style.grid(first, int(at.max()), history.pt_lr.size)
        points = drawn.along(name, history, step)
        ax.plot(step, drawn.domain.loss(points), **{**look, "marker": ""}, zorder=3)
        handles.append(Line2D([], [], **look))
        if history.phase_start:
            transfers.append(history.phase_start)
    above = style.frame_losses(ax, drawn.at[drawn.seen], observed.loss[drawn.seen])
    style.tell(ax, style.points_text(above, "above"))
    return handles + style.transfers(ax, transfers)


def _start(study: Study, name: str, measured: int) -> int:
    """Where a run's curve begins: at its base, or else at its first fitted point."""
    before = study.before(study.run(name))
    return before.steps if before.steps or before.unknown_base is not None else measured


def _draw_residuals(ax: Axes, drawn: _Drawn) -> list[Any]:
    observed, handles = drawn.observed, list[Any]()
    percent = 100.0 * (drawn.domain.loss(observed.points) / observed.loss - 1.0)
    for i, name in drawn.runs:
        mine = np.flatnonzero((observed.run == i) & drawn.seen)
        kept = mine[style.sample(mine.size, style.DRAWN // len(observed.runs))]
        look = {**drawn.looks[name], "linestyle": "", "markersize": 4.0, "alpha": 0.7}
        handles += ax.plot(drawn.at[kept], percent[kept], **look)
    ax.axhline(0, color=style.BLACK, linewidth=1.0, zorder=1)
    outside = style.frame_residuals(ax, percent[drawn.seen])
    style.tell(ax, style.points_text(outside, "outside"))
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
        run: a run of the study; drawn from the first step of its pre-training on.
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
    begin = int(drawn.at[mine].min()) if mine.size and known else begin
    step = style.grid(begin, history.steps, history.pt_lr.size)
    points = drawn.along(run, history, step)
    handles = _draw_parts(ax, step, drawn.domain.parts(points))
    curves = [np.asarray(line.get_ydata()) for line in handles if hasattr(line, "get_ydata")]
    steps = np.concatenate([np.tile(step, len(curves)), drawn.at[mine]])
    if style.frame_losses(ax, steps, np.concatenate([*curves, observed.loss[mine]])):
        style.tell(ax, "first steps above")
    if mine.size:
        kept = mine[style.sample(mine.size, 150)]
        marks: dict[str, Any] = {"marker": "o", "linestyle": "", "color": style.GREY, "alpha": 0.6}
        handles += ax.plot(drawn.at[kept], observed.loss[kept], **marks, label="measured")
    handles += style.transfers(ax, [history.phase_start] if history.phase_start else [])
    style.label_axes(ax, title=f"{style.domain_title(role)}, {style.plain(run)}")
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
