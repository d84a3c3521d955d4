"""One stretch of a schedule and the shapes it can have.

Step k of a segment of n steps lies a share p = k/n of the way through it: the first
step is one n-th of the way, the last is exactly the end value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, floats, same_values
from cptlaw.errors import DataError

DecayKind: TypeAlias = Literal["linear", "cosine", "sqrt", "exponential", "power"]


def _cosine(p: FloatArray, segment: Segment) -> FloatArray:
    return _between(0.5 * (1.0 - np.cos(np.pi * p)), segment)


def _between(share: FloatArray, segment: Segment) -> FloatArray:
    values = segment.start + (segment.end - segment.start) * share
    values[share >= 1.0] = segment.end
    return values


def _exponential(p: FloatArray, segment: Segment) -> FloatArray:
    values = segment.start * (segment.end / segment.start) ** p
    values[p >= 1.0] = segment.end
    return values


def _inverse_sqrt(p: FloatArray, segment: Segment) -> FloatArray:
    return segment.start / np.sqrt(1.0 + p * segment.steps / segment.timescale)


_SHAPES: dict[str, Callable[[FloatArray, Segment], FloatArray]] = {
    "warmup": _between,
    "constant": lambda p, s: np.full(p.shape, s.end),
    "linear": _between,
    "cosine": _cosine,
    "sqrt": lambda p, s: _between(np.sqrt(p), s),
    "exponential": _exponential,
    "power": lambda p, s: _between(1.0 - (1.0 - p) ** s.power, s),
    "inverse_sqrt": _inverse_sqrt,
    "array": lambda p, s: s.values[np.rint(p * s.steps).astype(np.int64) - 1],
}
KINDS = tuple(kind for kind in _SHAPES if kind != "array")
DECAYS: tuple[DecayKind, ...] = ("linear", "cosine", "sqrt", "exponential", "power")


@dataclass(frozen=True, eq=False)
class Segment:
    """One stretch of a schedule.

    Args:
        kind: one of `KINDS`, or "array" for given values.
        steps: length of the shape, at least 1.
        start: LR just before the first step.
        end: LR of the last step of the shape.
        power: exponent p of a "power" segment, end + (start - end) * (1 - k/n)**p.
        timescale: t of an "inverse_sqrt" segment, start / sqrt(1 + k/t), in steps.
        until: how many of the steps are run, all of them if left out.
        values: LR of every step, shape (steps,), of an "array" segment.

    Raises:
        DataError: a negative, non-finite or impossible value.
    """

    kind: str
    steps: int
    start: float
    end: float
    power: float = 1.0
    timescale: float = 0.0
    until: int | None = None
    values: FloatArray = field(default_factory=lambda: np.empty(0), repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _SHAPES:
            raise DataError(f"segment kind '{self.kind}' is unknown. Known: {', '.join(KINDS)}.")
        self._set_plain_numbers()
        if self.steps < 1:
            raise DataError(f"a {self.kind} segment has {self.steps} steps; it needs at least 1.")
        if not 1 <= self.run_steps <= self.steps:
            raise DataError(
                f"a {self.kind} segment of {self.steps} steps cannot stop after {self.until}."
            )
        for name, lr in (("start", self.start), ("end", self.end)):
            _check_lr(lr, f"the {name} of a {self.kind} segment")
        self._check_kind()

    __eq__ = same_values

    def _set_plain_numbers(self) -> None:
        """NumPy scalars would print as such in the schedule text."""
        object.__setattr__(self, "values", floats(self.values))
        for name in ("start", "end", "power", "timescale"):
            object.__setattr__(self, name, float(getattr(self, name)))
        for name in ("steps", "until"):
            given = getattr(self, name)
            if given is None:
                continue
            if not given % 1 == 0:
                raise DataError(
                    f"a {self.kind} segment has {name} = {given}, which is not a whole number."
                )
            object.__setattr__(self, name, int(given))

    def _check_kind(self) -> None:
        if self.kind == "warmup" and self.end < self.start:
            raise DataError(
                f"a warmup goes up, but this one goes from {self.start:g} to {self.end:g}. "
                "Use 'linear' for a decay, or from=0 to re-warm from zero."
            )
        if self.kind == "exponential" and not (self.start > 0 and self.end > 0):
            raise DataError(
                f"an exponential segment goes from {self.start:g} to {self.end:g}, but both must "
                "be above 0. End it at a small LR, or use 'linear' or 'sqrt'."
            )
        if self.kind == "power" and not 0 < self.power < math.inf:
            raise DataError(f"power={self.power:g} must be above 0.")
        if self.kind == "inverse_sqrt" and not 0 < self.timescale < math.inf:
            raise DataError("an inverse_sqrt segment needs timescale=STEPS, above 0.")
        if self.kind == "array":
            if self.values.shape != (self.steps,):
                raise DataError(
                    f"an array segment of {self.steps} steps got values of shape "
                    f"{self.values.shape}."
                )
            if not (np.isfinite(self.values).all() and (self.values >= 0).all()):
                raise DataError("an array of learning rates must be finite and at least 0.")

    @property
    def run_steps(self) -> int:
        """How many steps are run."""
        return self.steps if self.until is None else self.until

    @property
    def last(self) -> float:
        """LR of the last step that is run."""
        return float(self.lr(np.array([self.run_steps]))[0])

    @property
    def highest(self) -> float:
        """Highest LR of any step that is run; every shape but an array goes one way only."""
        ends = self.lr(np.array([1, self.run_steps]))
        return float(self.values[: self.run_steps].max() if self.kind == "array" else ends.max())

    def lr(self, k: IntArray) -> FloatArray:
        """LR of steps k = 1..run_steps of this segment, shape of k."""
        return _SHAPES[self.kind](k / self.steps, self)

    def cut(self, steps: int) -> Segment:
        """The first `steps` steps, with the very same values."""
        if steps == self.run_steps:
            return self
        if self.kind == "array":
            return replace(
                self,
                steps=steps,
                until=None,
                values=self.values[:steps],
                end=float(self.values[steps - 1]),
            )
        if self.kind == "constant":
            return replace(self, steps=steps, until=None)
        return replace(self, until=steps)

    def scaled(self, factor: float) -> Segment:
        """The same shape with every LR multiplied by factor."""
        return replace(
            self, start=self.start * factor, end=self.end * factor, values=self.values * factor
        )


def _check_lr(lr: float, what: str) -> None:
    if not 0 <= lr < math.inf:
        raise DataError(f"{what} is {lr}; a learning rate must be finite and at least 0.")


def lines_down(lr: float, steps: int, drops: Sequence[float]) -> list[Segment]:
    """Straight lines; each drops by a share of the LR it begins with, rounded to four digits."""
    edges = np.linspace(0, steps, len(drops) + 1).round().astype(int).tolist()
    found: list[Segment] = []
    for begin, end, drop in zip(edges, edges[1:], drops, strict=False):
        low = float(f"{lr * (1.0 - min(max(drop, 0.0), 1.0)):.4g}")
        if end > begin and low == lr and found and found[-1].kind == "constant":
            found[-1] = replace(found[-1], steps=found[-1].steps + end - begin)
        elif end > begin:
            found.append(Segment("constant" if low == lr else "linear", end - begin, lr, low))
        lr = low
    return found


def bridge(n: int, start: float, end: float, interpolation: str) -> list[Segment]:
    """What leads from one LR to another in n steps."""
    if start == end or interpolation == "next":
        return [Segment("constant", n, end, end)]
    if interpolation == "linear":
        return [Segment("linear", n, start, end)]
    hold = [Segment("constant", n - 1, start, start)] if n > 1 else []
    return [*hold, Segment("constant", 1, end, end)]


def merged(parts: list[Segment]) -> list[Segment]:
    """The segments, constants at one LR that follow each other made one."""
    found: list[Segment] = []
    for part in parts:
        last = found[-1] if found else None
        if last and last.kind == part.kind == "constant" and last.end == part.end:
            found[-1] = replace(last, steps=last.steps + part.steps)
        else:
            found.append(part)
    return found


def segments_of(values: FloatArray, shortest_constant: int = 8) -> list[Segment]:
    """Constants where at least `shortest_constant` neighbours are equal, arrays elsewhere."""
    starts = np.flatnonzero(np.r_[True, np.diff(values) != 0])
    lengths = np.diff(np.r_[starts, values.size])
    is_long = lengths >= shortest_constant
    edges = {0, int(values.size)}
    for start, length in zip(starts[is_long].tolist(), lengths[is_long].tolist(), strict=True):
        edges |= {start, start + length}
    cuts = sorted(edges)
    parts: list[Segment] = []
    for low, high in itertools.pairwise(cuts):
        piece = values[low:high].copy()
        first, last = float(piece[0]), float(piece[-1])
        if (piece == first).all():
            parts.append(Segment("constant", high - low, first, first))
        else:
            parts.append(Segment("array", high - low, first, last, values=piece))
    return parts
