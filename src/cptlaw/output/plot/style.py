"""How every figure looks: colours, sizes, axes, legends, and how it is written to a file.

matplotlib is imported inside functions only, and its settings are changed only while a figure is
drawn or saved. No figure belongs to pyplot, so none needs a display or has to be closed.
"""

from __future__ import annotations

import functools
import math
import os
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError, MissingExtra, suggestion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#AA4499"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#222222", "#8A8A8A"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHED, DOTTED = (0, (5, 1.5)), (0, (1.5, 1.2))
DASHES: tuple[Any, ...] = ("-", DASHED, DOTTED, (0, (7, 1.5, 1.5, 1.5)))

LOSS = "loss (nats per token)"
PANELS = 4  # domains in one figure
DRAWN = 2000  # points of one line that are drawn at most
WIDTH = 40  # letters in one line of a label
BREAKS = " -_./,"  # where a long name may be broken

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.size": 13,
    "text.usetex": False,
    "text.color": BLACK,
    "axes.facecolor": "white",
    "axes.edgecolor": "#666666",
    "axes.labelcolor": BLACK,
    "axes.titlesize": 14,
    "axes.titlelocation": "left",
    "axes.labelsize": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E3E3E3",
    "grid.linestyle": "-",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "lines.linewidth": 2.0,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.8,
    "legend.fontsize": 12,
    "legend.title_fontsize": 11,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "cptlaw",
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Runs a drawing function under `STYLE`, and says what to install without matplotlib."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            import matplotlib
        except ImportError:
            raise MissingExtra("matplotlib", "plot", "a figure") from None
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


# --- figures and axes -------------------------------------------------------------------------


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, width and height in inches, with a canvas that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def axes(ax: Axes | None, width: float = 9, height: float = 5.5) -> Axes:
    """The given axes, or those of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def columns(count: int, ratios: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure of two rows of `count` panels that share their steps, and its panels."""
    figure = new_figure(8.0 + 2.4 * (count - 1), 6.5)
    grid = {"height_ratios": list(ratios)}
    return figure, figure.subplots(2, count, sharex="col", squeeze=False, gridspec_kw=grid)


def whole_figure(part: Figure | Axes) -> Figure:
    """The figure that axes, or a figure within a figure, belong to."""
    found: Any = part
    return found.figure.figure


def label_axes(ax: Axes, x: str = "step", y: str = LOSS, title: str = "") -> None:
    """Labels, a light grid, and short tick labels."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.grid(True)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if title:
        ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: step_text(v, max(ax.get_xlim()))))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def label_rates(ax: Axes, x: str = "step", y: str = "learning rate", title: str = "") -> None:
    """The same for numbers that are often very small."""
    from matplotlib.ticker import FuncFormatter

    label_axes(ax, x, y, title)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: small_text(v)))


def step_text(value: float, largest: float) -> str:
    """A step as a tick label, in thousands or millions if the largest on the axis is long."""
    for unit, size, long in (("M", 1e6, 1e6), ("k", 1e3, 1e4)):
        if largest >= long:
            return "0" if value == 0 else f"{value / size:g}{unit}"
    return f"{value:g}"


def small_text(value: float) -> str:
    """A number as a tick label: 2.5e-4 rather than 0.00025, 2 rather than 2.0."""
    if abs(value) < 1e-15:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    text = f"{abs(value) / 10.0**exponent:.4g}e{exponent}" if exponent < -2 else f"{abs(value):.6g}"
    return "\u2212" + text if value < 0 else text


# --- words ------------------------------------------------------------------------------------


def shown(domains: Iterable[str], roles: Sequence[str] | None) -> list[str]:
    """The domains to draw: those that are asked for, or the first four, D_pt and D_cpt first.

    Raises:
        DataError: an unknown domain, or too many.
    """
    known = list(domains)
    if roles is None:
        return sorted(known, key=lambda r: (r != "pt", r != "cpt"))[:PANELS]
    for role in roles:
        if role not in known:
            raise DataError(f"no domain '{role}' to draw. {suggestion(role, known)}")
    if not 1 <= len(set(roles)) <= PANELS:
        raise DataError(f"{len(set(roles))} domains for one figure; give 1 to {PANELS}.")
    return list(dict.fromkeys(roles))


def not_shown(domains: Iterable[str], shown: Sequence[str]) -> str:
    """The domains that a figure leaves out, in words; nothing if there are none."""
    left_out = ", ".join(role for role in domains if role not in shown)
    return f"not shown: {left_out}" if left_out else ""


def domain_title(role: str) -> str:
    """A domain as a panel's title."""
    if role in ("pt", "cpt"):
        return rf"$D_\mathrm{{{role}}}$ loss"
    return "loss" if role == "loss" else plain(role.removeprefix("ood."), 18) + " loss"


def labels(names: Sequence[str]) -> dict[str, str]:
    """The names of runs as labels; of long ones, what all have in common is left out."""
    if len(names) < 2 or max(map(len, names)) <= WIDTH:
        return {name: plain(name) for name in names}
    start = _common(names)
    end = _common([name[start:][::-1] for name in names])
    return {
        name: plain("…" * (start > 0) + name[start : len(name) - end] + "…" * (end > 0))
        for name in names
    }


def _common(names: Sequence[str]) -> int:
    """How many first letters all names share, up to a place where a word ends."""
    shared = os.path.commonprefix(list(names))
    return max((i + 1 for i, letter in enumerate(shared) if letter in BREAKS), default=0)


def plain(text: str, width: int = WIDTH) -> str:
    """A name that matplotlib shows as it is: no mathematics, no hidden label, no long line."""
    lines, rest = list[str](), text.strip() or "(no name)"
    while len(rest) > width:
        breaks = [i + 1 for i, c in enumerate(rest[:width]) if c in BREAKS and i > width // 2]
        at = breaks[-1] if breaks else width
        lines.append(rest[:at])
        rest = rest[at:]
    whole = "\n".join([*lines, rest]).replace("$", r"\$")
    return "\u200a" + whole if whole.startswith("_") else whole


def legend(ax: Axes, handles: Sequence[Any], own: bool, title: str = "") -> None:
    """Name what is drawn: below the axes in a figure of our own.

    In given axes a short legend stands where there is room, a long one to their right, and
    without the title.
    """
    if own:
        legend_below(whole_figure(ax), handles, title)
    elif handles:
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}
        if len(handles) <= 5:
            place = {"loc": "best", "frameon": True, "framealpha": 0.85}
        ax.legend(handles=list(handles), fontsize=10, handlelength=2.4, **place)


_MATHS = re.compile(r"(?<!\\)\$.*?(?<!\\)\$")


def legend_below(figure: Figure, handles: Sequence[Any], title: str = "") -> None:
    """One legend under all panels, for which the figure is made higher.

    It has as many columns as its longest line leaves room for.
    """
    if not handles:
        return
    texts = [str(handle.get_label()) for handle in handles]
    longest = max(len(line) for text in texts for line in _MATHS.sub("Dcpt", text).split("\n"))
    fitting = max(1, int(figure.get_figwidth() / (0.098 * longest + 0.95)))
    rows = math.ceil(len(handles) / fitting)
    title = textwrap.fill(title, int(11 * figure.get_figwidth())).replace("$", r"\$")
    lines = rows * max(text.count("\n") + 1 for text in texts)
    lines += title.count("\n") + 1 if title else 0
    figure.set_figheight(figure.get_figheight() + 0.25 * lines)
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=math.ceil(len(handles) / rows),
        title=title or None,
    )


# --- what is drawn ----------------------------------------------------------------------------


def look(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the run of that number."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def grid(first: int, last: int, jump: int) -> IntArray:
    """Steps to draw a curve at, closer together just after a jump."""
    parts: list[Any] = [np.linspace(first, last, 600)]
    if first <= jump < last:
        parts += [[jump], jump + np.geomspace(1, last - jump, 150)]
    return np.unique(np.concatenate(parts).round().astype(np.int64))


def thin(x: IntArray, y: FloatArray) -> tuple[IntArray, FloatArray]:
    """At most `DRAWN` of n points of a line, with the lowest and highest of every stretch."""
    n = y.size
    if n <= DRAWN:
        return x, y
    width = math.ceil(n / (DRAWN // 4))
    kept = {0, n - 1}
    for first in range(0, n, width):
        piece = y[first : first + width]
        low, high = first + int(piece.argmin()), first + int(piece.argmax())
        kept.update((first, low, high, first + piece.size - 1))
    index = np.array(sorted(kept))
    return x[index], y[index]


def sample(n: int, limit: int) -> IntArray:
    """At most `limit` of the indices 0..n-1, evenly spread, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(n, max(limit, 2))).round().astype(np.int64))


def transfers(ax: Axes, steps: Iterable[int]) -> list[Any]:
    """A dotted line at each transfer from PT to CPT; none where there are too many."""
    places = sorted(set(steps))
    if not 1 <= len(places) <= 4:
        return []
    dots: dict[str, Any] = {"color": "#555555", "linestyle": ":", "linewidth": 1.4, "zorder": 1}
    return [ax.axvline(place, label="transfer to CPT", **dots) for place in places][:1]


def frame_losses(ax: Axes, step: IntArray, loss: FloatArray) -> int:
    """Limits that show n losses of shape (n,) well, and how many of them lie above the frame.

    The losses of the first tenth of the steps are cut off if they would make the frame more
    than three times as high.
    """
    low, high = float(loss.min()), float(loss.max())
    later = loss[step >= step.min() + 0.1 * (step.max() - step.min())]
    top = float(later.max())
    if high - low > 3.0 * (top - low) > 0:
        high = top + 0.3 * (top - low)
    margin = 0.05 * (high - low) or 0.05 * high
    ax.set_ylim(low - margin, high + margin)
    return int((loss > high + margin).sum())


def frame_residuals(ax: Axes, percent: FloatArray) -> int:
    """Limits symmetric about 0 for n residuals, shape (n,), and how many of them lie outside.

    At most 2 % of them are cut off, if they would make the frame more than twice as high.
    """
    size = np.abs(percent)
    most, usual = float(size.max()), float(np.quantile(size, 0.98))
    limit = 1.12 * (most if most < 2.5 * usual else 1.3 * usual) or 1.0
    ax.set_ylim(-limit, limit)
    return int((size > limit).sum())


def tell(ax: Axes, *words: str) -> None:
    """Words at the top right of a panel, the empty ones left out."""
    said = [word for word in words if word]
    if said:
        ax.set_title(", ".join(said), loc="right", fontsize=11, color="#555555")


def points_text(count: int, where: str) -> str:
    """How many points the frame leaves out; empty for none."""
    return f"{count} {'point' if count == 1 else 'points'} {where}" if count else ""
