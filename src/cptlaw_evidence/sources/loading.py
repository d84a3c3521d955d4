"""All sources with their protocols, and what of them is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from cptlaw.errors import DataError, suggestion
from cptlaw_evidence.sources import (
    delphi,
    gemstones,
    grid,
    grid_20m,
    lr_schedules,
    multipower,
    olmo,
    open_models,
    optimizers,
    starts,
    tiny_cpt,
)
from cptlaw_evidence.sources.source import Curves, Protocol, Source, Split

LeftOut: TypeAlias = Mapping[str, str]
"""What was not done: its "protocol" and "why", with its "source" or "law" where that is why."""

SOURCES: tuple[Source, ...] = (
    multipower.SOURCE,
    lr_schedules.SOURCE,
    olmo.SOURCE,
    grid.SOURCE,
    grid.FAR_SOURCE,
    grid_20m.SOURCE,
    grid_20m.FAR_SOURCE,
    grid_20m.SMALL_SOURCE,
    grid_20m.SIZE_SOURCE,
    starts.SOURCE,
    tiny_cpt.SOURCE,
    delphi.SOURCE,
    optimizers.SOURCE,
    gemstones.SOURCE,
    *open_models.SOURCES,
)


def names() -> tuple[str, ...]:
    """All protocols."""
    return tuple(protocol.name for source in SOURCES for protocol in source.protocols)


def protocols_json() -> dict[str, list[dict[str, str]]]:
    """`{"protocols": [{"name", "source", "fitted", "scored"}]}`, whether their curves are there."""
    keys = ("name", "source", "fitted", "scored")
    every = (protocol for source in SOURCES for protocol in source.protocols)
    return {"protocols": [{key: getattr(p, key) for key in keys} for p in every]}


@dataclass(frozen=True)
class Loaded:
    """Protocols whose curves are there.

    Args:
        protocols: in the order of `SOURCES`.
        curves: source -> its curves.
        splits: protocol -> its splits.
        left_out: those whose curves are absent.
    """

    protocols: tuple[Protocol, ...]
    curves: Mapping[str, Curves]
    splits: Mapping[str, tuple[Split, ...]]
    left_out: tuple[LeftOut, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", MappingProxyType(dict(self.curves)))
        object.__setattr__(self, "splits", MappingProxyType(dict(self.splits)))


def load(protocols: Sequence[str] = (), data: Path | None = None) -> Loaded:
    """Read the curves of the named protocols, or of all.

    Args:
        protocols: names; none for all.
        data: folder of curves that do not come with the package.

    Raises:
        DataError: an unknown protocol, a folder that is not there, broken curves, or no curves.
    """
    known = names()
    for name in protocols:
        if name not in known:
            raise DataError(f"no protocol '{name}'. {suggestion(name, known)}")
    if data is not None and not data.is_dir():
        raise DataError(f"{data}: there is no such folder of curves.")
    found: list[Protocol] = []
    curves: dict[str, Curves] = {}
    left_out: list[LeftOut] = []
    for source in SOURCES:
        wanted = [p for p in source.protocols if not protocols or p.name in protocols]
        why = _absent(source, data)
        if why:
            left_out += [{"protocol": p.name, "source": source.name, "why": why} for p in wanted]
        elif wanted:
            curves[source.name] = source.load((data or Path()) / source.name)
            found += wanted
    if not found:
        raise DataError(f"nothing can be measured: {left_out[0]['why']}")
    splits = {p.name: p.splits(curves[p.source]) for p in found}
    return Loaded(tuple(found), curves, splits, tuple(left_out))


def _absent(source: Source, data: Path | None) -> str:
    if source.bundled:
        return ""
    if data is None:
        return f"the curves {source.name} do not come with the package; --data names their folder."
    return "" if (data / source.name).is_dir() else f"{data} has no folder {source.name}."
