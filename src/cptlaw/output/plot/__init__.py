"""Figures of schedules, areas and all results, for a talk or a report.

Most functions draw a value into `ax` if given, else into a figure of its own, and return the axes;
`areas` and those called NAME_figure have several panels and return a figure of their own. `save`
writes a figure. Needs matplotlib (the extra "plot").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import DomainForecast, Forecast
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.output.curves import grid
from cptlaw.output.plot import style, ticks, words
from cptlaw.output.plot.fits import decomposition, fit, fit_figure, residuals
from cptlaw.output.plot.live import followed_figure, outlook_figure
from cptlaw.output.plot.plans import plan_figure
from cptlaw.output.plot.scores import backtest_figure, comparison_figure
from cptlaw.output.plot.studies import pilots_figure, study_figure
from cptlaw.output.plot.style import sized
from cptlaw.output.plot.writing import save
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "areas",
    "backtest_figure",
    "comparison_figure",
    "decomposition",
    "fit",
    "fit_figure",
    "followed_figure",
    "forecast",
    "forecast_figure",
    "outlook_figure",
    "pilots_figure",
    "plan_figure",
    "residuals",
    "save",
    "schedule",
    "sized",
    "study_figure",
]

Rates: TypeAlias = Schedule | History


# --- learning rates and areas -----------------------------------------------------------------


@style.styled
def schedule(value: Rates | Study | Mapping[str, Rates], ax: Axes | None = None) -> Axes:
    """Learning rate against the step.

    Args:
        value: a schedule; a history, PT then CPT; several of them by label; or a study, whose
            runs are drawn from the step at which they begin.
        ax: where to draw; left out, a figure of its own.

    Raises:
        DataError: there is no step to draw.
    """
    rates = _rates(value)
    own, ax = ax is None, style.axes(ax, height=4.5)
    handles = _draw_rates(ax, rates)
    if isinstance(value, History) and value.phase_start:
        handles += style.transfers(ax, [value.phase_start])
    ticks.label_rates(ax)
    style.legend(ax, handles if len(handles) > 1 else [], own)
    return ax


def _rates(value: Rates | Study | Mapping[str, Rates]) -> list[tuple[str, int, FloatArray]]:
    """Label, steps before the first, and learning rates of every line."""
    if isinstance(value, Study):
        found = [(run.name, *_own_rates(value, run)) for run in value.runs]
    else:
        named = value if isinstance(value, Mapping) else {"": value}
        found = [(name, 0, _all_lr(rates)) for name, rates in named.items()]
    if not found or not all(lr.size for _, _, lr in found):
        raise DataError("there is not a learning rate to draw; give at least one step.")
    return found


def _own_rates(study: Study, run: Run) -> tuple[int, FloatArray]:
    lr = _all_lr(study.history(run.name))
    before = lr.size - run.steps
    return before, lr[before:]


def _all_lr(rates: Rates) -> FloatArray:
    if isinstance(rates, Schedule):
        return rates.lr()
    return rates.lr


def _draw_rates(ax: Axes, lines: Sequence[tuple[str, int, FloatArray]]) -> list[Any]:
    """Lines that cover one another stay visible: the earlier, the wider."""
    handles: list[Any] = []
    labels = words.labels([name for name, _, _ in lines])
    for i, (name, before, lr) in enumerate(lines):
        held = np.concatenate([lr[:1], lr])  # so that a single step is a line too
        x, y = style.thin(np.arange(before, before + held.size), held)
        width = 2.0 + 2.0 * (len(lines) - 1 - i) / max(len(lines) - 1, 1)
        look = {**style.look(i), "marker": "", "linewidth": style.pts(width)}
        handles += ax.plot(x, y, label=labels[name] if name else "learning rate", **look, zorder=3)
    highest = max(float(np.max(line.get_ydata())) for line in ax.get_lines())
    ax.set_ylim(0, 1.08 * highest or 1.0)
    return handles


@style.styled
def areas(history: History, convention: Convention | None = None, lambda_: float = 0.999) -> Figure:
    """Learning rate, forward area S1 and annealing area S2 along a run, in three panels.

    Args:
        history: PT and CPT learning rates, such as `study.history(run)`.
        convention: how areas are counted, such as `fit.convention`.
        lambda_: decay of the annealing momentum per step.

    Raises:
        DataError: the history has no step.
    """
    pt, cpt, rates = history.pt_lr.size, history.cpt_lr.size, _rates(history)
    figure = style.new_figure(9, 8)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    _draw_rates(top, rates)
    top.lines[0].set_color(style.BLACK)
    step = grid(0, pt + cpt, history)
    points = Points.along(history, step, convention or Convention())
    annealed = points.annealing(lambda_)
    named = [("PT", pt, points.s1_pt, annealed.pt), ("CPT", cpt, points.s1_cpt, annealed.cpt)]
    handles: list[Any] = []
    for i, (name, length, forward, annealing) in enumerate(named):
        look = {**style.look(i), "marker": "", "label": f"areas of the {name}", "zorder": 3}
        if length:
            middle.plot(step, forward, **look)
            handles += bottom.plot(step, annealing, **look)
    if pt and cpt:
        handles += [style.transfers(ax, [pt])[0] for ax in (top, middle, bottom)][:1]
    bottom.axhline(0, color=style.GREY, linewidth=style.pts(1.0), zorder=1)
    ticks.label_rates(top, x="")
    ticks.label_rates(middle, x="", y="forward area $S_1$")
    ticks.label_rates(bottom, y="annealing area $S_2$")
    style.tell(bottom, rf"$\lambda$ = {lambda_:.5g}")
    style.legend_below(figure, handles)
    figure.align_ylabels()
    return figure


# --- forecasts --------------------------------------------------------------------------------


@style.styled
def forecast(
    forecast: Forecast, ax: Axes | None = None, roles: Sequence[str] | None = None
) -> Axes:
    """Predicted curves of a run, with the hidden PT curve dashed and the shift as the gap.

    Args:
        forecast: of any number of domains.
        ax: where to draw; left out, a figure of its own.
        roles: up to four domains; left out, D_pt and D_cpt, or else the first four.

    Raises:
        DataError: no such domain, or too many.
    """
    usual = [role for role in ("pt", "cpt") if role in forecast.domains]
    shown = words.shown(forecast.domains, roles or usual or None)
    own, ax = ax is None, style.axes(ax)
    curves = [forecast.domains[role] for role in shown]
    handles: list[Any] = []
    for i, (role, curve) in enumerate(zip(shown, curves, strict=True)):
        (line,) = _draw_curve(ax, curve, style.PALETTE[i])
        line.set_label(f"{words.domain_title(role)}: {curve.final:.3f} at the end")
        line.set(
            marker=style.MARKERS[i], markevery=max(curve.step.size // 8, 1), markersize=style.pts(6)
        )
        handles.append(line)
    style.tell(ax, _frame(ax, curves))
    ticks.label_axes(ax, _step())
    style.legend(ax, handles + _key(curves, "#666666"), own, _warnings(forecast))
    return ax


@style.styled
def forecast_figure(
    forecast: Forecast, fit: Fit | None = None, roles: Sequence[str] | None = None
) -> Figure:
    """Learning rate above and predicted losses below, one column a domain.

    Args:
        forecast: of any number of domains.
        fit: fitted to a study: its runs of the same phase are drawn in grey, each from its own
            first step.
        roles: up to four domains; left out, the first four, D_pt and D_cpt first.

    Raises:
        DataError: no such domain, or too many.
    """
    shown = words.shown(forecast.domains, roles)
    figure, rows = style.columns(len(shown), (1.0, 2.2))
    handles: dict[str, Any] = {}
    for (above, below), role in zip(rows.T, shown, strict=True):
        first, curve = role == shown[0], forecast.domains[role]
        behind = _draw_context(above, below, forecast, fit, role)
        _draw_rates(above, [("", 0, forecast.schedule.lr())])
        (line,) = _draw_curve(below, curve, style.BLUE)
        line.set_label("forecast")
        cut = _frame(below, [curve], [b.get_ydata() for b in behind])
        style.tell(below, cut, f"{curve.final:.3f} at the end")
        ticks.label_rates(above, "", "learning rate" if first else "", words.domain_title(role))
        ticks.label_axes(below, _step(), style.LOSS if first else "")
        named = [line, *_key([curve], style.BLUE), *behind[:1]]
        handles.update({str(handle.get_label()): handle for handle in named})
    said = [_warnings(forecast), words.not_shown(forecast.domains, shown) if roles is None else ""]
    style.legend_below(figure, list(handles.values()), "\n".join(filter(None, said)))
    figure.align_ylabels(rows[:, 0])
    return figure


def _step() -> str:
    return "step" if style.is_narrow() else "step of the forecast run"


_BAND: dict[str, Any] = {"alpha": 0.3, "linewidth": 0}
_GAP: dict[str, Any] = {"facecolor": "none", "hatch": "///", "alpha": 0.35, "linewidth": 0}
_HIDDEN: dict[str, Any] = {"linestyle": style.DASHED}


def _warnings(forecast: Forecast) -> str:
    return " ".join(["Note:", *forecast.warnings]) if forecast.warnings else ""


def _draw_curve(ax: Axes, curve: DomainForecast, color: str) -> list[Any]:
    if np.any(curve.shift != 0):
        ax.fill_between(curve.step, curve.base, curve.loss, edgecolor=color, **_GAP)
        ax.plot(curve.step, curve.base, color=color, **_HIDDEN, zorder=3)
    if curve.low is not None and curve.high is not None:
        ax.fill_between(curve.step, curve.low, curve.high, color=color, **_BAND)
    return ax.plot(curve.step, curve.loss, color=color, zorder=4)


def _key(curves: Sequence[DomainForecast], color: str) -> list[Any]:
    """Legend entries for what is drawn beside the predicted losses."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    if any(np.any(curve.shift != 0) for curve in curves):
        handles.append(Line2D([], [], color=color, **_HIDDEN, label="hidden PT curve"))
        handles.append(Patch(edgecolor=color, **_GAP, label="shift"))
    if any(curve.low is not None for curve in curves):
        handles.append(Patch(color=color, **_BAND, label="interval"))
    return handles


def _frame(ax: Axes, curves: Sequence[DomainForecast], more: Sequence[Any] = ()) -> str:
    """Limits for curves, and what to say if they begin above; `more` losses count as late."""
    ends = [e for c in curves for e in (c.loss, c.base, c.low, c.high) if e is not None]
    steps = [c.step for c in curves for e in (c.loss, c.base, c.low, c.high) if e is not None]
    last = max(int(c.step[-1]) for c in curves)
    losses = np.concatenate([*ends, *more])
    late = [np.full(len(m), last) for m in more]
    above = style.frame_losses(ax, np.concatenate([*steps, *late]), losses)
    return "first steps above" if above else ""


def _draw_context(
    above: Axes, below: Axes, forecast: Forecast, fit: Fit | None, role: str
) -> list[Any]:
    """The measured runs of the same phase, as far as the forecast goes."""
    if fit is None or fit.study is None or role not in fit.domains:
        return []
    observed, end = fit.observed(role), forecast.schedule.steps
    grey: dict[str, Any] = {"color": "#B5B5B5", "linewidth": style.pts(1.3), "zorder": 2}
    handles: list[Any] = []
    for i, name in enumerate(observed.runs):
        run = fit.study.run(name)
        same = run.data == forecast.data and (run.after is None) == forecast.start.is_scratch
        mine = (observed.run == i) & (observed.step <= end)
        if not same or not mine.any():
            continue
        _, lr = _own_rates(fit.study, run)
        above.plot(*style.thin(np.arange(1, lr.size + 1)[:end], lr[:end]), **grey)
        x, y = style.thin(observed.step[mine], observed.loss[mine])
        handles += below.plot(x, y, **grey, label="fitted runs, measured")
    return handles
