"""The accuracy of laws on real curves."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from cptlaw.cli.shared import JSON, Many, check_writable, say, say_written, show


@click.command("accuracy", cls=Many, short_help="Score the laws' forecasts on real curves.")
@click.option(
    "--law",
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper, auto, average, last-value, damped-trend; `default` is "
    "what a fit takes when none is named. Left out, all but the variants of Eq. 4.",
)
@click.option("--protocol", multiple=True, metavar="NAME ...", help="Protocols; left out, all.")
@click.option("--data", metavar="DIR", help="Folder of curves that do not come with the package.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes; left out, one for each processor."
)
@click.option("-o", "--output", help="Write it as Markdown.")
@click.option(
    "--write",
    "figures",
    metavar="FILE",
    help="Put errors at other peaks and starts into a file of measured figures (docs/laws.md).",
)
@click.option("--list", "only_list", is_flag=True, help="Print the protocols and end.")
@JSON
def bench_accuracy(
    law: tuple[str, ...],
    protocol: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    output: str | None,
    figures: str | None,
    only_list: bool,
    as_json: bool,
) -> None:
    """Fit laws to a part of real curves, and score their forecasts of the rest.

    Some curves come with the package. --data DIR adds those of others, a folder each:
    multipower-100m, lr-schedules-124m, olmo-ladder, tiny-cpt. What is not there is left out by
    name.
    """
    from cptlaw.files import write_atomic
    from cptlaw_evidence import accuracy
    from cptlaw_evidence.measured import peak_errors, start_errors, told, write_figures

    if only_list:
        shape = accuracy.protocols_shape()
        show(as_json, lambda: shape, lambda: accuracy.protocols_text(shape))
        return
    check_writable(output, figures)
    laws = _words(law) or list(accuracy.LAWS)
    place = None if data is None else Path(data)
    jobs = jobs or os.cpu_count() or 1
    try:
        result = accuracy.measure(laws, _words(protocol), place, jobs=jobs, progress=say)
    except KeyboardInterrupt:
        say("what was measured so far is lost; --protocol and --law make it shorter.")
        raise
    if figures is not None:
        command = told("cptlaw bench accuracy", data, _words(protocol))
        write_figures(figures, "peaks", peak_errors(result), command)
        write_figures(figures, "starts", start_errors(result), command)
    if output is not None:
        write_atomic(output, accuracy.to_markdown(result, shlex.join(["cptlaw", *sys.argv[1:]])))
    show(as_json, lambda: result, lambda: accuracy.to_text(result))
    say_written(output, figures)


def _words(given: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(name for word in given for name in word.split(",")))
