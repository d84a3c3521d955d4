"""The result of the benchmark as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cptlaw.output.text import report
from cptlaw_evidence.accuracy import tables
from cptlaw_evidence.accuracy.tables import Table

_FIGURES, _WIDTH = 9, 108


def protocols_text(shape: Mapping[str, Any]) -> str:
    """What can be measured: each protocol with its curves, what it fits and what it scores."""
    lines = [
        f"{p['name']} ({p['source']})\n    fitted: {p['fitted']}\n    scored: {p['scored']}"
        for p in shape["protocols"]
    ]
    return "\n".join(lines)


def to_text(result: Mapping[str, Any]) -> str:
    """The figures, a table for each law; what was left out; last the main table."""
    parts = [_plain(t.first(_FIGURES)) for t in tables.law_tables(result)]
    parts.append(f"  {tables.MEANING}")
    for table in (tables.split_table(result), tables.regret_table(result)):
        parts += [_plain(part) for part in table.in_width(_WIDTH) if table.rows]
    parts += _listed("Could not be scored", tables.not_applied(result))
    parts += _listed("Left out", tables.left_out(result))
    parts += [_plain(part) for part in tables.main_table(result).in_width(_WIDTH)]
    return "\n\n".join([*parts, f"  {_effort(result)}"])


def _plain(table: Table) -> str:
    # A title inside a table narrower than itself would be wrapped.
    parts = [table.title, report.table(table.headers, table.rows), *filter(None, [table.note])]
    return "\n".join(parts)


def _listed(title: str, lines: list[str]) -> list[str]:
    return ["\n".join([f"{title}:", *(f"  - {line}" for line in lines)])] if lines else []


def _effort(result: Mapping[str, Any]) -> str:
    counts = {"law": len(result["laws"]), "protocol": len(result["protocols"])}
    laws, protocols = (f"{n} {word}{'s' * (n != 1)}" for word, n in counts.items())
    jobs = f"{result['jobs']} process{'es' * (result['jobs'] != 1)}"
    return f"{laws} on {protocols} in {result['seconds']:.0f} s with {jobs}"


def _noise(result: Mapping[str, Any]) -> list[str]:
    """By how much repeated runs differ, where there are some."""
    return [
        f"`{source}`: a repeated run lies from the mean of such runs by {values} nats"
        for source, known in result["noise"].items()
        if (values := ", ".join(f"{v:.4f} ({domain})" for domain, v in known.items()))
    ]


def to_markdown(result: Mapping[str, Any], command: str) -> str:
    """A page: the main table first, what each protocol is, and every figure.

    Args:
        result: of `measure`.
        command: that made it.
    """
    sources = [f"`{name}`: {title}" for name, title in result["sources"].items()]
    parts = [
        "# How accurately the laws forecast",
        f"Made by `{command}`: {_effort(result)}. Do not edit.",
        "Laws are fitted to a part of real curves and scored on what they did not see.",
        _bullets(sources),
        "## Left out",
        _bullets(tables.left_out(result)) or "Nothing.",
        _section(tables.main_table(result)),
        _section(tables.split_table(result)),
        _section(tables.regret_table(result)),
        _section(tables.protocol_table(result)),
        "## Could not be scored",
        _bullets(tables.not_applied(result)) or "Nothing.",
        "## Every figure",
        tables.MEANING,
        _bullets(_noise(result)),
        *(f"### {table.title}\n\n{_grid(table)}" for table in tables.law_tables(result)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(table: Table) -> str:
    if not table.rows:
        return ""
    return "\n\n".join(p for p in (f"## {table.title}", table.note, _grid(table)) if p)


def _grid(table: Table) -> str:
    best = table.best or [frozenset[int]()] * len(table.rows)
    side = "---" if table.in_words else "---:"
    lines = [_line(table.headers), _line(["---", *[side] * (len(table.headers) - 1)])]
    for row, marked in zip(table.rows, best, strict=True):
        lines.append(_line(f"**{w}**" if i in marked else w for i, w in enumerate(row)))
    return "\n".join(lines)


def _line(words: Iterable[str]) -> str:
    return f"| {' | '.join(word.replace('|', chr(92) + '|') for word in words)} |"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
