"""The result of the benchmark as text and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from cptlaw_evidence.accuracy import tables
from cptlaw_evidence.pages import (
    Table,
    bullets,
    counted,
    effort,
    left_out,
    listed,
    page,
    plain,
    section,
    within_width,
)

_FIGURES = 9  # columns of the tables for a terminal


def protocols_text(shape: Mapping[str, Any]) -> str:
    """What can be measured: each protocol with its curves, what it fits and what it scores."""
    lines = [
        f"{p['name']} ({p['source']})\n    fitted: {p['fitted']}\n    scored: {p['scored']}"
        for p in shape["protocols"]
    ]
    return "\n".join(lines)


def to_text(result: Mapping[str, Any]) -> str:
    """The figures, a table for each law; what was left out; last the main table."""
    more = (tables.split_table(result), tables.regret_table(result))
    parts = [
        *(plain(t.first(_FIGURES)) for t in tables.law_tables(result)),
        f"  {tables.MEANING}",
        *within_width(table for table in more if table.rows),
        *listed("Could not be scored", tables.not_applied(result)),
        *listed("Left out", left_out(result)),
        *within_width([tables.main_table(result)]),
    ]
    return "\n\n".join([*parts, f"  {_effort(result)}"])


def _effort(result: Mapping[str, Any]) -> str:
    laws, protocols = len(result["laws"]), len(result["protocols"])
    return effort(f"{counted(laws, 'law')} on {counted(protocols, 'protocol')}", result)


def _noise(result: Mapping[str, Any]) -> list[str]:
    """By how much repeated runs differ, where there are some."""
    return [
        f"`{source}`: a repeated run lies from the mean of such runs by {values} nats"
        for source, known in result["noise"].items()
        if (values := ", ".join(f"{v:.4f} ({domain})" for domain, v in known.items()))
    ]


def standing(main: Table) -> Table:
    """Each law's median error over the rows in %, and in how many it was the best.

    Args:
        main: protocols against laws; rows in which the first law was not scored do not count.
    """
    rows = [
        (cells, best)
        for cells, best in zip(main.rows, main.best, strict=True)
        if cells[0].endswith("(%)") and _is_whole(cells[1])
    ]
    said: list[tuple[str, ...]] = []
    for column, law in enumerate(main.headers[1:], start=1):
        known = [float(cells[column]) for cells, _ in rows if _is_whole(cells[column])]
        won = sum(column in best for _, best in rows)
        if known:
            said.append((law, f"{median(known):.2f} %", str(len(known)), str(won)))
    counting = f"Of the {counted(len(rows), 'row')} below that are in %"
    note = f"{counting} and that {main.headers[1]} was scored on." if said else ""
    return Table("In short", ("law", "median error", "rows", "best in"), tuple(said), note)


def _is_whole(cell: str) -> bool:
    """Whether a law was scored, on all splits."""
    return cell[-1].isdigit()


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: the main table first, what each protocol is, and every figure.

    Args:
        result: of `measure`.
        command: that made it.
    """
    main = tables.main_table(result)
    parts = [
        f"{tables.FLOOR}. No forecast is as good, unless by chance."
        if result["of_form"]
        else "Laws are fitted to a part of real curves and scored on what they did not see.",
        section(standing(main)),
        section(main),
        "## Curves",
        bullets(f"`{name}`: {title}" for name, title in result["sources"].items()),
        "## Left out",
        bullets(left_out(result), "Nothing."),
        section(tables.split_table(result)),
        section(tables.regret_table(result)),
        section(tables.protocol_table(result)),
        "## Could not be scored",
        bullets(tables.not_applied(result), "Nothing."),
        "## Every figure",
        tables.MEANING,
        bullets(_noise(result)),
        *(section(table, 3) for table in tables.law_tables(result)),
    ]
    return page("How accurately the laws forecast", command, _effort(result), parts)
