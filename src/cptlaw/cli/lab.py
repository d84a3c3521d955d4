"""Real runs: lab run, lab sweep."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from cptlaw.cli.shared import JSON, say
from cptlaw.errors import CptlawError, DataError


class Stopped(CptlawError):
    """A run that the user stopped; what is done stays."""


@click.group()
def lab() -> None:
    """Train real runs: pre-training, continuations, and what they are compared with."""


OUT = click.option("-o", "--output", help="Folder of the runs; left out, the experiment's name.")
THREADS = click.option("--threads", type=click.IntRange(1), help="PyTorch threads on a CPU.")


@lab.command()
@click.argument("experiment", metavar="EXPERIMENT")
@OUT
@click.option(
    "--engine",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="One after another here, Ray tasks, or Slurm jobs.",
)
@click.option("--only", multiple=True, metavar="RUN", help="Only this run and its bases.")
@THREADS
@click.option(
    "--processes", type=click.IntRange(1), default=1, help="torchrun processes for each run."
)
@click.option("--dry-run", is_flag=True, help="Show the runs, their work and time; train nothing.")
@JSON
def sweep(
    experiment: str,
    output: str | None,
    engine: str,
    only: tuple[str, ...],
    threads: int | None,
    processes: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do all runs of an experiment file (or preset) that are not done yet; leave a study."""
    from cptlaw.lab import experiment as experiments
    from cptlaw.lab import sweep as sweeps

    loaded = experiments.load(experiment)
    names = sweeps.chosen(loaded, only)
    out = Path(output or loaded.name).absolute()
    job = sweeps.Job(loaded, out, names, threads, processes)
    swept = sweeps.sweep(job, _engine(engine), say)
    say(f"{len(swept.done)} of {len(names)} runs are done, in {out}")
    if swept.stopped is not None:
        say(f"stopped in '{swept.stopped}'; the same command goes on from there.")
        raise click.exceptions.Exit(130)
    if swept.failed:
        raise DataError(
            "; ".join(f"run '{name}' failed: {why}" for name, why in swept.failed.items())
        )
    for study in swept.studies:
        say(f"next: cptlaw fit {shlex.quote(str(study))}")


def _engine(name: str) -> Any:
    from cptlaw.lab.engines.local import local

    return {"local": local}[name]


@lab.command()
@click.argument("experiment", metavar="EXPERIMENT")
@click.argument("name", metavar="RUN")
@OUT
@THREADS
def run(experiment: str, name: str, output: str | None, threads: int | None) -> None:
    """Do one run of an experiment; its base must be there. For torchrun and job scripts."""
    from cptlaw.lab import experiment as experiments
    from cptlaw.lab import running, tokens
    from cptlaw.lab.progress import Progress
    from cptlaw.lab.stopping import asked_to_stop
    from cptlaw.lab.sweep import data_folder

    loaded = experiments.load(experiment)
    node = loaded.node(name)
    out = Path(output or loaded.name).absolute()
    corpus = tokens.prepare(loaded, data_folder(out), say)
    from cptlaw.lab.training import Stopped

    with asked_to_stop() as asked:
        try:
            running.run(
                loaded,
                corpus,
                name,
                out,
                threads=threads,
                asked_to_stop=asked,
                watch=Progress(node),
            )
        except Stopped as stop:
            say(f"stopped at step {stop.step}; the same command goes on from there.")
            raise click.exceptions.Exit(130) from None
