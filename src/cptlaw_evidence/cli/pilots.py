"""Chosen pilots against random ones."""

from __future__ import annotations

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import examples


@click.command(
    "pilots",
    short_help="Chosen pilots against random ones.",
    epilog=examples("cptlaw bench pilots --draws 10", "cptlaw bench pilots --format csv"),
)
@click.option(
    "--draws",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Random choices to compare with.",
)
@formatted
def bench_pilots(draws: int, how: Format) -> None:
    """Compare chosen pilots with random ones, on the bundled runs.

    Each choice is up to three pilots within the same budget. The figures: what the recipe chosen
    after them costs against the best (regret), and the mean error of the forecast curves of runs
    that were not done, of the targets and of all.
    """
    from cptlaw_evidence import pilots as replay

    result = replay.measure(draws, doing)
    show(how, lambda: result, lambda: replay.to_text(result))
