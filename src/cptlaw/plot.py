"""Figures of schedules, areas, fits and forecasts, for a talk or a report.

Every function takes a value and draws it, into `ax` if given, else into a figure of its own;
`save` writes a figure. Needs matplotlib (the extra "plot").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cptlaw import plot_style as style
from cptlaw.areas import Convention, Points
from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError, suggestion
from cptlaw.fit import Fit
from cptlaw.forecast import Forecast
from cptlaw.observations import Observations
from cptlaw.plot_style import save
from cptlaw.runs import History, Run, Study
from cptlaw.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "areas",
    "decomposition",
    "fit",
    "fit_figure",
    "forecast",
    "forecast_figure",
    "residuals",
    "save",
    "schedule",
]

Rates: TypeAlias = Schedule | History
PANELS = 4  # domains in one figure


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
    own, ax = ax is None, style.axes(ax, 9, 4.5)
    handles = _draw_rates(ax, _rates(value))
    if isinstance(value, History) and value.pt_lr.size and value.cpt_lr.size:
        handles += _transfers(ax, [value.pt_lr.size])
    style.label_axes(ax, y="learning rate")
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
        raise DataError("there is no learning rate to draw; give at least one step.")
    return found


def _own_rates(study: Study, run: Run) -> tuple[int, FloatArray]:
    lr = _all_lr(study.history(run.name))
    before = lr.size - run.steps
    return before, lr[before:]


def _all_lr(rates: Rates) -> FloatArray:
    if isinstance(rates, Schedule):
        return rates.lr()
    return np.concatenate([rates.pt_lr, rates.cpt_lr])


def _draw_rates(ax: Axes, lines: Sequence[tuple[str, int, FloatArray]]) -> list[Any]:
    """Lines that cover one another stay visible: the earlier, the wider."""
    handles: list[Any] = []
    labels = style.labels([name for name, _, _ in lines])
    for i, (name, before, lr) in enumerate(lines):
        x, y = style.thin(np.arange(before + 1, before + lr.size + 1), lr)
        width = 2.0 + 2.0 * (len(lines) - 1 - i) / max(len(lines) - 1, 1)
        look = {**style.look(i), "marker": "", "linewidth": width}
        handles += ax.plot(x, y, label=labels[name] if name else "learning rate", **look)
    highest = max(float(lr.max()) for _, _, lr in lines)
    ax.set_ylim(0, 1.08 * highest or 1.0)
    return handles


def _transfers(ax: Axes, steps: Iterable[int]) -> list[Any]:
    """A dotted line at each transfer from PT to CPT; nothing where there are too many."""
    steps = sorted(set(steps))
    if not 1 <= len(steps) <= 4:
        return []
    look: dict[str, Any] = {"color": "#555555", "linestyle": ":", "linewidth": 1.4, "zorder": 1}
    return [ax.axvline(step, label="transfer to CPT", **look) for step in steps][:1]


@style.styled
def areas(
    history: History, convention: Convention | None = None, lambda_: float = 0.999
) -> Figure:
    """Learning rate, forward area S1 and annealing area S2 along a run, in three panels.

    Args:
        history: PT and CPT learning rates, such as `study.history(run)`.
        convention: how areas are counted.
        lambda_: decay of the annealing momentum per step.

    Raises:
        DataError: the history has no step.
    """
    figure = style.new_figure(9, 8.5)
    top, middle, bottom = figure.subplots(3, 1, sharex=True)
    _draw_rates(top, [("", 0, _rates(history)[0][2])])
    pt, cpt = history.pt_lr.size, history.cpt_lr.size
    step = _grid(0, pt + cpt, pt)
    points = Points([history], np.zeros(step.size, np.int64), step, convention or Convention())
    annealed = points.annealing(lambda_)
    named = [("PT", pt, points.s1_pt, annealed.pt), ("CPT", cpt, points.s1_cpt, annealed.cpt)]
    handles: list[Any] = []
    for i, (name, length, forward, annealing) in enumerate(named):
        look = {**style.look(i), "marker": "", "label": name}
        if length:
            middle.plot(step, forward, **look)
            handles += bottom.plot(step, annealing, **look)
    if pt and cpt:
        handles += [_transfers(ax, [pt])[0] for ax in (top, middle, bottom)][:1]
    bottom.axhline(0, color=style.GREY, linewidth=1.0, zorder=1)
    style.label_axes(top, x="", y="learning rate")
    style.label_axes(middle, x="", y="forward area $S_1$")
    style.label_axes(bottom, y="annealing area $S_2$")
    style.legend_below(figure, handles, rf"areas are sums of learning rates, $\lambda$ = {lambda_:g}")
    figure.align_ylabels()
    return figure


def _grid(first: int, last: int, jump: int) -> IntArray:
    """Steps to draw a curve at, closer together just after a jump."""
    parts = [np.linspace(first, last, 600)]
    if first <= jump < last:
        parts += [[jump], jump + np.geomspace(1, last - jump, 150)]
    return np.unique(np.concatenate(parts).round().astype(np.int64))


# --- fits -------------------------------------------------------------------------------------


@style.styled
def fit(fit: Fit, role: str, ax: Axes | None = None) -> Axes:
    """Measured losses (markers) and fitted curves (lines) of all runs, against the global step.

    Args:
        fit: fitted to a study.
        role: the domain.
        ax: where to draw; left out, a figure of its own.

    Raises:
        DataError: no such domain, or published coefficients.
    """
    own, ax = ax is None, style.axes(ax, 9, 6)
    fit.domain(role)
    handles = _draw_fit(ax, fit, role)
    style.label_axes(ax, title=style.domain_title(role))
    style.legend(ax, handles, own, _KEY)
    return ax


@style.styled
def residuals(fit: Fit, role: str, ax: Axes | None = None) -> Axes:
    """Fitted minus measured, in percent of the measured loss, against the global step.

    Args:
        fit: fitted to a study.
        role: the domain.
        ax: where to draw; left out, a figure of its own.

    Raises:
        DataError: no such domain, or published coefficients.
    """
    own, ax = ax is None, style.axes(ax, 9, 4.5)
    fit.domain(role)
    handles = _draw_residuals(ax, fit, role)
    style.label_axes(ax, y=_RESIDUAL, title=style.domain_title(role))
    style.legend(ax, handles, own)
    return ax


@style.styled
def fit_figure(fit: Fit, roles: Sequence[str] | None = None) -> Figure:
    """Losses above and residuals below, one column a domain.

    Args:
        fit: fitted to a study.
        roles: up to four domains; left out, the first four of the fit, D_pt and D_cpt first.

    Raises:
        DataError: no such domain, too many, or published coefficients.
    """
    shown = _shown(fit.domains, roles)
    figure = style.new_figure(max(4.6 * len(shown), 8), 7.5)
    panels = figure.subplots(
        2, len(shown), sharex="col", squeeze=False, gridspec_kw={"height_ratios": [2.2, 1]}
    )
    handles: dict[str, Any] = {}
    for (above, below), role in zip(panels.T, shown, strict=True):
        first = role == shown[0]
        drawn = _draw_fit(above, fit, role)
        _draw_residuals(below, fit, role)
        style.label_axes(above, "", style.LOSS if first else "", style.domain_title(role))
        style.label_axes(below, y=_RESIDUAL if first else "")
        handles.update({str(h.get_label()): h for h in drawn})
    style.legend_below(figure, list(handles.values()), _KEY)
    figure.align_ylabels(panels[:, 0])
    return figure


_KEY = "markers: measured, lines: fitted"
_RESIDUAL = "fitted \u2212 measured (%)"


def _shown(domains: Iterable[str], roles: Sequence[str] | None) -> list[str]:
    """The domains to draw, checked; by default D_pt and D_cpt before the others."""
    known = list(domains)
    if roles is None:
        return sorted(known, key=lambda r: (r != "pt", r != "cpt"))[:PANELS]
    for role in roles:
        if role not in known:
            raise DataError(f"no domain '{role}' to draw. {suggestion(role, known)}")
    if not 1 <= len(roles) <= PANELS:
        raise DataError(f"{len(roles)} domains for one figure; give 1 to {PANELS}.")
    return list(dict.fromkeys(roles))


def _looks(fit: Fit) -> dict[str, dict[str, Any]]:
    """The look of every run, the same in all panels."""
    names = [run.name for run in (fit.study.runs if fit.study else ()) if run.curves]
    labels = style.labels(names)
    return {name: {**style.look(i), "label": labels[name]} for i, name in enumerate(names)}


def _at(observed: Observations) -> IntArray:
    """Global steps of n points, PT and CPT together, shape (n,)."""
    return observed.points.pt_step + observed.points.cpt_step


def _draw_fit(ax: Axes, fit: Fit, role: str) -> list[Any]:
    from matplotlib.lines import Line2D

    observed, domain, looks = fit.observed(role), fit.domains[role], _looks(fit)
    at, handles, transfers = _at(observed), list[Any](), list[int]()
    for i, name in enumerate(observed.runs):
        mine, look, history = observed.run == i, looks[name], observed.points.histories[i]
        _draw_measured(ax, at[mine], observed.loss[mine], look, len(observed.runs))
        first = _first(fit, name, int(at[mine].min()))
        step = _grid(first, int(at[mine].max()), history.pt_lr.size)
        points = Points([history], np.zeros(step.size, np.int64), step, fit.convention)
        ax.plot(step, domain.loss(points), **{**look, "marker": ""}, zorder=3)
        handles.append(Line2D([], [], **look, markerfacecolor="white"))
        if history.cpt_lr.size and history.pt_lr.size:
            transfers.append(history.pt_lr.size)
    style.frame_losses(ax, at, observed.loss)
    return handles + _transfers(ax, transfers)


def _draw_measured(
    ax: Axes, at: IntArray, values: FloatArray, look: Mapping[str, Any], runs: int
) -> None:
    """Open markers, thinned evenly so that they stay apart."""
    kept = style.sample(at.size, max(400 // runs, 60))
    marks = {**look, "linestyle": "", "markerfacecolor": "white", "alpha": 0.75}
    ax.plot(at[kept], values[kept], **marks, markeredgewidth=1.0, zorder=2)


def _first(fit: Fit, name: str, measured: int) -> int:
    """Where a run's curve begins: at its base, or else at its first fitted point."""
    assert fit.study is not None
    run = fit.study.run(name)
    start = fit.study.start(run)
    before = start.pt_lr.size + start.cpt_lr.size
    return before if before or start.unknown_base is not None else measured


def _draw_residuals(ax: Axes, fit: Fit, role: str) -> list[Any]:
    observed, looks = fit.observed(role), _looks(fit)
    percent = 100 * (fit.domains[role].loss(observed.points) / observed.loss - 1)
    at, handles = _at(observed), list[Any]()
    for i, name in enumerate(observed.runs):
        mine, look = observed.run == i, {**looks[name], "linestyle": "", "markersize": 4.0}
        kept = style.sample(int(mine.sum()), style.DRAWN // len(observed.runs))
        x, y = at[mine][kept], percent[mine][kept]
        handles += ax.plot(x, y, **look, alpha=0.8)
    ax.axhline(0, color=style.BLACK, linewidth=1.0, zorder=1)
    style.frame_residuals(ax, percent)
    return handles


@style.styled
def decomposition(fit: Fit, role: str, run: str, ax: Axes | None = None) -> Axes:
    """What each part of a law contributes along a run: base, annealing, and shift.

    The base is what S1 alone would give; annealing brings it to the hidden PT curve, what D_pt
    training would give; the distribution shift brings that to the loss.

    Args:
        fit: fitted to a study.
        role: the domain.
        run: a run of the study; drawn from its first step of all.
        ax: where to draw; left out, a figure of its own.

    Raises:
        DataError: no such domain or run, or published coefficients.
    """
    own, ax = ax is None, style.axes(ax, 9, 6)
    domain, observed = fit.domain(role), fit.observed(role)
    assert fit.study is not None
    history = fit.study.history(run)
    mine = _along(fit.study, run, observed)
    at = _at(observed)
    known = history.unknown_base is None
    begin = max(int(at[mine].min()), 1) if mine.any() and known else int(known)
    step = _grid(begin, history.pt_lr.size + history.cpt_lr.size, history.pt_lr.size)
    points = Points([history], np.zeros(step.size, np.int64), step, fit.convention)
    parts = domain.parts(points)
    handles = _draw_parts(ax, step, parts)
    if mine.any():
        marks = {"marker": "o", "linestyle": "", "color": style.GREY, "markerfacecolor": "white"}
        kept = np.flatnonzero(mine)[style.sample(int(mine.sum()), 150)]
        handles += ax.plot(at[kept], observed.loss[kept], **marks, label="measured", zorder=4)
    handles += _transfers(ax, [history.pt_lr.size] if known and history.cpt_lr.size else [])
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


def _draw_parts(ax: Axes, step: IntArray, parts: Mapping[Any, FloatArray]) -> list[Any]:
    none = np.zeros(step.size)
    base = parts.get("base", none)
    hidden = base + parts.get("annealing", none)
    loss = hidden + parts.get("shift", none)
    shifted = bool(np.any(loss != hidden))
    handles: list[Any] = [
        *ax.plot(step, base, color=style.GREY, linestyle=style.DASHES[2], label="base: $S_1$ alone"),
        ax.fill_between(step, base, hidden, label="annealing", **_ANNEALING),
    ]
    if shifted:
        handles.append(ax.fill_between(step, hidden, loss, label="shift", **_SHIFT))
        name = "hidden PT curve"
        look = {"color": style.BLUE, "linestyle": style.DASHES[1]}
        handles[1:1] = ax.plot(step, hidden, label=name, **look, zorder=3)
    handles[-1:-1] = ax.plot(step, loss, color=style.BLACK, label="fitted loss", zorder=3)
    every = np.concatenate([base, hidden, loss])
    style.frame_losses(ax, np.tile(step, 3), every)
    return handles


_ANNEALING: dict[str, Any] = {"color": style.GREEN, "alpha": 0.25, "linewidth": 0}
_SHIFT: dict[str, Any] = {"color": style.VERMILION, "alpha": 0.25, "linewidth": 0}


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
    own, ax = ax is None, style.axes(ax, 9, 6)
    usual = [role for role in ("pt", "cpt") if role in forecast.domains]
    handles: list[Any] = []
    for role in _shown(forecast.domains, roles or usual or None):
        index = list(forecast.domains).index(role)
        handles += _draw_forecast(ax, forecast, role, style.look(index), style.domain_title(role))
    style.label_axes(ax, _STEP)
    style.legend(ax, handles, own)
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
    shown = _shown(forecast.domains, roles)
    figure = style.new_figure(max(4.8 * len(shown), 8), 7)
    panels = figure.subplots(
        2, len(shown), sharex="col", squeeze=False, gridspec_kw={"height_ratios": [1, 2.2]}
    )
    handles: dict[str, Any] = {}
    for (above, below), role in zip(panels.T, shown, strict=True):
        first = role == shown[0]
        behind = _draw_context(above, below, forecast, fit, role)
        _draw_rates(above, [("", 0, forecast.schedule.lr())])
        drawn = _draw_forecast(below, forecast, role, style.look(0), "forecast")
        style.label_axes(above, "", "learning rate" if first else "", style.domain_title(role))
        style.label_axes(below, _STEP, style.LOSS if first else "")
        handles.update({str(h.get_label()): h for h in [*drawn, *behind]})
    style.legend_below(figure, list(handles.values()))
    figure.align_ylabels(panels[:, 0])
    return figure


_STEP = "step of this run"


def _draw_forecast(
    ax: Axes, forecast: Forecast, role: str, look: Mapping[str, Any], name: str
) -> list[Any]:
    curve, color = forecast.domains[role], look["color"]
    x, handles = curve.step, list[Any]()
    handles += ax.plot(x, curve.loss, color=color, label=name, zorder=4)
    if curve.low is not None and curve.high is not None:
        band: dict[str, Any] = {"color": color, "alpha": 0.25, "linewidth": 0}
        handles.append(ax.fill_between(x, curve.low, curve.high, label="interval", **band))
    if np.any(curve.shift != 0):
        dashed: dict[str, Any] = {"color": color, "linestyle": style.DASHES[1], "linewidth": 1.5}
        handles += ax.plot(x, curve.base, **dashed, label="hidden PT curve", zorder=3)
        gap: dict[str, Any] = {"color": color, "alpha": 0.10, "linewidth": 0}
        handles.append(ax.fill_between(x, curve.base, curve.loss, label="shift", **gap))
    return handles


def _draw_context(
    above: Axes, below: Axes, forecast: Forecast, fit: Fit | None, role: str
) -> list[Any]:
    """The fitted runs of the same phase, as far as the forecast goes."""
    if fit is None or fit.study is None or role not in fit.domains:
        return []
    observed, end = fit.observed(role), forecast.schedule.steps
    grey: dict[str, Any] = {"color": "#B5B5B5", "linewidth": 1.3, "zorder": 2}
    handles: list[Any] = []
    for i, name in enumerate(observed.runs):
        run = fit.study.run(name)
        assert run.schedule is not None
        if run.data != forecast.data or (run.after is None) != (forecast.start == "scratch"):
            continue
        mine = (observed.run == i) & (observed.step <= end)
        above.plot(*style.thin(np.arange(1, run.steps + 1)[:end], run.schedule.lr()[:end]), **grey)
        x, y = style.thin(observed.step[mine], observed.loss[mine])
        handles = below.plot(x, y, **grey, label="fitted runs, measured")
    return handles
