"""Pre-training of one architecture under several optimizers (modded-nanogpt's third track)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import bad_row, read_run, read_table
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import split

NAME = "nanogpt-optimizers"
_LOSS = "val"
_KEYS = (
    "file",
    "optimizer",
    "schedule_steps",
    "main_lr",
    "weight_decay",
    "cooldown_frac_main",
    "warmup",
)
_BATCH = 524_288
_MUON = ("muon_T3150_lr0.035_wd0.025", "muon_T3350_lr0.035_wd0.025")


def schedule(peak: float, steps: int, warmup: int, cooldown: float) -> Schedule:
    """LR of every step: a line up, constant, and a line to 0 over a share of the steps.

    The warm-up's first step has one part of the peak already. A share need not be a whole number
    of steps; the line then begins between two.
    """
    falling = int(cooldown * steps + 1e-9)
    segments: list[Segment] = []
    if warmup:
        segments.append(Segment("linear", warmup - 1, peak / warmup, peak))
    constant = steps - falling - max(warmup - 1, 0)
    if constant:
        segments.append(Segment("constant", constant, peak, peak))
    start = peak * falling / (cooldown * steps)
    return Schedule((*segments, Segment("linear", falling, start, 0.0)))


def load(folder: Path) -> Curves:
    """Read runs.csv and the logs it names: a study for each optimizer, of recipes.

    A recipe's losses are the mean of those of its seeds.

    Raises:
        DataError: a file or column is missing, or seeds of a recipe were measured at other steps.
    """
    recipes: dict[str, list[Run]] = {}
    optimizers: dict[str, str] = {}
    for number, row in enumerate(read_table(folder / "runs.csv", _KEYS), start=2):
        if not row["main_lr"]:
            continue  # its learning rates are not known
        run = _run(folder, row, number)
        recipe = run.name.rpartition("_s")[0]
        recipes.setdefault(recipe, []).append(run)
        optimizers[recipe] = row["optimizer"]
    studies: dict[str, list[Run]] = {}
    for recipe, seeds in recipes.items():
        studies.setdefault(optimizers[recipe], []).append(_mean(recipe, seeds))
    return Curves(NAME, {name: Study({"loss": _LOSS}, tuple(r)) for name, r in studies.items()})


def _run(folder: Path, row: dict[str, str], number: int) -> Run:
    try:
        peak, steps = float(row["main_lr"]), int(row["schedule_steps"])
        lr = schedule(peak, steps, int(row["warmup"]), float(row["cooldown_frac_main"]))
        decay = float(row["weight_decay"]) if row["weight_decay"] else None
    except ValueError:
        raise bad_row(folder / "runs.csv", number, _KEYS) from None
    name = row["file"].removesuffix(".csv")
    run = read_run(folder / row["file"], _LOSS, name, lr)
    return replace(run, batch_tokens=_BATCH, optimizer=row["optimizer"], weight_decay=decay)


def _mean(recipe: str, seeds: list[Run]) -> Run:
    curves = [run.curves[_LOSS] for run in seeds]
    steps = curves[0].steps
    if not all(np.array_equal(curve.steps, steps) for curve in curves):
        raise DataError(f"{seeds[0].origin}: other seeds were measured at other steps.")
    loss = np.mean([curve.loss for curve in curves], axis=0)
    note = f"the mean of {len(seeds)} seeds."
    return replace(
        seeds[0], name=recipe, curves={_LOSS: Curve(steps, loss)}, notes=(*seeds[0].notes, note)
    )


def _muon(curves: Curves) -> tuple[Split, ...]:
    study, (short, long) = curves.studies["muon"], _MUON
    return (split("longer", study, [short], [long]), split("shorter", study, [long], [short]))


def _halves(curves: Curves) -> tuple[Split, ...]:
    """The first half of the longest run of each optimizer -> the rest."""

    def one(optimizer: str, study: Study) -> Split:
        longest = max(study.runs, key=lambda run: run.steps)
        cut = longest.steps // 2
        return split(optimizer, study, {longest.name: cut}, {longest.name: cut})

    return tuple(one(*named) for named in curves.studies.items())


SOURCE = Source(
    NAME,
    "25 pre-training runs of one architecture under Muon, MuonH, dynamic Muon, an orthogonal "
    "optimizer and AdamW, validation loss; seeds are averaged",
    load,
    (
        Protocol(
            "muon-length",
            NAME,
            "Muon at one peak, 3,150 or 3,350 steps",
            "the other length",
            _muon,
            "mae",
            apart=True,
        ),
        Protocol(
            "optimizer-half",
            NAME,
            "the first half of one run, an optimizer at a time",
            "its second half, which ends the decay",
            _halves,
            "mae",
            apart=True,
        ),
    ),
    origin=Origin(
        "github.com/KellerJordan/modded-nanogpt, records/track_3_optimization/results",
        "MIT",
        f"a CSV for each run: step, lr, val; runs.csv: {', '.join(_KEYS)}",
    ),
)
