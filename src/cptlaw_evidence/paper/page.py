"""All of the paper's figures in one folder, with a page that shows them."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from cptlaw.files import make_folder, write_atomic
from cptlaw.output.plot.writing import save_all
from cptlaw_evidence.paper import SOURCES, Entry, draw, entries
from cptlaw_evidence.paper.drawing import MADE_FROM, Drawing, Source
from cptlaw_evidence.paper.figures import paper_figure
from cptlaw_evidence.paper.json import drawing_json


def write_all(folder: Path, progress: Callable[[str], None] = lambda _: None) -> list[Drawing]:
    """Every figure and table from all it can be made from, as PNG, SVG and JSON, and index.html.

    Args:
        folder: made if it is missing; files of the same names are replaced.
        progress: is told of every figure.

    Raises:
        DataError: the folder cannot be made or written to.
        MissingExtra: matplotlib is not installed.
    """
    make_folder(folder)
    wanted: list[tuple[Entry, Source]] = [(e, s) for e in entries() for s in e.sources]
    found: list[Drawing] = []
    for i, (entry, source) in enumerate(wanted, 1):
        progress(f"{i} of {len(wanted)}: {entry.name} from {MADE_FROM[source]} ...")
        (drawing,) = draw(entry.name, source)
        figure = paper_figure(drawing)
        save_all(figure, [folder / f"{stem(drawing)}.{kind}" for kind in ("png", "svg")])
        write_atomic(
            folder / f"{stem(drawing)}.json", json.dumps(drawing_json(drawing), allow_nan=False)
        )
        found.append(drawing)
    write_atomic(folder / "index.html", page(found))
    return found


def stem(drawing: Drawing) -> str:
    """The name of a drawing's files, without suffix."""
    return f"{drawing.name}-{drawing.source}"


def page(drawings: Sequence[Drawing]) -> str:
    """A page of links, pictures, numbers and notes; it needs nothing but the files beside it.

    Args:
        drawings: in the order they are shown.
    """
    by_name = {entry: [d for d in drawings if d.name == entry.name] for entry in entries()}
    links = "".join(_link(entry) for entry, own in by_name.items() if own)
    sections = "\n".join(_section(entry, own) for entry, own in by_name.items() if own)
    return _PAGE.replace("LINKS", links).replace("SECTIONS", sections)


def _link(entry: Entry) -> str:
    return f'<a href="#{entry.name}">{_spoken(entry.name)}</a> '


def _spoken(name: str) -> str:
    """Figure 8 for fig8."""
    kind = "Figure" if name.startswith("fig") else "Table"
    return f"{kind} {name.removeprefix('fig').removeprefix('table')}"


def _section(entry: Entry, drawings: Sequence[Drawing]) -> str:
    order = sorted(drawings, key=lambda d: SOURCES.index(d.source))
    body = "\n".join(_drawing(drawing) for drawing in order)
    title = f"{_spoken(entry.name)}: {html.escape(entry.title)}"
    return f'<section id="{entry.name}">\n<h2>{title}</h2>\n{body}\n</section>'


def _drawing(drawing: Drawing) -> str:
    title, name = html.escape(drawing.title), stem(drawing)
    files = ", ".join(
        f'<a href="{name}.{kind}">{kind.upper()}</a>' for kind in ("png", "svg", "json")
    )
    numbers = "".join(
        f"<tr><td>{html.escape(what)}</td><td>{_number(value)}</td></tr>"
        for what, value in drawing.numbers.items()
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in drawing.notes)
    parts = [
        f"<h3>From {MADE_FROM[drawing.source]}: {title}</h3>",
        f'<a href="{name}.svg"><img src="{name}.png" alt="{title}" loading="lazy"></a>',
        f'<p class="files">{files}</p>',
        f"<ul>{notes}</ul>" if notes else "",
        f"<details><summary>Numbers</summary><table>{numbers}</table></details>" if numbers else "",
    ]
    return "\n".join(part for part in parts if part)


def _number(value: float) -> str:
    return f"{value:.5g}".replace("inf", "never")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The paper's figures</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
nav { line-height: 2; }
nav a { margin-right: .6rem; white-space: nowrap; }
h2 { margin-top: 3rem; border-bottom: 1px solid #8886; }
h3 { font-size: 1rem; }
img { width: 100%; height: auto; background: white; border-radius: 4px; }
.files { margin: .2rem 0; }
table { border-collapse: collapse; }
td { padding: .1rem .8rem .1rem 0; border-bottom: 1px solid #8884; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
<h1>The paper's figures, made anew</h1>
<p>Figures and tables of arXiv:2505.07796v2, from its published coefficients and from the real runs
that come with cptlaw. A picture leads to its vector file.</p>
<nav>LINKS</nav>
SECTIONS
</body>
</html>
"""
