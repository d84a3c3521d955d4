"""What there is: laws, published, and the demo and benchmarks."""

from __future__ import annotations

from pathlib import Path

import click

from cptlaw.cli.accuracy import bench_accuracy
from cptlaw.cli.coverage import bench_coverage
from cptlaw.cli.pilot import bench_pilots
from cptlaw.cli.plans import bench_plans
from cptlaw.cli.regret import bench_regret
from cptlaw.cli.shared import JSON, check_lab, say, show


@click.command()
@JSON
def laws(as_json: bool) -> None:
    """List the laws of the catalogue with their equations."""
    from cptlaw import report, shapes

    show(as_json, shapes.laws_shape, report.laws_text)


@click.command()
@JSON
def published(as_json: bool) -> None:
    """List the paper's coefficients that can be used as fits."""
    from cptlaw import published as paper
    from cptlaw import report

    fits = {name: paper.load(name) for name in paper.names()}
    show(
        as_json,
        lambda: {"fits": {name: fit.source for name, fit in fits.items()}},
        lambda: report.published_text(fits),
    )
    say(
        "next: cptlaw forecast published:fineweb-kp-106m --base-schedule "
        '"warmup 500 to 2e-4 | constant 39500" --schedule "cosine 20000 to 0"'
    )


@click.command(short_help="The whole way on bundled real runs.")
@click.option("-o", "--output", default=".", metavar="DIR", help="Where figures and files go.")
@JSON
def demo(output: str, as_json: bool) -> None:
    """The whole way on bundled real runs: fit, backtest, forecast, figures."""
    from cptlaw import demo as show_demo

    show_demo.run(Path(output), say, as_json)


@click.group()
def bench() -> None:
    """Speed and accuracy against the alternatives."""


@bench.command("fit", short_help="Time the fit against the paper's method.")
@click.option(
    "--starts",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Starts of the paper's method.",
)
@JSON
def bench_fit(starts: int, as_json: bool) -> None:
    """Time the fit of Eq. 4 against the paper's method on the bundled runs."""
    from cptlaw import bench as benchmarks

    result = benchmarks.fit_speed(starts, say)
    show(as_json, lambda: result, lambda: benchmarks.fit_speed_text(result))


@bench.command("lab", short_help="Time a run of the lab against a bare PyTorch loop.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="How often each is timed, by turns.",
)
@click.option("--threads", type=click.IntRange(1), help="PyTorch threads on a CPU.")
@JSON
def bench_lab(rounds: int, threads: int | None, as_json: bool) -> None:
    """Time a run of the lab against a bare PyTorch loop with the same weights and batches."""
    check_lab()
    import torch

    from cptlaw.lab import throughput

    if threads is not None:
        torch.set_num_threads(threads)
    result = throughput.lab_speed(rounds, progress=say)
    show(as_json, lambda: result, lambda: throughput.lab_speed_text(result))


bench.add_command(bench_accuracy)
bench.add_command(bench_coverage)
bench.add_command(bench_pilots)
bench.add_command(bench_plans)
bench.add_command(bench_regret)
