"""What the benchmarks on real curves share: options, and where results go."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from cptlaw.cli.completing import FILE, FOLDER
from cptlaw.cli.formats import Format, show
from cptlaw.cli.shared import say_written

DATA = click.option(
    "--data",
    type=FOLDER,
    metavar="DIR",
    help="Folder of curves that do not come with the package.",
)
PROTOCOLS = click.option(
    "--protocol",
    multiple=True,
    metavar="NAME ...",
    help="Only these protocols (what is fitted, and what is scored); by default all.",
)
JOBS = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many processes work; by default one for each processor.",
)
OUTPUT = click.option(
    "-o", "--output", type=FILE, metavar="FILE", help="Write the result as Markdown."
)


def figures_option(what: str) -> Callable[..., Any]:
    """An option for the file of measured figures."""
    into = "into a file of measured figures (docs/laws.md)."
    return click.option("--write", "figures", type=FILE, metavar="FILE", help=f"Put {what} {into}")


def words(given: Iterable[str]) -> list[str]:
    """Names that were given apart or with commas, each once."""
    return list(dict.fromkeys(name for word in given for name in word.split(",")))


def place(data: str | None) -> Path | None:
    """The folder of curves."""
    return None if data is None else Path(data)


def processes(jobs: int | None) -> int:
    """How many run at a time."""
    return jobs or os.cpu_count() or 1


def earlier(path: str) -> Any:
    """An earlier result of a command, as it was written with --json.

    Raises:
        DataError: the file is absent, or no JSON.
    """
    from cptlaw.errors import DataError
    from cptlaw.files import read_text

    try:
        return json.loads(read_text(path, "Name an earlier result, written with --json."))
    except (ValueError, RecursionError):
        raise DataError(f"{path}: no JSON; write an earlier result with --json.") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def give(
    result: Mapping[str, Any],
    how: Format,
    to_text: Callable[[Mapping[str, Any]], str],
    to_markdown: Callable[[Mapping[str, Any], str], str],
    output: str | None,
    figures: str | None,
) -> None:
    """Print a result, write its page, and name the files.

    Args:
        result: one value for JSON.
        how: the format that is printed.
        to_text: the result for a terminal.
        to_markdown: the result and the command that made it -> a page.
        output: where the page goes, if anywhere.
        figures: the file of figures that was written, if one was.
    """
    from cptlaw.files import write_atomic

    if output is not None:
        write_atomic(output, to_markdown(result, shlex.join(["cptlaw", *sys.argv[1:]])))
    show(how, lambda: dict(result), lambda: to_text(result))
    say_written(output, figures)
