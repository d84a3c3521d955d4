"""How often verdicts are right."""

from __future__ import annotations

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import examples


@click.command(
    "verdicts",
    short_help="How often verdicts on simulated studies are right.",
    epilog=examples("cptlaw bench verdicts --count 2", "cptlaw bench verdicts --format csv"),
)
@click.option(
    "--count",
    type=click.IntRange(min=2),
    default=20,
    show_default=True,
    help="Simulated truths, with ten studies of each.",
)
@formatted
def bench_verdicts(count: int, how: Format) -> None:
    """Simulate studies with and without the runs that decide a choice.

    The figures: how often the verdict on the choice is right, and how often the interval of the
    choice's effect holds.
    """
    from cptlaw_evidence.coverage import verdicts

    found = verdicts.measure(count, doing)
    show(how, lambda: found, lambda: verdicts.to_text(found))
