"""What a figure or table of the paper shows: panels of lines, as values that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from cptlaw.arrays import FloatArray, floats, same_values

Look = Literal["line", "points", "band"]
Source = Literal["published", "grid"]
MADE_FROM: Mapping[Source, str] = MappingProxyType(
    {"published": "the paper's coefficients", "grid": "the bundled real runs"}
)
"""What drawings are made from, in words."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line, row of points or band of a panel.

    Args:
        label: for the legend; empty for none.
        x: shape (n,).
        y: shape (n,); the lower end of a band.
        look: how it is drawn.
        high: the upper end of a band, shape (n,).
        group: lines of one group share a colour, such as a measured and a fitted curve; empty
            for a colour of its own.
    """

    label: str
    x: FloatArray
    y: FloatArray
    look: Look = "line"
    high: FloatArray | None = None
    group: str = ""

    def __post_init__(self) -> None:
        for name in ("x", "y", "high"):
            values = getattr(self, name)
            object.__setattr__(self, name, None if values is None else floats(values))

    __eq__ = same_values


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Args:
        title: above it.
        x_label: quantity and unit.
        y_label: quantity and unit.
        lines: what is drawn.
        log_x: whether x is on a logarithmic axis.
        log_y: whether y is.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under headings; every cell is text or a number."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]


@dataclass(frozen=True)
class Drawing:
    """A figure or table of the paper, made anew.

    Args:
        name: "fig1" to "fig22", "table1" or "table2".
        title: what it shows.
        source: "published" (from the paper's coefficients) or "grid" (the bundled real runs).
        panels: pairs of axes, in reading order.
        tables: below them.
        numbers: name -> value that the figure is about, such as an error or an R2.
        notes: what to know when reading it, each a sentence.
    """

    name: str
    title: str
    source: Source
    panels: tuple[Panel, ...] = ()
    tables: tuple[Table, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict[str, float])
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))
