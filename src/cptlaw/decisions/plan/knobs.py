"""What may vary: each knob of a recipe is fixed, listed, or anywhere in a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, suggestion

Family: TypeAlias = Literal["constant", "cosine", "linear", "wsd", "free"]
FAMILIES: tuple[Family, ...] = ("constant", "cosine", "linear", "wsd", "free")
DECAYS = ("linear", "sqrt", "cosine", "exponential")
_LOG = ("peak", "steps", "batch_tokens")
_BOUNDS = {
    "peak": (0.0, 1.0, "above 0 and at most 1"),
    "steps": (2.0, 2e7, "a whole number, 2 to 2e7"),
    "decay": (0.0, 1.0, "a share of the steps, 0 to 1"),
    "end": (0.0, 1.0, "a share of the peak, 0 to 1"),
    "warmup": (0.0, 0.9, "a share of the steps, 0 to 0.9"),
    "replay": (0.0, 0.999, "a share of the data, 0 to below 1"),
    "batch_tokens": (1.0, 1e12, "tokens per step, 1 to 1e12"),
}


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
        return (".." if self.is_range else ",").join(f"{v:g}" for v in self.values)


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
    low, high, words = _BOUNDS[name]
    for v in found.values:
        wrong = (name == "peak" and v == 0) or (name == "steps" and v != round(v))
        if wrong or not low <= v <= high:
            raise DataError(f"{name} = {v:g}: expected {words}.")
    return found


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
        family: "constant", "cosine", "linear", "wsd" (constant, then a decay) or "free" (straight
            lines through knots that never rise).
        decay: a WSD's decay, as a share of the steps.
        decay_shape: how it falls: "linear", "sqrt" (1-sqrt), "cosine" or "exponential".
        end: LR at the end, as a share of the peak; of an exponential decay above 0.
        warmup: share of the steps; 0 steps to the peak at once.
        replay: share of D_pt in the CPT data, the same all along.
        batch_tokens: tokens per step, where the law has met several.
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
    end: Given = 0.0
    warmup: Given = 0.01
    replay: Given = 0.0
    batch_tokens: Given | None = None
    knots: int = 4

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in _BOUNDS and value is not None:
                object.__setattr__(self, each.name, numbers(value, each.name))
        for name, known in (("family", FAMILIES), ("decay_shape", DECAYS)):
            value = getattr(self, name)
            words = tuple(value.replace(" ", "").split(",")) if isinstance(value, str) else value
            for word in words:
                if word not in known:
                    raise DataError(f"{name} '{word}': {suggestion(word, known)}")
            object.__setattr__(self, name, tuple(dict.fromkeys(words)))
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


@dataclass(frozen=True)
class Axis:
    """One number of a recipe that varies within a range.

    Args:
        name: of the knob; "drop1", "drop2", ... of a free schedule.
        low: lowest value.
        high: highest value.
        is_log: whether it moves by factors.
    """

    name: str
    low: float
    high: float
    is_log: bool = False

    def at(self, share: FloatArray) -> FloatArray:
        """The values at shares 0 to 1 of the way, to four digits between the ends, shape (n,)."""
        if self.is_log:
            exact = np.exp(np.log(self.low) + share * np.log(self.high / self.low))
        else:
            exact = self.low + share * (self.high - self.low)
        digits = 3 - np.floor(np.log10(np.maximum(np.abs(exact), 1e-4 * (self.high - self.low))))
        whole = np.round(exact * 10.0**digits) / 10.0**digits
        inside = np.clip(whole, self.low, self.high)
        if self.name == "steps":
            inside = np.round(inside)
        return np.where(share <= 0, self.low, np.where(share >= 1, self.high, inside))


@dataclass(frozen=True)
class Branch:
    """Knobs of one choice of all that is listed: what is left are axes.

    Args:
        start: which of the starts.
        family: of the schedule.
        decay_shape: of a WSD.
        fixed: knob -> value.
        axes: what varies.
    """

    start: int
    family: Family
    decay_shape: str
    fixed: tuple[tuple[str, float], ...]
    axes: tuple[Axis, ...]


MOST_BRANCHES = 5000


def branches(knobs: Knobs, starts: Sequence[object]) -> tuple[Branch, ...]:
    """Every choice of what is listed.

    Raises:
        DataError: more choices than can be looked at.
    """
    import itertools

    found: list[Branch] = []
    for family in knobs.families:
        used = _used(family)
        given = {n: v for n in used if (v := knobs.numbers(n)) is not None}
        listed = [(n, v.values) for n, v in given.items() if not v.is_range]
        axes = [Axis(n, *v.values, is_log=n in _LOG) for n, v in given.items() if v.is_range]
        if family == "free":
            axes += [Axis(f"drop{i + 1}", 0.0, 1.0) for i in range(knobs.knots)]
        shapes = knobs.decay_shape if family == "wsd" else ("",)
        size = len(starts) * len(shapes) * math.prod(len(v) for _, v in listed)
        if len(found) + size > MOST_BRANCHES:
            raise DataError(
                f"more than {MOST_BRANCHES} combinations of listed values; give ranges (low..high) "
                "or shorter lists."
            )
        for start, shape, values in itertools.product(
            range(len(starts)), shapes, itertools.product(*[v for _, v in listed])
        ):
            fixed = tuple(zip([n for n, _ in listed], values, strict=True))
            found.append(Branch(start, family, shape, fixed, tuple(axes)))
    return tuple(found)


def _used(family: Family) -> tuple[str, ...]:
    shape = {"wsd": ("decay", "end"), "cosine": ("end",), "linear": ("end",)}.get(family, ())
    return ("peak", "steps", *shape, "warmup", "replay", "batch_tokens")
