"""Seven PT and CPT runs of a 0.8M model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cptlaw.studies import logs
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Curves, Source
from cptlaw_evidence.sources.splits import whole_runs

NAME = "tiny-cpt"
BASE = "pt_const"
FOUR = (BASE, "pt_anneal", "cpt_const", "cpt_twostage")
REPLAY = "cpt_const_replay25"
# name -> first step, for the runs that go on from the base
STARTS = {
    "pt_anneal": 3200,
    "pt_hidden": 4000,
    "cpt_const": 4000,
    "cpt_cosine": 4000,
    "cpt_twostage": 4000,
    REPLAY: 4000,
}


def load(folder: Path) -> Curves:
    """Read the seven logs, each with the LR of every step.

    Raises:
        DataError: a file or column is missing.
    """
    runs = [_read(folder, BASE), *(_continued(folder, name) for name in STARTS)]
    return Curves(NAME, {NAME: Study({"pt": "pt", "cpt": "py"}, tuple(runs))})


def _read(folder: Path, name: str) -> Run:
    run = logs.read(folder / f"{name}.csv", ("pt", "py"))
    return replace(run, name=name, schedule=logs.read_lrs(folder / f"{name}.lrs.json"))


def _continued(folder: Path, name: str) -> Run:
    run, start = _read(folder, name).shifted(STARTS[name]), STARTS[name]
    is_pt = name.startswith("pt")
    replay = 0.25 if name == REPLAY else 0.0
    data = "pt" if is_pt else "cpt"
    return replace(run, after=BASE, after_step=start, data=data, replay=replay)


_SCORED = ("cpt_cosine", "pt_hidden")
_WORDS = "the cosine CPT and the base going on on D_pt"

SOURCE = Source(
    NAME,
    "7 PT and CPT runs of a 0.8M model, validation loss on D_pt and D_cpt",
    load,
    (
        whole_runs(
            "tiny", NAME, FOUR, _SCORED, ("base, annealed, constant and two-stage CPT", _WORDS)
        ),
        whole_runs(
            "tiny-replay",
            NAME,
            (*FOUR, REPLAY),
            _SCORED,
            ("the same four and constant CPT with 25 % replay", _WORDS),
        ),
    ),
)
