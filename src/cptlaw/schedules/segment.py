"""One stretch of a schedule and the shapes it can have.

Step k of a segment of n steps lies a share p = k/n of the way through it: the first
step is one n-th of the way, the last is exactly the end value. A segment that begins at
`first` and not at 1 has p = (first + k - 1)/n.
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

MOST_STEPS = 1_000_000_000  # of a shape; a run of it is a history, which has a limit of its own
_LOWEST, _HIGHEST = 1e-100, 1e100  # learning rates whose powers and ratios are numbers still

DecayKind: TypeAlias = Literal["linear", "cosine", "sqrt", "exponential", "power"]


def _cosine(p: FloatArray, segment: Segment) -> FloatArray:
    return _between(0.5 * (1.0 - np.cos(np.pi * p)), segment)


def _between(share: FloatArray, segment: Segment) -> FloatArray:
    values = segment.start + (segment.end - segment.start) * share
    np.putmask(values, share >= 1.0, segment.end)
    return values


def _exponential(p: FloatArray, segment: Segment) -> FloatArray:
    if segment.ratio:
        return _between((1.0 - segment.ratio**p) / (1.0 - segment.ratio), segment)
    values = segment.start * (segment.end / segment.start) ** p
    values[p >= 1.0] = segment.end
    return values


def _inverse_sqrt(p: FloatArray, segment: Segment) -> FloatArray:
    return segment.start / np.sqrt(1.0 + p * segment.steps / segment.timescale)


def _inverse(p: FloatArray, segment: Segment) -> FloatArray:
    share = (1.0 + p * segment.steps / segment.timescale) ** -segment.power
    return segment.end + (segment.start - segment.end) * share


def _log(p: FloatArray, segment: Segment) -> FloatArray:
    # NumPy's logarithm both times: that of math may differ in the last digit, and the end with it.
    return _between(np.log(p * segment.steps) / np.log(np.float64(segment.steps)), segment)


def _rex(p: FloatArray, segment: Segment) -> FloatArray:
    left = 1.0 - p
    return _between(1.0 - left / (segment.ratio + (1.0 - segment.ratio) * left), segment)


_SHAPES: dict[str, Callable[[FloatArray, Segment], FloatArray]] = {
    "warmup": _between,
    "constant": lambda p, s: np.full(p.shape, s.end),
    "linear": _between,
    "cosine": _cosine,
    "sqrt": lambda p, s: _between(np.sqrt(p), s),
    "exponential": _exponential,
    "power": lambda p, s: _between(1.0 - (1.0 - p) ** s.power, s),
    "inverse_sqrt": _inverse_sqrt,
    "inverse": _inverse,
    "curve": lambda p, s: _between(p**s.power, s),
    "log": _log,
    "rex": _rex,
    "array": lambda p, s: s.values[np.rint(p * s.steps).astype(np.int64) - 1],
}
KINDS = tuple(kind for kind in _SHAPES if kind != "array")
DECAYS: tuple[DecayKind, ...] = ("linear", "cosine", "sqrt", "exponential", "power")

_NO_VALUES = floats([])


@dataclass(frozen=True, eq=False)
class Segment:
    """One stretch of a schedule.

    Args:
        kind: one of `KINDS`, or "array" for given values.
        steps: length of the shape, at least 1; whole, unless `until` says how many are run.
        start: LR just before the first step, where `first` is 1.
        end: LR of the last step of the shape; of an "inverse" the limit that it comes near to.
        power: exponent of a "power", a "curve" and an "inverse" segment.
        timescale: t of an "inverse_sqrt" and an "inverse" segment, in steps.
        until: how many of the steps are run, all of them if left out.
        ratio: of an "exponential" segment how much of its way down to a limit below `end` is
            left at the end, end/start if 0; of a "rex" segment how far it bends, 1 for a line.
        first: how many steps into the shape the first step lies.
        values: LR of every step, shape (steps,), of an "array" segment.

    Raises:
        DataError: a negative, non-finite or impossible value.
    """

    kind: str
    steps: float
    start: float
    end: float
    power: float = 1.0
    timescale: float = 0.0
    until: int | None = None
    values: FloatArray = field(default_factory=lambda: _NO_VALUES, repr=False)
    ratio: float = 0.0
    first: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in _SHAPES:
            raise DataError(f"segment kind '{self.kind}' is unknown. Known: {', '.join(KINDS)}.")
        self._set_plain_numbers()
        if not self.steps >= 1:
            raise DataError(f"{_a(self.kind)} segment has {self.steps} steps; it needs at least 1.")
        if not 0 <= self.first < math.inf:
            raise DataError(
                f"{_a(self.kind)} segment has first={self.first:g}; it must be 0 or more."
            )
        fits = self.run_steps + self.first - 1.0 <= self.steps * (1.0 + 1e-12)
        if self.run_steps < 1 or not (fits or self.kind == "constant"):
            raise DataError(
                f"{_a(self.kind)} segment of {_count(self.steps)} steps cannot "
                + (
                    f"stop after {self.run_steps}."
                    if self.first == 1.0
                    else f"run {self.run_steps} steps from first={self.first:g} on."
                )
            )
        if self.steps > MOST_STEPS:
            raise DataError(
                f"{_a(self.kind)} segment of {self.steps:.3g} steps; at most {MOST_STEPS:,} are "
                "allowed. Steps are optimiser steps, not tokens or samples."
            )
        for name, lr in (("start", self.start), ("end", self.end)):
            _check_lr(lr, f"the {name} of {_a(self.kind)} segment")
        self._check_kind()

    __eq__ = same_values

    def _set_plain_numbers(self) -> None:
        """NumPy scalars would print as such in the schedule text."""
        if self.values is not _NO_VALUES:
            object.__setattr__(self, "values", floats(self.values))
        for name in ("start", "end", "power", "timescale", "ratio", "first"):
            if type(value := getattr(self, name)) is not float:  # a plan makes thousands
                object.__setattr__(self, name, float(value))
        given = {"until": self.until} if self.until is not None else {"steps": self.steps}
        for name, value in given.items():
            if not value % 1 == 0:
                raise DataError(
                    f"{_a(self.kind)} segment has {name} = {value}, which is not a whole number."
                )
            object.__setattr__(self, name, int(value))
        is_whole = self.steps % 1 == 0
        object.__setattr__(self, "steps", int(self.steps) if is_whole else float(self.steps))

    def _check_kind(self) -> None:
        if self.kind == "warmup" and self.end < self.start:
            raise DataError(
                f"a warmup goes up, but this one goes from {self.start:g} to {self.end:g}. "
                "Use 'linear' for a decay, or from=0 to re-warm from zero."
            )
        level = self.kind == "exponential" and not self.ratio
        if level and not (self.start > 0 and self.end > 0):
            raise DataError(
                f"an exponential segment goes from {self.start:g} to {self.end:g}, but both must "
                "be above 0. End it at a small LR, add ratio=0.5, or use 'linear' or 'sqrt'."
            )
        if self.kind in ("power", "curve", "inverse") and not 0 < self.power < math.inf:
            raise DataError(f"power={self.power:g} must be above 0.")
        if self.kind in ("inverse_sqrt", "inverse") and not 0 < self.timescale < math.inf:
            raise DataError(f"{_a(self.kind)} segment needs timescale=STEPS, above 0.")
        if self.kind == "log" and (self.steps < 2 or self.first < 1):
            raise DataError("a log segment needs 2 steps or more, and first=1 or more.")
        self._check_ratio()
        if self.kind == "array":
            self._check_array()

    def _check_ratio(self) -> None:
        if self.kind == "rex" and not 0 < self.ratio <= 1:
            raise DataError(f"ratio={self.ratio:g} of a rex segment must be above 0, at most 1.")
        if self.kind == "exponential" and not (0 <= self.ratio < 1):
            raise DataError(
                f"ratio={self.ratio:g} of an exponential segment must lie between 0 and 1."
            )

    def _check_array(self) -> None:
        if self.values.shape != (self.steps,):
            raise DataError(
                f"an array segment of {self.steps} steps got values of shape {self.values.shape}."
            )
        if not (np.isfinite(self.values).all() and (self.values >= 0).all()):
            raise DataError("an array of learning rates must be finite and at least 0.")

    @property
    def run_steps(self) -> int:
        """How many steps are run."""
        return int(self.steps) if self.until is None else self.until

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
        at = np.asarray(k, dtype=np.float64) + (self.first - 1.0)
        return _SHAPES[self.kind](at / self.steps, self)

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


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aei' else 'a'} {kind}"


def _count(steps: float) -> str:
    return f"{steps:.6g}" if steps % 1 else str(int(steps))


def _check_lr(lr: float, what: str) -> None:
    if not 0 <= lr < math.inf:
        raise DataError(f"{what} is {lr}; a learning rate must be finite and at least 0.")
    if lr > _HIGHEST or 0 < lr < _LOWEST:
        raise DataError(
            f"{what} is {lr:g}; a learning rate is 0, or lies between {_LOWEST:g} and {_HIGHEST:g}."
        )


def lines_down(lr: float, steps: int, drops: Sequence[float]) -> list[Segment]:
    """Straight lines; each drops by a share of the LR it begins with, rounded to four digits."""
    edges = [*(round(i * (steps / len(drops))) for i in range(len(drops))), steps]
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
            found[-1] = replace(last, steps=last.run_steps + part.run_steps, until=None)
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
