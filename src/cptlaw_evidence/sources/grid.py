"""The bundled grid of PT and CPT runs."""

from __future__ import annotations

from pathlib import Path

from cptlaw_evidence.sources.reading import bundled
from cptlaw_evidence.sources.source import Curves, Protocol, Source, Split
from cptlaw_evidence.sources.splits import beginnings, split, whole_runs

NAME, FAR = "tiny-grid", "tiny-grid-far"
FOUR = ("base", "annealed", "cpt-const", "cpt-twostage")
REPEATS = tuple((f"cpt-{kind}", f"repeat-{kind}") for kind in ("const", "cosine", "twostage"))
_FITTED = "base, annealed, constant and two-stage CPT"
_BEGUN = ("cpt-cosine", "cpt-wsd", "half-const", "rewarmed-const")
_FIRST_PART = (
    "the first 10, 25 or 50 % of a CPT run (cosine, WSD, constant at half the peak, re-warmed)"
)


def load(_: Path) -> Curves:
    """The bundled grid with its D_pt and D_cpt."""
    return Curves(NAME, {NAME: bundled(NAME)}, REPEATS)


def load_far(_: Path) -> Curves:
    """The bundled runs on the farther D_cpt."""
    return Curves(FAR, {FAR: bundled(FAR)})


def _size(curves: Curves) -> tuple[Split, ...]:
    def one(fitted: str, scored: str) -> Split:
        def of(size: str) -> tuple[str, ...]:
            return f"size-{size}", f"size-cpt-{size}-const", f"size-cpt-{size}-cosine"

        big = ("base", "annealed", "cpt-const", "cpt-cosine")
        return split(f"to {scored}", curves.study, (*big, *of(fitted)), of(scored))

    return one("s", "xs"), one("xs", "s")


def _far(curves: Curves) -> tuple[Split, ...]:
    fitted = ("base", "annealed", "far-const", "far-twostage")
    return (split("far", curves.study, fitted, ("far-cosine",)),)


def _longer(curves: Curves) -> tuple[Split, ...]:
    """The first part of two constant runs -> their whole length; a loss every 20 of 800 steps."""

    def one(times: int, cut: int) -> Split:
        cuts = dict.fromkeys(("cpt-const", "half-const"), cut)
        return split(f"{times} times", curves.study, {**dict.fromkeys(FOUR[:2]), **cuts}, cuts)

    return one(2, 400), one(3, 260)


_HALF = tuple(f"half-{kind}" for kind in ("const", "cosine", "wsd", "linear", "twostage"))
_REWARMED = ("rewarmed-const", "rewarmed-cosine", "rewarmed-half")
_HIDDEN = ("hidden-pt-const", "hidden-pt-cosine", "hidden-pt-twostage", "hidden-rewarmed")
_REPLAYS = tuple(f"mixed-const-replay{share}" for share in ("0.05", "0.1", "0.5"))

SOURCE = Source(
    NAME,
    "40 PT and CPT runs of a 0.15M model, validation loss on D_pt and D_cpt",
    load,
    (
        whole_runs(
            "grid-schedule",
            NAME,
            FOUR,
            ("cpt-cosine", "cpt-wsd", "cpt-linear"),
            (_FITTED, "other schedules from the same base"),
        ),
        whole_runs("grid-peak", NAME, FOUR, _HALF, (_FITTED, "five schedules at half the peak")),
        whole_runs(
            "grid-rewarmed",
            NAME,
            FOUR,
            _REWARMED,
            (_FITTED, "CPT from the annealed base, re-warmed"),
        ),
        whole_runs(
            "grid-start",
            NAME,
            FOUR,
            ("early-const", "early-cosine"),
            (_FITTED, "CPT from the base at half its steps"),
        ),
        whole_runs(
            "grid-two-starts",
            NAME,
            (*FOUR, "early-const"),
            ("early-cosine", "cpt-cosine", "rewarmed-cosine"),
            (
                f"{_FITTED}, and constant CPT from the base at half its steps",
                "cosines from three starts",
            ),
        ),
        whole_runs(
            "grid-peak-up",
            NAME,
            (*FOUR[:2], "half-const", "half-twostage"),
            tuple(f"cpt-{kind}" for kind in ("const", "cosine", "wsd", "linear", "twostage")),
            (
                "base, annealed, constant and two-stage CPT at half the peak",
                "five schedules at twice that peak",
            ),
        ),
        Protocol(
            "grid-longer",
            NAME,
            "base, annealed, a half or a third of constant CPT at the peak and at half of it",
            "the rest of both: two and three times as long",
            _longer,
            apart=True,
        ),
        whole_runs(
            "grid-repeat",
            NAME,
            FOUR,
            tuple(again for _, again in REPEATS),
            (_FITTED, "other batches: no law can do better than the noise"),
        ),
        whole_runs(
            "no-drop-grid",
            NAME,
            ("base", "cpt-const"),
            ("annealed", "cpt-cosine", "cpt-wsd", "cpt-linear", "cpt-twostage"),
            ("base and constant CPT: the LR never falls", "four schedules and the annealed base"),
        ),
        whole_runs(
            "grid-replay-new",
            NAME,
            FOUR,
            ("mixed-const-replay0.25", *_REPLAYS),
            (_FITTED, "5, 10, 25 and 50 % replay"),
        ),
        whole_runs("grid-hidden", NAME, FOUR, _HIDDEN, (_FITTED, "the base going on on D_pt")),
        whole_runs(
            "grid-replay",
            NAME,
            (*FOUR, "mixed-const-replay0.25"),
            _REPLAYS,
            (f"{_FITTED}, and 25 % replay", "5, 10 and 50 % replay"),
        ),
        Protocol(
            "grid-size",
            NAME,
            "base, annealed, constant and cosine CPT of the largest model and of one smaller",
            "the third size, smaller or between: PT, constant and cosine CPT",
            _size,
        ),
        beginnings("beginning-grid", NAME, _BEGUN, FOUR, f"{_FIRST_PART}, with {_FITTED}"),
        beginnings(
            "beginning-alone-grid",
            NAME,
            _BEGUN,
            FOUR[:2],
            f"{_FIRST_PART}, with its base and annealed",
        ),
    ),
    bundled=True,
)
FAR_SOURCE = Source(
    FAR,
    "runs of the grid on a D_cpt farther from D_pt",
    load_far,
    (Protocol("grid-far", FAR, _FITTED, "cosine CPT", _far),),
    bundled=True,
)
