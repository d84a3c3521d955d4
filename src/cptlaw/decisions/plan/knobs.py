"""What may vary: each knob of a recipe is fixed, listed, or anywhere in a range.

A new knob is a row of KNOBS and a field of `Knobs` with its default; `recipe` says what it does.
The option of `cptlaw plan` follows from the row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.errors import DataError, suggestion
from cptlaw.page import typed

Family: TypeAlias = Literal["constant", "cosine", "linear", "power", "wsd", "free"]
FAMILIES: tuple[Family, ...] = ("constant", "cosine", "linear", "power", "wsd", "free")
DECAYS = ("linear", "sqrt", "cosine", "exponential", "power")
DROP = "drop"
"""What the knobs of a free schedule begin with: drop1, drop2, ..."""

_VALUES = "A number, a list ({}) or a range ({})."


@dataclass(frozen=True)
class Knob:
    """One thing that a recipe may vary in.

    Args:
        words: what it is, in tables and sentences.
        help: what it is, on the command line.
        low: lowest value.
        high: highest value.
        expected: the values it may have, in words.
        above_low: whether the lowest value itself is not allowed.
        is_whole: whether only whole numbers are.
        is_log: whether it moves by factors.
        choices: the words that it may be, of a knob that is not a number.
        families: schedule families that have it; none given, all.
        option: on the command line, where that is not its name.
        metavar: what stands for its value on the command line.
    """

    words: str
    help: str
    low: float = 0.0
    high: float = 1.0
    expected: str = ""
    above_low: bool = False
    is_whole: bool = False
    is_log: bool = False
    choices: tuple[str, ...] = ()
    families: tuple[Family, ...] = FAMILIES
    option: str = ""
    metavar: str | None = None

    def check(self, name: str, value: float) -> None:
        """Whether the knob can have a value.

        Raises:
            DataError: it cannot.
        """
        wrong = (self.above_low and value == self.low) or (self.is_whole and value != round(value))
        if wrong or not self.low <= value <= self.high:
            raise DataError(f"{name} = {value:g}: expected {self.expected}.")


KNOBS: Mapping[str, Knob] = {
    "peak": Knob(
        "peak LR",
        "Highest learning rate. " + _VALUES.format("1e-4,2e-4", "1e-5..2e-4"),
        expected="above 0 and at most 1",
        above_low=True,
        is_log=True,
        metavar="LR",
    ),
    "steps": Knob(
        "steps",
        "Optimiser steps. " + _VALUES.format("10000,20000", "5000..20000"),
        low=2.0,
        high=2e7,
        expected="a whole number, 2 to 2e7",
        is_whole=True,
        is_log=True,
        metavar="N",
    ),
    "family": Knob(
        "schedule family",
        "Kinds of schedule: constant, cosine, linear, power, wsd (constant, then a decay), free "
        "(lines that never rise); several with commas.",
        choices=FAMILIES,
        metavar="NAMES",
    ),
    "decay": Knob(
        "decay share",
        "Share of the steps in which a WSD decays.",
        expected="a share of the steps, 0 to 1",
        families=("wsd",),
    ),
    "decay_shape": Knob(
        "decay shape",
        "Shape of a WSD's decay: linear, sqrt, cosine, exponential, power; several with commas.",
        choices=DECAYS,
        families=("wsd",),
        metavar="NAMES",
    ),
    "power": Knob(
        "power of the decay",
        "Power of a power decay: LR / peak = (1 - done)^power; 1 is a straight line.",
        low=0.0,
        high=20.0,
        expected="above 0 and at most 20",
        above_low=True,
        is_log=True,
        families=("wsd", "power"),
    ),
    "end": Knob(
        "final LR / peak",
        "Last LR / peak LR.",
        expected="a share of the peak, 0 to 1",
        families=("wsd", "cosine", "linear", "power"),
    ),
    "warmup": Knob(
        "warm-up share",
        "Share of the steps that warm up.",
        high=0.9,
        expected="a share of the steps, 0 to 0.9",
    ),
    "replay": Knob(
        "replay share",
        "Share of the pre-training data in the batches.",
        high=0.999,
        expected="a share of the data, 0 to below 1",
    ),
    "batch_tokens": Knob(
        "tokens per step",
        "Tokens in a step, to choose among (with a law that sees the batch).",
        low=1.0,
        high=1e12,
        expected="tokens per step, 1 to 1e12",
        is_log=True,
        option="batch",
    ),
}
"""Knob by name, in the order of tables and options."""


def is_drop(name: str) -> bool:
    """Whether a knob is the drop along one line of a free schedule."""
    return name.startswith(DROP)


def knob_words(name: str) -> str:
    """A knob's name in words."""
    if is_drop(name):
        return f"drop along line {name[len(DROP) :]}"
    if name == "after":
        return "start"
    return KNOBS[name].words if name in KNOBS else name


@dataclass(frozen=True)
class Numbers:
    """The values of one knob that is a number.

    Args:
        values: one that is fixed, several that are listed, or the two ends of a range.
        is_range: whether all between the two are allowed.

    Raises:
        DataError: no value, or a range that does not rise.
    """

    values: tuple[float, ...]
    is_range: bool = False

    def __post_init__(self) -> None:
        values = tuple(float(v) for v in self.values)
        kept = values if self.is_range else tuple(dict.fromkeys(values))
        object.__setattr__(self, "values", kept)
        if not self.values or not all(math.isfinite(v) for v in self.values):
            raise DataError("a knob needs at least one value, and finite ones.")
        if self.is_range and not (len(self.values) == 2 and self.values[0] < self.values[1]):
            raise DataError("a range needs two ends that differ, the lower one first.")

    @classmethod
    def parse(cls, text: str, name: str = "value") -> Numbers:
        """Values from text: "1e-4" is fixed, "1e-4,2e-4" listed, "1e-5..2e-4" a range.

        Raises:
            DataError: it is not of that form.
        """
        low, dots, high = text.partition("..")
        try:
            if dots:
                return cls((_number(low), _number(high)), True)
            return cls(tuple(_number(part) for part in text.split(",")))
        except DataError as error:
            raise DataError(f"{name} '{text}': {error}") from None
        except ValueError:
            raise DataError(
                f"{name} '{text}': expected a number, a list such as 1e-4,2e-4 or a range such as "
                "1e-5..2e-4."
            ) from None

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        return (".." if self.is_range else ",").join(typed(v) for v in self.values)


Given: TypeAlias = Numbers | str | float | Sequence[float]
"""What a knob's values may be given as."""


def _number(text: str) -> float:
    return float(text.strip().replace("_", ""))


def numbers(value: Numbers | str | ArrayLike, name: str) -> Numbers:
    """A knob's values from themselves, text, a number, or a list of numbers.

    Raises:
        DataError: they cannot be read, or a value that the knob cannot have.
    """
    if isinstance(value, str):
        found = Numbers.parse(value, name)
    elif isinstance(value, Numbers):
        found = value
    else:
        found = Numbers(tuple(np.atleast_1d(np.asarray(value, dtype=np.float64)).tolist()))
    for each in found.values:
        KNOBS[name].check(name, each)
    return found


def words(value: Sequence[str] | str, name: str) -> tuple[str, ...]:
    """A knob's choices from text, with commas, or from several texts.

    Raises:
        DataError: naming one that there is not.
    """
    found = tuple(value.replace(" ", "").split(",")) if isinstance(value, str) else tuple(value)
    for word in found:
        if word not in KNOBS[name].choices:
            raise DataError(f"{name} '{word}': {suggestion(word, KNOBS[name].choices)}")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class Knobs:
    """What a recipe may be.

    Numbers may be given as a number, a list of numbers, or text: "1e-4", "1e-4,2e-4" or
    "1e-5..2e-4".

    Args:
        peak: highest LR.
        steps: optimiser steps.
        after: starts: "RUN", "RUN@STEP", "RUN@FROM..TO" (nine of them), "unknown:NAME"; each may go
            on with D_pt training, as in "base@32000 | linear 8000 to 0". None: from scratch.
        family: "constant", "cosine", "linear", "power", "wsd" (constant, then a decay) or "free"
            (straight lines through knots that never rise).
        decay: a WSD's decay, as a share of the steps.
        decay_shape: how it falls: "linear", "sqrt" (1-sqrt), "cosine", "exponential" or "power".
        power: of the family and of the decay shape of that name, peak * (1 - share)^power. Under
            the functional law the optimum is such a decay with 2 beta - 1 (arXiv:2602.06797), beta
            above 1; where the task is hard, a WSD that ends in one.
        end: LR at the end, as a share of the peak; of an exponential decay above 0.
        warmup: share of the steps; 0 steps to the peak at once.
        replay: share of D_pt in the CPT data, the same all along.
        batch_tokens: tokens per step, where several were fitted.
        knots: number of straight lines of a free schedule.

    Raises:
        DataError: naming the knob, what was expected and what was given.
    """

    peak: Given
    steps: Given
    after: Sequence[str | None] | str | None = (None,)
    family: Sequence[str] | str = ("cosine",)
    decay: Given = 0.2
    decay_shape: Sequence[str] | str = ("linear",)
    power: Given = "1.5,2,3"
    end: Given = 0.0
    warmup: Given = 0.01
    replay: Given = 0.0
    batch_tokens: Given | None = None
    knots: int = 4

    def __post_init__(self) -> None:
        chosen = [name for name, knob in KNOBS.items() if knob.choices]
        for name in [*(n for n in KNOBS if n not in chosen), *chosen]:
            value = getattr(self, name)
            if value is not None:
                read = words(value, name) if name in chosen else numbers(value, name)
                object.__setattr__(self, name, read)
        after = self.after
        starts = (after,) if after is None or isinstance(after, str) else tuple(after)
        object.__setattr__(self, "after", starts)
        if not self.after or not self.family or not self.decay_shape:
            raise DataError("after, family and decay_shape need one entry each at least.")
        if not 2 <= self.knots <= 12:
            raise DataError(f"knots = {self.knots}: a free schedule has 2 to 12 straight lines.")
        if "exponential" in self.decay_shape and "wsd" in self.family and self._may_end_at_0:
            raise DataError("an exponential decay never reaches 0; give end (--end) such as 0.01.")

    def numbers(self, name: str) -> Numbers | None:
        """The values of the knob of that name that is a number, None where it is left out."""
        value = getattr(self, name)
        return None if value is None else numbers(value, name)

    @property
    def starts(self) -> tuple[str | None, ...]:
        """What may be gone on from, as texts."""
        after = self.after
        return (after,) if after is None or isinstance(after, str) else tuple(after)

    @property
    def families(self) -> tuple[Family, ...]:
        """The schedule families to choose from."""
        return tuple(cast(Family, name) for name in self.family)

    @property
    def _may_end_at_0(self) -> bool:
        end = self.numbers("end")
        return end is not None and min(end.values) <= 0
