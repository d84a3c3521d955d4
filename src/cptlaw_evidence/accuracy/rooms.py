"""All sources with their protocols, and what of them is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cptlaw.errors import DataError, suggestion
from cptlaw_evidence.accuracy import grid, lr_schedules, multipower, olmo, tiny_cpt
from cptlaw_evidence.accuracy.protocol import Protocol, Room, Source, Split

ROOMS: tuple[Room, ...] = (
    multipower.ROOM,
    lr_schedules.ROOM,
    olmo.ROOM,
    grid.ROOM,
    grid.FAR_ROOM,
    tiny_cpt.ROOM,
)


def names() -> tuple[str, ...]:
    """All protocols."""
    return tuple(protocol.name for room in ROOMS for protocol in room.protocols)


def protocols_shape() -> dict[str, list[dict[str, str]]]:
    """`{"protocols": [{"name", "source", "fitted", "scored"}]}`, whether their curves are there."""
    keys = ("name", "source", "fitted", "scored")
    every = (protocol for room in ROOMS for protocol in room.protocols)
    return {"protocols": [{key: getattr(p, key) for key in keys} for p in every]}


@dataclass(frozen=True)
class Loaded:
    """Protocols whose curves are there.

    Args:
        protocols: in the order of `ROOMS`.
        sources: their sources by name.
        splits: protocol -> its splits.
        left_out: {"protocol", "source", "why"} of each whose curves are absent.
    """

    protocols: tuple[Protocol, ...]
    sources: Mapping[str, Source]
    splits: Mapping[str, tuple[Split, ...]]
    left_out: tuple[Mapping[str, str], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))
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
    sources: dict[str, Source] = {}
    left_out: list[dict[str, str]] = []
    for room in ROOMS:
        wanted = [p for p in room.protocols if not protocols or p.name in protocols]
        why = _absent(room, data)
        if why:
            left_out += [{"protocol": p.name, "source": room.name, "why": why} for p in wanted]
        elif wanted:
            sources[room.name] = room.load((data or Path()) / room.name)
            found += wanted
    if not found:
        raise DataError(f"nothing can be measured: {left_out[0]['why']}")
    splits = {p.name: p.splits(sources[p.source]) for p in found}
    return Loaded(tuple(found), sources, splits, tuple(left_out))


def _absent(room: Room, data: Path | None) -> str:
    if room.bundled:
        return ""
    if data is None:
        return f"the curves {room.name} do not come with the package; --data names their folder."
    return "" if (data / room.name).is_dir() else f"{data} has no folder {room.name}."
