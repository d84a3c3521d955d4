"""Pre-training of many shapes: constant LR, half of it, annealed branches (arXiv:2502.06857)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.reading import bad_row, read_run, read_table
from cptlaw_evidence.sources.source import Curves, Origin, Protocol, Source, Split
from cptlaw_evidence.sources.splits import LONGER, split

NAME = "gemstones"
HOT, HALF = "hot", "half"
ALL = "all shapes"
_LOSS = "train"
_BATCH, _SEQUENCE = 2048 * 2048, 2048
_RUNS = ("file", "params", "peak_lr_inferred", "last_step")
_BRANCHES = ("model", "start_step", "end_step", "loss_before", "loss_after")
_WRONG = {("1280x36", 4770)}  # its drop is a twentieth of the others'
_SMALL = 2e8
_LAST_FITTED = 7155  # start of the third branch


def load(folder: Path) -> Curves:
    """Read the logs and the table of branches: a study for each shape with branches.

    One more has the constant runs of all shapes.

    The branch's row holds the loss before and after; nothing was kept between. A shape is left
    out where that before is not the constant run's, so that the branches left another one.

    Raises:
        DataError: a file or column is missing.
    """
    shapes: dict[str, list[Run]] = {}
    for number, row in enumerate(read_table(folder / "runs.csv", _RUNS), start=2):
        run = _constant(folder, row, number)
        shapes.setdefault(row["file"].rpartition("_")[0], []).append(run)
    branches = _branches(folder / "cooldowns.csv", {name: runs[0] for name, runs in shapes.items()})
    studies = {
        shape: Study({"loss": _LOSS}, (*runs, *branches[shape]))
        for shape, runs in shapes.items()
        if shape in branches and _of(runs[0], branches[shape])
    }
    every = [replace(r, name=f"{shape} {r.name}") for shape, runs in shapes.items() for r in runs]
    return Curves(NAME, {**studies, ALL: Study({"loss": _LOSS}, tuple(every))})


def _constant(folder: Path, row: dict[str, str], number: int) -> Run:
    try:
        size, peak = float(row["params"]), float(row["peak_lr_inferred"])
        schedule = Schedule.constant(peak, int(row["last_step"]))
    except ValueError:
        raise bad_row(folder / "runs.csv", number, _RUNS) from None
    kind = row["file"].removesuffix(".csv").rpartition("_")[2]
    run = read_run(folder / row["file"], _LOSS, kind, schedule, "adamw")
    return replace(run, model_size=size, batch_tokens=_BATCH, sequence_length=_SEQUENCE)


def _branches(path: Path, stems: dict[str, Run]) -> dict[str, list[Run]]:
    """Shape -> its branches in order, each with the loss at its start and its end."""
    found: dict[str, list[Run]] = {}
    for number, row in enumerate(read_table(path, _BRANCHES), start=2):
        if row["model"] not in stems:
            continue
        try:
            start, end = int(row["start_step"]), int(row["end_step"])
            losses = [float(row["loss_before"]), float(row["loss_after"])]
        except ValueError:
            raise bad_row(path, number, _BRANCHES) from None
        if (row["model"], start) in _WRONG:
            continue
        stem, steps = stems[row["model"]], end - start
        assert stem.schedule is not None
        branch = replace(
            stem,
            name=f"branch-{start}",
            curves={_LOSS: Curve(np.array([0, steps]), np.array(losses))},
            schedule=Schedule.parse(f"linear {steps} to 0 from={stem.schedule.peak!r}"),
            logged_lr=None,
            after=HOT,
            after_step=start,
            data="pt",
            origin=str(path),
        )
        found.setdefault(row["model"], []).append(branch)
    return found


def _of(stem: Run, branches: list[Run]) -> bool:
    """Whether the losses at their starts are those of the constant run, where it has them."""
    curve = stem.curves[_LOSS]
    known = dict(zip(curve.steps.tolist(), curve.loss.tolist(), strict=True))
    before = {branch.after_step: float(branch.curves[_LOSS].loss[0]) for branch in branches}
    return all(abs(known[step] - loss) < 1e-5 for step, loss in before.items() if step in known)


def _ends(curves: Curves) -> tuple[Split, ...]:
    """The constant runs and the first branches, and where the others start -> how they end."""

    def one(shape: str, study: Study) -> Split:
        early, late = _early_and_late(study)
        cuts = dict.fromkeys(late, 0)
        constant = [run.name for run in study.runs if run.after is None]
        return split(shape, study, {**dict.fromkeys([*constant, *early]), **cuts}, cuts)

    return tuple(one(*named) for named in _shapes(curves))


def _shapes(curves: Curves) -> list[tuple[str, Study]]:
    return [(name, study) for name, study in curves.studies.items() if name != ALL]


def _early_and_late(study: Study) -> tuple[list[str], list[str]]:
    """The first three branches, and the others."""
    branches = [run for run in study.runs if run.after == HOT]
    starts = sorted(branches, key=lambda run: run.after_step or 0)
    early = [run.name for run in starts if (run.after_step or 0) <= _LAST_FITTED]
    return early, [run.name for run in starts if run.name not in early]


def _no_drop(curves: Curves) -> tuple[Split, ...]:
    """The constant runs, and where the branches start -> how they end."""

    def one(shape: str, study: Study) -> Split:
        cuts = dict.fromkeys((name for some in _early_and_late(study) for name in some), 0)
        constant = [run.name for run in study.runs if run.after is None]
        return split(shape, study, {**dict.fromkeys(constant), **cuts}, cuts)

    return tuple(one(*named) for named in _shapes(curves))


def _peak(curves: Curves) -> tuple[Split, ...]:
    """All at one peak -> the constant run at half of it."""

    def one(shape: str, study: Study) -> Split:
        rest = [run.name for run in study.runs if run.name != HALF]
        return split(shape, study, rest, [HALF])

    return tuple(one(*named) for named in _shapes(curves) if named[1].has_run(HALF))


def _horizon(curves: Curves) -> tuple[Split, ...]:
    """The beginning of the constant runs and the first branches -> the rest of the hotter one."""

    def one(times: int, shape: str, study: Study) -> Split:
        cut = study.run(HOT).steps // times
        early, _ = _early_and_late(study)
        early = [n for n in early if (study.run(n).after_step or 0) + study.run(n).steps <= cut]
        cuts = {name: cut for name in (HOT, HALF) if study.has_run(name)}
        name = f"{times} times, {shape}"
        return split(name, study, {**cuts, **dict.fromkeys(early)}, {HOT: cut})

    return tuple(one(times, *named) for times in LONGER for named in _shapes(curves))


def _size(curves: Curves) -> tuple[Split, ...]:
    """The constant runs of the smaller shapes -> those of the larger."""
    study = curves.studies[ALL]
    large = [run.name for run in study.runs if (run.model_size or 0) > _SMALL]
    small = [run.name for run in study.runs if run.name not in large]
    return (split("larger", study, small, large),) if small and large else ()


SOURCE = Source(
    NAME,
    "pre-training runs of 50M to 2B (arXiv:2502.06857), training loss: constant LR, half of it, "
    "the ends of ten annealed branches; a wrong row, and a shape whose branches left another run, "
    "are left out",
    load,
    (
        Protocol(
            "gemstones-branches",
            NAME,
            "constant LR, half of it and the first three annealed branches, a shape at a time",
            "the loss after each of the later branches, up to three times as far",
            _ends,
            "mae",
            apart=True,
        ),
        Protocol(
            "no-drop-gemstones",
            NAME,
            "constant LR and half of it, a shape at a time",
            "the loss after each annealed branch",
            _no_drop,
        ),
        Protocol(
            "gemstones-peak",
            NAME,
            "constant LR and all annealed branches, a shape at a time",
            "constant at half that LR",
            _peak,
        ),
        Protocol(
            "horizon-gemstones",
            NAME,
            "constant LR up to 1/2, 1/4 or 1/8 of its steps, half of it and the first branches",
            "the rest of the constant run: 2, 4 and 8 times as long",
            _horizon,
            apart=True,
        ),
        Protocol(
            "gemstones-size",
            NAME,
            "constant LR and half of it, shapes of up to 200M parameters together",
            "the same of the shapes of 500M to 2B",
            _size,
        ),
    ),
    origin=Origin(
        "github.com/mcleish7/gemstone-scaling-laws, wandb_dfs (arXiv:2502.06857)",
        "MIT",
        f"WxD_hot.csv, WxD_half.csv: step, lr, train; runs.csv: {', '.join(_RUNS)}; "
        f"cooldowns.csv: {', '.join(_BRANCHES)}",
    ),
)
