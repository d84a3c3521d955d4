"""Learning rates -> forward area S1 and annealing area S2, under a named convention.

Source: arXiv:2505.07796, section 3; the areas come from arXiv:2408.11029.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.laws.compiled import recurrences


@dataclass(frozen=True)
class Convention:
    """Choices that change the fitted numbers; stored with every fit and shown in every summary.

    Args:
        warmup: the initial warm-up's steps count "peak", as if at the peak LR and without
            annealing, or "as-is"; a fit with "auto" tries both and keeps the better one.
        tail: the annealing momentum of the PT at the transfer is "frozen" there (Eq. 4 read
            literally) or "carried" on into the CPT's steps, still under C1.
        fit_from: first PT step that is fitted; None: the last step of the warm-up.
    """

    warmup: Literal["peak", "as-is", "auto"] = "peak"
    tail: Literal["frozen", "carried"] = "frozen"
    fit_from: int | None = None

    def __post_init__(self) -> None:
        if self.warmup not in ("peak", "as-is", "auto"):
            raise DataError(
                f"convention warmup = '{self.warmup}': expected 'peak', 'as-is' or 'auto'."
            )
        if self.tail not in ("frozen", "carried"):
            raise DataError(f"convention tail = '{self.tail}': expected 'frozen' or 'carried'.")
        if self.fit_from is not None and self.fit_from < 1:
            raise DataError(f"fit_from = {self.fit_from} must be 1 or more.")

    def sentences(self, areas: bool = True) -> tuple[str, ...]:
        """The conventions in words, one sentence each.

        Args:
            areas: whether the law has the areas S1 and S2, which most of them are about.
        """
        start = "the end of the warm-up" if self.fit_from is None else f"step {self.fit_from}"
        points = f"points: PT from {start}, CPT from its first step, the transfer once, in the base"
        if not areas:
            return "learning rates: every one as it was, warm-ups too", points
        return (
            "initial warm-up: "
            + ("counted as if at the peak LR" if self.warmup == "peak" else "counted as it was"),
            "CPT re-warm-up: real, it adds negative annealing area",
            f"PT annealing momentum at the transfer: {self.tail}",
            points,
        )


LONGEST_PAUSE = 100  # steps within a rise
FIRST_LOOK = 4096  # steps in which most rises end


def warmup_steps(lr: FloatArray) -> int:
    """Length of the initial rise of the learning rates, shape (T,), up to the step of its top.

    A rise may pause, as an LR that is stepped or logged now and then does; it has ended where the
    LR falls, or stays for more than 100 steps and longer than the rise so far. The first pause
    alone would end a stepped warm-up at its first step, the highest LR alone would take a plateau
    with a later, higher one for a warm-up.
    """
    looked_at = FIRST_LOOK
    while (top := _top(lr[:looked_at], whole=looked_at >= lr.size)) is None:
        looked_at *= 8
    return top + 1 if top else 0


def _top(lr: FloatArray, whole: bool) -> int | None:
    """The step at which the initial rise ends, from 0; None if it may go on past the given LRs."""
    if lr.size < 2:
        return 0 if whole else None
    changes = np.flatnonzero(np.diff(lr) != 0) + 1
    starts, ends = np.append(0, changes), np.append(changes, lr.size)
    level = lr[starts]
    falls = np.append(level[1:] < level[:-1], whole)  # nothing rises after the last step
    stays = (level > 0) & (ends - starts > np.maximum(LONGEST_PAUSE, starts))
    ended = falls | stays
    return int(starts[np.argmax(ended)]) if ended.any() else None


class Annealing(NamedTuple):
    """Annealing area at n places, with its derivatives; each of shape (n,).

    `momentum` is m after the step there, `d_momentum` its derivative in lambda.
    """

    area: FloatArray
    d_lambda: FloatArray
    d_epsilon: FloatArray
    momentum: FloatArray
    d_momentum: FloatArray


class Stretch(NamedTuple):
    """A stretch of learning rates, summed from its own beginning.

    Args:
        lr: of every step, shape (T,).
        before: LR before the first step.
        warmup: of the first steps, how many count as if at the LR of the last of them.
    """

    lr: FloatArray
    before: float
    warmup: int = 0

    @property
    def counted(self) -> FloatArray:
        """Learning rates as they count, shape (T,)."""
        if not self.warmup:
            return self.lr
        return np.append(np.full(self.warmup, self.lr[self.warmup - 1]), self.lr[self.warmup :])


class Stretches:
    """Sums along several stretches of learning rates, at n places on them.

    Args:
        stretches: learning rates.
        which: stretch that each place lies on, shape (n,).
        step: of each place, 0 before the first of its stretch, where all areas are 0; (n,).
    """

    def __init__(self, stretches: Sequence[Stretch], which: IntArray, step: IntArray) -> None:
        self.stretches = tuple(stretches)
        self._given = which, step
        self._order: IntArray = np.lexsort((step, which))
        self._which, self._step = which[self._order], step[self._order]

    def forward(self) -> FloatArray:
        """S1 at every place, shape (n,)."""
        if (compiled := recurrences()) is None:
            return self._flat.forward()[self._flat.at]
        found = np.empty(self._order.size)
        compiled.forward(*self._wanted, found)
        return self._back(found)

    def annealing(self, lambda_: float, epsilon: float | None = None) -> Annealing:
        """S2(t) = sum of m_i * lr_i**epsilon, m_i = lambda * m_(i-1) + lr_(i-1) - lr_i, in O(T).

        Args:
            lambda_: decay of the momentum per step, 0 <= lambda < 1.
            epsilon: power of the LR that weights the momentum; None as in Eq. 1 and 4, where the
                derivative in epsilon is left at 0.

        Returns:
            Values at every place, shape (n,) each.

        Source: arXiv:2505.07796, Eq. 1 and 9.
        """
        if (compiled := recurrences()) is None:
            return self._flat.annealing(lambda_, epsilon)
        found = np.empty((5, self._order.size))
        power = np.nan if epsilon is None else epsilon
        compiled.annealing(*self._wanted, lambda_, power, found)
        return Annealing(*self._back(found))

    def _back(self, ordered: FloatArray) -> FloatArray:
        """Values over the last axis in the order that places were given in."""
        found = np.empty_like(ordered)
        found[..., self._order] = ordered
        return found

    @cached_property
    def _wanted(self) -> tuple[list[FloatArray], FloatArray, IntArray, IntArray, IntArray]:
        """Stretches and places as the compiled recurrences take them."""
        lrs, before, warmup = (list(one) for one in zip(*self.stretches, strict=True))
        first = np.searchsorted(self._which, np.arange(len(lrs) + 1)).astype(np.int64)
        lrs = [np.ascontiguousarray(lr, dtype=np.float64) for lr in lrs]
        return lrs, np.array(before), np.array(warmup, dtype=np.int64), first, self._step

    @cached_property
    def _flat(self) -> _Flat:
        return _Flat(self.stretches, *self._given)


class _Flat:
    """The same in NumPy: stretches end to end, and sums at every step.

    Step s of stretch j lies at `offset[j] + s` of every array.
    """

    def __init__(self, stretches: Sequence[Stretch], which: IntArray, step: IntArray) -> None:
        self.lr = np.concatenate([np.append(one.before, one.counted) for one in stretches])
        sizes = np.array([one.lr.size + 1 for one in stretches])
        offset: IntArray = np.cumsum(sizes) - sizes
        self.at = offset[which] + step
        self._offset, self._ends = offset, offset + sizes
        self._start = np.repeat(offset, sizes)
        self._before = self.lr[self._start]
        self._inside = np.arange(self.lr.size) != self._start
        self._goes_on = np.append(self._inside[1:], False).astype(np.float64)
        self._falls = np.where(self._inside, np.roll(self.lr, 1) - self.lr, 0.0)

    def forward(self) -> FloatArray:
        """S1 along every stretch."""
        return self._summed(np.where(self._inside, self.lr, 0.0))

    def annealing(self, lambda_: float, epsilon: float | None) -> Annealing:
        """S2 at the places."""
        at = self.at
        momentum, d_momentum = self._momentum(lambda_)
        m, d_m = momentum[at], d_momentum[at]
        if epsilon is None:
            # Summing m_i = lambda * m_(i-1) + fall_i over i, with the falls adding up to the LR
            # before less the LR now: S2 = lambda * (S2 - m) + (before - lr). So no second sum. The
            # derivative is that of the same equation.
            area = (self._before[at] - self.lr[at] - lambda_ * m) / (1.0 - lambda_)
            d_lambda = (area - m - lambda_ * d_m) / (1.0 - lambda_)
            return Annealing(area, d_lambda, np.zeros_like(area), m, d_m)
        weight, log_lr = lr_weight(self.lr, epsilon)
        summed = (momentum * weight, d_momentum * weight, momentum * weight * log_lr)
        area, d_lambda, d_epsilon = (self._summed(one)[at] for one in summed)
        return Annealing(area, d_lambda, d_epsilon, m, d_m)

    def _momentum(self, lambda_: float) -> tuple[FloatArray, FloatArray]:
        """Momentum and its derivative in lambda, each x_i = lambda * x_(i-1) + input_i.

        That is a triangular system of two bands, which BLAS solves at a few operations a step, for
        all stretches at once: `_goes_on` is 0 where one ends, so that the next begins from 0. A
        filter (`scipy.signal.lfilter`) would need one call for each stretch. The input of the
        derivative is the momentum one step before.
        """
        from scipy.linalg.blas import dtbsv

        band = np.empty((2, self.lr.size), order="F")
        band[0] = 1.0
        np.multiply(self._goes_on, -lambda_, out=band[1])
        momentum = dtbsv(1, band, self._falls, lower=1, diag=1)
        inputs = np.zeros_like(momentum)
        np.multiply(momentum[:-1], self._goes_on[:-1], out=inputs[1:])
        return momentum, dtbsv(1, band, inputs, lower=1, diag=1, overwrite_x=1)

    def _summed(self, values: FloatArray) -> FloatArray:
        total = np.empty_like(values)
        for first, end in zip(self._offset.tolist(), self._ends.tolist(), strict=True):
            np.cumsum(values[first:end], out=total[first:end])
        return total


def lr_weight(lr: FloatArray, epsilon: float) -> tuple[FloatArray, FloatArray]:
    """lr**epsilon and log(lr), with 0 where the LR is 0 (but 0**0 = 1)."""
    live = lr > 0
    log_lr = np.log(np.where(live, lr, 1.0))
    weight = np.ones_like(lr) if epsilon == 0.0 else np.where(live, np.exp(epsilon * log_lr), 0.0)
    return weight, log_lr
