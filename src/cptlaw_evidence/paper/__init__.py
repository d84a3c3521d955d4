"""The paper's figures and tables, made anew: from its coefficients, and from real runs.

A new one is a function without arguments in a module of `published` or `grid`, named as the paper
names it, that returns a `Drawing`; its title stands in `TITLES` here. `figures.paper_figure` draws
it.

Source: arXiv:2505.07796v2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeAlias

from cptlaw.errors import DataError, suggestion
from cptlaw_evidence.paper.drawing import MADE_FROM, Drawing, Source

Make: TypeAlias = Callable[[], Drawing]
SOURCES: tuple[Source, ...] = tuple(MADE_FROM)

TITLES = {
    "fig1": "loss curves of CPT between the two hidden curves",
    "fig2": "the distribution shift, power against exponential form",
    "fig3": "the CPT law on its schedules",
    "fig4": "the loss surface over the two areas",
    "fig5": "loss potential of the checkpoint",
    "fig6": "short fits forecast long runs",
    "fig7": "peak LR, critical point and turning length",
    "fig8": "the best potential, peak LR and replay for a weighted loss",
    "fig9": "out-of-domain losses as sums of the in-domain ones",
    "fig10": "forecasts of schedules that were not fitted",
    "fig11": "the CPT law on another domain",
    "fig12": "fits at several replay shares",
    "fig13": "turning length of a weighted loss",
    "fig14": "the shift and the model size",
    "fig15": "one law for several model sizes",
    "fig16": "the CPT law on larger models",
    "fig17": "the shift, batch size and sequence length",
    "fig18": "bases of unknown pre-training",
    "fig19": "one law for all replay shares",
    "fig20": "variants of the annealing term",
    "fig21": "out-of-domain losses along a CPT",
    "fig22": "out-of-domain losses and their errors",
    "table1": "settings of the runs",
    "table2": "variants of the annealing term, scores",
}


@dataclass(frozen=True)
class Entry:
    """One figure or table of the paper, and what it can be made from.

    Args:
        name: "fig1" to "fig22", "table1" or "table2".
        title: a few words.
        published: makes it from the paper's coefficients; None if they do not suffice.
        grid: makes it from the bundled real runs; None if they do not suffice.
    """

    name: str
    title: str
    published: Make | None
    grid: Make | None

    @property
    def sources(self) -> tuple[Source, ...]:
        """What it can be made from, the paper's coefficients first."""
        return tuple(source for source in SOURCES if getattr(self, source) is not None)


@cache
def entries() -> tuple[Entry, ...]:
    """All figures, then all tables, in the paper's order."""
    from cptlaw_evidence.paper import grid, published

    made = _makers(published), _makers(grid)
    return tuple(
        Entry(name, title, *(found.get(name) for found in made)) for name, title in TITLES.items()
    )


def _makers(package: ModuleType) -> dict[str, Make]:
    """The functions of a package's modules that are named as a figure or table."""
    found = (import_module(f"{package.__name__}.{m.name}") for m in iter_modules(package.__path__))
    return {n: getattr(module, n) for module in found for n in TITLES if hasattr(module, n)}


def get(name: str) -> Entry:
    """The figure or table of that name.

    Raises:
        DataError: there is none.
    """
    if name not in TITLES:
        raise DataError(
            f"the paper has no '{name}'. {suggestion(name, TITLES)} See: cptlaw paper list"
        )
    return next(entry for entry in entries() if entry.name == name)


def draw(name: str, source: Source | None = None) -> tuple[Drawing, ...]:
    """Make a figure or table.

    Args:
        name: as in `entries`.
        source: "published" or "grid"; left out, all that it can be made from.

    Raises:
        DataError: no such figure, or it cannot be made from that source.
    """
    entry = get(name)
    if source is not None and source not in SOURCES:
        raise DataError(f"source '{source}': expected {' or '.join(SOURCES)}.")
    if source is not None and source not in entry.sources:
        raise DataError(
            f"{name} cannot be made from {MADE_FROM[source]}. "
            + (
                f"It can from {MADE_FROM[entry.sources[0]]}."
                if entry.sources
                else "Nothing else can make it."
            )
        )
    wanted = entry.sources if source is None else (source,)
    makers: list[Make] = [getattr(entry, each) for each in wanted]
    return tuple(make() for make in makers)
