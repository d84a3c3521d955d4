"""A plan as files that a training run takes: an experiment of the lab, the schedule, the plan."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from cptlaw.decisions.plan.result import Plan
from cptlaw.errors import DataError
from cptlaw.files import check_folder, make_folder, write_atomic
from cptlaw.lab.experiment_file import experiment_text
from cptlaw.output import store, trainers
from cptlaw.output.pilot_files import EXPERIMENT
from cptlaw.output.text.advice import recipe_words
from cptlaw.output.text.plan import plan_text
from cptlaw.schedules import export
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

SCHEDULES = ("schedule.csv", "schedule.py")
FILES = ("plan.txt", "plan.json", *SCHEDULES, *trainers.FILES, EXPERIMENT)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def check(folder: str | Path, name: str = "plan", study: Study | None = None) -> None:
    """Whether a plan can be written there, before the work begins.

    Args:
        folder: where to.
        name: of the run in the experiment.
        study: that of the fit.

    Raises:
        DataError: no folder, one that holds such a file already, or a name that cannot be.
    """
    if not str(folder).strip():
        raise DataError("the output has no name; name a folder (-o DIR).")
    check_folder(folder, FILES)
    if not _NAME.fullmatch(name):
        raise DataError(
            f"name '{name}': expected letters, digits and . _ + - that begin with a letter or "
            "digit (--name)."
        )
    for taken in (name, f"{name}-start"):
        if study is not None and study.has_run(taken):
            raise DataError(f"the study has a run '{taken}' already; give another --name.")


def write(
    plan: Plan,
    folder: str | Path,
    study: Study | None = None,
    experiment: str | Path | None = None,
    name: str = "plan",
) -> list[Path]:
    """Write plan.txt, plan.json, schedule.csv, schedule.py and experiment.toml into a folder.

    Where the logs tell what trained the runs, and this has a schedule with the plan's learning
    rates, there is a file in its own words too.

    Args:
        plan: what to do.
        folder: where to; made if it is not there.
        study: that of the fit, whose runs the plan goes on from; without it there is no experiment,
            nor for an open model or a base that is a schedule alone.
        experiment: a file of the lab that the run is added to.
        name: of the run in the experiment.

    Raises:
        DataError: a file or a run of that name is there already, or a file cannot be written.
    """
    check(folder, name, study)
    target = Path(folder)
    recipe = plan.best.recipe
    texts = {
        "plan.txt": plan_text(plan) + "\n",
        "plan.json": store.to_json(plan),
    }
    start = recipe.start
    bare = start.run is None and not start.is_scratch  # a base by its schedule alone
    if study is not None and start.kind != "open model" and not bare:
        runs, best = runs_of(plan, name), "best" if plan.feasible else "nearest"
        reason = f"{best} for {plan.aim.text}: {recipe_words(plan.best)}"
        reasons = {run.name: reason for run in runs}
        texts[EXPERIMENT] = experiment_text(runs, study, reasons, experiment)
    texts |= _own_words(recipe.schedule, study)
    made = [target / file for file in (*texts, *SCHEDULES)]
    make_folder(target)
    for file, text in texts.items():
        write_atomic(target / file, text.encode())
    for file in SCHEDULES:
        export.write(recipe.schedule, target / file)
    return made


def _own_words(schedule: Schedule, study: Study | None) -> dict[str, str]:
    """The schedule as a file of the framework that trained the runs, where it has such a one."""
    trainer = trainers.trainer_of(study)
    if trainer is None or trainer.file is None:
        return {}
    try:
        return {trainer.file: export.export_text(schedule, trainer.file)}
    except DataError:
        return {}


def runs_of(plan: Plan, name: str = "plan") -> tuple[Run, ...]:
    """The runs to do: that of the plan, after the annealing of its start where it has one."""
    start = plan.best.recipe.start
    step = None if start.run is None else start.step
    own = replace(plan.best.recipe.run, name=name, after=start.run, after_step=step)
    if start.annealed is None:
        return (own,)
    annealed = Run(
        f"{name}-start", schedule=start.annealed, data="pt", after=start.run, after_step=step
    )
    return annealed, replace(own, after=annealed.name, after_step=None)


__all__ = ["FILES", "check", "runs_of", "write"]
