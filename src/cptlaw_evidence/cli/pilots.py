"""Chosen pilots against random ones."""

from __future__ import annotations

from typing import Any

import click

from cptlaw.cli.shared import JSON, say, show


@click.command("pilots", short_help="Chosen pilots against random ones.")
@click.option("--draws", type=click.IntRange(min=1), default=100, show_default=True)
@JSON
def bench_pilots(draws: int, as_json: bool) -> None:
    """Play choices of pilots through on the bundled runs, against random choices.

    Three pilots of the same total cost each; the regret of the choice made after them, and the
    mean error of the forecast curves of what is not done, of the targets and of all runs.
    """
    from cptlaw_evidence import pilots as replay

    result = replay.measure(draws, say)
    show(as_json, lambda: result, lambda: _bench_text(result))


def _bench_text(result: dict[str, Any]) -> str:
    parts = [_start_text(start, result["draws"]) for start in result["starts"]]
    ratio = ", ".join(f"{words} {result['ratios'][kind]:.2f}" for kind, words in _SCORES.items())
    return "\n\n".join([*parts, f"Over all starts, chosen over random: {ratio}."])


def _start_text(start: dict[str, Any], draws: int) -> str:
    """One start as a table: a line for every decision, and the means."""
    from cptlaw.page import table

    keys = [f"{kind}{which}" for kind in _SCORES for which in ("_before", "", "_random")]
    lines = [*start["rows"], {"goal": "mean", **start["mean"]}]
    rows = [[line["goal"], *(f"{line[key]:.4f}" for key in keys)] for line in lines]
    headers = ["goal", *(f"{words} {w}" for words in _SCORES.values() for w in _WHICH)]
    ratio = ", ".join(f"{words} {start['ratios'][kind]:.2f}" for kind, words in _SCORES.items())
    return "\n".join(
        [
            f"After {', '.join(start['first'])}: pilots of {start['budget']} out of "
            f"{start['candidates']} candidates, nats",
            table(headers, rows),
            f"Chosen over random ({draws} choices): {ratio}.",
            f"A fit to all runs has an error of {start['least_error']:.4f} on them.",
        ]
    )


_SCORES = {
    "regret": "regret",
    "error": "target error",
    "error_all": "error of all",
}
_WHICH = ("before", "chosen", "random")
