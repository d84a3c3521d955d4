"""The page on which one drags a recipe: explore."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, FIT
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import DEMO, examples, load_fit, say
from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw.explorer.live import Watched

_TOUR = "grid-20m"


@click.command(
    epilog=examples(
        "cptlaw explore",
        "cptlaw explore fit.json --port 9000",
        "cptlaw explore fit.json --follow grid-20m/cpt-const.csv --after base \\",
        '    --schedule "constant 1200"',
        after=DEMO,
    )
)
@click.argument("source", required=False, metavar="[FIT|STUDY]", type=FIT)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address that the page is served at."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), help="By default 8765, or the next free one."
)
@click.option(
    "--browser/--no-browser",
    default=None,
    help="Whether to open a browser; by default at a terminal.",
)
@click.option(
    "--follow", type=FILE, metavar="LOG", help="Log of a run that trains now, to show too."
)
@click.option("--schedule", metavar="TEXT", help="Learning rates of that run, from its first step.")
@click.option("--after", metavar="RUN[@STEP]", help="What that run goes on from.")
def explore(
    source: str | None,
    host: str,
    port: int | None,
    browser: bool | None,
    follow: str | None,
    schedule: str | None,
    after: str | None,
) -> None:
    """Open a page on which you drag a recipe and see the losses move.

    FIT is a file that `cptlaw fit -o` wrote, or published:NAME. STUDY is a study file, which is
    fitted first. Without either, the page opens with the bundled runs of a 20M model.

    Only this machine can open the page. With another --host, everyone who reaches that address can
    look at the fit and send files to be read.

    With --follow the page also shows a run that trains now: its losses, and the forecast of its
    end (see `cptlaw watch`, which takes the same LOG, --schedule and --after).
    """
    from cptlaw.explorer.server import LOCAL
    from cptlaw.explorer.serving import serve

    watched = None if follow is None else _watched(Path(follow), source, schedule, after)
    make = _maker(source)
    if host not in LOCAL:
        say(f"note: everyone who reaches {host} can look at this and send files to be read.")

    def ready(url: str) -> None:
        say(f"the explorer is at {url}   (Ctrl-C ends it)")
        if browser or (browser is None and sys.stdout.isatty()):
            webbrowser.open(url)

    serve(make, host, port, ready, watched)


def _maker(source: str | None) -> Callable[[Callable[[str], None]], tuple[str, Any, str]]:
    """What makes the first fit, in the background; a file that is no good is told at once."""
    from cptlaw.fitting.fit import fit
    from cptlaw.studies import datasets, study_file

    if source is None:
        name = f"{_TOUR}, runs of a 20M model"
        return lambda progress: (name, fit(datasets.load(_TOUR), progress=progress), "")
    if Path(source).suffix.lower() == ".toml":
        study = study_file.load(source, doing.later())
        return lambda progress: (_name(source), fit(study, progress=progress), "")
    loaded = load_fit(source)
    return lambda progress: (_name(source), loaded, "")


def _watched(log: Path, source: str | None, schedule: str | None, after: str | None) -> Watched:
    """A run that trains meanwhile, followed as `cptlaw watch` does."""
    from cptlaw.cli.watch import prepared
    from cptlaw.explorer.live import Watched

    if not log.exists():
        raise DataError(f"{log}: there is no such log (yet).")
    if source is None or source.startswith("published:"):
        raise DataError("--follow needs a FIT or STUDY of your own, which tells of earlier runs.")
    return Watched(*prepared(log, source, None, {"schedule": schedule, "after": after}))


def _name(source: str) -> str:
    """What the page calls it: without the folders of this machine."""
    return Path(source).name
