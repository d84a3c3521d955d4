"""Compare laws on one study."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.shared import (
    JSON,
    Many,
    check_laws,
    fitting_options,
    say,
    show,
)

if TYPE_CHECKING:
    from cptlaw.fitting.options import FitOptions
    from cptlaw.forecasting.compare import ComparedRow, Comparison


@click.command(cls=Many)
@click.argument("study", metavar="STUDY")
@click.option(
    "--law",
    multiple=True,
    metavar="NAME ...",
    help="Laws to compare; left out, the default and the paper's.",
)
@click.option(
    "--hold-out",
    multiple=True,
    metavar="RUN ...",
    help="Runs to hold out together; left out, each in turn, and the ends of all.",
)
@click.option("--against", metavar="NAME", help="The law that the others are compared with.")
@fitting_options
@JSON
def compare(
    study: str,
    law: tuple[str, ...],
    hold_out: tuple[str, ...],
    against: str | None,
    options: FitOptions,
    as_json: bool,
) -> None:
    """Compare laws by their errors on what they were not shown, with a paired bootstrap."""
    from cptlaw.forecasting.compare import compare as compare_laws
    from cptlaw.studies import study_file

    laws = list(dict.fromkeys(name for word in law for name in word.split(",")))
    check_laws([*laws, *([] if against is None else [against])])
    loaded = study_file.load(study)
    held = [n for w in hold_out for n in ([w] if loaded.has_run(w) else w.split(","))]
    result = compare_laws(
        loaded,
        laws,
        held,
        against=against,
        options=options,
        progress=say,
    )
    show(as_json, lambda: comparison_shape(result), lambda: comparison_text(result))
    words = f"cptlaw fit {shlex.quote(study)} --law {result.best} -o fit.json"
    say(f"next: {words}   (the lowest error here, fitted to all runs)")


def comparison_text(result: Comparison) -> str:
    """Errors of every law, the differences with their intervals, and what they say."""
    from cptlaw.output.text import report

    headers = (
        "domain", "law", "runs", "MAPE", "final loss", f"minus {result.against}",
        f"{100 * result.level:g} % interval", "better in",
    )  # fmt: skip
    title = f"Errors on what was not fitted ({'; '.join(result.parts)})"
    grid = report.table(headers, [_cells(row) for row in result.rows], title)
    said = [
        textwrap.fill(text, 110, initial_indent="  - ", subsequent_indent="    ")
        for text in (*result.conclusions, *result.notes)
    ]
    return "\n".join([grid, *said])


def _cells(row: ComparedRow) -> tuple[str, ...]:
    cells = (row.domain, row.law, str(row.runs), f"{row.mape:.3%}", f"{row.final:.3%}")
    if row.difference is None or row.better is None:
        return (*cells, "-", "-", "-")
    gap = row.difference
    return (*cells, f"{gap.value:+.3%}", f"{gap.low:+.3%} to {gap.high:+.3%}", f"{row.better:.0%}")


def comparison_shape(result: Comparison) -> dict[str, Any]:
    """`{"rows": [a row per law and domain], "curves": [...], "against", ...}`."""
    return {
        "rows": [_row_shape(row) for row in result.rows],
        "curves": [
            {
                "law": c.law,
                "run": c.run,
                "domain": c.domain,
                "part": c.part,
                "n": int(c.error.size),
                "mape": c.mape,
                "final_error": c.final,
            }
            for c in result.curves
        ],
        "against": result.against,
        "level": result.level,
        "parts": list(result.parts),
        "conclusions": list(result.conclusions),
        "notes": list(result.notes),
    }


def _row_shape(row: ComparedRow) -> dict[str, Any]:
    gap = row.difference
    return {
        "law": row.law,
        "domain": row.domain,
        "runs": row.runs,
        "mape": row.mape,
        "final_error": row.final,
        "difference": None if gap is None else gap.value,
        "low": None if gap is None else gap.low,
        "high": None if gap is None else gap.high,
        "better": row.better,
    }
