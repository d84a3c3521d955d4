"""Any figure or table of the paper as a figure in the house style."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw.output.plot import style, ticks
from cptlaw_evidence.paper.drawing import MADE_FROM, Drawing, Line, Panel, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZES = {1: (8.5, 5.2), 2: (6.2, 4.4), 3: (5.2, 4.0), 4: (4.9, 3.7)}  # by columns: one panel
_MARKED = 8  # markers along a line
_POINTS = 160  # points of one row that are drawn at most
_LABEL = 34  # letters in one line of a legend
_ROW = 0.3  # inches
_LETTER = 0.105
_BELOW = 0.68  # inches from a panel to its legend, room for its label
_FORMULA = re.compile(r"\$.*?\$")


@style.styled
def paper_figure(drawing: Drawing) -> Figure:
    """All panels of a drawing, with its tables below them.

    Lines of one group share colour and marker and differ in their dashes; points are measured.

    Args:
        drawing: of `cptlaw_evidence.paper`.
    """
    panels, tables = drawing.panels, drawing.tables
    columns = _columns(len(panels))
    rows = math.ceil(len(panels) / columns) if panels else 0
    across, down = _SIZES[columns]
    width = max(columns * across if panels else 0.0, *(_table_width(t) for t in tables), 7.0)
    heights = [*([down] * rows), *(_table_height(t) for t in tables)]
    figure = style.new_figure(width, sum(heights) + 0.5)
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    groups = _groups(panels)
    shared = len(panels) > 1 and not tables and len({_labels(panel) for panel in panels}) == 1
    handles: list[Any] = []
    for i, panel in enumerate(panels):
        ax = figure.add_subplot(grid[i // columns, i % columns])
        handles = _draw(ax, panel, groups)
        if not shared:
            _legend(ax, handles, across)
    for i, table in enumerate(tables):
        _write(figure.add_subplot(grid[rows + i, :]), table)
    _head(figure, f"{drawing.title} (from {MADE_FROM[drawing.source]})")
    if shared:
        style.legend_below(figure, handles)
    return figure


def _head(figure: Figure, title: str) -> None:
    """The title above all panels, in as many lines as it takes."""
    lines = textwrap.wrap(title, int(9.5 * figure.get_figwidth()))
    figure.suptitle("\n".join(lines), fontsize=14, x=0.01, ha="left")
    figure.set_figheight(figure.get_figheight() + 0.25 * (len(lines) - 1))


def _columns(count: int) -> int:
    """Columns of panels: two rows from four on, as square as reads well."""
    return {0: 1, 1: 1, 2: 2, 3: 3, 4: 2}.get(count, 3 if count % 4 or count % 3 == 0 else 4)


def _groups(panels: Sequence[Panel]) -> dict[str, int]:
    """A number for every group of lines, the same in all panels, and no two alike in one."""
    found: dict[str, int] = {}
    beside: dict[str, set[str]] = {}
    for panel in panels:
        keys = {_key(line) for line in panel.lines}
        for key in keys:
            beside.setdefault(key, set()).update(keys)
    for key in dict.fromkeys(_key(line) for panel in panels for line in panel.lines):
        taken = {found[other] for other in beside[key] if other in found}
        fresh = max(found.values(), default=-1) + 1
        reused = next(i for i in range(len(found) + 1) if i not in taken)
        found[key] = fresh if fresh < len(style.PALETTE) else reused
    return found


def _key(line: Line) -> str:
    return line.group or line.label


def _labels(panel: Panel) -> tuple[str, ...]:
    return tuple(line.label for line in panel.lines)


# --- panels -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """How a line is drawn: its group's colour and marker, its own dashes."""

    color: str
    marker: str
    dash: Any


def _looks(panel: Panel, groups: Mapping[str, int]) -> list[_Look]:
    """A lone line has the dashes of its group's number, one of several those of its place."""
    found: list[_Look] = []
    members = [_key(line) for line in panel.lines if line.look == "line"]
    seen: dict[str, int] = {}
    for line in panel.lines:
        key = _key(line)
        look = style.look(groups[key])
        place = seen.get(key, 0) if members.count(key) > 1 else groups[key]
        seen[key] = seen.get(key, 0) + (line.look == "line")
        dash = style.DASHES[place % len(style.DASHES)]
        found.append(_Look(look["color"], look["marker"], dash))
    return found


def _draw(ax: Axes, panel: Panel, groups: Mapping[str, int]) -> list[Any]:
    """Draws all lines and returns the handles of those with a label."""
    handles: list[Any] = []
    looks = _looks(panel, groups)
    dotted = {_key(line) for line in panel.lines if line.look == "points"}
    silent = {_key(n): k for n, k in zip(panel.lines, looks, strict=True) if _is_silent(n)}
    for line, look in zip(panel.lines, looks, strict=True):
        handle = _draw_line(ax, line, look, panel.log_x, marked=_key(line) not in dotted)
        if line.label:
            if line.look == "points" and _key(line) in silent:
                handle = _both(handle, silent[_key(line)])
            handle.set_label(_broken(line.label))
            handles.append(handle)
    ticks.label_axes(ax, panel.x_label, panel.y_label, _broken(panel.title, 48))
    _ticks(ax, panel)
    return handles


def _is_silent(line: Line) -> bool:
    """Whether a line goes by the label of its group's points."""
    return line.look == "line" and not line.label and bool(line.group)


def _both(points: Any, look: _Look) -> Any:
    """The legend's handle of points and the line through them."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        markerfacecolor="white",
        markersize=points.get_markersize(),
    )


def _draw_line(ax: Axes, line: Line, look: _Look, log_x: bool, marked: bool) -> Any:
    if line.look == "band":
        assert line.high is not None
        return ax.fill_between(line.x, line.y, line.high, color=look.color, alpha=0.18, zorder=2)
    if line.look == "points":
        kept = style.sample(line.x.size, _POINTS)
        given: dict[str, Any] = {"color": look.color, "markerfacecolor": "white", "zorder": 4}
        size = 7 if line.x.size <= 12 else 4
        return ax.plot(
            line.x[kept], line.y[kept], look.marker, linestyle="", markersize=size, **given
        )[0]
    return ax.plot(
        line.x,
        line.y,
        color=look.color,
        linestyle=look.dash,
        marker=look.marker if marked and line.x.size != 2 else "",
        markevery=_marked(line, log_x),
        markersize=5.5,
        zorder=3,
    )[0]


def _marked(line: Line, log_x: bool) -> list[int]:
    """Places of the markers along a line, evenly spread over its axis."""
    x = np.log(np.maximum(line.x, 1e-12)) if log_x else line.x
    if x.size < 2:
        return [0]
    wanted = np.linspace(float(x.min()), float(x.max()), _MARKED)
    return sorted({int(np.abs(x - at).argmin()) for at in wanted})


def _ticks(ax: Axes, panel: Panel) -> None:
    """Tick labels that suit the numbers, and room for a learning rate's zero."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes = ((ax.xaxis, panel.log_x, ax.set_xscale), (ax.yaxis, panel.log_y, ax.set_yscale))
    for axis, is_log, set_scale in axes:
        if is_log:
            set_scale("log")
            axis.set_major_locator(LogLocator(numticks=7))
            axis.set_minor_formatter(NullFormatter())
            continue
        low, high = axis.get_view_interval()
        largest = max(abs(float(low)), abs(float(high)))
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        if largest < 0.01:
            axis.set_major_formatter(FuncFormatter(lambda v, _: ticks.small_text(v)))
        elif largest >= 1e4:
            axis.set_major_formatter(FuncFormatter(lambda v, _, top=largest: _steps(v, top)))
        else:
            axis.set_major_formatter(FuncFormatter(lambda v, _: _plain(v)))


def _plain(value: float) -> str:
    return f"{round(value, 10) + 0.0:,.6g}".replace("-", "\u2212")


def _steps(value: float, largest: float) -> str:
    return ticks.step_text(value, largest).replace("-", "\u2212")


def _legend(ax: Axes, handles: Sequence[Any], across: float) -> None:
    """The legend of one panel, below it."""
    if len(handles) < 1:
        return
    longest = max(
        len(line)
        for handle in handles
        for line in _FORMULA.sub("Dcpt", str(handle.get_label())).split("\n")
    )
    fitting = max(1, int((across - 0.4) / (0.085 * longest + 0.66)))
    rows = math.ceil(len(handles) / fitting)
    from matplotlib.transforms import ScaledTranslation

    figure = style.whole_figure(ax)
    below = ScaledTranslation(0.0, -_BELOW, figure.dpi_scale_trans)
    ax.legend(
        handles=list(handles),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + below,
        ncols=math.ceil(len(handles) / rows),
        fontsize=11,
        handlelength=2.8,
        columnspacing=1.2,
        borderaxespad=0.0,
    )
    lines = rows * max(str(h.get_label()).count("\n") + 1 for h in handles)
    place = ax.get_subplotspec()
    if place is not None and place.is_first_col():
        figure.set_figheight(figure.get_figheight() + 0.22 * lines)


def _broken(text: str, width: int = _LABEL) -> str:
    """A label in lines of at most so many letters, formulas left whole."""
    if "$" in text:
        return text
    shown = "\n".join(textwrap.wrap(text, width))
    return "\u200a" + shown if shown.startswith("_") else shown


# --- tables -----------------------------------------------------------------------------------


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.5g}"


def _wide(table: Table) -> list[int]:
    """Letters of the longest cell of every column."""
    rows = [table.headings, *([_cell(c) for c in row] for row in table.rows)]
    return [max(len(row[i]) for row in rows) + 3 for i in range(len(table.headings))]


def _table_width(table: Table) -> float:
    return _LETTER * sum(_wide(table)) + 0.4


def _table_height(table: Table) -> float:
    return _ROW * (len(table.rows) + 1) + 0.2


def _write(ax: Axes, table: Table) -> None:
    """Headings in bold, first column to the left, the others to the right."""
    ax.axis("off")
    widths = np.array(_wide(table), dtype=np.float64)
    edges = np.concatenate([[0.0], np.cumsum(widths / widths.sum())])
    pad = 1.5 / widths.sum()
    count = len(table.rows) + 1
    cells = [table.headings, *([_cell(c) for c in row] for row in table.rows)]
    words = [isinstance(cell, str) for cell in table.rows[0]] if table.rows else []
    for i, row in enumerate(cells):
        for j, text in enumerate(row):
            left = j == 0 or (j < len(words) and words[j])
            place = edges[j] + (pad if j else 0.0) if left else edges[j + 1]
            ax.text(
                place,
                1.0 - (i + 0.5) / count,
                text.replace("$", r"\$"),
                ha="left" if left else "right",
                va="center",
                fontsize=11,
                fontweight="bold" if i == 0 else "normal",
            )
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    for y in (1.0 - 1.0 / count, 0.0):
        ax.axhline(y, color="#999999", linewidth=0.8)
