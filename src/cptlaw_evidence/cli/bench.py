"""`cptlaw bench`: speed and accuracy against the alternatives."""

from __future__ import annotations

import click

from cptlaw.cli.completing import FILE
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import check_lab, check_writable, examples
from cptlaw_evidence.cli.accuracy import bench_accuracy
from cptlaw_evidence.cli.coverage import bench_coverage
from cptlaw_evidence.cli.curves import give
from cptlaw_evidence.cli.pilots import bench_pilots
from cptlaw_evidence.cli.plans import bench_plans
from cptlaw_evidence.cli.priors import bench_priors
from cptlaw_evidence.cli.regret import bench_regret
from cptlaw_evidence.cli.replays import bench_live
from cptlaw_evidence.cli.task import leaderboard, task
from cptlaw_evidence.cli.verdicts import bench_verdicts


@click.group(
    short_help="Speed and accuracy against the alternatives.",
    epilog=examples(
        "cptlaw bench accuracy --list",
        "cptlaw bench fit --starts 4",
        "cptlaw bench regret --jobs 1",
    ),
)
def bench() -> None:
    """Measure speed and accuracy against the alternatives. The docs' figures come from here."""


@bench.command(
    "fit",
    short_help="Time the fit against the paper's method.",
    epilog=examples("cptlaw bench fit --starts 4", "cptlaw bench fit --format json"),
)
@click.option(
    "--starts",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Starts of the paper's method.",
)
@formatted
def bench_fit(starts: int, how: Format) -> None:
    """Time the fit of Eq. 4 against the paper's method on the bundled runs."""
    from cptlaw_evidence import fit_speed as benchmarks

    result = benchmarks.fit_speed(starts, doing)
    show(how, lambda: result, lambda: benchmarks.fit_speed_text(result))


@bench.command(
    "laws",
    short_help="Time a law, its LR areas, and fits to many runs.",
    epilog=examples(
        "cptlaw bench laws --rounds 1 --decades 1", "cptlaw bench laws --format markdown"
    ),
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=7,
    show_default=True,
    help="How often each is timed. They take turns.",
)
@click.option(
    "--decades",
    type=click.IntRange(1, 4),
    default=4,
    show_default=True,
    help="How far to go: 1 is 1 run and 1e4 steps, 4 is 1,000 runs and 1e7 steps.",
)
@formatted
def bench_laws(rounds: int, decades: int, how: Format) -> None:
    """Time the default law, its LR areas, and fits to more and more runs.

    Figures are medians of the CPU time of one thread.
    """
    from cptlaw_evidence import law_speed

    result = law_speed.law_speed(rounds, decades, doing)
    show(how, lambda: result, lambda: law_speed.law_speed_text(result))


@bench.command(
    "speed",
    short_help="Time everything against other tools.",
    epilog=examples(
        "cptlaw bench speed --part refits --rounds 1", "cptlaw bench speed -o speed.md"
    ),
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(
        ["commands", "fit", "paper", "multi-power", "refits", "plan", "laws", "readers", "lab"]
    ),
    help="Time only this; by default everything.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often each is timed. They take turns.",
)
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write a page in Markdown.")
@formatted
def bench_speed(parts: tuple[str, ...], rounds: int, output: str | None, how: Format) -> None:
    """Time commands, fits, refits, plans, laws, readers and the lab against other tools.

    Figures are medians of CPU time. Set OMP_NUM_THREADS=1 for one thread. It takes minutes.
    """
    check_writable(output)
    from cptlaw_evidence import speed

    result = speed.speed(rounds, parts, doing)
    give(result, how, speed.to_text, speed.to_markdown, output, None)


@bench.command(
    "lab",
    short_help="Time a run of the lab against a bare PyTorch loop.",
    epilog=examples("cptlaw bench lab --rounds 1 --threads 1", "cptlaw bench lab --format json"),
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often each is timed. They take turns.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads of PyTorch on a CPU.")
@formatted
def bench_lab(rounds: int, threads: int | None, how: Format) -> None:
    """Time a run of the lab against a bare PyTorch loop with the same weights and batches."""
    check_lab()
    import torch

    from cptlaw_evidence import lab_speed

    if threads is not None:
        torch.set_num_threads(threads)
    result = lab_speed.lab_speed(rounds, progress=doing)
    show(how, lambda: result, lambda: lab_speed.lab_speed_text(result))


@bench.command(
    "explorer",
    short_help="Time from a slider's move to the new drawing.",
    epilog=examples("cptlaw bench explorer --moves 10", "cptlaw bench explorer --format json"),
)
@click.option(
    "--moves",
    type=click.IntRange(min=10),
    default=200,
    show_default=True,
    help="How many moves; the sliders take turns.",
)
@formatted
def bench_explorer(moves: int, how: Format) -> None:
    """Time the explorer in Chromium: from a slider's move to the frame that shows it.

    The page shows a run of 60,000 steps, three domains and intervals.
    """
    from cptlaw_evidence import explorer_speed

    result = explorer_speed.explorer_speed(moves, doing)
    show(how, lambda: result, lambda: explorer_speed.explorer_speed_text(result))


@bench.command(
    "readers",
    short_help="Time reading large logs against other libraries.",
    epilog=examples("cptlaw bench readers", "cptlaw bench readers --large --format csv"),
)
@click.option("--large", is_flag=True, help="Also read a Parquet file of ten million rows.")
@formatted
def bench_readers(large: bool, how: Format) -> None:
    """Time reading large logs against pyarrow, polars, pandas and tensorboard, where installed."""
    from cptlaw_evidence import log_speed

    result = log_speed.log_speed(large, doing)
    show(how, lambda: result, lambda: log_speed.log_speed_text(result))


bench.add_command(bench_accuracy)
bench.add_command(bench_priors)
bench.add_command(bench_coverage)
bench.add_command(bench_pilots)
bench.add_command(bench_plans)
bench.add_command(bench_regret)
bench.add_command(bench_live)
bench.add_command(bench_verdicts)
bench.add_command(task)
bench.add_command(leaderboard)
