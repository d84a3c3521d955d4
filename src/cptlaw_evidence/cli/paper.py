"""The paper's figures and tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.completing import FILE, Words
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.progress import doing
from cptlaw.cli.shared import check_figure, examples, say, say_written
from cptlaw.errors import DataError

if TYPE_CHECKING:
    from cptlaw_evidence.paper.drawing import Drawing, Source


def _names_of_figures() -> list[str]:
    from cptlaw_evidence.paper import TITLES

    return ["list", "all", *TITLES]


_SOURCES = click.Choice(["published", "grid"])


@click.command(
    short_help="The paper's figures and tables, made anew.",
    epilog=examples(
        "cptlaw paper list",
        "cptlaw paper fig8 -o fig8.png",
        "cptlaw paper table1 --format markdown",
    ),
)
@click.argument("name", metavar="list|all|NAME", type=Words(_names_of_figures))
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Draw it (.png, .svg or .pdf); with all: a folder.",
)
@click.option(
    "--source", type=_SOURCES, help="What to make it from; by default the first that `list` names."
)
@formatted
def paper(name: str, output: str | None, source: Source | None, how: Format) -> None:
    """Make a figure or table of arXiv:2505.07796 anew, and print its numbers.

    NAME is fig1 to fig22, table1 or table2. It is made from the paper's coefficients where they
    suffice (published), or from the bundled real runs (grid). `list` names all of them; `all`
    draws everything into the folder of -o, with a page index.html.
    """
    if name in ("list", "all") and source is not None:
        raise DataError(f"--source belongs to one figure; leave it out with {name}.")
    if name == "list":
        if output is not None:
            raise DataError("list writes no file; leave -o out.")
        _list(how)
    elif name == "all":
        _all(output, how)
    else:
        _one(name, output, source, how)


def _list(how: Format) -> None:
    from cptlaw_evidence.paper import entries

    rows = [{"name": e.name, "title": e.title, "sources": list(e.sources)} for e in entries()]
    show(
        how,
        lambda: {"figures": rows},
        lambda: "\n".join(
            f"{row['name']:<7} {row['title']} ({', '.join(row['sources'])})" for row in rows
        ),
    )
    say("next: cptlaw paper fig8 -o fig8.png, or everything: cptlaw paper all -o paper")


def _all(output: str | None, how: Format) -> None:
    from cptlaw_evidence.paper.page import stem, write_all

    if output is None:
        raise DataError("all needs -o FOLDER, where the figures and index.html go.")
    check_figure(None)
    folder = Path(output)
    drawings = write_all(folder, doing)
    show(
        how,
        lambda: {
            "folder": output,
            "index": str(folder / "index.html"),
            "drawings": _names(drawings),
        },
        lambda: f"{len(drawings)} drawings, each as {stem(drawings[0])}.png, .svg and .json",
    )
    say_written(str(folder / "index.html"))


def _names(drawings: list[Drawing]) -> list[dict[str, Any]]:
    return [{"name": d.name, "source": d.source, "title": d.title} for d in drawings]


def _one(name: str, output: str | None, source: Source | None, how: Format) -> None:
    from cptlaw_evidence.paper import draw, get
    from cptlaw_evidence.paper.drawing import MADE_FROM
    from cptlaw_evidence.paper.json import drawing_json, drawing_rows
    from cptlaw_evidence.paper.text import drawing_text

    sources = get(name).sources
    check_figure(output)
    chosen = source or sources[0]
    others: list[Source] = [other for other in sources if other != chosen]
    doing(f"{name} ...")
    (drawing,) = draw(name, chosen)
    if output is not None:
        from cptlaw.output import plot
        from cptlaw_evidence.paper.figures import paper_figure

        plot.save(paper_figure(drawing), output)
    show(
        how,
        lambda: {**drawing_json(drawing), "other_sources": others},
        lambda: drawing_text(drawing),
        lambda: drawing_rows(drawing),
    )
    say_written(output)
    if output is None:
        say(f"next: add -o {name}.png to draw it")
    for other in others:
        command = f"cptlaw paper {name} --source {other} -o {name}-{other}.png"
        say(f"also from {MADE_FROM[other]}: {command}")
