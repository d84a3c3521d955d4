"""From logs to a study: read, init."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cptlaw import toml_text
from cptlaw.cli.completing import FILE
from cptlaw.cli.formats import JSON, Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, check_writable, examples, say
from cptlaw.errors import DataError
from cptlaw.files import check_folder, make_folder
from cptlaw.visible import visible

if TYPE_CHECKING:
    from cptlaw.studies.runs import Run

_UNFIT = re.compile(r"[/\\:]|^\.+")  # what is no part of a file's name, or hides it
_LOGGING_STEPS = click.option(
    "--logging-steps",
    type=click.IntRange(min=1),
    metavar="N",
    help="Steps from one line of losses to the next, for a console log of transformers that prints "
    "no steps.",
)


def _told(logs: Sequence[str]) -> Iterator[str]:
    """Logs one after the other, each told before it is read if reading takes a while."""
    tell = doing.later()
    for number, path in enumerate(logs, 1):
        tell(f"reading {Path(path).name} ({number} of {len(logs)}) ...")
        yield path
    doing.clear()


@click.command(
    epilog=examples(
        "cptlaw read grid-20m/base.csv",
        "cptlaw read grid-20m/base.csv grid-20m/cpt-cosine.csv -o tidy",
        "cptlaw read grid-20m/base.csv --format csv",
        after=DEMO,
    )
)
@click.argument("logs", nargs=-1, required=True, metavar="LOG ...", type=FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the log as CSV: a file, or a folder for several logs.",
)
@_LOGGING_STEPS
@formatted
def read(logs: tuple[str, ...], output: str | None, logging_steps: int | None, how: Format) -> None:
    """Show what a log holds: columns, steps, learning rate, and anything odd.

    LOG is a file or a folder of any trainer that docs/logs.md lists; its kind is found by itself.
    """
    from cptlaw.output.json.study import run_json
    from cptlaw.output.tables import run_rows
    from cptlaw.output.text.study import run_text
    from cptlaw.studies import logs as readers

    if output is not None and len(logs) == 1 and not Path(output).is_dir():
        check_writable(output, reads=logs)
    elif output is not None:
        check_folder(output)
    runs = [readers.read(path, logging_steps=logging_steps) for path in _told(logs)]
    written = [] if output is None else _targets(Path(output), [run.name for run in runs])
    check_writable(*map(str, written), reads=logs)
    for run, path in zip(runs, written, strict=False):
        readers.write_csv(run, path)
    show(
        how,
        lambda: {"logs": [run_json(run) for run in runs]},
        lambda: "\n\n".join(run_text(run) for run in runs),
        lambda: [row for run in runs for row in run_rows(run)],
    )
    for run, path in zip(runs, written, strict=False):
        say(f"wrote {path}{_means(run)}")
    if not written:
        say(f"next: cptlaw init {shlex.join(logs)} -o study.toml")


def _means(run: Run) -> str:
    """What a study of the written table has to say of its columns."""
    windows = {name: c.window for name, c in run.curves.items() if c.window > 1}
    factors = {name: c.ema for name, c in run.curves.items() if c.ema}
    said = toml_text.pairs({"window": windows or None, "ema": factors or None})
    return f"; a study of it needs {' and '.join(said)}" if said else ""


def _targets(output: Path, names: list[str]) -> list[Path]:
    """The file itself for one log, else a file for each in a folder that is made."""
    if len(names) == 1 and not output.is_dir():
        return [output]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"two logs have the name '{twice[0]}'; write them one at a time.")
    make_folder(output)
    return [output / f"{_UNFIT.sub('-', visible(name))}.csv" for name in names]


@click.command(
    epilog=examples(
        "cptlaw init grid-20m/base.csv grid-20m/cpt-cosine.csv -o mine.toml",
        "cptlaw init grid-20m/cpt-const.csv grid-20m/cpt-cosine.csv --unknown llama -o open.toml",
        after=DEMO,
    )
)
@click.argument("logs", nargs=-1, required=True, metavar="LOG ...", type=FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    default="study.toml",
    show_default=True,
    help="The study file.",
)
@click.option(
    "--unknown",
    metavar="NAME",
    help="The logs go on from this open model, whose training nobody knows.",
)
@click.option("--pt", metavar="COLUMN", help="Column of the loss on the pre-training data.")
@click.option("--cpt", metavar="COLUMN", help="Column of the loss on the new data.")
@click.option("--force", is_flag=True, help="Write over an existing study file.")
@_LOGGING_STEPS
@JSON
def init(
    logs: tuple[str, ...],
    output: str,
    unknown: str | None,
    pt: str | None,
    cpt: str | None,
    force: bool,
    logging_steps: int | None,
    as_json: bool,
) -> None:
    """Write a first study file from logs; look it over before fitting.

    The file says which log is which run, what goes on from what, and what each column is. Where it
    had to guess, a comment says so.
    """
    from cptlaw.files import write_atomic
    from cptlaw.studies import logs as readers
    from cptlaw.studies.study_file.draft import draft

    check_writable(output, reads=logs)
    if Path(output).exists() and not force:
        raise DataError(f"{output} exists. Name another file with -o, or add --force.")
    folder = Path(output).absolute().parent
    paths = [Path(os.path.relpath(path, folder)).as_posix() for path in logs]
    sure = [column for column in (pt, cpt) if column is not None]
    read_in = [readers.read(p, surely=sure, logging_steps=logging_steps) for p in _told(logs)]
    make = partial(draft, read_in, paths, pt=pt, cpt=cpt, logging_steps=logging_steps)
    made = make(unknown=unknown)
    if made.asks and not as_json and sys.stdin.isatty():
        name = _open_model(made.asks[0])
        made = make(unknown=name) if name.strip() else made
    write_atomic(output, made.text)
    show(
        "json" if as_json else "text",
        lambda: {
            "study": output,
            "text": made.text,
            "notes": list(made.notes),
            "asks": list(made.asks),
        },
        lambda: made.text.rstrip(),
    )
    file = shlex.quote(output)
    if made.asks:
        names = ", ".join(f"'{name}'" for name in made.asks)
        given = shlex.join([*logs, *_given({"--pt": pt, "--cpt": cpt, "-o": output})])
        goes = "goes" if len(made.asks) == 1 else "go"
        say(
            f"wrote {file}; it asks what {names} {goes} on from: of an open model, write it again "
            f"with: cptlaw init {given} --force --unknown NAME"
        )
        return
    look = "fill in its schedule lines" if "TODO:" in made.text else "look over its comments"
    look += " and answer its ASK lines" if "# ASK:" in made.text else ""
    say(f"wrote {file}; {look}, then: cptlaw fit {file} -o fit.json")


def _open_model(run: str) -> str:
    """The open model that a run goes on from, asked at the terminal; empty if it is not said."""
    return click.prompt(
        f"'{run}' looks like the training of a model that was trained before. Name that open "
        "model, such as llama (nothing: you will say it in the study)",
        default="",
        show_default=False,
        err=True,
    )


def _given(options: Mapping[str, str | None]) -> Iterator[str]:
    """Options that were given, as they are typed."""
    for name, value in options.items():
        if value is not None and (name, value) != ("-o", "study.toml"):
            yield from (name, value)
