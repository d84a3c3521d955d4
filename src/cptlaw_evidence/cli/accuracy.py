"""The accuracy of laws on real curves."""

from __future__ import annotations

import click

from cptlaw.cli.completing import LAW
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, check_writable, examples, say
from cptlaw.errors import DataError
from cptlaw_evidence.cli import curves


@click.command(
    "accuracy",
    cls=Many,
    short_help="Score the laws' forecasts on real curves.",
    epilog=examples(
        "cptlaw bench accuracy --list",
        "cptlaw bench accuracy --law effective paper --protocol grid-20m/base --jobs 1",
        "cptlaw bench accuracy --data curves -o accuracy.md",
    ),
)
@click.option(
    "--law",
    type=LAW,
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper, auto, average, last-value, damped-trend, same-drop, or "
    "default (what `cptlaw fit` takes). Without it, all but the variants of Eq. 4.",
)
@curves.PROTOCOLS
@curves.DATA
@curves.JOBS
@curves.OUTPUT
@curves.figures_option("errors at other peaks and starts")
@click.option(
    "--floor",
    is_flag=True,
    help="Fit each law to the scored points, too: the error left is that of its form.",
)
@click.option("--list", "only_list", is_flag=True, help="Print the protocols only.")
@formatted
def bench_accuracy(
    law: tuple[str, ...],
    protocol: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    output: str | None,
    figures: str | None,
    floor: bool,
    only_list: bool,
    how: Format,
) -> None:
    """Fit laws to a part of real curves, and score their forecasts of the rest.

    Some curves come with the package. --data DIR adds others, one folder each: multipower-100m,
    lr-schedules-124m, olmo-ladder, tiny-cpt, delphi-midtraining, nanogpt-optimizers, gemstones.
    A folder that is not there is skipped, and the result says so.
    """
    from cptlaw_evidence import accuracy
    from cptlaw_evidence.measured import peak_errors, start_errors, told, write_figures
    from cptlaw_evidence.sources.loading import protocols_json

    if only_list:
        shape = protocols_json()
        show(how, lambda: shape, lambda: accuracy.protocols_text(shape))
        return
    if floor and figures is not None:
        raise DataError("--write takes figures of held-out runs; leave out --floor.")
    check_writable(output, figures)
    laws, protocols = curves.words(law) or list(accuracy.LAWS), curves.words(protocol)
    try:
        where, jobs = curves.place(data), curves.processes(jobs)
        result = accuracy.measure(laws, protocols, where, jobs=jobs, floor=floor, progress=doing)
    except KeyboardInterrupt:
        say("what was measured so far is lost; --protocol and --law make it shorter.")
        raise
    if figures is not None:
        command = told("cptlaw bench accuracy", data, protocols)
        write_figures(figures, "peaks", peak_errors(result), command)
        write_figures(figures, "starts", start_errors(result), command)
    curves.give(result, how, accuracy.to_text, accuracy.to_markdown, output, figures)
