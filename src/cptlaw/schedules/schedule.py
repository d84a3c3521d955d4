"""The learning-rate algebra: a schedule is a tuple of segments, absolute in steps and LR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, whole
from cptlaw.errors import DataError
from cptlaw.schedules.segment import (
    DECAYS,
    DecayKind,
    Segment,
    bridge,
    lines_down,
    merged,
    segments_of,
)
from cptlaw.schedules.text import parse, to_text

_MOST_RATES = 100_000_000  # at once: 800 MB


@dataclass(frozen=True)
class Schedule:
    """A learning rate for every step 1..steps.

    Args:
        segments: what follows what; a segment may start at another LR than the one before ended.
    """

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise DataError("a schedule needs at least one segment.")

    def __repr__(self) -> str:
        given = any(segment.kind == "array" for segment in self.segments)
        if not given and len(self.text) <= 100:
            return f"Schedule.parse({self.text!r})"
        return (
            f"<Schedule: {self.steps} steps in {len(self.segments)} segments, peak "
            f"{self.peak:.4g}, final LR {self.final:.4g}>"
        )

    @cached_property
    def steps(self) -> int:
        """Length in optimiser steps."""
        return sum(segment.run_steps for segment in self.segments)

    @property
    def peak(self) -> float:
        """Highest LR of any step."""
        return max(segment.highest for segment in self.segments)

    @property
    def final(self) -> float:
        """LR of the last step."""
        return self.segments[-1].last

    def lr(self, steps: ArrayLike | None = None) -> FloatArray:
        """LR of the given steps.

        Args:
            steps: step numbers from 1 to `self.steps`, any shape; left out, all of them.

        Raises:
            DataError: a step outside 1..steps, or not whole; all of very many.
        """
        if steps is None:
            return self._all_lr()
        wanted = whole(steps)
        if wanted.size and (wanted.min() < 1 or wanted.max() > self.steps):
            raise DataError(f"steps must lie in 1..{self.steps}.")
        ends = np.cumsum([s.run_steps for s in self.segments])
        owner = np.searchsorted(ends, wanted)
        values = np.empty(wanted.shape)
        for i, segment in enumerate(self.segments):
            mine = owner == i
            values[mine] = segment.lr(wanted[mine] - (ends[i] - segment.run_steps))
        return values

    def _all_lr(self) -> FloatArray:
        if self.steps > _MOST_RATES:
            raise DataError(
                f"a schedule of {self.steps:,} steps; the learning rates of at most "
                f"{_MOST_RATES:,} are worked out. Steps are optimiser steps, not tokens or samples."
            )
        values = np.empty(self.steps)
        at = 0
        for segment in self.segments:
            piece = values[at : at + segment.run_steps]
            constant = segment.kind == "constant"
            piece[:] = segment.end if constant else segment.lr(np.arange(1, piece.size + 1))
            at += piece.size
        return values

    # --- algebra -----------------------------------------------------------------------------

    def truncate(self, steps: int) -> Schedule:
        """The first `steps` steps, with the very same values."""
        if not 1 <= steps <= self.steps:
            raise DataError(f"cannot truncate to {steps} steps: the schedule has {self.steps}.")
        kept: list[Segment] = []
        left = steps
        for segment in self.segments:
            kept.append(segment.cut(min(left, segment.run_steps)))
            left -= kept[-1].run_steps
            if not left:
                break
        return Schedule(tuple(kept))

    def extend(self, steps: int, lr: float | None = None) -> Schedule:
        """The schedule followed by `steps` steps at its last LR, or at `lr`."""
        value = self.final if lr is None else lr
        return Schedule((*self.segments, Segment("constant", steps, value, value)))

    def join(self, *others: Schedule) -> Schedule:
        """This schedule, then the others, each as it is."""
        return Schedule(sum((o.segments for o in others), self.segments))

    def __add__(self, other: Schedule) -> Schedule:
        return self.join(other)

    def scale(self, factor: float) -> Schedule:
        """Every LR multiplied by `factor`, above 0."""
        if not 0 < factor < math.inf:
            raise DataError(f"a schedule is scaled by a factor above 0, not {factor:g}.")
        return Schedule(tuple(s.scaled(factor) for s in self.segments))

    # --- constructors ------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str, start_lr: float | None = None) -> Schedule:
        """Read the schedule text, such as `warmup 500 to 2e-4 | constant 30000`.

        Args:
            text: segments joined by `|`, each `kind steps [to lr] [key=value]`.
            start_lr: LR before the first step; left out, the first segment must say from=.

        Raises:
            DataError: naming the segment and the mend.
        """
        return cls(parse(text, start_lr))

    @property
    def text(self) -> str:
        """The schedule text that `parse` reads back to the same values."""
        return to_text(self.segments)

    @classmethod
    def constant(cls, lr: float, steps: int, warmup: int = 0, start: float = 0.0) -> Schedule:
        """Warm-up from `start`, then `lr`; `steps` counts both."""
        body = [Segment("constant", _left(steps, warmup), lr, lr)]
        return cls._after_warmup(lr, warmup, start, body)

    @classmethod
    def cosine(
        cls, peak: float, steps: int, warmup: int = 0, end: float = 0.0, start: float = 0.0
    ) -> Schedule:
        """Warm-up from `start` to `peak`, then half a cosine to `end`; `steps` counts both."""
        body = [Segment("cosine", _left(steps, warmup), peak, end)]
        return cls._after_warmup(peak, warmup, start, body)

    @classmethod
    def linear(
        cls, peak: float, steps: int, warmup: int = 0, end: float = 0.0, start: float = 0.0
    ) -> Schedule:
        """Warm-up from `start` to `peak`, then a straight line to `end`; `steps` counts both."""
        body = [Segment("linear", _left(steps, warmup), peak, end)]
        return cls._after_warmup(peak, warmup, start, body)

    @classmethod
    def power(
        cls,
        peak: float,
        steps: int,
        power: float,
        warmup: int = 0,
        end: float = 0.0,
        start: float = 0.0,
    ) -> Schedule:
        """Warm-up from `start`, then end + (peak - end) * (1 - k/n)**power; `steps` counts both.

        Source: arXiv:2602.06797: with end 0 and power 2 beta - 1 the optimum under the functional
        law, beta above 1 being the exponent by which it forgets noise.
        """
        return cls.wsd(peak, steps, _left(steps, warmup), warmup, end, "power", power, start)

    @classmethod
    def wsd(
        cls,
        peak: float,
        steps: int,
        decay: int,
        warmup: int = 0,
        end: float = 0.0,
        shape: DecayKind = "linear",
        power: float = 1.0,
        start: float = 0.0,
    ) -> Schedule:
        """Warm-up from `start`, stable, decay: the last `decay` of `steps` fall to `end`."""
        if shape not in DECAYS:
            raise DataError(f"decay shape '{shape}' is unknown. Known: {', '.join(DECAYS)}.")
        if decay < 1 or decay + warmup > steps:
            raise DataError(
                f"a decay of {decay} steps after {warmup} of warm-up does not fit in {steps}."
            )
        tail = Segment(shape, decay, peak, end, power=power)
        stable = steps - warmup - decay
        body = [Segment("constant", stable, peak, peak)] if stable else []
        return cls._after_warmup(peak, warmup, start, [*body, tail])

    @classmethod
    def falling(
        cls, peak: float, steps: int, drops: Sequence[float], warmup: int = 0, start: float = 0.0
    ) -> Schedule:
        """Warm-up from `start` to `peak`, then straight lines of equal lengths that never rise.

        Args:
            peak: LR before the first line.
            steps: of the warm-up and the lines.
            drops: by which share of the LR that it begins with each line falls.
            warmup: steps.
            start: LR before the first step.
        """
        lines = lines_down(peak, _left(steps, warmup), drops)
        return cls._after_warmup(peak, warmup, start, lines)

    @classmethod
    def multi_step(
        cls, lrs: Sequence[float], steps: Sequence[int], warmup: int = 0, start: float = 0.0
    ) -> Schedule:
        """Warm-up from `start` to lrs[0], then lrs[i] for steps[i] steps each."""
        if len(lrs) != len(steps) or not lrs:
            raise DataError(
                f"{len(lrs)} learning rates for {len(steps)} stretches; give one for each."
            )
        stretches = [Segment("constant", n, lr, lr) for lr, n in zip(lrs, steps, strict=True)]
        return cls._after_warmup(lrs[0], warmup, start, stretches)

    @classmethod
    def inverse_sqrt(
        cls, peak: float, steps: int, warmup: int = 0, timescale: float | None = None
    ) -> Schedule:
        """Warm-up, then peak / sqrt(1 + k/timescale); `timescale` defaults to `warmup`."""
        scale = float(warmup) if timescale is None else timescale
        n = _left(steps, warmup)
        body = [Segment("inverse_sqrt", n, peak, peak, timescale=scale)]
        return cls._after_warmup(peak, warmup, 0.0, body)

    @classmethod
    def cyclic(
        cls,
        peak: float,
        cycle: int,
        cycles: int,
        warmup: int,
        end: float = 0.0,
        shape: DecayKind = "cosine",
        rewarm_from_zero: bool = False,
    ) -> Schedule:
        """`cycles` times a re-warm-up to `peak` and a decay to `end`, `cycle` steps each."""
        if cycles < 1 or not 1 <= warmup < cycle:
            raise DataError(
                f"{cycles} cycles of {cycle} steps with {warmup} of warm-up; expected 1 cycle or "
                "more, and a warm-up of 1 step or more that is shorter than a cycle."
            )
        parts: list[Segment] = []
        for i in range(cycles):
            start = end if i and not rewarm_from_zero else 0.0
            parts.append(Segment("warmup", warmup, start, peak))
            parts.append(Segment(shape, cycle - warmup, peak, end))
        return cls(tuple(parts))

    @classmethod
    def infinite(
        cls,
        peak: float,
        stable_lr: float,
        warmup: int,
        cooldown: int,
        stable: int,
        anneal: int,
        end: float,
        cooldown_shape: DecayKind = "cosine",
        anneal_shape: DecayKind = "exponential",
    ) -> Schedule:
        """Warm-up to `peak`, cooldown to `stable_lr`, a long constant, a final anneal to `end`.

        Source: arXiv:2403.08763, section 7 (infinite learning-rate schedules).
        """
        return cls(
            (
                Segment("warmup", warmup, 0.0, peak),
                Segment(cooldown_shape, cooldown, peak, stable_lr),
                Segment("constant", stable, stable_lr, stable_lr),
                Segment(anneal_shape, anneal, stable_lr, end),
            )
        )

    @classmethod
    def from_array(cls, lrs: ArrayLike) -> Schedule:
        """A schedule with exactly these values, shape (steps,); equal neighbours become constants.

        Raises:
            DataError: an empty array, or a value that is negative or not finite.
        """
        values = np.array(lrs, dtype=np.float64).reshape(-1)
        if not values.size:
            raise DataError("an empty array of learning rates is not a schedule.")
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if bad.size:
            raise DataError(
                f"learning rate {values[bad[0]]} at step {bad[0] + 1} must be finite and "
                "at least 0."
            )
        return cls(tuple(segments_of(values)))

    @classmethod
    def from_points(
        cls,
        steps: ArrayLike,
        lrs: ArrayLike,
        total: int | None = None,
        interpolation: Literal["linear", "next", "previous"] = "linear",
        start_lr: float | None = None,
    ) -> Schedule:
        """A schedule through logged (step, LR) points.

        Between two points the LR is a straight line ("linear"), the next point's value ("next")
        or the previous one's ("previous"). Before the first point it starts from `start_lr` in
        the same manner, or has the first point's value if `start_lr` is left out; after the
        last point it has the last point's value.

        Args:
            steps: shape (n,), increasing, at least 1.
            lrs: shape (n,).
            total: length; left out, the last point's step.
            interpolation: what holds between two points.
            start_lr: LR before step 1.

        Raises:
            DataError: unequal lengths, steps that do not increase, a negative LR.
        """
        at = whole(steps).reshape(-1)
        values = np.asarray(lrs, dtype=np.float64).reshape(-1)
        if at.size != values.size or not at.size:
            raise DataError(f"{at.size} steps for {values.size} learning rates; give one for each.")
        if at[0] < 1 or (np.diff(at) <= 0).any():
            raise DataError("logged learning rates need steps that increase from 1 or more.")
        if interpolation not in ("linear", "next", "previous"):
            raise DataError(f"interpolation '{interpolation}': expected linear, next or previous.")
        parts: list[Segment] = []
        before, last = 0, float(values[0]) if start_lr is None else start_lr
        for step, value in zip(at.tolist(), values.tolist(), strict=True):
            parts.extend(bridge(step - before, last, value, interpolation))
            before, last = step, value
        end = before if total is None else total
        if end < before:
            raise DataError(f"a length of {end} steps ends before the last point, step {before}.")
        if end > before:
            parts.append(Segment("constant", end - before, last, last))
        return cls(tuple(merged(parts)))

    @classmethod
    def _after_warmup(
        cls, peak: float, warmup: int, start: float, body: Sequence[Segment]
    ) -> Schedule:
        head = [Segment("warmup", warmup, start, peak)] if warmup else []
        return cls((*head, *body))


def _left(steps: int, warmup: int) -> int:
    """Steps after the warm-up."""
    if not 0 <= warmup < steps:
        raise DataError(f"a warm-up of {warmup} steps does not fit in {steps} steps.")
    return steps - warmup


def as_schedule(value: Schedule | str | ArrayLike, start_lr: float | None = None) -> Schedule:
    """A schedule from a schedule, its text, or an array of learning rates."""
    if isinstance(value, Schedule):
        return value
    if isinstance(value, str):
        return Schedule.parse(value, start_lr)
    return Schedule.from_array(cast(Any, value))
