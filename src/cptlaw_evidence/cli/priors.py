"""Fits of public runs, for planning without runs of one's own."""

from __future__ import annotations

import click

from cptlaw.cli.completing import FILE
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import check_writable, examples, say_written
from cptlaw_evidence.cli import curves


@click.command(
    "priors",
    short_help="Fit public runs for plan --prior, and test them.",
    epilog=examples(
        "cptlaw bench priors", "cptlaw bench priors --data curves --write sources.json"
    ),
)
@curves.DATA
@click.option(
    "--write", "output", type=FILE, metavar="FILE", help="Fit the sources and write them there."
)
@formatted
def bench_priors(data: str | None, output: str | None, how: Format) -> None:
    """Leave out each family of public runs and see how well the others predict its best choices.

    With --write the sources are fitted anew and written to FILE, as
    src/cptlaw/decisions/prior/sources.json; --data DIR adds those that do not come with the
    package.
    """
    from cptlaw.decisions.prior import PriorOptions
    from cptlaw.decisions.weights import Weights
    from cptlaw_evidence import priors

    check_writable(output)
    if output is not None:
        priors.write(output, priors.measured(curves.place(data), doing))
        say_written(output)
        return
    asked = [
        PriorOptions(7e9, 2e9, Weights.parse(goal))
        for goal in ("cpt=1", "cpt=1 pt=0.3", "cpt=1 pt=1")
    ]
    result = priors.foretold(asked, doing)
    show(how, lambda: result, lambda: priors.foretold_text(result))
