"""The accuracy benchmark as a task for anybody's law."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from cptlaw.cli.completing import FILE, FOLDER
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import Many, check_writable, examples, say, say_written, tell
from cptlaw.errors import DataError, at
from cptlaw_evidence.cli import curves


@click.group(
    "task",
    epilog=examples(
        "cptlaw bench task export tasks",
        "cptlaw bench task run law.py -o predictions.csv",
        "cptlaw bench task score predictions.csv --name mine",
    ),
)
def task() -> None:
    """The benchmark as a task for a law of your own: take the tables, bring predictions.

    docs/benchmark.md has an example of 20 lines. Nothing is fetched or sent.
    """


@task.command(
    "export",
    cls=Many,
    short_help="Write the tables: what is fitted, what is asked for.",
    epilog=examples(
        "cptlaw bench task export tasks",
        "cptlaw bench task export tasks --data curves --format jsonl",
    ),
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@curves.PROTOCOLS
@curves.DATA
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "parquet"]),
    default="csv",
    show_default=True,
    help="Format of the tables.",
)
def export(folder: str, protocol: tuple[str, ...], data: str | None, form: str) -> None:
    """Write a folder of tasks: train and test tables, what led to each row, learning rates.

    The losses that are asked for are not in it. A task is a protocol of `cptlaw bench accuracy
    --list`; those on other people's curves need --data.
    """
    from cptlaw_evidence.pages import counted, left_out
    from cptlaw_evidence.sources.loading import load
    from cptlaw_evidence.task import exporting

    loaded = load(curves.words(protocol), curves.place(data))
    made = exporting.export(Path(folder), loaded, form)  # type: ignore[arg-type]
    if data is None and loaded.left_out:
        say(f"left out: {len(loaded.left_out)} tasks on curves of others; --data adds them.")
    elif loaded.left_out:
        for line in left_out({"left_out": loaded.left_out}):
            say(f"left out: {line}")
    say(f"wrote {counted(len(made), 'task')} to {folder}; begin with {Path(folder) / 'README.md'}")


@task.command(
    "run",
    cls=Many,
    short_help="Run a law file of yours on the tasks.",
    epilog=examples(
        "cptlaw bench task run law.py -o predictions.csv",
        "cptlaw bench task run law.py --data curves --limit 60 -o predictions.csv",
    ),
)
@click.argument("law", metavar="LAW.py", type=FILE)
@curves.PROTOCOLS
@curves.DATA
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    required=True,
    help="Where the predictions go, a .csv.",
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="What a split may take.",
)
def run_law(
    law: str, protocol: tuple[str, ...], data: str | None, output: str, limit: float
) -> None:
    """Fit a law file to each split and write what it predicts.

    LAW.py has fit(train, runs) and predict(fitted, test, runs), or SLDBench's two functions.
    It is code: it runs with all your rights, once for each split, in a process of its own that is
    given that split alone. Run no file that you would not run otherwise.
    """
    from cptlaw.files import write_atomic
    from cptlaw_evidence.sources.loading import load
    from cptlaw_evidence.task import predictions, running

    check_writable(output, reads=[law])
    loaded = load(curves.words(protocol), curves.place(data))
    found, failed = running.run(Path(law), loaded, limit, doing)
    for one in failed:
        say(f"{one['protocol']}: {one['why']}")
    if not found:
        raise DataError("the law predicted nothing.")
    write_atomic(output, predictions.to_csv(found))
    say_written(output)
    say(f"next: cptlaw bench task score {shlex.quote(output)} --name NAME")


@task.command(
    "score",
    cls=Many,
    short_help="Score predictions.",
    epilog=examples(
        "cptlaw bench task score predictions.csv --name mine -o mine.json",
        "cptlaw bench task score predictions.csv --format markdown",
    ),
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=FILE)
@click.option("--name", default="yours", show_default=True, help="What the law is called.")
@curves.DATA
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the result, for `cptlaw bench leaderboard`.",
)
@formatted
def score(
    files: tuple[str, ...], name: str, data: str | None, output: str | None, how: Format
) -> None:
    """Score files of predictions, or folders of them, on the tasks that they are for.

    A file is .csv or .jsonl with the columns task, split, domain, run, step, loss; without a column
    task it is named after its task. Nothing in it is run.
    """
    import json

    from cptlaw.files import write_atomic
    from cptlaw_evidence.task import leaderboard, predictions, scoring

    check_writable(output, reads=files)
    result = scoring.score(predictions.read(files), name, curves.place(data))
    if output is not None:
        write_atomic(output, json.dumps(result) + "\n")
    show(how, lambda: result, lambda: leaderboard.score_text(result))
    say_written(output)


@task.command(
    "protocols",
    short_help="The published list of protocols.",
    epilog=examples(
        "cptlaw bench task protocols", "cptlaw bench task protocols --data curves --write list.json"
    ),
)
@curves.DATA
@click.option("--write", "path", type=FILE, metavar="FILE", help="Write it anew; needs all curves.")
def protocols(data: str | None, path: str | None) -> None:
    """Print the list of protocols: which losses each split fits and scores, with checksums.

    With --write it is made anew from the curves, for a new version of the benchmark.
    """
    from cptlaw.files import write_atomic
    from cptlaw_evidence.sources import listed
    from cptlaw_evidence.sources.loading import load

    if path is None:
        tell(listed.FILE.read_text(encoding="utf-8").rstrip("\n"))
        return
    check_writable(path)
    loaded = load((), curves.place(data))
    if loaded.left_out:
        first = loaded.left_out[0]
        raise DataError(f"the list needs all curves. {first['protocol']}: {first['why']}")
    write_atomic(path, listed.text(loaded))
    say_written(path)


@click.command(
    "leaderboard",
    short_help="Results of several laws as one page.",
    epilog=examples(
        "cptlaw bench leaderboard ours.json mine.json -o leaderboard.md",
        "cptlaw bench leaderboard ours.json mine.json --format csv",
    ),
)
@click.argument("results", nargs=-1, required=True, metavar="RESULT...", type=FILE)
@curves.OUTPUT
@formatted
def leaderboard(results: tuple[str, ...], output: str | None, how: Format) -> None:
    """Order laws by their results on the benchmark.

    A RESULT is what `cptlaw bench task score -o` or `cptlaw bench accuracy --json` wrote.
    """
    from dataclasses import asdict

    from cptlaw.files import write_atomic
    from cptlaw_evidence.pages import plain
    from cptlaw_evidence.task import leaderboard as board

    check_writable(output, reads=results)
    read = [curves.earlier(path) for path in results]
    for path, one in zip(results, read, strict=True):
        with at(path):
            board.check(one)
    whole = board.merged(read)
    places = board.standings(whole, list(whole["sources"]))
    if output is not None:
        write_atomic(output, board.to_markdown(whole, shlex.join(["cptlaw", *sys.argv[1:]])))
    show(
        how,
        lambda: {"standings": [asdict(one) for one in places]},
        lambda: plain(board.standings_table(places, "Leaderboard").first(2)),
    )
    say_written(output)
