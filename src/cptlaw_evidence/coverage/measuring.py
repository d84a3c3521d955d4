"""How often a measured loss lies within the interval of its forecast, law by law."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.forecasting.measured import Calibration
from cptlaw_evidence import fits
from cptlaw_evidence.coverage.calibration import Scored, calibrate, score
from cptlaw_evidence.coverage.held_out import HeldOut, collect
from cptlaw_evidence.sources.loading import LeftOut, Loaded, load

LAWS = ("effective", "paper")
GROUPS = {
    "tiny-grid-far": "tiny-grid",
    "grid-20m-far": "grid-20m",
    "grid-6m": "grid-20m",
    "grid-20m-sizes": "grid-20m",
    "open-grid": "tiny-grid",
    "open-grid-annealed": "tiny-grid",
    "open-6m": "grid-20m",
    "open-20m": "grid-20m",
}
"""Sources that are left out together, since they share runs."""


@dataclass(frozen=True)
class LawCoverage:
    """What became of one law.

    Args:
        law: as asked for.
        calibration: on all sources.
        without: source -> the calibration on the others, with which it is scored.
        scored: every curve that was forecast.
    """

    law: str
    calibration: Calibration
    without: Mapping[str, Calibration]
    scored: tuple[Scored, ...]


@dataclass(frozen=True)
class Coverage:
    """How well the intervals of laws hold.

    Args:
        laws: each in turn.
        left_out: what was not scored.
        jobs: processes.
        seconds: it took.
    """

    laws: tuple[LawCoverage, ...]
    left_out: tuple[LeftOut, ...]
    jobs: int
    seconds: float


def measure(
    laws: Sequence[str] = LAWS,
    protocols: Sequence[str] = (),
    data: Path | None = None,
    *,
    jobs: int = 1,
    only_fit: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Coverage:
    """Forecast what fits have not seen, and judge the intervals.

    Args:
        laws: names that `fit` takes, of single laws.
        protocols: names; none for all.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        only_fit: whether only the calibration on all sources is wanted.
        progress: is told of what is done.

    Raises:
        DataError: an unknown protocol, broken curves, a law without any forecast, or a single
            source, so that nothing is left to calibrate on.
        FitError: a process ended on its own.
    """
    began = time.perf_counter()
    laws, loaded = list(dict.fromkeys(laws)), load(protocols, data)
    groups = {GROUPS.get(p.source, p.source) for p in loaded.protocols}
    if len(groups) < 2 and not only_fit:
        raise DataError(
            f"only the curves {groups.pop()} are there, but intervals are calibrated on other "
            "sources than the scored one. --data names a folder with more."
        )
    held, failed = _collected(loaded, laws, data, jobs, progress)
    found: list[LawCoverage] = []
    for law in laws:
        mine = [h for h in held if h.law == law]
        if not mine:
            raise DataError(f"no curve could be forecast with law '{law}': {failed[0]['why']}")
        scored, without = ([], {}) if only_fit else score(mine)
        found.append(LawCoverage(law, calibrate(mine), without, tuple(scored)))
    left_out = (*loaded.left_out, *failed)
    return Coverage(tuple(found), left_out, jobs, time.perf_counter() - began)


def _collected(
    loaded: Loaded,
    laws: Sequence[str],
    data: Path | None,
    jobs: int,
    progress: Callable[[str], None],
) -> fits.Found[HeldOut]:
    """The held-out curves in the order of their protocols, each with its source."""
    found, left_out = fits.collected(loaded, laws, data, jobs, collect, progress)
    groups = {p.name: GROUPS.get(p.source, p.source) for p in loaded.protocols}
    held = [replace(one, group=groups[one.protocol]) for one in found]
    order = {p.name: i for i, p in enumerate(loaded.protocols)}
    return sorted(held, key=lambda h: (order[h.protocol], h.run, h.domain)), left_out
