"""The bundled grid of PT and CPT runs."""

from __future__ import annotations

from pathlib import Path

from cptlaw.studies import datasets
from cptlaw.studies.study import Study
from cptlaw_evidence.accuracy.protocol import Protocol, Room, Source, Split, split

NAME, FAR = "tiny-grid", "tiny-grid-far"
FOUR = ("base", "annealed", "cpt-const", "cpt-twostage")
REPEATS = tuple((f"cpt-{kind}", f"repeat-{kind}") for kind in ("const", "cosine", "twostage"))
_FITTED = "base, annealed, constant and two-stage CPT"


def _pt_and_cpt(name: str) -> Study:
    study = datasets.load(name)
    return Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs, study.origin)


def load(_: Path) -> Source:
    """The bundled grid with its D_pt and D_cpt."""
    return Source(NAME, {NAME: _pt_and_cpt(NAME)}, REPEATS)


def load_far(_: Path) -> Source:
    """The bundled runs on the farther D_cpt."""
    return Source(FAR, {FAR: _pt_and_cpt(FAR)})


def _given(name: str, fitted: tuple[str, ...], scored: tuple[str, ...], *words: str) -> Protocol:
    said, predicted = words

    def splits(source: Source) -> tuple[Split, ...]:
        return (split(name, source.study, fitted, scored),)

    return Protocol(name, NAME, said, predicted, splits)


def _size(source: Source) -> tuple[Split, ...]:
    def one(fitted: str, scored: str) -> Split:
        def of(size: str) -> tuple[str, ...]:
            return f"size-{size}", f"size-cpt-{size}-const", f"size-cpt-{size}-cosine"

        big = ("base", "annealed", "cpt-const", "cpt-cosine")
        return split(f"to {scored}", source.study, (*big, *of(fitted)), of(scored))

    return one("s", "xs"), one("xs", "s")


def _beginning(alone: bool) -> Protocol:
    begun = ("cpt-cosine", "cpt-wsd", "half-const", "rewarmed-const")

    def splits(source: Source) -> tuple[Split, ...]:
        def one(run: str, share: float) -> Split:
            cut = int(share * source.study.run(run).steps)
            stem = ("base", "annealed") if alone else FOUR
            fitted = {**dict.fromkeys(stem), run: cut}
            return split(f"{100 * share:g} %", source.study, fitted, {run: cut})

        return tuple(one(run, share) for share in (0.1, 0.25, 0.5) for run in begun)

    return Protocol(
        "beginning-alone-grid" if alone else "beginning-grid",
        NAME,
        "the first 10, 25 or 50 % of a CPT run (cosine, WSD, constant at half the peak, re-warmed)"
        + (", with its base and annealed" if alone else f", with {_FITTED}"),
        "the rest of that run",
        splits,
        apart=True,
    )


def _far(source: Source) -> tuple[Split, ...]:
    fitted = ("base", "annealed", "far-const", "far-twostage")
    return (split("far", source.study, fitted, ("far-cosine",)),)


_HALF = tuple(f"half-{kind}" for kind in ("const", "cosine", "wsd", "linear", "twostage"))
_REWARMED = ("rewarmed-const", "rewarmed-cosine", "rewarmed-half")
_HIDDEN = ("hidden-pt-const", "hidden-pt-cosine", "hidden-pt-twostage", "hidden-rewarmed")
_REPLAYS = tuple(f"mixed-const-replay{share}" for share in ("0.05", "0.1", "0.5"))

ROOM = Room(
    NAME,
    "40 PT and CPT runs of a 0.15M model, validation loss on D_pt and D_cpt",
    load,
    (
        _given(
            "grid-schedule",
            FOUR,
            ("cpt-cosine", "cpt-wsd", "cpt-linear"),
            _FITTED,
            "other schedules from the same base",
        ),
        _given("grid-peak", FOUR, _HALF, _FITTED, "five schedules at half the peak"),
        _given("grid-rewarmed", FOUR, _REWARMED, _FITTED, "CPT from the annealed base, re-warmed"),
        _given(
            "grid-start",
            FOUR,
            ("early-const", "early-cosine"),
            _FITTED,
            "CPT from the base at half its steps",
        ),
        _given(
            "grid-repeat",
            FOUR,
            tuple(again for _, again in REPEATS),
            _FITTED,
            "other batches: no law can do better than the noise",
        ),
        _given("grid-hidden", FOUR, _HIDDEN, _FITTED, "the base going on on D_pt"),
        _given(
            "grid-replay",
            (*FOUR, "mixed-const-replay0.25"),
            _REPLAYS,
            f"{_FITTED}, and 25 % replay",
            "5, 10 and 50 % replay",
        ),
        Protocol(
            "grid-size",
            NAME,
            "base, annealed, constant and cosine CPT of the largest model and of one smaller",
            "the third size, smaller or between: PT, constant and cosine CPT",
            _size,
        ),
        _beginning(alone=False),
        _beginning(alone=True),
    ),
    bundled=True,
)
FAR_ROOM = Room(
    FAR,
    "runs of the grid on a D_cpt farther from D_pt",
    load_far,
    (Protocol("grid-far", FAR, _FITTED, "cosine CPT", _far),),
    bundled=True,
)
