"""A plan as files that a training run takes: an experiment of the lab, the schedule, the plan."""

from __future__ import annotations

import json
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.files import write_atomic
from cptlaw.goal import Goal
from cptlaw.pilot.budget import Budget
from cptlaw.pilot.choosing import Pilot, Pilots
from cptlaw.pilot.files import check, experiment_text
from cptlaw.plan.advice import recipe_words
from cptlaw.plan.planning import Plan
from cptlaw.plan.shapes import plan_shape
from cptlaw.plan.text import plan_text
from cptlaw.runs import Run
from cptlaw.study import Study
from cptlaw.training.files import write_csv, write_python


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
        study: that of the fit, whose runs the plan goes on from; without it there is no experiment.
        experiment: a file of the lab that the run is added to.
        name: of the run in the experiment.

    Raises:
        DataError: a file is there already, or cannot be written.
    """
    target = Path(folder)
    recipe = plan.best.recipe
    texts = {
        "plan.txt": plan_text(plan) + "\n",
        "plan.json": json.dumps(plan_shape(plan), indent=1, allow_nan=False) + "\n",
    }
    if study is not None and recipe.start.history.unknown_base is None:
        texts["experiment.toml"] = experiment_text(_pilots(plan, study, name), experiment)
    made = [target / file for file in (*texts, "schedule.csv", "schedule.py")]
    for file in made:
        if file.exists():
            raise DataError(f"{file}: is there already. Name another folder, or remove it.")
    target.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        write_atomic(target / file, text.encode())
    write_csv(recipe.schedule, target / "schedule.csv")
    write_python(recipe.schedule, target / "schedule.py")
    return made


def run_of(plan: Plan, name: str = "plan") -> tuple[Run, ...]:
    """The run to do, after the annealing of its start where it has one."""
    recipe, start = plan.best.recipe, plan.best.recipe.start
    own = recipe.run
    before: tuple[Run, ...] = ()
    after, step = start.after, start.after_step
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


def _pilots(plan: Plan, study: Study, name: str) -> Pilots:
    """The plan's runs as the lab's experiment takes them."""
    runs = run_of(plan, name)
    taken = [run.name for run in runs if study.has_run(run.name)]
    if taken:
        raise DataError(f"the study has a run '{taken[0]}' already; give another --name.")
    why = f"best for {plan.aim.text}: {recipe_words(plan.best)}"
    return Pilots(
        tuple(Pilot(run, float(run.steps), why) for run in runs),
        Budget(float(sum(run.steps for run in runs))),
        Goal(plan.aim.weights or {"cpt": 1.0}),
        study,
    )


__all__ = ["check", "run_of", "write"]
