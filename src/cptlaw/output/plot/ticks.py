"""Axes: their labels, their ticks, and how numbers are written beside them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cptlaw.output.plot.style import LOSS, has_titles
from cptlaw.page import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def label_axes(ax: Axes, x: str = "step", y: str = LOSS, title: str = "") -> None:
    """Labels, a light grid, and short tick labels."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    if title and not has_titles():
        title, y = "", f"{title} (nats per token)" if y == LOSS else f"{title}: {y}" if y else title
    ax.grid(True)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    if title:
        ax.set_title(title)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: step_text(v, max(ax.get_xlim()))))
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))


def label_rates(ax: Axes, x: str = "step", y: str = "learning rate", title: str = "") -> None:
    """The same for numbers that are often very small."""
    label_axes(ax, x, y, title)
    label_small(ax)


def label_small(ax: Axes) -> None:
    """Short tick labels for numbers that are often very small, upward."""
    from matplotlib.ticker import FuncFormatter

    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: small_text(v)))


def label_numbers(ax: Axes) -> None:
    """Tick labels along the axis, all of one number of digits, for what is no step."""
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))


def log_axis(ax: Axes, axis: str, low: float, high: float) -> None:
    """A logarithmic axis, "x" or "y", with a handful of round numbers."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks: list[float] = []
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [d * p for p in powers for d in digits if 0.999 * low <= d * p <= 1.001 * high]
        if len(ticks) <= 5:
            break
    ax.set(**{f"{axis}scale": "log"})
    ax.set(**{f"{axis}ticks": ticks, f"{axis}ticklabels": [small_text(tick) for tick in ticks]})
    if axis == "y":
        ax.set_ylim(low, high)
    ax.minorticks_off()


def step_text(value: float, largest: float) -> str:
    """A step as a tick label, in thousands or millions if the largest on the axis is long."""
    for unit, size, long in (("M", 1e6, 1e6), ("k", 1e3, 1e4)):
        if largest >= long:
            return "0" if value == 0 else f"{value / size:g}{unit}"
    return number(value, 6)


def small_text(value: float) -> str:
    """A number as a tick label: 2.5e-4 rather than 0.00025, 2 rather than 2.0."""
    if abs(value) < 1e-15:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    text = (
        f"{abs(value) / 10.0**exponent:.4g}e{exponent}" if exponent < -2 else number(abs(value), 6)
    )
    return "\u2212" + text if value < 0 else text
