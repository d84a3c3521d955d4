"""The dicts that transformers' Trainer prints, with the progress bars around them.

A printed dict does not say its step. The bar drawn behind it does; where the bars are missing or
were written through another buffer, the epoch does, if the text tells how many steps it has.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.studies.logs import habits
from cptlaw.studies.logs.beside import named
from cptlaw.studies.logs.console.engine import (
    NUMBER,
    Fields,
    Last,
    Rows,
    Writer,
    lines_of,
    number,
    table,
)
from cptlaw.studies.logs.source import Source
from cptlaw.studies.logs.table import Table

_DICT = re.compile(r"\{'(?:loss|eval_\w+|train_\w+|epoch|grad_norm|learning_rate)'[^{}]*\}")
_PAIR = re.compile(rf"'(?P<name>[^']+)': '?(?P<value>{NUMBER})'?(?=[,}}])")
# A bar of its own or ms-swift's "Train: "; others are described: of data sets, checkpoints, ...
_BAR = re.compile(
    r"(?:^\s*|(?<!:)(?<!: )(?<!:  ) |Train: +)\d+%\|[^|]*\|"
    r"\s*(?P<at>\d{1,15})/(?P<total>\d{1,15}) \["
)
_COUNTED = re.compile(
    r"'(?:global_step/max_steps|iteration)': '(\d{1,15})/\d{1,15}'"  # of ms-swift
)
_TOTAL = re.compile(r"Total optimization steps = ((?:\d,?){1,15}+)(?!\d)")
_EPOCHS = re.compile(r"Num Epochs = ((?:\d,?){1,15}+)(?!\d)")
_MOST_STEPS, _MOST_EPOCHS = 1e15, 1e9  # more are damage
_SUMMARY = frozenset(("train_runtime", "train_loss"))

TRAINER = Writer(
    "transformers Trainer",
    (),
    habit=habits.TRAINER,
    notes=("Version 5 prints four digits; trainer_state.json holds all of them.",),
)


@dataclass
class _Said:
    """What the text says: dicts and bars with their places, and how long the training is.

    A place is the line and the character in it. Some dicts say their own step: `counted`.
    """

    dicts: list[Fields] = field(default_factory=list[Fields])
    places: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    counted: list[int | None] = field(default_factory=list["int | None"])
    bars: list[tuple[tuple[int, int], int, int]] = field(
        default_factory=list[tuple[tuple[int, int], int, int]]
    )
    total: int | None = None
    epochs: float | None = None

    @property
    def each(self) -> float | None:
        """Steps of an epoch, if the text tells."""
        each = self.total / self.epochs if self.total and self.epochs else 0.0
        return each if 0 < each < _MOST_STEPS else None


def fits(sample: str) -> int:
    """How many lines of a sample are printed dicts."""
    return len(_DICT.findall(sample))


def read(source: Source) -> Table:
    """The rows of the printed dicts.

    Raises:
        DataError: the text does not tell the dicts' steps.
    """
    said = _said(source)
    summary = [entry for entry in said.dicts if _SUMMARY & entry.keys() and "loss" not in entry]
    if summary and said.epochs is None:
        said.epochs = _epoch(summary[-1].get("epoch"))
    kept = [i for i, entry in enumerate(said.dicts) if entry not in summary]
    said.dicts, said.places = [said.dicts[i] for i in kept], [said.places[i] for i in kept]
    said.counted = [said.counted[i] for i in kept]
    steps, how = _steps(source, said)
    rows = Rows()
    for entry, (line, _), step in zip(said.dicts, said.places, steps, strict=True):
        rows.add(line, step, entry)
    return table(source, TRAINER, rows, [*Last.of(source).notes, *TRAINER.notes, how])


def _said(source: Source) -> _Said:
    said = _Said()
    for at, line in lines_of(source):
        if "{'" in line:
            for match in _DICT.finditer(line):
                pairs = _PAIR.finditer(match.group())
                cells: Fields = {pair["name"]: number(pair["value"]) for pair in pairs}
                if cells:
                    counted = _COUNTED.search(match.group())
                    said.dicts.append(cells)
                    said.places.append((at, match.start()))
                    said.counted.append(int(counted[1]) if counted else None)
        for bar in _BAR.finditer(line) if "%|" in line else ():
            said.bars.append(((at, bar.start()), int(bar["at"]), int(bar["total"])))
        if (total := _TOTAL.search(line)) is not None:
            said.total = int(total[1].replace(",", ""))
        elif (epochs := _EPOCHS.search(line)) is not None:
            said.epochs = float(epochs[1].replace(",", ""))
    if said.total is None and said.bars:
        said.total = said.bars[0][
            2
        ]  # the training's bar is drawn first, those of evaluations later
    return said


def _steps(source: Source, said: _Said) -> tuple[list[int], str]:
    """The step of each dict, and how it was found."""
    counted = [step for step in said.counted if step is not None]
    if len(counted) == len(said.counted):
        return counted, "Steps are those that the dicts name."
    training = np.array(["loss" in entry for entry in said.dicts], dtype=bool)
    epochs = np.array([_epoch(entry.get("epoch")) for entry in said.dicts], dtype=np.float64)
    by_bar = _by_bars(said)
    each = said.each
    if by_bar is not None and _go_with(np.array(by_bar), epochs, training, each):
        return by_bar, "Steps are those of the progress bar drawn beside each dict."
    by_epoch = _by_epochs(said, epochs, training)
    if by_epoch is not None:
        return by_epoch, (
            f"Steps are worked out from the epochs: {said.total} steps in {said.epochs:g} epochs."
        )
    apart, where = _apart(source)
    by_rows = None if apart is None else _by_rows(apart, epochs, training)
    if by_rows is not None:
        return by_rows, f"Steps are worked out from the epochs and logging_steps = {apart}{where}."
    raise DataError(
        f"{source.given}: console text of transformers' Trainer, which does not print the step, "
        "and the text holds neither progress bars around the dicts nor the number of all steps. "
        "Read the trainer_state.json of its output folder (in each checkpoint-N, too), or a "
        "W&B or TensorBoard log of the run; or say the Trainer's logging_steps, the steps from one "
        "dict to the next: cptlaw read --logging-steps 10, logging_steps = 10 in a study."
        + (f" {apart}{where} does not go with the epochs." if apart else "")
    )


def _by_bars(said: _Said) -> list[int] | None:
    """The bar before a dict on its line, else the next one, drawn again once it is printed."""
    bars = [(place, at) for place, at, total in said.bars if total == said.total]
    if not bars:
        return None
    steps: list[int] = []
    behind = 0
    for place in said.places:
        while behind < len(bars) and bars[behind][0] < place:
            behind += 1
        same_line = behind > 0 and bars[behind - 1][0][0] == place[0]
        steps.append(bars[behind - 1 if same_line else min(behind, len(bars) - 1)][1])
    return steps


def _go_with(steps: IntArray, epochs: FloatArray, training: BoolArray, each: float | None) -> bool:
    """Whether steps rise from one training dict to the next and go with the epochs.

    Args:
        steps, epochs, training: of each dict, shape (n,).
        each: steps of an epoch, if the text tells.
    """
    if not (np.diff(steps[training]) > 0).all():
        return False
    known = np.isfinite(epochs) & (epochs > 0)
    if not known.any():
        return True
    each = each or float(np.median(steps[known] / epochs[known]))
    return bool((np.abs(steps[known] - epochs[known] * each) <= 0.011 * each + 1).all())


def _by_epochs(said: _Said, epochs: FloatArray, training: BoolArray) -> list[int] | None:
    """Steps from epochs, rounded to two digits or not: training rows are equally far apart."""
    each = said.each
    if each is None or not np.isfinite(epochs).all():
        return None
    count = np.cumsum(training)
    if not training.any():
        return None
    apart = round(float(np.median((epochs * each)[training] / count[training])))
    return _placed(each, apart, epochs, training) if apart else None


def _by_rows(apart: int, epochs: FloatArray, training: BoolArray) -> list[int] | None:
    """Steps where training rows are so many steps apart, the first at step 1 or not."""
    own = epochs[training]
    if own.size < 2 or apart >= _MOST_STEPS or not np.isfinite(epochs).all():
        return None
    late = own[1:] if own.size > 2 else own  # the first may be that of step 1
    rise = float(np.polyfit(np.arange(late.size), late, 1)[0])
    return _placed(apart / rise, apart, epochs, training) if rise > 0 else None


def _placed(each: float, apart: int, epochs: FloatArray, training: BoolArray) -> list[int] | None:
    """The step of each dict; None where epochs and rows do not go together.

    Args:
        each: steps of an epoch.
        apart: steps from one training row to the next.
        epochs: of each dict, rounded to two digits or not, shape (n,).
        training: which of them are training rows, shape (n,).
    """
    guess: FloatArray = epochs * min(each, _MOST_STEPS)
    if max(guess.max(), each, apart) >= _MOST_STEPS:
        return None
    at_1 = int(guess[training][0] < apart / 2 and apart > 1)
    counted = (np.cumsum(training) - at_1) * float(apart)
    before = float(np.median((guess - counted)[training]))  # of a run that goes on
    counted = counted + np.rint(before / apart) * apart
    slack = 0.006 * each + 0.5
    if (np.abs(guess - counted)[training][at_1:] > slack).any():
        return None
    exact = np.where(training, np.maximum(counted, 1), np.rint(guess))
    rounded = np.rint(guess / apart) * apart
    near = (np.abs(rounded - guess) <= slack) & (rounded > 0)
    return np.where(near, rounded, exact).astype(int).tolist()


def _apart(source: Source) -> tuple[int | None, str]:
    """Steps between two training rows, as was said or a file beside the text has it, and where."""
    if source.logging_steps is not None:
        return source.logging_steps, ""
    with suppress(TypeError, ValueError, OverflowError):
        said = float(named(source.path, {}, "logging_steps") or 0)
        if said >= 1 and said.is_integer():
            return int(said), ", as a file beside the text says"
    return None, ""


def _epoch(cell: object) -> float | None:
    """An epoch as it may be, else None."""
    return cell if isinstance(cell, float) and 0 <= cell <= _MOST_EPOCHS else None
