"""Numbers -> figures of plotly, as plain dictionaries: light or dark, nothing in them but data."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.explorer.dials import phase_of
from cptlaw.explorer.live import Under
from cptlaw.explorer.look import Look
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.extrapolation import fitted_range

Trace = dict[str, Any]
_DRAWN = 160  # points of a measured curve
_GAP = 0.045  # between two panels, of the height
_LR_SHARE = 0.8  # height of the panel of learning rates, of that of losses


@dataclass(frozen=True)
class Theme:
    """Colours of a figure.

    Args:
        ink: of words.
        faint: of lines of the grid.
        data: of measured curves.
        runs: of the run that is dragged, then of the pins.
        beyond: of the band where a run leaves the data.
        ground: of labels that float.
    """

    ink: str
    faint: str
    data: str
    runs: tuple[str, ...]
    beyond: str
    ground: str


LIGHT = Theme(
    "#1d2733",
    "#e4e8ee",
    "#7d8896",
    ("#0063ad", "#c04a00", "#00785a", "#8a3a9c", "#8a6200"),
    "rgba(213,94,0,0.12)",
    "#ffffff",
)
DARK = Theme(
    "#e3e9f0",
    "#313b48",
    "#8e9bab",
    ("#62b6ff", "#ff9d5c", "#3fcf9f", "#d79be6", "#e8c14c"),
    "rgba(255,157,92,0.16)",
    "#1a212b",
)


def theme_of(name: str) -> Theme:
    """The colours of a theme, light where it is not "dark"."""
    return DARK if name == "dark" else LIGHT


def layout_of(fit: Fit, roles: Sequence[str], theme: Theme, unit: str = "steps") -> dict[str, Any]:
    """The panels: learning rate above, a panel for each domain below, one axis of steps."""
    heights = [_LR_SHARE, *([1.0] * len(roles))]
    free = 1.0 - _GAP * len(roles)
    each = [free * height / sum(heights) for height in heights]
    # A margin that adjusts itself would draw everything twice.
    axis = {"gridcolor": theme.faint, "zeroline": False, "automargin": False, "nticks": 5}
    found: dict[str, Any] = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": theme.ink, "size": 13, "family": "system-ui, sans-serif"},
        "margin": {"l": 56, "r": 14, "t": 22, "b": 40},
        "showlegend": False,
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverlabel": {"bgcolor": theme.ground, "font": {"color": theme.ink, "size": 12}},
        "dragmode": False,
        "annotations": [],
        "uirevision": "same",
    }
    top = 1.0
    for i, (height, title) in enumerate(zip(each, ["learning rate", *roles], strict=True)):
        low = max(top - height, 0.0)
        own = {**axis, "domain": [low, top], "anchor": "x"}
        own |= {"exponentformat": "e", "rangemode": "tozero"} if i == 0 else {"tickformat": ".3~f"}
        found[f"yaxis{i + 1 if i else ''}"] = own
        words = (
            "learning rate (band: fitted peaks)"
            if i == 0
            else f"<b>{html.escape(title)}</b> loss, nats per token"
        )
        found["annotations"].append(_title(words, top, theme))
        top = low - _GAP
    found["xaxis"] = {
        **axis,
        "anchor": f"y{len(roles) + 1}" if roles else "y",
        "title": {
            "text": f"{unit} since the start",
            "standoff": 6,
            "font": {"size": 12},
        },
        "exponentformat": "SI",
        "separatethousands": True,
        "nticks": 8,
        "hoverformat": ",.0f",
    }
    return found


def run_traces(
    seen: Look, roles: Sequence[str], colour: str, scale: float = 1.0, layers: Sequence[str] = ()
) -> list[Trace]:
    """The lines of one run.

    Args:
        seen: its curves.
        roles: the domains that have a panel.
        colour: of the lines.
        scale: of the lower axis, units a step.
        layers: "intervals", "base", "annealing" for what is drawn besides.
    """
    x = short(seen.step * scale, 9)
    found = [_line(x, seen.lr, "learning rate", "y", colour, 2.2)]
    for i, role in enumerate(roles, start=2):
        curve, axis = seen.curves[role], f"y{i}"
        if "intervals" in layers and curve.low is not None and curve.high is not None:
            ends = np.concatenate([curve.high, curve.low[::-1]])
            found.append(
                _line([*x, *x[::-1]], ends, "", axis, colour, 0)
                | {"fill": "toself", "fillcolor": tint(colour, 0.16), "hoverinfo": "skip"}
            )
        if "base" in layers:
            found.append(_line(x, curve.base, "without shift", axis, colour, 1.3, "dot"))
        if "annealing" in layers and role in seen.plain:
            plain = seen.plain[role]
            found.append(_line(x, plain, "without annealing", axis, colour, 1.3, "dash"))
        found.append(_line(x, curve.loss, role, axis, colour, 2.4))
    return found


def beyond(seen: Look, theme: Theme, scale: float = 1.0) -> list[dict[str, Any]]:
    """The band where a run is longer than what was fitted."""
    if seen.longest is None:
        return []
    end = float(seen.step[-1]) * scale
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": seen.longest * scale,
            "x1": end,
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "fillcolor": theme.beyond,
            "layer": "below",
            "label": {
                "text": "longer than any fitted run",
                "textposition": "bottom right",
                "font": {"size": 11, "color": theme.runs[1]},
            },
        }
    ]


def peaks_shape(fit: Fit, theme: Theme) -> list[dict[str, Any]]:
    """A band over the peak LRs that were fitted, in the panel of learning rates."""
    peaks = fitted_range(fit, f"{phase_of(fit)}_peak_lr")
    if peaks is None:
        return []
    low, high = peaks
    if high <= low * 1.001:
        low, high = low * 0.99, high * 1.01
    own = {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "layer": "below"}
    return [
        {**own, "y0": low, "y1": high, "line": {"width": 0}, "fillcolor": tint(theme.data, 0.22)}
    ]


def layer_traces(
    fit: Fit, roles: Sequence[str], layers: Sequence[str], theme: Theme, scale: float = 1.0
) -> list[Trace]:
    """Measured losses of the fitted runs, and what the law says there."""
    if fit.study is None:
        return []
    phase, found = phase_of(fit), list[Trace]()
    for i, role in enumerate(roles, start=2):
        if role not in fit.study.domains:
            continue
        observed = fit.observed(role)
        for index, name in enumerate(observed.runs):
            mine = np.flatnonzero(observed.run == index)
            history = observed.points.histories[index]
            if history.is_cpt != (phase == "cpt"):
                continue
            rows = mine[_thin(mine.size)]
            step = observed.points.step[rows] - history.phase_start
            keep = step >= 0
            rows, x = rows[keep], short(step[keep] * scale, 9)
            label = html.escape(name)
            if "data" in layers:
                line = _line(x, observed.loss[rows], label, f"y{i}", theme.data, 1.2)
                found.append(line | {"opacity": 0.75})
            if "fits" in layers:
                points = observed.points.alone(index, rows)
                loss = fit.domain(role).loss(points)
                line = _line(x, loss, f"fit of {label}", f"y{i}", theme.data, 1.2, "dot")
                found.append(line | {"hoverinfo": "skip"})
    return found


def live_traces(
    under: Under, roles: Sequence[str], theme: Theme, scale: float = 1.0
) -> list[Trace]:
    """What was measured of a run that trains, and what is foreseen of it."""
    found: list[Trace] = []
    colour = theme.runs[-1]
    for i, role in enumerate(roles, start=2):
        axis = f"y{i}"
        if role in under.ends and under.ends[role].now.step.size > 1:
            now = under.ends[role].now
            x = short(now.step * scale, 9)
            ends = np.concatenate([now.high, now.low[::-1]])
            band = _line([*x, *x[::-1]], ends, "", axis, colour, 0)
            found.append(
                band | {"fill": "toself", "fillcolor": tint(colour, 0.2), "hoverinfo": "skip"}
            )
            found.append(_line(x, now.loss, "foreseen", axis, colour, 2.2, "dash"))
        step, loss = under.followed.measured(role)
        rows = _thin(step.size) if step.size else step
        dots = _line(short(step[rows] * scale, 9), loss[rows], "measured", axis, colour, 1)
        found.append(dots | {"mode": "markers", "marker": {"color": colour, "size": 5}})
    return found


def front_figure(
    points: Sequence[Mapping[str, float]],
    axes: tuple[str, str],
    here: Mapping[str, float],
    best: Mapping[str, float],
    theme: Theme,
) -> dict[str, Any]:
    """The trade-off between two domains: recipes that nothing beats in everything."""
    x, y = axes
    dots = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": short([p[x] for p in points]),
        "y": short([p[y] for p in points]),
        "line": {"color": theme.faint, "width": 1},
        "marker": {"size": 10, "color": theme.runs[0], "opacity": 0.85},
        "hovertemplate": "%{x:.4f}, %{y:.4f}<br>click to use it<extra></extra>",
    }
    places = [each[x] for each in (here, best, *points)]
    middle = (min(places) + max(places)) / 2  # beyond it a name to the right would be cut
    marks = [
        _mark(here, axes, "this run", theme.ink, "x", here[x] > middle),
        _mark(best, axes, "optimum", theme.runs[2], "star", best[x] > middle),
    ]
    axis = {"gridcolor": theme.faint, "zeroline": False, "automargin": True, "nticks": 5}
    layout = {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": theme.ink, "size": 12, "family": "system-ui, sans-serif"},
        "margin": {"l": 48, "r": 10, "t": 10, "b": 40},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": theme.ground, "font": {"color": theme.ink}},
        "xaxis": {**axis, "title": {"text": html.escape(f"final {x} loss"), "standoff": 4}},
        "yaxis": {**axis, "title": {"text": html.escape(f"final {y} loss"), "standoff": 4}},
    }
    return {"data": [dots, *marks], "layout": layout}


def tint(colour: str, alpha: float) -> str:
    """A colour "#rrggbb" that one sees through."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def short(values: ArrayLike, digits: int = 7) -> list[float | None]:
    """Numbers for the way to the page; None for one that is not finite."""
    array: FloatArray = np.asarray(values, dtype=np.float64)
    return [float(f"{v:.{digits}g}") if np.isfinite(v) else None for v in array.tolist()]


def _line(
    x: Sequence[float | None],
    y: ArrayLike,
    name: str,
    axis: str,
    colour: str,
    width: float,
    dash: str = "solid",
) -> Trace:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": short(y),
        "xaxis": "x",
        "yaxis": axis,
        "name": name,
        "line": {"color": colour, "width": width, "dash": dash, "simplify": False},
        "hovertemplate": "%{y:.4~g}" if axis == "y" else "%{y:.4f}",
    }


def _mark(
    losses: Mapping[str, float],
    axes: tuple[str, str],
    name: str,
    colour: str,
    symbol: str,
    is_right: bool,
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": short([losses[axes[0]]]),
        "y": short([losses[axes[1]]]),
        "text": [name],
        "textposition": "middle left" if is_right else "middle right",
        "marker": {"size": 12, "color": colour, "symbol": symbol},
        "hoverinfo": "skip",
    }


def _title(words: str, top: float, theme: Theme) -> dict[str, Any]:
    return {
        "text": words,
        "x": 0,
        "y": top,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": theme.ink},
    }


def _thin(count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.unique(np.linspace(0, count - 1, min(count, _DRAWN)).round().astype(np.int64))
