"""A plan as files that a training run takes: an experiment of the lab, the schedule, the plan."""

from __future__ import annotations

import json
import re
from pathlib import Path

from cptlaw.decisions.plan.result import Plan
from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.lab.experiment_file import experiment_text
from cptlaw.output.json.plan import plan_shape
from cptlaw.output.pilot_files import EXPERIMENT
from cptlaw.output.text.advice import recipe_words
from cptlaw.output.text.plan import plan_text
from cptlaw.schedules import export
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

SCHEDULES = ("schedule.csv", "schedule.py")
FILES = ("plan.txt", "plan.json", *SCHEDULES, EXPERIMENT)
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
    target = Path(folder)
    if not str(folder).strip():
        raise DataError("the output has no name; name a folder (-o DIR).")
    if target.exists() and not target.is_dir():
        raise DataError(f"{target}: is a file; name a folder.")
    for file in FILES:
        if (target / file).exists():
            raise DataError(f"{target / file}: is there already. Name another folder.")
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
        "plan.json": json.dumps(plan_shape(plan), indent=1, allow_nan=False) + "\n",
    }
    start = recipe.start
    bare = start.run is None and not start.is_scratch  # a base by its schedule alone
    if study is not None and start.kind != "open model" and not bare:
        runs, best = run_of(plan, name), "best" if plan.feasible else "nearest"
        reason = f"{best} for {plan.aim.text}: {recipe_words(plan.best)}"
        reasons = {run.name: reason for run in runs}
        texts[EXPERIMENT] = experiment_text(runs, study, reasons, experiment)
    made = [target / file for file in (*texts, *SCHEDULES)]
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be made: {error.strerror}.") from None
    for file, text in texts.items():
        write_atomic(target / file, text.encode())
    for file in SCHEDULES:
        export.write(recipe.schedule, target / file)
    return made


def run_of(plan: Plan, name: str = "plan") -> tuple[Run, ...]:
    """The run to do, after the annealing of its start where it has one."""
    recipe, start = plan.best.recipe, plan.best.recipe.start
    own = recipe.run
    before: tuple[Run, ...] = ()
    after, step = (start.run, start.step) if start.run is not None else (None, None)
    if start.annealed is not None:
        annealed = Run(
            f"{name}-start", schedule=start.annealed, data="pt", after=after, after_step=step
        )
        before, after, step = (annealed,), annealed.name, None
    return (
        *before,
        Run(
            name,
            schedule=own.schedule,
            data=own.data,
            after=after,
            after_step=step,
            replay=own.replay,
            model_size=own.model_size,
            batch_tokens=own.batch_tokens,
            sequence_length=own.sequence_length,
            domain_tokens=own.domain_tokens,
        ),
    )


__all__ = ["FILES", "check", "run_of", "write"]
