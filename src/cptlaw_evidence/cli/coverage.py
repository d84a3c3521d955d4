"""How well intervals hold on real curves."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from cptlaw.cli.shared import JSON, Many, check_writable, say, say_written, show
from cptlaw_evidence.cli.accuracy import _words


@click.command("coverage", cls=Many, short_help="How often intervals hold on real curves.")
@click.option(
    "--law",
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper; left out, effective and paper.",
)
@click.option("--protocol", multiple=True, metavar="NAME ...", help="Protocols; left out, all.")
@click.option("--data", metavar="DIR", help="Folder of curves that do not come with the package.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes; left out, one for each processor."
)
@click.option("--fit", "only_fit", is_flag=True, help="Print the calibration on all sources only.")
@click.option(
    "--simulated",
    type=click.IntRange(min=2),
    metavar="N",
    help="Instead: how often intervals of the best peak LR and the turning length hold on N "
    "simulated studies.",
)
@click.option("-o", "--output", help="Write it as Markdown.")
@click.option(
    "--write",
    "figures",
    metavar="FILE",
    help="Put the calibrations into a file of measured figures (docs/laws.md).",
)
@JSON
def bench_coverage(
    law: tuple[str, ...],
    protocol: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    only_fit: bool,
    simulated: int | None,
    output: str | None,
    figures: str | None,
    as_json: bool,
) -> None:
    """Count how often intervals of forecasts hold on real curves that the fit never saw.

    They are calibrated without the source of curves that is scored, so that at least two are
    needed: --data DIR adds those that do not come with the package. Two rivals stand beside them.
    `cptlaw bench accuracy --list` prints the protocols.
    """
    from cptlaw.errors import DataError
    from cptlaw.files import write_atomic
    from cptlaw_evidence.accuracy import coverage, coverage_text
    from cptlaw_evidence.accuracy import simulated as studies
    from cptlaw_evidence.measured import told, write_figures

    if simulated is not None:
        held = studies.coverage(simulated, say)
        show(as_json, lambda: held, lambda: studies.coverage_text(held))
        return
    check_writable(output, figures)
    if only_fit and output is not None:
        raise DataError("--fit prints the calibration only; leave -o out.")
    place = None if data is None else Path(data)
    found = coverage.measure(
        _words(law) or coverage.LAWS,
        _words(protocol),
        place,
        jobs=jobs or os.cpu_count() or 1,
        only_fit=only_fit,
        progress=say,
    )
    if figures is not None:
        command = told("cptlaw bench coverage --fit", data, _words(protocol))
        write_figures(figures, "intervals", {x.law: x.calibration for x in found.laws}, command)
    result = coverage_text.shape(found)
    if output is not None:
        command = shlex.join(["cptlaw", *sys.argv[1:]])
        write_atomic(output, coverage_text.to_markdown(result, command))
    text = coverage_text.fit_text if only_fit else coverage_text.to_text
    show(as_json, lambda: result, lambda: text(result))
    say_written(output, figures)
