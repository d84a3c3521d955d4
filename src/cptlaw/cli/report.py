"""The command that writes a report."""

from __future__ import annotations

from pathlib import Path

import click

from cptlaw.cli.progress import doing
from cptlaw.cli.shared import check_writable, load_fit, say, say_written, such_as
from cptlaw.errors import DataError


@click.command(epilog=such_as("cptlaw report fit.json forecast.json plan -o report.html"))
@click.argument("files", metavar="FIT [RESULT]...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="The report: a .html file, or .md.")
@click.option("--title", help="Its title.")
def report(files: tuple[str, ...], output: str, title: str | None) -> None:
    """Write one file that tells it all: data, fit, forecasts, plan, how sure they are.

    FIT is a file that `cptlaw fit -o` wrote, or published:ID; each RESULT one that `backtest`,
    `compare`, `forecast`, `plan` or `pilot` wrote with -o (of a folder, plan.json or pilots.json
    in it). The HTML file works offline and can be sent.
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
