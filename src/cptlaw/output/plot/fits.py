"""Figures of fits: curves against measured losses, residuals, and the parts of a law.

In use they are reached through `cptlaw.plot`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting import windows
from cptlaw.fitting.observations import Observations
from cptlaw.fitting.result import Fit
from cptlaw.laws.areas import warmup_steps
from cptlaw.output.curves import PHASES, Phase, RunCurve, fitted_curves, grid
from cptlaw.output.plot import style, ticks, words
from cptlaw.output.plot.phases import X_LABEL, in_order, phase_columns
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEY = "markers: measured, lines: fitted"
RESIDUAL = "fitted \u2212 measured (%)"
BOTH = f"{KEY}; residual: {RESIDUAL}"


def _one_phase(curves: Sequence[RunCurve], phase: Phase | None) -> list[RunCurve]:
    """The curves of a phase: of the CPT, if there is one, where none is asked for."""
    known = _phases(curves)
    chosen = known[-1] if phase is None else phase
    if chosen not in known:
        raise DataError(
            f"no loss of the phase '{chosen}' to draw; there are some of {', '.join(known)}."
        )
    return [curve for curve in curves if curve.phase == chosen]


def _phases(curves: Sequence[RunCurve]) -> list[Phase]:
    return [phase for phase in PHASES if any(curve.phase == phase for curve in curves)]


def _looks(curves: Sequence[RunCurve]) -> dict[str, dict[str, Any]]:
    """The look of every run, the same in all panels."""
    labels = words.labels([curve.name for curve in curves])
    return {
        curve.name: {
            **style.look(curve.place),
            "label": labels[curve.name] + " (held out)" * (not curve.was_fitted),
        }
        for curve in curves
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
    every = fitted_curves(fit, role, study)
    curves = _one_phase(every, phase)
    own, ax = ax is None, style.axes(ax)
    handles = _draw_losses(ax, every, curves, _looks(every))
    ticks.label_axes(ax, X_LABEL[curves[0].phase], title=words.domain_title(role))
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
    every = fitted_curves(fit, role, study)
    curves = _one_phase(every, phase)
    own, ax = ax is None, style.axes(ax, height=4)
    handles = _draw_residuals(ax, curves, _looks(every))
    ticks.label_axes(ax, X_LABEL[curves[0].phase], RESIDUAL, words.domain_title(role))
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
    domains = {role: fitted_curves(fit, role, study) for role in shown}
    looks = {name: look for curves in domains.values() for name, look in _looks(curves).items()}
    figure, columns = phase_columns({r: _phases(c) for r, c in domains.items()}, (2.2, 1.0))
    handles: dict[str, Any] = {}
    for column in columns:
        every = domains[column.role]
        mine = [curve for curve in every if curve.phase == column.phase]
        found = _draw_losses(column.above, every, mine, looks)
        _draw_residuals(column.below, mine, looks)
        column.label(style.LOSS, "residual (%)")
        handles.update({str(handle.get_label()): handle for handle in found})
    more = words.not_shown(fit.domains, shown) if roles is None else ""
    style.legend_below(figure, in_order(handles, looks), "; ".join(filter(None, [BOTH, more])))
    return figure


def _draw_losses(
    ax: Axes,
    every: Sequence[RunCurve],
    curves: Sequence[RunCurve],
    looks: Mapping[str, dict[str, Any]],
) -> list[Any]:
    """The curves of one phase; where they are pre-training, also where runs leave it."""
    from matplotlib.lines import Line2D

    handles: list[Any] = []
    for curve in curves:
        look = looks[curve.name]
        kept = style.sample(curve.at.size, max(200 // len(curves), 30))
        ax.plot(curve.at[kept], curve.loss[kept], **{**look, **_dots(0.45)})
        ax.plot(curve.step, curve.fitted, **{**look, "marker": ""}, zorder=3)
        handles.append(Line2D([], [], **look))
    at = np.concatenate([curve.at for curve in curves])
    above = style.frame_losses(ax, at, np.concatenate([curve.loss for curve in curves]))
    style.tell(ax, words.points_text(above, "above"))
    left = [curve.transfer for curve in every if curve.transfer and curves[0].phase == "pt"]
    return handles + style.transfers(ax, left)


def _dots(alpha: float) -> dict[str, Any]:
    """Small markers that hide no line."""
    dot = {"linestyle": "", "markersize": style.pts(3.5), "markeredgewidth": 0}
    return {**dot, "alpha": alpha, "zorder": 2}


def _draw_residuals(
    ax: Axes, curves: Sequence[RunCurve], looks: Mapping[str, dict[str, Any]]
) -> list[Any]:
    handles: list[Any] = []
    for curve in curves:
        kept = style.sample(curve.at.size, style.DRAWN // len(curves))
        look = {**looks[curve.name], **_dots(0.7)}
        handles += ax.plot(curve.at[kept], curve.residual[kept], **look)
    ax.axhline(0, color=style.BLACK, linewidth=style.pts(1.0), zorder=1)
    outside = style.frame_residuals(ax, np.concatenate([curve.residual for curve in curves]))
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
    own, domain, observed = ax is None, fit.domain(role), fit.observed(role)
    assert fit.study is not None
    history = fit.study.history(run)
    ax = style.axes(ax)
    mine = np.flatnonzero(_along(fit.study, run, observed))
    known = history.unknown_base is None
    begin = max(warmup_steps(history.pt_lr), 1) if known else 0
    at = observed.points.pt_step[mine] + observed.points.cpt_step[mine]
    begin = int(at.min()) if mine.size and known else begin
    begin = max(begin, history.phase_start - history.cpt_lr.size) if known else begin
    mine, at = mine[at >= begin], at[at >= begin]
    step = grid(begin, history.steps, history)
    curve = fit.study.run(run).curves.get(fit.study.domains[role])
    before = fit.study.before(fit.study.run(run)).steps
    points = windows.along(history, step, curve, before, fit.convention)
    handles = _draw_parts(ax, step, domain.parts(points))
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
