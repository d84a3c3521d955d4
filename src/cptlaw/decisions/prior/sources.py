"""Fits of public runs, with what the runs behind each can tell.

`sources.json` is written by `cptlaw bench priors --write`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from cptlaw.fitting import published
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.optimization import Optimization

_ANNEALED = 0.2  # of a base that was left at its peak: open models end near 0


@dataclass(frozen=True)
class PriorSource:
    """A fit of public runs.

    Args:
        name: of the data set.
        family: of sources that are not independent of one another.
        words: what was trained, in a few words.
        model_size: non-embedding parameters.
        schedule: of the pre-training.
        steps: of the longest CPT.
        peaks: lowest and highest peak LR of its CPT runs, as shares of the pre-training's.
        shares: lowest and highest replay share of its CPT runs.
        fit: of "cpt", and of "pt" where that was measured.
    """

    name: str
    family: str
    words: str
    model_size: float
    schedule: str
    steps: int
    peaks: tuple[float, float]
    shares: tuple[float, float]
    fit: Fit

    @property
    def tells_peak(self) -> bool:
        """Whether its runs differ in peak LR."""
        return self.peaks[1] > 1.2 * self.peaks[0]

    @property
    def tells_replay(self) -> bool:
        """Whether its runs differ in replay, and both losses were measured."""
        return self.shares[1] > self.shares[0] + 0.01 and "pt" in self.fit.domains

    @property
    def base(self) -> History:
        """Its pre-training, with the LR brought to 0 over the last fifth where it was not."""
        lr = np.array(Schedule.parse(self.schedule).lr())
        tail = max(int(_ANNEALED * lr.size), 1)
        if lr[-1] > 0.1 * lr.max():
            lr[-tail:] *= np.linspace(1, 0, tail)
        by = next(iter(self.fit.domains.values())).facts
        return History(lr, np.empty(0), model_size=self.model_size, pt_by=by.pt, cpt_by=by.cpt)


@cache
def sources() -> tuple[PriorSource, ...]:
    """All of them, the smallest model first."""
    text = files("cptlaw.decisions.prior").joinpath("sources.json").read_text(encoding="utf-8")
    found = [_source(name, entry) for name, entry in json.loads(text)["sources"].items()]
    return tuple(sorted(found, key=lambda source: source.model_size))


def _source(name: str, entry: Mapping[str, Any]) -> PriorSource:
    if "published" in entry:
        fit = published.load(entry["published"])
    else:
        domains = {role: _domain(role, each) for role, each in entry["domains"].items()}
        fit = Fit(domains, FitOptions(Convention(**entry["convention"])), source=entry["words"])
    peaks, shares = entry["peaks"], entry["shares"]
    return PriorSource(
        name,
        entry["family"],
        entry["words"],
        entry["model_size"],
        entry["schedule"],
        entry["steps"],
        (peaks[0], peaks[1]),
        (shares[0], shares[1]),
        fit,
    )


def _domain(role: str, entry: Mapping[str, Any]) -> DomainFit:
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in entry["facts"].items()
    }
    for phase in ("pt", "cpt"):
        plain[phase] = Optimization(**plain.get(phase, {}))
    facts = Facts(**plain)
    return DomainFit(role, catalog.get(entry["law"], facts), facts, entry["params"])
