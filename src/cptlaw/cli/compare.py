"""Compare laws on one study."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import (
    Many,
    check_laws,
    check_writable,
    fitting_options,
    say,
    say_written,
    such_as,
)

if TYPE_CHECKING:
    from cptlaw.fitting.options import FitOptions


@click.command(cls=Many, epilog=such_as("cptlaw compare study.toml --law effective eq4 eq10"))
@click.argument("study", metavar="STUDY")
@click.option(
    "--law",
    multiple=True,
    metavar="NAME ...",
    help="Laws to compare; by default, the usual one and the paper's.",
)
@click.option(
    "--hold-out",
    multiple=True,
    metavar="RUN ...",
    help="Runs to hold out together; by default, each in turn, and the ends of all.",
)
@click.option("--against", metavar="NAME", help="The law that the others are compared with.")
@fitting_options
@click.option("-o", "--output", help="Write the result as JSON.")
@formatted
def compare(
    study: str,
    law: tuple[str, ...],
    hold_out: tuple[str, ...],
    against: str | None,
    options: FitOptions,
    output: str | None,
    how: Format,
) -> None:
    """Compare laws by their errors on held-out runs, with a paired bootstrap."""
    from cptlaw.forecasting.compare import compare as compare_laws
    from cptlaw.output import store
    from cptlaw.output.json.comparison import comparison_json
    from cptlaw.studies import study_file

    check_writable(output, reads=[study])
    laws = list(dict.fromkeys(name for word in law for name in word.split(",")))
    check_laws([*laws, *([] if against is None else [against])])
    loaded = study_file.load(study, doing.later())
    held = [n for w in hold_out for n in ([w] if loaded.has_run(w) else w.split(","))]
    result = compare_laws(
        loaded,
        laws,
        held,
        against=against,
        options=options,
        progress=doing,
    )
    if output is not None:
        store.save(result, output)
    say_written(output)
    show(how, lambda: comparison_json(result), result.summary)
    words = f"cptlaw fit {shlex.quote(study)} --law {result.best} -o fit.json"
    say(f"next: {words}   (fitted to all runs)")
