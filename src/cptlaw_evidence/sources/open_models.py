"""CPT runs of the bundled grids as if nobody knew their pre-training: what an open model allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cptlaw.studies import datasets
from cptlaw.studies.runs import UNKNOWN
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Curves, Protocol, Source, Split
from cptlaw_evidence.sources.splits import split

_TINY, _ANNEALED, _6M, _20M = "grid", "grid-annealed", "6m", "20m"
_SHARES = tuple(f"mixed-const-replay{share}" for share in ("0.05", "0.1", "0.25", "0.5"))
_KINDS = ("const", "cosine", "wsd", "linear", "twostage")
_FULL, _HALF = (tuple(f"{peak}-{kind}" for kind in _KINDS) for peak in ("cpt", "half"))
_REWARMED = ("rewarmed-const", "rewarmed-cosine", "rewarmed-half")
_SMALL = ("6m-cpt-const", "6m-cpt-twostage", "6m-half-wsd", "6m-mixed-const-replay0.25")
_BIG = ("cpt-const", "cpt-cosine", "cpt-twostage", "half-wsd")
_BIG_REPLAY = ("mixed-const-replay0.25", "mixed-wsd-replay0.05")

Case = tuple[tuple[str, ...], tuple[str, ...]]
"""Runs that are fitted, and runs that are scored."""


def hidden(study: Study, names: Sequence[str]) -> Study:
    """Runs of a study with D_pt and D_cpt, after a base that nobody knows.

    Args:
        study: the runs.
        names: of those that are kept; they begin at one checkpoint.
    """
    runs = (replace(study.run(name), after=f"{UNKNOWN}base", after_step=None) for name in names)
    return Study({role: study.domains[role] for role in ("pt", "cpt")}, tuple(runs), study.origin)


def _protocol(name: str, source: str, words: tuple[str, str], *cases: Case) -> Protocol:
    """Some runs to others, each case shown by itself."""

    def splits(curves: Curves) -> tuple[Split, ...]:
        return tuple(
            split(", ".join(fitted), curves.study, fitted, scored) for fitted, scored in cases
        )

    return Protocol(name, source, *words, splits, apart=True)


def _longer(name: str, source: str, begun: Mapping[str, int]) -> Protocol:
    """The first part of one run to its rest."""

    def splits(curves: Curves) -> tuple[Split, ...]:
        return tuple(split(run, curves.study, {run: n}, {run: n}) for run, n in begun.items())

    words = "the first third or half of one CPT run of an open model", "its rest"
    return Protocol(name, source, *words, splits, apart=True)


_SCHEDULE = "one CPT run of an open model, or two at two peaks", "other schedules"
_PEAK = "one CPT run of an open model", "twice, or half, its peak"
_NEW = "CPT runs of an open model without replay", "5 to 50 % replay"
_REPLAY = "CPT runs of an open model, one of them with 25 % replay", "other replay shares"


def _source(kind: str, grid: str, runs: tuple[str, ...], *protocols: Protocol) -> Source:
    name = f"open-{kind}"

    def load(_: Path) -> Curves:
        return Curves(name, {name: hidden(datasets.load(grid), runs)})

    title = f"{len(runs)} CPT runs of {grid} whose base counts as unknown"
    return Source(name, title, load, protocols, bundled=True)


SOURCES = (
    _source(
        _TINY,
        "tiny-grid",
        (*_FULL, *_HALF, *_SHARES),
        _protocol(
            "open-grid-schedule",
            "open-grid",
            _SCHEDULE,
            (_FULL[1:2], (_FULL[0], *_FULL[2:])),
            (_FULL[:1], _FULL[1:]),
            (_HALF[1:2], (_HALF[0], _HALF[2], _HALF[4])),
            ((_FULL[1], _HALF[1]), (_FULL[0], _FULL[2], _HALF[0])),
        ),
        _protocol(
            "open-grid-peak",
            "open-grid",
            _PEAK,
            (_FULL[1:2], _HALF[:2]),
            (_HALF[1:2], _FULL[:2]),
        ),
        _protocol(
            "open-grid-replay-new",
            "open-grid",
            _NEW,
            (_FULL[1:2], _SHARES[1::2]),
            (_HALF[1:2], _SHARES[1::2]),
            ((_FULL[1], _HALF[1]), _SHARES[1::2]),
        ),
        _protocol(
            "open-grid-replay",
            "open-grid",
            _REPLAY,
            ((_FULL[1], _HALF[1], _SHARES[2]), _SHARES[1::2]),
        ),
        _longer("open-grid-longer", "open-grid", {"cpt-cosine": 400, "cpt-const": 270}),
    ),
    _source(
        _ANNEALED,
        "tiny-grid",
        _REWARMED,
        _protocol(
            "open-annealed-schedule",
            "open-grid-annealed",
            _SCHEDULE,
            (_REWARMED[1:2], _REWARMED[:1]),
            (_REWARMED[:1], _REWARMED[1:2]),
        ),
        _protocol(
            "open-annealed-peak",
            "open-grid-annealed",
            _PEAK,
            (_REWARMED[1:2], _REWARMED[2:]),
            (_REWARMED[2:], _REWARMED[:2]),
        ),
        _longer("open-annealed-longer", "open-grid-annealed", {"rewarmed-const": 270}),
    ),
    _source(
        _6M,
        "grid-6m",
        _SMALL,
        _protocol(
            "open-6m-schedule",
            "open-6m",
            _SCHEDULE,
            (_SMALL[:1], _SMALL[1:2]),
            ((_SMALL[0], _SMALL[2]), _SMALL[1:2]),
        ),
        _protocol(
            "open-6m-peak",
            "open-6m",
            _PEAK,
            (_SMALL[:1], _SMALL[2:3]),
            (_SMALL[2:3], _SMALL[:2]),
        ),
        _protocol("open-6m-replay-new", "open-6m", _NEW, (_SMALL[:1], _SMALL[3:])),
        _longer("open-6m-longer", "open-6m", {"6m-cpt-const": 400}),
    ),
    _source(
        _20M,
        "grid-20m",
        (*_BIG, *_BIG_REPLAY),
        _protocol(
            "open-20m-schedule",
            "open-20m",
            _SCHEDULE,
            (_BIG[:1], _BIG[1:3]),
            (_BIG[1:2], (_BIG[0], _BIG[2])),
            (_BIG[1::2], (_BIG[0], _BIG[2])),
        ),
        _protocol(
            "open-20m-peak",
            "open-20m",
            _PEAK,
            (_BIG[1:2], _BIG[3:]),
            (_BIG[3:], _BIG[:3]),
        ),
        _protocol(
            "open-20m-replay-new",
            "open-20m",
            _NEW,
            (_BIG[:1], _BIG_REPLAY),
            (_BIG[1::2], _BIG_REPLAY),
        ),
        _protocol(
            "open-20m-replay",
            "open-20m",
            _REPLAY,
            ((_BIG[0], _BIG[3], _BIG_REPLAY[0]), _BIG_REPLAY[1:]),
        ),
        _longer("open-20m-longer", "open-20m", {"cpt-const": 400, "cpt-cosine": 600}),
    ),
)
