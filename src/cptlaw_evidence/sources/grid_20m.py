"""The bundled grid of 20M and 6M runs, whose shift is strong."""

from __future__ import annotations

from pathlib import Path

from cptlaw_evidence.sources.reading import bundled
from cptlaw_evidence.sources.source import Curves, Protocol, Source, Split
from cptlaw_evidence.sources.splits import beginnings, parts, split, whole_runs

NAME, FAR, SMALL, SIZES = "grid-20m", "grid-20m-far", "grid-6m", "grid-20m-sizes"
STEM = ("base", "annealed")
FOUR = (*STEM, "cpt-const", "cpt-twostage")
REPLAY, EARLY, AGAIN = "mixed-const-replay0.25", "early-const", "repeat-const"
_FITTED = "base, annealed, constant and two-stage CPT"
_STEPS = 1200
_NEAR = {
    "other schedule": ("cpt-cosine",),
    "half the peak": ("half-wsd",),
    "re-warmed": ("rewarmed-cosine",),
}


def load(_: Path) -> Curves:
    """The 20M runs with D_pt and D_cpt."""
    return Curves(NAME, {NAME: bundled(NAME)}, (("cpt-const", AGAIN),))


def load_far(_: Path) -> Curves:
    """The 20M runs with German as D_cpt."""
    return Curves(FAR, {FAR: bundled(FAR)})


def load_small(_: Path) -> Curves:
    """The 6M runs with D_pt and D_cpt."""
    return Curves(SMALL, {SMALL: bundled(SMALL)})


def load_sizes(_: Path) -> Curves:
    """The runs of both sizes."""
    return Curves(SIZES, {SIZES: bundled(SIZES)}, (("cpt-const", AGAIN),))


def _six(runs: tuple[str, ...]) -> tuple[str, ...]:
    """Their namesakes of 6M."""
    return tuple(f"6m-{run}" for run in runs)


def _sizes(curves: Curves) -> tuple[Split, ...]:
    """All runs of one size, base and constant CPT of the other -> the rest of the other."""
    small = {run.name for run in curves.study.runs if run.name.startswith("6m-")}
    names = [run.name for run in curves.study.runs]

    def to(name: str, others: set[str], two: tuple[str, str]) -> Split:
        fitted = [n for n in names if n not in others or n in two]
        return split(name, curves.study, fitted, [n for n in names if n not in fitted])

    big = set(names) - small
    return to("to 6M", small, ("6m-base", "6m-cpt-const")), to("to 20M", big, ("base", "cpt-const"))


def _longer(curves: Curves) -> tuple[Split, ...]:
    """The first part of constant CPT -> the whole length."""

    def one(times: int, cut: int) -> Split:
        given = {**dict.fromkeys(STEM), "cpt-const": cut, "half-wsd": cut}
        return split(f"{times} times", curves.study, given, {"cpt-const": cut})

    return tuple(one(times, _STEPS // times) for times in (2, 3))


SOURCE = Source(
    NAME,
    "12 PT and CPT runs of a 20M model with a strong shift, validation loss on D_pt and D_cpt",
    load,
    (
        parts("20m-near", NAME, FOUR, _NEAR, (_FITTED, "another schedule, peak and start")),
        whole_runs(
            "20m-repeat",
            NAME,
            FOUR,
            (AGAIN,),
            (_FITTED, "another seed: no law can do better than the noise"),
        ),
        whole_runs(
            "20m-hidden",
            NAME,
            FOUR,
            ("hidden-pt-const",),
            (_FITTED, "the base going on on D_pt"),
        ),
        whole_runs(
            "20m-start",
            NAME,
            FOUR,
            (EARLY,),
            (_FITTED, "constant CPT from the base at a third of its steps"),
        ),
        parts(
            "20m-two-starts",
            NAME,
            (*FOUR, EARLY),
            _NEAR,
            (
                f"{_FITTED}, and constant CPT from an early start",
                "another schedule, peak and start",
            ),
        ),
        whole_runs(
            "20m-peak-up",
            NAME,
            (*STEM, "half-wsd"),
            ("cpt-const", "cpt-cosine", "cpt-twostage"),
            ("base, annealed and WSD at half the peak", "three schedules at twice that peak"),
        ),
        Protocol(
            "20m-longer",
            NAME,
            "base, annealed, a half or a third of constant CPT at the peak and at half of it",
            "the rest of that at the peak: two and three times as long",
            _longer,
            apart=True,
        ),
        whole_runs(
            "20m-replay",
            NAME,
            (*FOUR, REPLAY),
            ("mixed-wsd-replay0.05",),
            (f"{_FITTED}, and 25 % replay", "WSD with 5 % replay"),
        ),
        whole_runs(
            "20m-replay-new",
            NAME,
            FOUR,
            (REPLAY, "mixed-wsd-replay0.05"),
            (_FITTED, "25 % replay, and WSD with 5 %"),
        ),
        whole_runs(
            "20m-rewarmed",
            NAME,
            FOUR,
            ("rewarmed-cosine",),
            (_FITTED, "CPT from the annealed base, re-warmed"),
        ),
        whole_runs(
            "no-drop-20m",
            NAME,
            ("base", "cpt-const"),
            ("annealed", "cpt-cosine", "cpt-twostage"),
            ("base and constant CPT: the LR never falls", "two schedules and the annealed base"),
        ),
        beginnings(
            "beginning-20m",
            NAME,
            (EARLY, "rewarmed-cosine"),
            FOUR,
            f"the first 10, 25 or 50 % of a CPT run (early, re-warmed), with {_FITTED}",
        ),
    ),
    bundled=True,
)
FAR_SOURCE = Source(
    FAR,
    "a run of the 20M model on a D_cpt still farther from D_pt",
    load_far,
    (
        beginnings(
            "beginning-20m-far",
            FAR,
            ("far-const",),
            (*STEM, "hidden-pt-const"),
            "the first 10, 25 or 50 % of constant CPT, with base, annealed and the base going on",
        ),
    ),
    bundled=True,
)
SMALL_SOURCE = Source(
    SMALL,
    "8 runs of a 6M model on the same data",
    load_small,
    (
        parts(
            "6m-near",
            SMALL,
            _six(FOUR),
            {kind: _six(runs) for kind, runs in _NEAR.items() if kind != "other schedule"},
            (_FITTED, "another peak and start"),
        ),
    ),
    bundled=True,
)
SIZE_SOURCE = Source(
    SIZES,
    "both sizes together",
    load_sizes,
    (
        Protocol(
            "20m-size",
            SIZES,
            "all runs of one size, base and constant CPT of the other",
            "the other runs of that other size",
            _sizes,
            apart=True,
        ),
    ),
    bundled=True,
)
