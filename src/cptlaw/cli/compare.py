"""Compare laws on one study."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from cptlaw.cli.completing import FILE, LAW, RUN
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.options import fitting_options
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, Many, check_laws, check_writable, examples, say, say_written

if TYPE_CHECKING:
    from cptlaw.fitting.options import FitOptions


@click.command(
    cls=Many,
    epilog=examples(
        "cptlaw compare grid-20m/study.toml",
        "cptlaw compare grid-20m/study.toml --law effective paper --against paper",
        "cptlaw compare grid-20m/study.toml --hold-out cpt-cosine half-wsd --format markdown",
        after=DEMO,
    ),
)
@click.argument("study", metavar="STUDY", type=FILE)
@click.option(
    "--law",
    type=LAW,
    multiple=True,
    metavar="NAME ...",
    help="Laws to compare; by default the usual one and the paper's.",
)
@click.option(
    "--hold-out",
    type=RUN,
    multiple=True,
    metavar="RUN ...",
    help="Runs to leave out of the fit together; by default each in turn, and the ends of all.",
)
@click.option(
    "--against", type=LAW, metavar="NAME", help="The law that the others are compared with."
)
@fitting_options
@click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write the result, for `cptlaw report`."
)
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
    """Say which law forecasts your own runs best, and whether that is more than chance.

    Each law is fitted without some runs and forecasts them. The differences between the errors of
    two laws have intervals (a paired bootstrap over runs).
    """
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
