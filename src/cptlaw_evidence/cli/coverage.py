"""How well intervals hold on real curves."""

from __future__ import annotations

import click

from cptlaw.cli.completing import FILE, LAW
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, check_writable, examples
from cptlaw_evidence.cli import curves


@click.command(
    "coverage",
    cls=Many,
    short_help="How often intervals hold on real curves.",
    epilog=examples(
        "cptlaw bench coverage --data curves --law effective -o coverage.md",
        "cptlaw bench coverage --simulated 20",
    ),
)
@click.option(
    "--law",
    type=LAW,
    multiple=True,
    metavar="NAME ...",
    help="Laws of `cptlaw laws`, or paper; by default effective and paper.",
)
@curves.PROTOCOLS
@curves.DATA
@curves.JOBS
@click.option("--fit", "only_fit", is_flag=True, help="Print the calibration on all sources only.")
@click.option(
    "--simulated",
    type=click.IntRange(min=2),
    metavar="N",
    help="Instead: how often intervals of the best peak LR and the turning length hold on N "
    "simulated studies, and those of profiles and comparisons on 5 N.",
)
@click.option(
    "--against",
    type=FILE,
    metavar="FILE",
    help="An earlier result (--json) to compare with.",
)
@curves.OUTPUT
@curves.figures_option("the calibrations")
@formatted
def bench_coverage(
    law: tuple[str, ...],
    protocol: tuple[str, ...],
    data: str | None,
    jobs: int | None,
    only_fit: bool,
    simulated: int | None,
    against: str | None,
    output: str | None,
    figures: str | None,
    how: Format,
) -> None:
    """Count how often intervals of forecasts hold on real curves that the fit never saw.

    The intervals are calibrated on other sources of curves than the one that is scored. So at
    least two sources are needed; --data DIR adds those that do not come with the package. Two
    rival kinds of intervals are scored on the same curves. `cptlaw bench accuracy --list` prints
    the protocols.
    """
    from cptlaw.errors import DataError
    from cptlaw_evidence import coverage
    from cptlaw_evidence.coverage import simulated as studies
    from cptlaw_evidence.measured import told, write_figures

    if simulated is not None:
        held = studies.coverage(simulated, doing)
        show(how, lambda: held, lambda: studies.coverage_text(held))
        return
    check_writable(output, figures)
    earlier = None if against is None else curves.earlier(against)
    if only_fit and output is not None:
        raise DataError("--fit prints the calibration only; leave -o out.")
    found = coverage.measure(
        curves.words(law) or coverage.LAWS,
        curves.words(protocol),
        curves.place(data),
        jobs=curves.processes(jobs),
        only_fit=only_fit,
        progress=doing,
    )
    if figures is not None:
        command = told("cptlaw bench coverage --fit", data, curves.words(protocol))
        write_figures(figures, "intervals", {x.law: x.calibration for x in found.laws}, command)
    to_text = coverage.fit_text if only_fit else coverage.to_text
    result = coverage.shape(found)
    result = result if earlier is None else coverage.beside(result, earlier)
    curves.give(result, how, to_text, coverage.to_markdown, output, figures)
