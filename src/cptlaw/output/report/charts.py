"""Interactive figures of results, as the plain dictionaries that plotly.js draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.decisions.plan.knobs import is_drop, knob_words
from cptlaw.decisions.plan.result import Plan
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast
from cptlaw.output.curves import RunCurve, fitted_curves, losses_frame, residuals_frame
from cptlaw.schedules.schedule import Schedule

Trace = dict[str, Any]
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#B8860B", "#AA4499", "#3D9BD1", "#777777")
_DASHES = ("solid", "dash", "dot", "dashdot")
_MARKERS = ("circle", "square", "triangle-up", "diamond", "cross", "x", "star")
_DIGITS = 6
_MOST = 400  # points of a line


@dataclass(frozen=True)
class Chart:
    """One figure.

    Args:
        title: what it shows.
        traces: of plotly.
        layout: of plotly, without colours of the ground; the page has those.
        is_small: whether several of its kind stand side by side.
    """

    title: str
    traces: list[Trace]
    layout: dict[str, Any]
    is_small: bool = False


def short(values: ArrayLike) -> list[float]:
    """Numbers of few digits, of at most so many places."""
    array = np.asarray(values, dtype=np.float64)
    kept = np.unique(np.linspace(0, array.size - 1, min(array.size, _MOST)).round().astype(int))
    return [float(f"{value:.{_DIGITS}g}") for value in array[kept]]


def _axis(title: str = "", **more: Any) -> dict[str, Any]:
    given = {"automargin": True, "zeroline": False, "separatethousands": True, "tickangle": 0}
    return {"title": {"text": title}, **given, **more}


# --- fits ---------------------------------------------------------------------------------------


def fit_chart(fit: Fit, role: str) -> Chart:
    """Losses above and residuals below; the pre-training at the left, the CPT from its transfer."""
    curves = fitted_curves(fit, role)
    phases = [phase for phase in ("pt", "cpt") if any(c.phase == phase for c in curves)]
    edges = {1: [(0.0, 1.0)], 2: [(0.0, 0.32), (0.4, 1.0)]}[len(phases)]
    layout: dict[str, Any] = {"height": 560, "showlegend": True}
    traces: list[Trace] = []
    for column, (phase, edge) in enumerate(zip(phases, edges, strict=True)):
        upper, lower = 2 * column + 1, 2 * column + 2
        words = "step" if phase == "pt" else "step since the transfer"
        mine = [curve for curve in curves if curve.phase == phase]
        layout[f"xaxis{upper}"] = _axis(
            domain=list(edge), anchor=f"y{upper}", matches=f"x{lower}", showticklabels=False
        )
        layout[f"xaxis{lower}"] = _axis(words, domain=list(edge), anchor=f"y{lower}")
        first = column == 0
        layout[f"yaxis{upper}"] = _axis(
            "loss (nats per token)" if first else "",
            domain=[0.36, 1.0],
            anchor=f"x{upper}",
            range=_frame(mine),
        )
        layout[f"yaxis{lower}"] = _axis(
            "residual (%)" if first else "",
            domain=[0.0, 0.27],
            anchor=f"x{lower}",
            range=_spread(mine),
        )
        for curve in mine:
            traces += _run_traces(curve, upper, lower)
    return Chart(f"{role}: dots are measured, lines fitted; residuals below", traces, layout)


def _run_traces(curve: RunCurve, upper: int, lower: int) -> list[Trace]:
    look = curve.place
    colour, name = PALETTE[look % len(PALETTE)], curve.name
    group = {"legendgroup": name, "name": name, "showlegend": False}
    dot = {"color": colour, "size": 4, "symbol": _MARKERS[look % len(_MARKERS)], "opacity": 0.55}
    dash = _DASHES[look % len(_DASHES)]
    at, loss = short(curve.at), short(curve.loss)
    return [
        _lines(curve.step, curve.fitted, upper, {"color": colour, "width": 2, "dash": dash})
        | group
        | {"showlegend": True},
        {"type": "scatter", "mode": "markers", "x": at, "y": loss, "marker": dot}
        | group
        | {"xaxis": f"x{upper}", "yaxis": f"y{upper}"},
        {"type": "scatter", "mode": "markers", "x": at, "y": short(curve.residual), "marker": dot}
        | group
        | {"xaxis": f"x{lower}", "yaxis": f"y{lower}"},
    ]


def _frame(curves: Sequence[RunCurve]) -> list[float]:
    """Ends of an axis of losses."""
    at = np.concatenate([curve.at for curve in curves])
    return list(losses_frame(at, np.concatenate([curve.loss for curve in curves])))


def _spread(curves: Sequence[RunCurve]) -> list[float]:
    """Ends of an axis of residuals."""
    limit = residuals_frame(np.concatenate([curve.residual for curve in curves]))
    return [-limit, limit]


def _lines(x: ArrayLike, y: ArrayLike, axis: int, line: dict[str, Any]) -> Trace:
    found = {"type": "scatter", "mode": "lines", "x": short(x), "y": short(y), "line": line}
    return {**found, "xaxis": f"x{axis}", "yaxis": f"y{axis}"}


# --- forecasts ----------------------------------------------------------------------------------


def forecast_chart(forecast: Forecast) -> Chart:
    """Learning rate above, the loss of each domain below, with its interval."""
    roles = list(forecast.domains)[:4]
    count = len(roles) + 1
    heights = np.linspace(1.0, 0.0, count + 1)
    layout: dict[str, Any] = {"height": 190 * count + 60, "showlegend": False}
    traces = [_rates(forecast.schedule, "learning rate", PALETTE[0], 1)]
    for i in range(count):
        axis = "x" if i + 1 < count else "step of the forecast run"
        own = _axis(axis if i + 1 == count else "", anchor=f"y{i + 1}")
        own |= {"matches": "x"} if i else {}
        layout[f"xaxis{i + 1}"] = own | ({"showticklabels": False} if i + 1 < count else {})
        title = "learning rate" if i == 0 else f"{roles[i - 1]} loss"
        domain = [float(heights[i + 1]) + 0.06, float(heights[i])]
        layout[f"yaxis{i + 1}"] = _axis(title, domain=domain, anchor=f"x{i + 1}")
    layout["yaxis1"] |= {"exponentformat": "e", "rangemode": "tozero"}
    for i, role in enumerate(roles, start=2):
        curve, colour = forecast.domains[role], PALETTE[(i - 2) % len(PALETTE)]
        if curve.low is not None and curve.high is not None:
            ends = short(curve.high) + short(curve.low)[::-1]
            steps = short(curve.step)
            band = _lines(steps, steps, i, {"width": 0}) | {"x": steps + steps[::-1], "y": ends}
            level = 0.0 if forecast.level is None else forecast.level
            name = f"{100 * level:g} % interval"
            more = {"fill": "toself", "fillcolor": tint(colour, 0.2), "name": name}
            traces.append({**band, **more, "hoverinfo": "skip"})
        if np.any(curve.shift != 0):
            dotted = {"color": colour, "width": 1.5, "dash": "dot"}
            traces.append(
                _lines(curve.step, curve.base, i, dotted) | {"name": f"{role}, hidden PT curve"}
            )
        traces.append(
            _lines(curve.step, curve.loss, i, {"color": colour, "width": 2.5})
            | {"name": f"{role}, forecast"}
        )
    return Chart("forecast; band: its interval, dotted: the hidden PT curve", traces, layout)


def tint(colour: str, alpha: float) -> str:
    """A colour that one sees through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def _rates(schedule: Schedule, name: str, colour: str, axis: int, dash: str = "solid") -> Trace:
    lr = schedule.lr()
    line = {"color": colour, "width": 2.2, "dash": dash}
    return _lines(np.arange(1, lr.size + 1), lr, axis, line) | {"name": name}


# --- plans --------------------------------------------------------------------------------------


def plan_charts(plan: Plan) -> list[Chart]:
    """The learning rates, the trade-offs, and what each knob does."""
    rates = [_rates(plan.best.recipe.schedule, "this plan", PALETTE[0], 1)]
    if plan.default is not None:
        usual = plan.default.recipe.schedule
        rates.append(_rates(usual, "common default", PALETTE[6], 1, "dash"))
    axes = {
        "height": 320,
        "showlegend": True,
        "xaxis": _axis("step"),
        "yaxis": _axis("learning rate", exponentformat="e", rangemode="tozero"),
    }
    found = [Chart("learning rates of the plan", rates, axes)]
    if plan.front:
        found.append(_front(plan))
    knobs = [knob for knob in plan.knobs if not is_drop(knob.name)]
    return [*found, *(_knob(plan, knob) for knob in knobs)]


def _front(plan: Plan) -> Chart:
    """Recipes of which none beats another in everything, coloured by their length."""
    roles = list(plan.best.losses)
    x, y = (roles[0], roles[-1]) if len(roles) > 1 else ("steps", roles[-1])

    def place(option: Any, name: str) -> float:
        return option.costs["steps"] if name == "steps" else option.losses[name]

    def words(option: Any) -> str:
        knobs = ", ".join(f"{knob_words(k)} {v:.3g}" for k, v in option.recipe.values.items())
        return f"{option.recipe.family}: {knobs}"

    steps = [option.recipe.schedule.steps for option in plan.front]
    bar = {"title": "steps", "separatethousands": True}
    rim = {"width": 1, "color": PALETTE[6]}  # the darkest dots would not be seen on a dark page
    marker = {"color": steps, "colorscale": "Viridis", "size": 9, "colorbar": bar, "line": rim}
    traces: list[Trace] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [place(option, x) for option in plan.front],
            "y": [place(option, y) for option in plan.front],
            "text": [words(option) for option in plan.front],
            "marker": marker,
            "name": "other trade-offs",
        }
    ]
    known = [("this plan", plan.best, "star", PALETTE[1], 16)]
    if plan.default is not None:
        known.append(("common default", plan.default, "x", PALETTE[6], 10))
    for name, option, symbol, colour, size in known:
        dot = {"symbol": symbol, "color": colour, "size": size}
        at = {"x": [place(option, x)], "y": [place(option, y)], "text": [words(option)]}
        traces.append({"type": "scatter", "mode": "markers", "marker": dot, "name": name, **at})
    layout = {
        "height": 380,
        "showlegend": True,
        "legend": {"orientation": "h", "y": 1.12},
        "xaxis": _axis(x if x == "steps" else f"{x} loss"),
        "yaxis": _axis(f"{y} loss"),
    }
    return Chart("trade-offs: no recipe here beats another in everything", traces, layout)


def _knob(plan: Plan, knob: Any) -> Chart:
    tried, above = np.array(knob.tried), np.array(knob.above)
    known = np.isfinite(above)
    line = {"color": PALETTE[0], "width": 2.2}
    best = {"symbol": "star", "color": PALETTE[1], "size": 14}
    traces: list[Trace] = [
        _lines(tried[known], above[known], 1, line) | {"name": "all else as planned"},
        {"type": "scatter", "mode": "markers", "x": [knob.value], "y": [0.0], "marker": best}
        | {"name": "this plan"},
    ]
    unit = f" ({plan.aim.unit})" if plan.aim.unit else ""
    layout: dict[str, Any] = {
        "height": 280,
        "showlegend": False,
        "xaxis": _axis(knob_words(knob.name)),
        "yaxis": _axis(f"above the best{unit}"),
    }
    sure = None if plan.stability is None else plan.stability.knobs.get(knob.name)
    words = f"{knob_words(knob.name)}: what another value would cost"
    if sure is not None and sure.low < sure.high:
        band = {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
        }
        layout["shapes"] = [
            {**band, "x0": sure.low, "x1": sure.high, "fillcolor": tint(PALETTE[3], 0.2)}
        ]
        words += " (band: optima of 90 % of the refits)"
    return Chart(words, traces, layout, is_small=True)
