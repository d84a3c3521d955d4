"""Whether the planner finds the optimum, and how fast."""

from __future__ import annotations

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import examples


@click.command(
    "plans",
    short_help="The planner against dense grids, on random problems.",
    epilog=examples("cptlaw bench plans --problems 5", "cptlaw bench plans --format json"),
)
@click.option(
    "--problems",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Random problems to solve.",
)
@formatted
def bench_plans(problems: int, how: Format) -> None:
    """Solve random planning problems by the planner and on dense grids, and compare the optima.

    A problem has a published or fitted law, one to three knobs within ranges, and a random goal,
    limits and schedule family. Also measured: recipes a second, and the time of a plan with three
    knobs and 200 refits.
    """
    from cptlaw_evidence.plans import brute

    result = brute.measure(problems, doing)
    show(how, lambda: result, lambda: brute.to_text(result))
