"""What choosing by a law costs on real runs."""

from __future__ import annotations

import click

from cptlaw.cli.completing import LAW
from cptlaw.cli.formats import Format, formatted
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, check_laws, check_writable, examples, say
from cptlaw_evidence.cli import curves


@click.command(
    "regret",
    cls=Many,
    short_help="What choosing by a law costs on real runs.",
    epilog=examples(
        "cptlaw bench regret --law effective paper --jobs 1",
        "cptlaw bench regret --data curves -o regret.md",
    ),
)
@click.option(
    "--law",
    type=LAW,
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper, auto, average; by default all that fit these runs.",
)
@curves.DATA
@curves.JOBS
@curves.OUTPUT
@curves.figures_option("mean and worst cost")
@formatted
def bench_regret(
    law: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    output: str | None,
    figures: str | None,
    how: Format,
) -> None:
    """Fit laws to a few real runs, let them choose among all of one length, and count the cost.

    The choice is among the runs of the bundled grids. --data DIR adds the 124M runs at two peaks,
    from its folder lr-schedules-124m.
    """
    from cptlaw_evidence import regret
    from cptlaw_evidence.measured import choice_costs, told, write_figures

    check_laws(curves.words(law))
    check_writable(output, figures)
    if data is None:
        say("without --data only the bundled grids are chosen from.")
    laws = curves.words(law) or regret.LAWS
    found = regret.measure(laws, curves.place(data), jobs=curves.processes(jobs), progress=doing)
    result = regret.shape(found)
    if figures is not None:
        write_figures(figures, "choices", choice_costs(result), told("cptlaw bench regret", data))
    curves.give(result, how, regret.to_text, regret.to_markdown, output, figures)
