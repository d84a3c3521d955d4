"""The bundled runs of a 1M model: other starts, peaks and lengths."""

from __future__ import annotations

from pathlib import Path

from cptlaw_evidence.sources.reading import bundled
from cptlaw_evidence.sources.source import Curves, Protocol, Source, Split
from cptlaw_evidence.sources.splits import parts, split, whole_runs

NAME = "starts-1m"
STEM = ("base", "annealed")
FOUR = (*STEM, "cpt-const", "cpt-twostage")
EARLIEST, EARLY = "early-at500-const", "early-at1000-const"
AGAIN, LONG = "repeat-const", "long-const"
_FITTED = "base, annealed, constant and two-stage CPT"
_STEPS = 400
_NEAR = {
    "other schedule": ("cosine",),
    "half the peak": ("half-wsd",),
    "re-warmed": ("rewarmed-cosine",),
}


def load(_: Path) -> Curves:
    """The runs with D_pt and D_cpt."""
    return Curves(NAME, {NAME: bundled(NAME)}, (("cpt-const", AGAIN),))


def _longer(curves: Curves) -> tuple[Split, ...]:
    """All that is as long as the others -> three times that length."""
    return (split("3 times", curves.study, FOUR, {LONG: _STEPS}),)


SOURCE = Source(
    NAME,
    "13 PT and CPT runs of a 1M model: three starts, three peaks, three times the length",
    load,
    (
        parts("1m-near", NAME, FOUR, _NEAR, (_FITTED, "another schedule, peak and start")),
        whole_runs(
            "1m-start",
            NAME,
            FOUR,
            (EARLIEST, EARLY),
            (_FITTED, "constant CPT from the base at a third and two thirds of its steps"),
        ),
        whole_runs(
            "1m-two-starts",
            NAME,
            (*FOUR, EARLIEST),
            (EARLY, "cosine", "rewarmed-cosine"),
            (f"{_FITTED}, and constant CPT from a third of the base", "three other starts"),
        ),
        whole_runs(
            "1m-peak-up",
            NAME,
            FOUR,
            ("double-const", "double-wsd"),
            (_FITTED, "constant CPT and WSD at twice the peak"),
        ),
        Protocol("1m-longer", NAME, _FITTED, "constant CPT beyond its length, to 3 times", _longer),
        whole_runs(
            "no-drop-1m",
            NAME,
            ("base", "cpt-const"),
            ("annealed", "cosine", "cpt-twostage"),
            ("base and constant CPT: the LR never falls", "two schedules and the annealed base"),
        ),
        whole_runs(
            "1m-repeat",
            NAME,
            FOUR,
            (AGAIN,),
            (_FITTED, "another seed: no law can do better than the noise"),
        ),
    ),
    bundled=True,
)
