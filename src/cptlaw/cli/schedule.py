"""A schedule's numbers, and the schedule as a file that a training run uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cptlaw.cli.shared import JSON, check_figure, check_writable, say, say_written, show
from cptlaw.errors import DataError
from cptlaw.files import write_atomic

if TYPE_CHECKING:
    from cptlaw.schedules.schedule import Schedule

FIGURES = (".png", ".svg", ".pdf")


@click.command(short_help="Show a schedule's numbers, and write it for a training run.")
@click.argument("text", metavar="TEXT")
@click.option("--from", "start_lr", type=float, metavar="LR", help="LR before the first step.")
@click.option(
    "-o",
    "--output",
    multiple=True,
    metavar="FILE",
    help="Write a file whose suffix says what: lr.csv, lr.py, lr.png; may be repeated.",
)
@JSON
def schedule(text: str, start_lr: float | None, output: tuple[str, ...], as_json: bool) -> None:
    """Show steps, peak, last learning rate and area of a schedule, and write it to files.

    A .py file is a module for PyTorch and transformers' Trainer that needs no cptlaw; its first
    lines say how to use it.
    """
    from cptlaw.schedules.schedule import Schedule

    _check(output)
    parsed = Schedule.parse(text, start_lr)
    if start_lr is not None and _starts_itself(text, parsed):
        say(f"note: the schedule says itself where it starts; --from {start_lr:g} is not used.")
    _write(parsed, output)
    show(as_json, lambda: summary_shape(parsed), lambda: summary_text(parsed))
    say_written(*output)
    if not output:
        say("next: add -o lr.py, for a scheduler that a training run uses")


def _starts_itself(text: str, parsed: Schedule) -> bool:
    try:
        return type(parsed).parse(text) == parsed
    except DataError:
        return False


def _check(output: tuple[str, ...]) -> None:
    """Whether there is such a kind of file, before any work begins."""
    from cptlaw.schedules.export import EXPORTS

    check_writable(*output)
    for path in output:
        suffix = Path(path).suffix.lower()
        if suffix in FIGURES:
            check_figure(path)
        elif suffix not in EXPORTS:
            raise DataError(
                f"{path}: a schedule is written as {', '.join((*EXPORTS, *FIGURES))}, not "
                f"'{suffix}'. Change the file's suffix."
            )


def _write(schedule: Schedule, output: tuple[str, ...]) -> None:
    """Write all files, or none where one of them cannot be."""
    from cptlaw.output import plot
    from cptlaw.schedules.export import EXPORTS, export_text

    texts = {p: export_text(schedule, p) for p in output if Path(p).suffix.lower() in EXPORTS}
    for path in output:
        if path in texts:
            write_atomic(path, texts[path])
        else:
            plot.save(plot.schedule(schedule), path)


def summary_text(schedule: Schedule) -> str:
    """The segments, and the numbers of the whole."""
    from cptlaw.output.text import report

    found = summary_shape(schedule)
    rows = [
        (s["kind"], f"{s['first_step']} to {s['last_step']}", f"{s['first']:g}", f"{s['last']:g}")
        for s in found["segments"]
    ]
    grid = report.table(("segment", "steps", "first LR", "last LR"), rows)
    return (
        f"{grid}\n  {found['steps']} steps, peak {found['peak']:.6g}, final LR "
        f"{found['final']:.6g}, area {found['area']:.6g} (the sum of all learning rates)"
    )


def summary_shape(schedule: Schedule) -> dict[str, Any]:
    """`{"text", "steps", "peak", "final", "area", "segments": [...]}`."""
    return {
        "text": schedule.text,
        "steps": schedule.steps,
        "peak": schedule.peak,
        "final": schedule.final,
        "area": float(schedule.lr().sum()),
        "segments": _segments(schedule),
    }


def _segments(schedule: Schedule) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before = 0
    for segment in schedule.segments:
        steps = segment.run_steps
        first, last = schedule.lr([before + 1, before + steps]).tolist()
        span = {"first_step": before + 1, "last_step": before + steps}
        rows.append({"kind": segment.kind, **span, "first": first, "last": last})
        before += steps
    return rows
