"""Real runs: lab run, lab sweep."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import EXPERIMENT, FOLDER
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import check_lab, examples, say, tell
from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.lab.experiment import Experiment
    from cptlaw.lab.sweep import Engine


@click.group(
    epilog=examples(
        "cptlaw lab sweep tiny --dry-run",
        "cptlaw lab sweep tiny -o runs",
        "cptlaw fit runs/study.toml",
    )
)
def lab() -> None:
    """Train real runs: a pre-training, runs that go on from it, and runs to compare them with."""


OUT = click.option(
    "-o",
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Folder of the runs; by default the experiment's name.",
)
THREADS = click.option("--threads", type=click.IntRange(1), help="Threads of PyTorch on a CPU.")


@lab.command(
    short_help="Do all runs of an experiment, and leave a study.",
    epilog=examples(
        "cptlaw lab sweep tiny --dry-run",
        "cptlaw lab sweep tiny -o runs --threads 1",
        "cptlaw lab sweep grid --only cpt-cosine --engine slurm --slurm partition=gpu",
    ),
)
@click.argument("experiment", metavar="EXPERIMENT", type=EXPERIMENT)
@OUT
@click.option(
    "--engine",
    type=click.Choice(["local", "apart", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Where runs are trained: one after another here, the same in processes apart, as Ray "
    "tasks, or as Slurm jobs. On a GPU, local is apart.",
)
@click.option(
    "--ray-address", metavar="ADDRESS", help="The Ray cluster; by default Ray starts here."
)
@click.option(
    "--slurm",
    multiple=True,
    metavar="OPTION",
    help="An option for sbatch, such as partition=gpu.",
)
@click.option("--submit", is_flag=True, help="Submit the Slurm jobs at once.")
@click.option(
    "--only", multiple=True, metavar="RUN", help="Do only this run, and those it goes on from."
)
@THREADS
@click.option(
    "--processes", type=click.IntRange(1), default=1, help="Processes of torchrun for each run."
)
@click.option("--dry-run", is_flag=True, help="Show the runs, their work and time; train nothing.")
@click.option("--no-probe", is_flag=True, help="With --dry-run: measure no speed, tell no times.")
@click.option(
    "--flops", type=float, help="With --dry-run: take this speed for the times, FLOPs a second."
)
@formatted
def sweep(
    experiment: str,
    output: str | None,
    engine: str,
    ray_address: str | None,
    slurm: tuple[str, ...],
    submit: bool,
    only: tuple[str, ...],
    threads: int | None,
    processes: int,
    dry_run: bool,
    no_probe: bool,
    flops: float | None,
    how: Format,
) -> None:
    """Do all runs of an experiment that are not done yet, and leave a study of them.

    EXPERIMENT is a file (docs/lab.md), or a preset: tiny, grid, starts, paper-a to paper-d,
    paper-llama. A sweep that was stopped goes on where it stopped.
    """
    check_lab()
    from cptlaw.lab import experiment as experiments
    from cptlaw.lab import sweep as sweeps

    does = _engine(engine, ray_address, slurm, submit, processes)
    loaded = experiments.load(experiment)
    names = sweeps.chosen(loaded, only)
    if dry_run:
        threads = _show_estimate(
            loaded, names, Path(output or loaded.name), threads, not no_probe, flops, how
        )
        again = {
            "-o": (output or loaded.name,),
            "--only": only,
            "--threads": (threads,),
            "--processes": (processes if processes > 1 else None,),
            "--engine": (None if engine == "local" else engine,),
            "--ray-address": (ray_address,),
            "--slurm": slurm,
        }
        say(f"next: {_command(experiment, again)}{' --submit' if submit else ''}")
        return
    _check_no_estimate(no_probe or flops is not None, how)
    out = Path(output or loaded.name).absolute()
    job = sweeps.Job(loaded, out, names, threads, processes)
    swept = sweeps.sweep(job, does, say)
    say(f"{len(swept.done)} of {len(names)} runs are done, in {out}")
    if how == "json":
        tell(json.dumps(_swept(out, names, swept)))
    if swept.stopped is not None:
        say(f"stopped in '{swept.stopped}'; the same command goes on from there.")
        from cptlaw.lab import stopping

        raise click.exceptions.Exit(stopping.status())
    if swept.failed:
        raise DataError(
            "; ".join(f"run '{name}' failed: {why}" for name, why in swept.failed.items())
        )
    for study in swept.studies:
        say(f"next: cptlaw fit {shlex.quote(str(study))}")


def _check_no_estimate(speed: bool, how: Format) -> None:
    """Refuse what only an estimate has: a speed that is given, and tables."""
    if speed:
        raise DataError("--no-probe and --flops belong to --dry-run. Add it, or leave them out.")
    if how not in ("text", "json"):
        raise DataError(f"--format {how} belongs to --dry-run; a sweep gives text or json.")


def _command(experiment: str, options: Mapping[str, Iterable[object]]) -> str:
    """The sweep as it is typed, with the options that have a value."""
    given = [(name, str(v)) for name, values in options.items() for v in values if v is not None]
    return shlex.join(["cptlaw", "lab", "sweep", experiment, *(w for pair in given for w in pair)])


def _swept(out: Path, names: tuple[str, ...], swept: Any) -> dict[str, Any]:
    """How a sweep ended: the state of every run, the studies, and what went wrong."""
    from cptlaw.lab import records

    return {
        "runs": {name: records.status(out / name) or "not run" for name in names},
        "studies": [str(study) for study in swept.studies],
        "failed": swept.failed,
    }


def _show_estimate(
    loaded: Experiment,
    names: tuple[str, ...],
    out: Path,
    threads: int | None,
    probe: bool,
    flops: float | None,
    how: Format,
) -> int | None:
    """Print what a sweep would be; how many threads it should have, None for PyTorch's own."""
    from cptlaw.lab import estimate, estimate_text, known_speed

    given = probe and flops is None
    known = known_speed.known_speeds(loaded, out, names, threads) if given else {}
    probe = probe and len(known) < len(names)
    if probe and flops is None:
        doing("measuring how fast a run trains here ...")
    found = estimate.estimate(loaded, names, probe=probe, flops=flops, threads=threads)
    found = known_speed.timed(found, known)
    show(how, lambda: estimate.estimate_json(found), lambda: estimate_text.text(found))
    if threads is None and found.speed is not None and found.speed.fewer:
        return found.speed.threads
    return threads


def _engine(
    name: str, ray_address: str | None, slurm: tuple[str, ...], submit: bool, processes: int
) -> Engine:
    """Who does the runs; an option of another engine is refused."""
    given = {"--ray-address": ray_address, "--slurm": slurm, "--submit": submit}
    for option, value in given.items():
        owner = "ray" if option == "--ray-address" else "slurm"
        if value and name != owner:
            raise DataError(f"{option} belongs to --engine {owner}. Add that, or leave it out.")
    if name == "ray":
        from cptlaw.lab.engines import ray

        return ray.engine(ray_address)
    if name == "slurm":
        from cptlaw.lab.engines import slurm as jobs

        return jobs.engine(slurm, submit)
    if name == "apart" and processes > 1:
        raise DataError("--engine apart belongs to runs of one process. Leave one of them out.")
    if name == "apart" or (processes == 1 and _on_gpu()):
        from cptlaw.lab.engines.apart import apart

        return apart
    from cptlaw.lab.engines.local import local

    return local


def _on_gpu() -> bool:
    """Whether an error of one run may leave the GPU unusable for its whole process."""
    import torch

    return torch.cuda.is_available()


@lab.command(
    short_help="Make the tokens of an experiment; train nothing.",
    epilog=examples(
        "cptlaw lab prepare tiny -o runs",
        "cptlaw lab prepare experiment.toml -o runs --workers 8",
    ),
)
@click.argument("experiment", metavar="EXPERIMENT", type=EXPERIMENT)
@OUT
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Processes that make tokens; left out, one for each core.",
)
def prepare(experiment: str, output: str | None, workers: int | None) -> None:
    """Make the tokenizer and the tokens of an experiment; train nothing.

    A sweep does so by itself. Killed, the same command goes on where it was.
    """
    check_lab()
    from cptlaw.lab import experiment as experiments
    from cptlaw.lab import tokens
    from cptlaw.lab.sweep import data_folder

    loaded = experiments.load(experiment)
    out = Path(output or loaded.name).absolute()
    corpus = tokens.prepare(loaded, data_folder(out), say, workers)
    total = sum(made.train_tokens for made in corpus.tokens.values())
    say(f"{len(corpus.tokens)} texts are ready, with {total:,} tokens for training")
    say(f"next: cptlaw lab sweep {shlex.join([experiment, '-o', output or loaded.name])}")


@lab.command(
    short_help="Do some runs of an experiment.",
    epilog=examples(
        "cptlaw lab run tiny base -o runs",
        "torchrun --nproc-per-node 2 -m cptlaw lab run tiny base",
    ),
)
@click.argument("experiment", metavar="EXPERIMENT", type=EXPERIMENT)
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@OUT
@THREADS
def run(experiment: str, names: tuple[str, ...], output: str | None, threads: int | None) -> None:
    """Do runs of an experiment one after another, for torchrun and job scripts.

    The run that one goes on from must be done already, in the same folder, or stand before it. The
    first that fails ends the command.
    """
    check_lab()
    from cptlaw.lab import experiment as experiments
    from cptlaw.lab import processes, stopping, tokens
    from cptlaw.lab.engines import local, torchrun
    from cptlaw.lab.stopping import asked_to_stop
    from cptlaw.lab.sweep import Job, data_folder

    loaded = experiments.load(experiment)
    for name in names:
        loaded.node(name)
    out = Path(output or loaded.name).absolute()
    corpus = tokens.prepare(loaded, data_folder(out), say)
    job = Job(loaded, out, names, threads)
    with asked_to_stop() as asked:
        try:
            ended = all(not asked() and local.one(job, corpus, name, asked, say) for name in names)
        except DataError as error:
            if stopping.PARENT in os.environ and _is_recorded(error, out, names):
                raise click.exceptions.Exit(2) from None  # the sweep that waits tells it
            raise
    torchrun.leave()
    if not ended:
        if processes.leads():
            say("stopped; the same command goes on from there.")
        if not processes.under_torchrun():
            raise click.exceptions.Exit(stopping.status())
    torchrun.end()


def _is_recorded(error: DataError, out: Path, names: Iterable[str]) -> bool:
    """Whether the record of a run tells an error already."""
    from cptlaw.lab import records

    told = [(records.read(out / name) or {}).get("error") for name in names]
    return any(words and words in str(error) for words in told)
