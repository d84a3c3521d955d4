"""How every figure looks: colours, sizes, axes, legends, and how it is written to a file.

matplotlib is imported inside functions only, and its settings are changed only while a figure is
drawn or saved. No figure belongs to pyplot, so none needs a display or has to be closed.
"""

from __future__ import annotations

import functools
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError, MissingExtra
from cptlaw.output.curves import losses_frame, residuals_frame

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
DRAWN = 2000  # points of one line that are drawn at most

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
    "axes.linewidth": 0.8,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
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
_SCALED = {
    "figure.constrained_layout.h_pad",
    "figure.constrained_layout.w_pad",
    "font.size",
    "axes.titlesize",
    "axes.labelsize",
    "xtick.labelsize",
    "ytick.labelsize",
    "lines.linewidth",
    "lines.markersize",
    "xtick.major.size",
    "ytick.major.size",
    "xtick.major.width",
    "ytick.major.width",
    "axes.linewidth",
    "grid.linewidth",
    "hatch.linewidth",
    "legend.fontsize",
    "legend.title_fontsize",
}


_NARROW, _LEAST = 10.0, 5.0  # inches of figures with panels side by side
_LETTERS = 13.0  # points of a letter, which all sizes of STYLE suit


@dataclass(frozen=True)
class Size:
    """How large figures are drawn.

    Args:
        width: inches of a figure, or None for its own; its height goes with it.
        font_size: points of a letter; lines, markers and legends go with it.
        titles: whether panels have titles; without, the axes say what a title would.
    """

    width: float | None = None
    font_size: float = _LETTERS
    titles: bool = True

    def __post_init__(self) -> None:
        if self.width is not None and not 1.0 <= self.width <= 100.0:
            raise DataError(f"a figure {self.width:g} inches wide; give 1 to 100.")
        if not 3.0 <= self.font_size <= 100.0:
            raise DataError(f"letters of {self.font_size:g} points; give 3 to 100.")


_USUAL = Size()
_SIZE: ContextVar[Size] = ContextVar("_SIZE", default=_USUAL)


@contextmanager
def sized(
    width: float | None = None, font_size: float | None = None, titles: bool = True
) -> Iterator[None]:
    """Figures that are drawn within have this size: of a paper's column, say.

    Args:
        width: inches of a figure; left out, its own. The height goes with it.
        font_size: points of a letter; left out, 13. Lines, markers and legends go with it.
        titles: whether panels have titles; without, the axes say what a title would.

    Raises:
        DataError: a size that nobody could read or print.
    """
    token = _SIZE.set(Size(width, _LETTERS if font_size is None else font_size, titles))
    try:
        yield
    finally:
        _SIZE.reset(token)


def has_titles() -> bool:
    """Whether panels have titles."""
    return _SIZE.get().titles


def _scale() -> float:
    """Times the usual size of a letter."""
    return _SIZE.get().font_size / _LETTERS


def room() -> float:
    """Inches of width for letters of the usual size; infinite where no width is asked for."""
    width = _SIZE.get().width
    return math.inf if width is None else width / _scale()


def is_narrow() -> bool:
    """Whether there is room for few panels only, as in a column of a paper."""
    return room() < _NARROW


def within(width: float) -> float:
    """The own width of a figure of several panels: no wider than there is room for its letters."""
    return min(width, max(room(), _LEAST))


def pts(size: float) -> float:
    """Points of a line's width or a marker, in the size that is asked for."""
    return size * _scale()


def _settings() -> dict[Any, Any]:
    """`STYLE` in the size that is asked for."""
    scale = _scale()
    return {k: v * scale if k in _SCALED else v for k, v in STYLE.items()}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Runs a drawing function under `STYLE`, and says what to install without matplotlib."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            import matplotlib
        except ImportError:
            raise MissingExtra("matplotlib", "plot", "a figure") from None
        with matplotlib.rc_context(_settings()):
            return draw(*args, **kwargs)

    return drawn


# --- figures and axes -------------------------------------------------------------------------


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, width and height in inches, with a canvas that needs no display.

    Within `sized` it has that width, and is lower as it is narrower.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    wanted = _SIZE.get().width or width
    width, height = wanted, height * wanted / width
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def axes(ax: Axes | None, width: float = 9, height: float = 5.5) -> Axes:
    """The given axes, or those of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def columns(count: int, ratios: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure of two rows of `count` panels that share their steps, and its panels."""
    figure = new_figure(within(8.0 + 2.4 * (count - 1)), 6.5)
    grid = {"height_ratios": list(ratios)}
    return figure, figure.subplots(2, count, sharex="col", squeeze=False, gridspec_kw=grid)


def whole_figure(part: Figure | Axes) -> Figure:
    """The figure that axes, or a figure within a figure, belong to."""
    found: Any = part
    return found.figure.figure


def color_bar(ax: Axes, drawn: Any, label: str) -> None:
    """What the colours of dots stand for, beside their panel."""
    bar = whole_figure(ax).colorbar(drawn, ax=ax, label=label, pad=0.02, format="{x:,g}")
    bar.outline.set_visible(False)


# --- legends -------------------------------------------------------------------------------


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
        ax.legend(handles=list(handles), fontsize="small", handlelength=2.4, **place)


_MATHS = re.compile(r"(?<!\\)\$.*?(?<!\\)\$")


def legend_below(figure: Figure, handles: Sequence[Any], title: str = "") -> None:
    """One legend under all panels, for which the figure is made higher.

    It has as many columns as its longest line leaves room for.
    """
    if not handles:
        return
    texts = [str(handle.get_label()) for handle in handles]
    longest = max(len(line) for text in texts for line in _MATHS.sub("Dcpt", text).split("\n"))
    width = figure.get_figwidth() / _scale()
    fitting = max(1, int(width / (0.098 * longest + 0.95)))
    rows = math.ceil(len(handles) / fitting)
    title = textwrap.fill(title, int(11 * width)).replace("$", r"\$")
    lines = rows * max(text.count("\n") + 1 for text in texts)
    lines += title.count("\n") + 1 if title else 0
    figure.set_figheight(figure.get_figheight() + 0.25 * _scale() * lines)
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
    dots: dict[str, Any] = {
        "color": "#555555",
        "linestyle": ":",
        "linewidth": pts(1.4),
        "zorder": 1,
    }
    return [ax.axvline(place, label="transfer to CPT", **dots) for place in places][:1]


def frame_losses(ax: Axes, step: IntArray, loss: FloatArray) -> int:
    """Limits that show n losses of shape (n,) well, and how many of them lie above the frame."""
    low, high = losses_frame(step, loss)
    ax.set_ylim(low, high)
    return int((loss > high).sum())


def frame_residuals(ax: Axes, percent: FloatArray) -> int:
    """Limits symmetric about 0 for n residuals, shape (n,), and how many of them lie outside."""
    limit = residuals_frame(percent)
    ax.set_ylim(-limit, limit)
    return int((np.abs(percent) > limit).sum())


def tell(ax: Axes, *words: str) -> None:
    """Words at the top right of a panel, within it where it is narrow; the empty ones left out."""
    said = [word for word in words if word]
    if said and is_narrow():
        place: dict[str, Any] = {"transform": ax.transAxes, "ha": "right", "va": "top"}
        ax.text(0.98, 0.98, "\n".join(said), fontsize="small", color="#555555", **place)
    elif said:
        ax.set_title(", ".join(said), loc="right", fontsize="small", color="#555555")
