"""A schedule's numbers, and the schedule as a file that a training run uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cptlaw.cli.completing import EXPORT
from cptlaw.cli.formats import Format, formatted, show
from cptlaw.cli.shared import check_figure, check_writable, examples, say, say_written
from cptlaw.errors import DataError
from cptlaw.files import write_atomic

if TYPE_CHECKING:
    from cptlaw.schedules.schedule import Schedule

FIGURES = (".png", ".svg", ".pdf")


@click.command(
    epilog=examples(
        'cptlaw schedule "warmup 500 to 2e-4 | cosine 9500 to 0"',
        'cptlaw schedule "warmup 500 to 2e-4 | cosine 9500 to 0" -o lr.py -o hf.yaml',
        'cptlaw schedule "constant 300 | linear 900 to 0" --from 1e-3 -o lr.csv',
    ),
)
@click.argument("text", metavar="TEXT")
@click.option(
    "--from", "start_lr", type=float, metavar="LR", help="Learning rate before the first step."
)
@click.option(
    "-o",
    "--output",
    type=EXPORT,
    multiple=True,
    metavar="FILE",
    help="Write a file; the end of its name says for what: lr.csv, lr.py, lr.png, lr_optax.py, "
    "hf.yaml, axolotl.yaml, llamafactory.yaml or megatron.args. May be given again.",
)
@click.option(
    "--replay",
    type=click.FloatRange(0.0, 1.0),
    metavar="R",
    help="Share of the pre-training data, for axolotl.yaml and llamafactory.yaml.",
)
@formatted
def schedule(
    text: str,
    start_lr: float | None,
    output: tuple[str, ...],
    replay: float | None,
    how: Format,
) -> None:
    """Show the learning rates of a schedule, and write them for a training run.

    TEXT is segments joined by |, or a framework's own schedule, such as "transformers:cosine
    lr=2e-4 num_warmup_steps=500 num_training_steps=10000".

    A .py file is a module for PyTorch and transformers' Trainer that does not need cptlaw; one
    whose name ends in optax.py is for Optax. Their first lines say how to use them. hf.yaml has
    TrainingArguments. axolotl.yaml, llamafactory.yaml and megatron.args are parts of a
    configuration, where the framework has such a schedule.
    """
    from cptlaw.output.json.schedule import schedule_json
    from cptlaw.output.text.schedule import schedule_text
    from cptlaw.schedules.schedule import Schedule

    _check(output)
    parsed = Schedule.parse(text, start_lr)
    if start_lr is not None and _starts_itself(text, parsed):
        say(f"note: the schedule says itself where it starts; --from {start_lr:g} is not used.")
    _write(parsed, output, replay)
    show(how, lambda: schedule_json(parsed), lambda: schedule_text(parsed))
    say_written(*output)
    if not output:
        say(
            "next: add -o lr.py for PyTorch and transformers, lr_optax.py for JAX, hf.yaml, "
            "axolotl.yaml, llamafactory.yaml or megatron.args"
        )


def _starts_itself(text: str, parsed: Schedule) -> bool:
    try:
        return type(parsed).parse(text) == parsed
    except DataError:
        return False


def _check(output: tuple[str, ...]) -> None:
    """Whether there is such a kind of file, before any work begins."""
    from cptlaw.schedules.export import EXPORTS, kind_of

    check_writable(*output)
    for path in output:
        suffix = Path(path).suffix.lower()
        if suffix in FIGURES:
            check_figure(path)
        elif kind_of(path) is None:
            raise DataError(
                f"{path}: a schedule is written as {', '.join((*EXPORTS, *FIGURES))}, not "
                f"'{suffix}'. Change the file's suffix."
            )


def _write(schedule: Schedule, output: tuple[str, ...], replay: float | None) -> None:
    """Write all files, or none where one of them cannot be."""
    from cptlaw.output import plot
    from cptlaw.schedules.export import export_text, kind_of

    texts = {p: export_text(schedule, p, replay) for p in output if kind_of(p) is not None}
    for path in output:
        if path in texts:
            write_atomic(path, texts[path])
        else:
            plot.save(plot.schedule(schedule), path)
