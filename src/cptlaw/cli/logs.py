"""From logs to a study: read, init."""

from __future__ import annotations

import os
from pathlib import Path

import click

from cptlaw.cli.shared import JSON, check_writable, say, show
from cptlaw.errors import DataError


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG ...")
@click.option("-o", "--output", help="Write tidy CSV: a file, or a folder for several logs.")
@JSON
def read(logs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Show what a log holds: columns, steps, learning rate, and anything odd."""
    from cptlaw import logs as readers
    from cptlaw import report, shapes

    runs = [readers.read(path) for path in logs]
    written: list[Path] = []
    if output is not None:
        many = len(runs) > 1 or Path(output).is_dir()
        if many:
            Path(output).mkdir(parents=True, exist_ok=True)
            names = [run.name for run in runs]
            if len(set(names)) < len(names):
                raise DataError("two logs have the same name; read them one at a time.")
        else:
            check_writable(output)
        for run in runs:
            written.append(Path(output) / f"{run.name}.csv" if many else Path(output))
            readers.write_csv(run, written[-1])
    show(
        as_json,
        lambda: {"logs": [shapes.run_shape(run) for run in runs]},
        lambda: "\n\n".join(report.run_text(run) for run in runs),
    )
    for path in written:
        say(f"wrote {path}")
    if not written:
        say(f"next: cptlaw init {' '.join(logs)} -o study.toml")


@click.command()
@click.argument("logs", nargs=-1, required=True, metavar="LOG ...")
@click.option("-o", "--output", default="study.toml", show_default=True, help="The study file.")
@click.option("--unknown", metavar="NAME", help="The logs go on from this open model.")
@click.option("--pt", metavar="COLUMN", help="Column of the D_pt loss.")
@click.option("--cpt", metavar="COLUMN", help="Column of the D_cpt loss.")
@click.option("--force", is_flag=True, help="Write over an existing study file.")
@JSON
def init(
    logs: tuple[str, ...],
    output: str,
    unknown: str | None,
    pt: str | None,
    cpt: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a first study.toml from logs; look it over before fitting."""
    from cptlaw import logs as readers
    from cptlaw.draft import draft
    from cptlaw.files import write_atomic

    check_writable(output)
    if Path(output).exists() and not force:
        raise DataError(f"{output} exists. Name another file with -o, or add --force.")
    folder = Path(output).absolute().parent
    paths = [Path(os.path.relpath(path, folder)).as_posix() for path in logs]
    made = draft([readers.read(p) for p in logs], paths, unknown=unknown, pt=pt, cpt=cpt)
    write_atomic(output, made.text)
    show(
        as_json,
        lambda: {"study": output, "text": made.text, "notes": list(made.notes)},
        lambda: made.text.rstrip(),
    )
    for note in made.notes:
        say(f"  - {note}")
    say(f"wrote {output}; look it over, then: cptlaw fit {output} -o fit.json")
