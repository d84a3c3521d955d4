"""What benchmarks measured on real curves: the one place of such figures.

`measured.json` holds section -> kind of law -> figures, with the command that measures them under
"from". The traits of a law name its kind; the benchmarks write the file (`--write`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, TypeVar

OTHERS = "other"
"""The kind of laws whose forecasts were not measured, and of a mixture of laws."""
GENTLER = 3.0
"""So many times as far below the fitted peaks as above: at a learning rate of 0 all is known."""
CHOOSERS = "paper"
"""The kind that laws count to whose choices were not measured: the one that did worse."""


@dataclass(frozen=True)
class Calibration:
    """What the causes of a forecast's error weigh; relative errors.

    Args:
        refits: times the spread of the refits.
        runs: times that spread and the root of the number of fitted runs: what more such runs
            do not mend, since the law is not exact.
        residual: times the scale of the fitted residuals about as far in a run.
        between: times that of the fitted runs' mean residuals.
        floor: whatever the fit.
        annealing: for a loss that is all annealing.
        length: the same for every factor of e by which a run whose LR has fallen is longer or
            shorter than those fitted.
        fall: for an LR that has fallen by its peak farther than any fitted one.
        slope: times the slope of the loss, its change for a factor of e in steps.
        horizon: times that slope for every factor of e in steps beyond the longest fitted.
        peak: times that slope for every factor of e in peak LR beyond the nearest fitted.
        start: times that slope for every factor of e in steps of the start.
        size: for every factor of e in model size.
        replay: times the shift's share of the loss for a replay share that is off by 1.
    """

    refits: float
    runs: float
    residual: float
    between: float
    floor: float
    annealing: float
    length: float
    fall: float
    slope: float
    horizon: float
    peak: float
    start: float
    size: float
    replay: float


@dataclass(frozen=True)
class PeakErrors:
    """Mean relative errors at twice and half the fitted peak LR, the lowest and the highest."""

    least: float
    most: float


@dataclass(frozen=True)
class StartErrors:
    """Mean relative errors of CPT from a third and half of the base's steps, the highest."""

    pt: float
    cpt: float


@dataclass(frozen=True)
class ChoiceCosts:
    """What choosing among real runs by a law cost, nats: on average, and at worst."""

    mean: float
    worst: float


@dataclass(frozen=True)
class Reach:
    """How far from the fitted runs a law was measured, so that it is known what it misses by.

    Args:
        peak: times the highest, or below the lowest, fitted peak LR.
        steps: times the longest fitted run.
        start: times the nearest fitted start, in steps of the pre-training.
        size: times the nearest fitted model size, where several were fitted.
        replay: difference from the nearest fitted replay share.
    """

    peak: float
    steps: float
    start: float
    size: float
    replay: float


@dataclass(frozen=True)
class YoungErrors:
    """Mean relative errors at another start or peak after a base that had hardly begun.

    Args:
        tokens: for each parameter; a base that has read fewer is young.
        least: of the errors.
        most: of the errors.
        study: the one that they are of.
    """

    tokens: float
    least: float
    most: float
    study: str


@dataclass(frozen=True)
class Measured:
    """Every measured figure; each section is kind of law -> figures.

    Args:
        intervals: weights of the parts of an interval, with those of "other" laws.
        peaks: errors at other peaks, with those of "other" laws.
        starts: errors at other starts.
        young: errors after young bases, with those of "other" laws.
        choices: what choosing by a law cost, with that of the "paper" laws.
        reach: how far from the fitted runs forecasts were measured, with that of "other" laws.
    """

    intervals: Mapping[str, Calibration]
    peaks: Mapping[str, PeakErrors]
    starts: Mapping[str, StartErrors]
    young: Mapping[str, YoungErrors]
    choices: Mapping[str, ChoiceCosts]
    reach: Mapping[str, Reach]


Figures = TypeVar("Figures")


@cache
def measured() -> Measured:
    """The figures that come with the package."""
    text = files("cptlaw.forecasting").joinpath("measured.json").read_text(encoding="utf-8")
    plain: dict[str, dict[str, dict[str, Any]]] = json.loads(text)
    return Measured(
        _section(plain["intervals"], Calibration),
        _section(plain["peaks"], PeakErrors),
        _section(plain["starts"], StartErrors),
        _section(plain["young"], YoungErrors),
        _section(plain["choices"], ChoiceCosts),
        _section(plain["reach"], Reach),
    )


def one_kind(kinds: Iterable[str], others: str) -> str:
    """The kind that all laws of a fit share; of several, that of others."""
    found = set(kinds)
    return found.pop() if len(found) == 1 else others


def figures_of(
    section: Mapping[str, Figures], kinds: Iterable[str], others: str = OTHERS
) -> Figures:
    """The figures of the kind that all laws of a fit share, else those of others."""
    return section.get(one_kind(kinds, others), section[others])


def _section(plain: Mapping[str, dict[str, Any]], figures: type[Figures]) -> Mapping[str, Figures]:
    made = {
        kind: figures(**{name: value for name, value in entry.items() if name != "from"})
        for kind, entry in plain.items()
    }
    return MappingProxyType(made)
