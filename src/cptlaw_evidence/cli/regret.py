"""What choosing by a law costs on real runs."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from cptlaw.cli.shared import JSON, Many, check_laws, check_writable, say, say_written, show
from cptlaw_evidence.cli.accuracy import _words


@click.command("regret", cls=Many, short_help="What choosing by a law costs on real runs.")
@click.option(
    "--law",
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper, auto, average; left out, all that fit these runs.",
)
@click.option("--data", metavar="DIR", help="Folder of curves that do not come with the package.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes; left out, one for each processor."
)
@click.option("-o", "--output", help="Write it as Markdown.")
@click.option(
    "--write",
    "figures",
    metavar="FILE",
    help="Put mean and worst cost into a file of measured figures (docs/laws.md).",
)
@JSON
def bench_regret(
    law: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    output: str | None,
    figures: str | None,
    as_json: bool,
) -> None:
    """Fit laws to a few real runs, let them choose among all of one length, and count the cost.

    Without --data DIR only the bundled grid is chosen from; with it, from the folder
    lr-schedules-124m there, the 124M runs at two peaks as well.
    """
    from cptlaw.files import write_atomic
    from cptlaw_evidence.accuracy import regret, regret_text
    from cptlaw_evidence.measured import choice_costs, told, write_figures

    check_laws(_words(law))
    check_writable(output, figures)
    if data is None:
        say("without --data only the bundled grid is chosen from.")
    place = None if data is None else Path(data)
    jobs = jobs or os.cpu_count() or 1
    found = regret.measure(_words(law) or regret.ALL, place, jobs=jobs, progress=say)
    result = regret_text.shape(found)
    if figures is not None:
        command = told("cptlaw bench regret", data)
        write_figures(figures, "choices", choice_costs(result), command)
    if output is not None:
        command = shlex.join(["cptlaw", *sys.argv[1:]])
        write_atomic(output, regret_text.to_markdown(result, command))
    show(as_json, lambda: result, lambda: regret_text.to_text(result))
    say_written(output, figures)
