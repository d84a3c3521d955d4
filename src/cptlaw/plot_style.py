"""How every figure looks: colours, sizes, axes, legends, and how it is written to a file.

matplotlib is imported inside functions only, and its settings are changed only while a figure is
drawn or saved. No figure belongs to pyplot, so none needs a display or has to be closed.
"""

from __future__ import annotations

import functools
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#AA4499"
ORANGE, SKY, BLACK, GREY = "#E69F00", "#56B4E9", "#222222", "#8A8A8A"
PALETTE = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (7, 1.5, 1.5, 1.5)))
LOSS = "loss (nats per token)"
BREAKS = " -_./,"  # where a long name may be broken
WIDTH = 40  # letters in one line of a label
DRAWN = 2000  # points of one line that are drawn at most

STYLE: dict[str, Any] = {
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
    "axes.unicode_minus": True,
    "grid.color": "#E3E3E3",
    "grid.linestyle": "-",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 12,
    "legend.title_fontsize": 12,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
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


def axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure."""
    return new_figure(width, height).add_subplot() if ax is None else ax


def whole_figure(part: Figure | Axes) -> Figure:
    """The figure that axes, or a figure within a figure, belong to."""
    found: Any = part
    return found.figure.figure


def label_axes(ax: Axes, x: str = "step", y: str = LOSS, title: str = "") -> None:
    """Labels, a light grid, and ticks for steps along x and for small numbers along y."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.grid(True)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if title:
        ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: step_text(v, max(ax.get_xlim()))))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: small_text(v)))


def step_text(value: float, largest: float) -> str:
    """A step as a tick label, in thousands or millions if the largest on the axis is long."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if largest >= 10 * size:
            return "0" if value == 0 else f"{value / size:g}{unit}"
    return f"{value:g}"


def small_text(value: float) -> str:
    """A number as a tick label: 2.5e-4 rather than 0.00025, 2 rather than 2.0."""
    if abs(value) < 1e-15:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    text = f"{value / 10.0**exponent:.4g}e{exponent}" if exponent < -2 else f"{value:.6g}"
    return text.replace("-", "\u2212", 1) if value < 0 else text


def domain_title(role: str) -> str:
    """A domain as a panel's title."""
    if role in ("pt", "cpt"):
        return rf"$D_\mathrm{{{role}}}$ loss"
    return plain(role.removeprefix("ood.")) + " (out of domain)" if role != "loss" else "loss"


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
    """Text that matplotlib shows as it is: no mathematics, no hidden label, lines not too long."""
    lines, rest = [], text.strip() or "(no name)"
    while len(rest) > width:
        breaks = [i + 1 for i, c in enumerate(rest[:width]) if c in BREAKS and i > width // 2]
        at = breaks[-1] if breaks else width
        lines.append(rest[:at])
        rest = rest[at:]
    shown = "\n".join([*lines, rest]).replace("$", r"\$")
    return "\u200a" + shown if shown.startswith("_") else shown


def look(index: int) -> dict[str, Any]:
    """Colour, line style and marker of the run of that number."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def legend(ax: Axes, handles: Sequence[Artist], below: bool, title: str = "") -> None:
    """Name what is drawn: below the axes in a figure of our own, else where there is room."""
    if not handles:
        return
    if not below:
        ax.legend(handles=handles, loc="best", title=title or None, frameon=True, framealpha=0.85)
        return
    legend_below(whole_figure(ax), handles, title)


def legend_below(figure: Figure, handles: Sequence[Artist], title: str = "") -> None:
    """One legend under all panels, in as many columns as its longest line leaves room for."""
    longest = max(len(line) for h in handles for line in str(h.get_label()).split("\n"))
    columns = max(1, int(figure.get_figwidth() / (0.098 * longest + 0.85)))
    rows = math.ceil(len(handles) / columns)
    lines = rows * max(str(h.get_label()).count("\n") + 1 for h in handles) + bool(title)
    figure.set_figheight(figure.get_figheight() + 0.25 * lines)
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=math.ceil(len(handles) / rows),
        title=title or None,
    )


# --- what is drawn ----------------------------------------------------------------------------


def thin(x: FloatArray | IntArray, y: FloatArray) -> tuple[FloatArray | IntArray, FloatArray]:
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


def frame_losses(ax: Axes, step: IntArray, loss: FloatArray) -> None:
    """Limits that show n losses of shape (n,) well, and a word on those of the first steps outside.

    The first twentieth of the steps may leave the frame at the top if it would more than double
    its height.
    """
    low, high = float(loss.min()), float(loss.max())
    later = loss[step >= step.min() + 0.05 * (step.max() - step.min())]
    top = float(later.max()) if later.size else high
    if high - low > 2.0 * (top - low) > 0:
        high = top + 0.15 * (top - low)
        tell_outside(ax, int((loss > high).sum()), "above")
    margin = 0.05 * (high - low) or 0.05 * high
    ax.set_ylim(low - margin, high + margin)


def frame_residuals(ax: Axes, percent: FloatArray) -> None:
    """Limits symmetric about 0 that show at least 98 % of the residuals, shape (n,), in percent."""
    size = np.abs(percent)
    most, usual = float(size.max()), float(np.quantile(size, 0.98))
    limit = most if most < 2.5 * usual else 1.3 * usual
    tell_outside(ax, int((size > limit).sum()), "outside")
    ax.set_ylim(-1.12 * limit or -1.0, 1.12 * limit or 1.0)


def tell_outside(ax: Axes, count: int, where: str) -> None:
    """Say at the top right how many points the frame leaves out."""
    if count:
        points = "point" if count == 1 else "points"
        ax.set_title(f"{count} {points} {where}", loc="right", fontsize=10, color="#555555")


# --- files ------------------------------------------------------------------------------------

_METADATA: dict[str, dict[str, Any]] = {
    "png": {},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


@styled
def save(figure: Figure | Axes, path: str | Path) -> None:
    """Write a figure as PNG, SVG or PDF, by the suffix of the path; all of it or nothing.

    Args:
        figure: a figure, or axes of the one that is meant.
        path: the file to write; an existing one is replaced.

    Raises:
        DataError: another suffix, or a path that cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _METADATA:
        raise DataError(
            f"{path}: figures are written as .png, .svg or .pdf, not '{path.suffix}'. "
            "Change the file's suffix."
        )
    whole = whole_figure(figure)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be written ({error}). Check the directory.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            whole.savefig(file, format=kind, metadata=_METADATA[kind])
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
