"""What a first study says of the columns of its logs, and what it asks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from cptlaw import toml_text
from cptlaw.page import number
from cptlaw.studies.runs import Run
from cptlaw.studies.study_file import guesses
from cptlaw.studies.study_file.units import BITS, unit

_MOST = 12  # questions on columns
_MANY = 3  # values of some column, beside which a single one says nothing
ASK = "ASK:"
"""What marks a line of a first study that asks something."""


def certain(logs: Sequence[Run], given: Collection[str | None]) -> list[Run]:
    """The logs without the columns that may be no losses, or of one value in each log.

    Those that were given are kept, and so is every column of a log that has no others.
    """
    most = {name: max(_points(log, name) for log in logs) for log in logs for name in log.curves}
    few = {name for name, points in most.items() if points == 1 and max(most.values()) >= _MANY}
    return [_without(log, (few | log.doubts.keys()) - set(given)) for log in logs]


def _points(log: Run, name: str) -> int:
    return len(log.curves[name]) if name in log.curves else 0


def _without(log: Run, out: Collection[str]) -> Run:
    kept = {name: curve for name, curve in log.curves.items() if name not in out}
    return replace(log, curves=kept) if kept else log


def told(logs: Sequence[Run]) -> list[str]:
    """A sentence on each column that holds losses: of what data, its range and its unit."""
    names = dict.fromkeys(name for log in logs for name in log.curves)
    bits = dict.fromkeys(note for log in logs for note in log.notes if BITS in note)
    lrs = dict.fromkeys(note for log in logs for note in log.notes if "lr_offset" in note)
    return [*(f"'{name}': {_range(logs, name)}." for name in names), *bits, *lrs]


def asked(logs: Sequence[Run]) -> list[str]:
    """The lines of [domains] that ask whether a column is a loss, each with its answer ready."""
    doubts = {name: why for log in logs for name, why in log.doubts.items()}
    lines: list[str] = []
    for role, name in list(guesses.ood(list(doubts)).items())[:_MOST]:
        question = (
            f"{ASK} is '{name}' a loss? {_values(logs, name)}; {doubts[name].rstrip('?')}. "
            "If it is one, take away the # of this line:"
        )
        lines += [
            *toml_text.comment(question),
            f"# {toml_text.pairs({tuple(role.split('.', 1)): name})[0]}",
        ]
    if len(doubts) > _MOST:
        more = f"{len(doubts) - _MOST} more columns may be losses; cptlaw read names them."
        lines += toml_text.comment(more)
    return lines


def asked_of_steps(log: Run) -> list[str]:
    """The lines of a [[run]] that ask how many micro-batches of its log are a step."""
    if not log.counts_micro_batches:
        return []
    if log.micro_batches is not None:
        return [f"micro_batches = {log.micro_batches}  # as hyperparameters.yaml says"]
    question = (
        f"{ASK} the log counts micro-batches. How many of them are one optimiser step (gradient "
        "accumulation)? If it is more than 1, write it here and take away the #:"
    )
    return [*toml_text.comment(question), "# micro_batches = 8"]


def _range(logs: Sequence[Run], name: str) -> str:
    """What a column is and its values are, its range, its unit."""
    curve = next(log.curves[name] for log in logs if name in log.curves)
    means = f", {curve.words}" if curve.source == "training" else ""
    return f"{curve.source} loss{means}, {_values(logs, name)}"


def _values(logs: Sequence[Run], name: str) -> str:
    curves = [log.curves[name] for log in logs if name in log.curves]
    low = min(float(curve.loss.min()) for curve in curves)
    high = max(float(curve.loss.max()) for curve in curves)
    points = sum(len(curve) for curve in curves)
    return (
        f"{number(low)} to {number(high)} {unit(name)}, {points} point{'s' if points > 1 else ''}"
    )
