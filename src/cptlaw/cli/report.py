"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path

import click

from cptlaw.cli.completing import FILE, FIT
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, check_writable, examples, load_fit, say, say_written
from cptlaw.errors import DataError


@click.command(
    epilog=examples(
        "cptlaw report fit.json -o report.html",
        "cptlaw report fit.json -o report.md --title Law",
        after=DEMO,
    )
)
@click.argument("files", metavar="FIT [RESULT]...", nargs=-1, required=True, type=FIT)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    required=True,
    help="The report: a .html or a .md file.",
)
@click.option("--title", help="Title of the report.")
def report(files: tuple[str, ...], output: str, title: str | None) -> None:
    """Write one file to send: data, fit, forecasts, plan, and how sure they are.

    FIT is a file that `cptlaw fit -o` wrote, or published:NAME. Each RESULT is a file, or the
    folder of a plan or of pilots, that `backtest`, `compare`, `forecast`, `plan` or `pilot` wrote
    with -o. The HTML file needs no network.
    """
    from cptlaw.output import report as reports
    from cptlaw.output import store
    from cptlaw.shown import Shown

    check_writable(output, reads=list(files))
    reports.check(output)
    results: list[Shown] = [load_fit(files[0])]
    for name in files[1:]:
        value = store.load(_stored(Path(name)))
        if not isinstance(value, Shown):
            raise DataError(
                f"{name}: holds a {type(value).__name__}, of which a report has no section."
            )
        results.append(value)
    say("writing the report ...")
    made = reports.report(results, title or "", files)
    say_written(*map(str, reports.write(made, output, doing)))
    say(f"next: open {output} in a browser" if output.endswith(".html") else f"next: read {output}")


def _stored(path: Path) -> Path:
    """Where a result lies: of a folder that plan or pilot wrote, in it."""
    within = (path / name for name in ("plan.json", "pilots.json"))
    return next(filter(Path.exists, within), path / "plan.json") if path.is_dir() else path
