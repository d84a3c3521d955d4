"""A report as one HTML file: styles, figures and the code that draws them are all in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from cptlaw.errors import MissingExtra
from cptlaw.output.json.numbers import dumped
from cptlaw.output.report.blocks import Block, Heading, Points, led
from cptlaw.output.report.charts import Chart
from cptlaw.output.report.sections import Report, Section
from cptlaw.page import Table
from cptlaw.visible import visible, visible_lines

_HINT = (
    '<p class="hint">Figures: <span class="mouse">drag to enlarge a part, double-click to see all '
    "again; </span>click a name below a figure to hide it.</p>"
)


def html(report: Report) -> str:
    """The whole page.

    Raises:
        MissingExtra: plotly, whose JavaScript draws the figures, is not installed.
    """
    page = Template(_asset("page.html"))
    names = [f"{i}-{_slug(section.title)}" for i, section in enumerate(report.sections, start=1)]
    pairs = list(zip(names, report.sections, strict=True))
    return page.substitute(
        title=escape(visible(report.title)),
        style=_asset("page.css"),
        contents="\n".join(f'<li><a href="#{n}">{escape(s.title)}</a></li>' for n, s in pairs),
        body=visible_lines("\n".join(_section(name, section) for name, section in pairs)),
        hint=_HINT if any(section.charts for section in report.sections) else "",
        plotly=_plotly() if any(section.charts for section in report.sections) else "",
        script=_asset("page.js"),
    )


def _asset(name: str) -> str:
    return (resources.files("cptlaw.output.report") / "assets" / name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise MissingExtra("plotly", "explorer", "A report in HTML") from None
    return get_plotlyjs().replace("</script", "<\\/script")


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]


def _section(name: str, section: Section) -> str:
    parts = [f'<section id="{name}"><h2>{escape(section.title)}</h2>']
    first, rest = led(section.blocks)
    parts += [_block(block) for block in first]
    parts += [_chart(chart) for chart in section.charts if not chart.is_small]
    small = [_chart(chart) for chart in section.charts if chart.is_small]
    parts += [f'<div class="row">{"".join(small)}</div>'] if small else []
    parts += [_block(block) for block in rest]
    if section.code:
        parts.append(f'<pre tabindex="0">{escape(section.code)}</pre>')
    return "\n".join([*parts, "</section>"])


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h3>{_words(block.text)}</h3>"
    if isinstance(block, Points):
        return f"<ul>{''.join(f'<li>{_words(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Table):
        return _table(block)
    if block.is_formula:
        return f"<p class=formula>{escape(block.text)}</p>"
    return f"<p>{_words(block.text)}</p>"


def _words(text: str) -> str:
    """A sentence; what stands between backticks is something to type."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _table(table: Table) -> str:
    sides = [" class=words" if words else "" for words in table.of_words]
    heads = zip(sides, table.headers, strict=True)
    head = "".join(f'<th scope="col"{side}>{escape(cell)}</th>' for side, cell in heads)
    rows = "".join(_row(row, sides) for row in table.rows)
    title = f"<caption>{escape(table.title)}</caption>" if table.title else ""
    inner = f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="table">{inner}</div>'


def _escaped(value: Any) -> Any:
    """What a figure is made of, in which no name is a link or another mark."""
    if isinstance(value, dict):
        return {key: _escaped(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return escape(visible_lines(value), quote=False) if isinstance(value, str) else value


def _row(row: Sequence[str], sides: Sequence[str]) -> str:
    first, *others = row
    pairs = zip(sides[1:], others, strict=True)
    cells = "".join(f"<td{side}>{escape(cell)}</td>" for side, cell in pairs)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'


def _chart(chart: Chart) -> str:
    data: dict[str, Any] = {"data": chart.traces, "layout": chart.layout}
    # plotly takes texts for markup; and no "<" stays in it, so that no name can end the element.
    text = dumped(_escaped(data)).replace("<", "\\u003c")
    height = int(chart.layout.get("height", 400))
    return (
        f'<figure><figcaption>{escape(chart.title)}</figcaption><div class="chart" '
        f'style="height:{height}px" role="img" aria-label="{escape(chart.title)}"></div>'
        f'<script type="application/json">{text}</script></figure>'
    )
