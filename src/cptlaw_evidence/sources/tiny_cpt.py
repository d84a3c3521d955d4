"""Ten PT and CPT runs of a 0.8M model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cptlaw.studies import logs
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import parts, split, whole_runs

NAME = "tiny-cpt"
BASE, ANNEALED = "pt_const", "pt_anneal"
FOUR = (BASE, ANNEALED, "cpt_const", "cpt_twostage")
REPLAY = "cpt_const_replay25"
# name -> what it goes on from, and at which of that run's own steps
STARTS = {
    ANNEALED: (BASE, 3200),
    "pt_hidden": (BASE, 4000),
    "cpt_const": (BASE, 4000),
    "cpt_cosine": (BASE, 4000),
    "cpt_twostage": (BASE, 4000),
    "cpt_const_half": (BASE, 4000),
    "cpt_rewarm50": (ANNEALED, 800),
    REPLAY: (BASE, 4000),
    "cpt_const_replay10": (BASE, 4000),
}
_REPLAYS = {REPLAY: 0.25, "cpt_const_replay10": 0.1}


def load(folder: Path) -> Curves:
    """Read the ten logs, each with the LR of every step.

    Raises:
        DataError: a file or column is missing.
    """
    runs = [_read(folder, BASE), *(_continued(folder, name) for name in STARTS)]
    return Curves(NAME, {NAME: Study({"pt": "pt", "cpt": "py"}, tuple(runs))})


def _read(folder: Path, name: str) -> Run:
    run = logs.read(folder / f"{name}.csv", ("pt", "py"))
    schedule = logs.read_lrs(folder / f"{name}.lrs.json")
    return replace(run, name=name, schedule=schedule, optimizer="adamw", weight_decay=0.1)


def first_step(name: str) -> int:
    """The number that the log of a run has at its start; numbers go on from the base's."""
    if name not in STARTS:
        return 0
    base, step = STARTS[name]
    return first_step(base) + step


def _continued(folder: Path, name: str) -> Run:
    run, (base, step) = _read(folder, name).shifted(first_step(name)), STARTS[name]
    data = "pt" if name.startswith("pt") else "cpt"
    replay = _REPLAYS.get(name, 0.0)
    return replace(run, after=base, after_step=step, data=data, replay=replay)


_WORDS = "base, annealed, constant and two-stage CPT"
_SCORED = {
    "other schedule": ("cpt_cosine",),
    "half the peak": ("cpt_const_half",),
    "re-warmed at half the peak": ("cpt_rewarm50",),
    "the base going on on D_pt": ("pt_hidden",),
}


def _longer(curves: Curves) -> tuple[Split, ...]:
    """The first part of constant CPT -> the whole length."""

    def one(times: int) -> Split:
        cut = curves.study.run("cpt_const").steps // times
        given = {**dict.fromkeys(FOUR[:2]), "cpt_const": cut, "cpt_const_half": cut}
        return split(f"{times} times", curves.study, given, {"cpt_const": cut})

    return one(2), one(3)


SOURCE = Source(
    NAME,
    "10 PT and CPT runs of a 0.8M model, validation loss on D_pt and D_cpt",
    load,
    (
        parts("tiny", NAME, FOUR, _SCORED, (_WORDS, "another schedule, peak, start, and D_pt")),
        whole_runs(
            "tiny-replay",
            NAME,
            (*FOUR, REPLAY),
            ("cpt_const_replay10", "cpt_cosine", "pt_hidden"),
            (
                "the same four and constant CPT with 25 % replay",
                "10 % replay, the cosine CPT and the base going on on D_pt",
            ),
        ),
        whole_runs(
            "tiny-peak-up",
            NAME,
            (*FOUR[:2], "cpt_const_half", "cpt_rewarm50"),
            ("cpt_const", "cpt_cosine", "cpt_twostage"),
            (
                "base, annealed, and CPT at half the peak: constant, and re-warmed",
                "three schedules at twice that peak",
            ),
        ),
        Protocol(
            "tiny-longer",
            NAME,
            "base, annealed, a half or a third of constant CPT at the peak and at half of it",
            "the rest of that at the peak: two and three times as long",
            _longer,
            apart=True,
        ),
        whole_runs(
            "tiny-replay-new",
            NAME,
            FOUR,
            (REPLAY, "cpt_const_replay10"),
            (_WORDS, "10 and 25 % replay"),
        ),
        whole_runs(
            "tiny-rewarmed",
            NAME,
            FOUR,
            ("cpt_rewarm50",),
            (_WORDS, "CPT from the annealed base, re-warmed to half the peak"),
        ),
        whole_runs(
            "tiny-hidden",
            NAME,
            FOUR,
            ("pt_hidden",),
            (_WORDS, "the base going on on D_pt"),
        ),
        whole_runs(
            "no-drop-tiny",
            NAME,
            (BASE, "cpt_const"),
            (ANNEALED, "cpt_cosine", "cpt_twostage"),
            ("base and constant CPT: the LR never falls", "two schedules and the annealed base"),
        ),
    ),
    origin=Origin(
        "runs of this project that are not published",
        "-",
        "NAME.csv: step, lr, pt, py; NAME.lrs.json: the LR of every step",
    ),
)
