"""Learning rates -> forward area S1 and annealing area S2, under a named convention.

Source: arXiv:2505.07796, section 3; the areas come from arXiv:2408.11029.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.history import History
from cptlaw.runs import batch_label


@dataclass(frozen=True)
class Convention:
    """Choices that change the fitted numbers; stored with every fit and shown in every summary.

    Args:
        warmup: the initial warm-up's steps count "peak", as if at the peak LR and without
            annealing, or "as-is".
        tail: the annealing momentum of the PT at the transfer is "frozen" there (Eq. 4 read
            literally) or "carried" on into the CPT's steps, still under C1.
        fit_from: first PT step that is fitted; None: the last step of the warm-up.
    """

    warmup: Literal["peak", "as-is"] = "peak"
    tail: Literal["frozen", "carried"] = "frozen"
    fit_from: int | None = None

    def __post_init__(self) -> None:
        if self.warmup not in ("peak", "as-is"):
            raise DataError(f"convention warmup = '{self.warmup}': expected 'peak' or 'as-is'.")
        if self.tail not in ("frozen", "carried"):
            raise DataError(f"convention tail = '{self.tail}': expected 'frozen' or 'carried'.")
        if self.fit_from is not None and self.fit_from < 1:
            raise DataError(f"fit_from = {self.fit_from} must be 1 or more.")

    def sentences(self) -> tuple[str, ...]:
        """The four conventions in words, one sentence each."""
        start = "the end of the warm-up" if self.fit_from is None else f"step {self.fit_from}"
        return (
            "initial warm-up: "
            + ("counted as if at the peak LR" if self.warmup == "peak" else "counted as it was"),
            "CPT re-warm-up: real, it adds negative annealing area",
            f"PT annealing momentum at the transfer: {self.tail}",
            f"points: PT from {start}, CPT from its first step, the transfer once, in the base",
        )


def warmup_steps(lr: FloatArray) -> int:
    """Length of the initial rise of the learning rates, shape (T,), up to and with its top."""
    if lr.size < 2 or lr[1] <= lr[0]:
        return 0
    falls = np.flatnonzero(np.diff(lr) <= 0)
    return int(falls[0]) + 1 if falls.size else int(lr.size)


def at_peak(lr: FloatArray) -> FloatArray:
    """The same learning rates with the initial warm-up at the value it reaches."""
    length = warmup_steps(lr)
    return lr if not length else np.concatenate([np.full(length, lr[length - 1]), lr[length:]])


def forward_area(lr: FloatArray) -> FloatArray:
    """S1 after every step, shape (T,) -> (T,)."""
    return np.cumsum(lr)


class Annealing(NamedTuple):
    """Annealing area after every step, with its derivatives; each of shape (T,).

    `momentum` is m after every step, `d_momentum` its derivative in lambda.
    """

    area: FloatArray
    d_lambda: FloatArray
    d_epsilon: FloatArray
    momentum: FloatArray
    d_momentum: FloatArray


def annealing_area(
    lr: FloatArray, before: float, lambda_: float, epsilon: float = 0.0
) -> Annealing:
    """S2(t) = sum of m_i * lr_i**epsilon, m_i = lambda * m_(i-1) + lr_(i-1) - lr_i, in O(T).

    Args:
        lr: learning rates, shape (T,).
        before: LR before the first step.
        lambda_: decay of the momentum per step, 0 <= lambda < 1.
        epsilon: power of the LR that weights the momentum; 0 in Eq. 1 and 4.

    Source: arXiv:2505.07796, Eq. 1 and 9.
    """
    momentum, d_momentum = _momentum(lr, before, lambda_)
    weight, log_lr = _lr_weight(lr, epsilon)
    return Annealing(
        np.cumsum(momentum * weight),
        np.cumsum(d_momentum * weight),
        np.cumsum(momentum * weight * log_lr),
        momentum,
        d_momentum,
    )


def unweighted_annealing_area(lr: FloatArray, before: float, lambda_: float) -> Annealing:
    """The same for epsilon = 0, several times faster: the sum of m has a closed form in m.

    Summing m_i = lambda * m_(i-1) + fall_i over i gives S2 = (before - lr - lambda * m) / (1 -
    lambda). The derivative in epsilon is left at 0.
    """
    momentum, d_momentum = _momentum(lr, before, lambda_)
    area = (before - lr - lambda_ * momentum) / (1.0 - lambda_)
    d_lambda = (area - momentum - lambda_ * d_momentum) / (1.0 - lambda_)
    return Annealing(area, d_lambda, np.zeros(1), momentum, d_momentum)


def _momentum(lr: FloatArray, before: float, lambda_: float) -> tuple[FloatArray, FloatArray]:
    falls = np.empty_like(lr)
    falls[0] = before - lr[0]
    np.subtract(lr[:-1], lr[1:], out=falls[1:])
    momentum = _recur(falls, lambda_)
    falls[0], falls[1:] = 0.0, momentum[:-1]
    return momentum, _recur(falls, lambda_)


def _recur(inputs: FloatArray, lambda_: float) -> FloatArray:
    """x_i = lambda * x_(i-1) + inputs_i, shape (T,) -> (T,): a triangular band system."""
    from scipy.linalg.blas import dtbsv

    band = np.empty((2, inputs.size), order="F")
    band[0], band[1] = 1.0, -lambda_
    return dtbsv(1, band, inputs, lower=1, diag=1)


def _lr_weight(lr: FloatArray, epsilon: float) -> tuple[FloatArray, FloatArray]:
    """lr**epsilon and log(lr), with 0 where the LR is 0 (but 0**0 = 1)."""
    live = lr > 0
    log_lr = np.log(np.where(live, lr, 1.0))
    weight = np.ones_like(lr) if epsilon == 0.0 else np.where(live, np.exp(epsilon * log_lr), 0.0)
    return weight, log_lr


class AnnealingAreas(NamedTuple):
    """S2 of both phases at n points, with derivatives in lambda and epsilon; each (n,)."""

    pt: FloatArray
    pt_d_lambda: FloatArray
    pt_d_epsilon: FloatArray
    cpt: FloatArray
    cpt_d_lambda: FloatArray
    cpt_d_epsilon: FloatArray


@dataclass(frozen=True)
class _Stretch:
    """Learning rates that several points share; step s lies at offset + s of a flat array."""

    lr: FloatArray
    before: float
    offset: int


class Points:
    """n places on learning-rate histories, with everything a law may look at there.

    Args:
        histories: learning rates up to the last point on each.
        owner: which history a point lies on, shape (n,).
        step: steps since the first step of all (PT and CPT together), shape (n,).
        convention: how areas are counted.

    Raises:
        DataError: a step past the end of its history.
    """

    def __init__(
        self,
        histories: Sequence[History],
        owner: IntArray,
        step: IntArray,
        convention: Convention,
    ) -> None:
        self.histories = tuple(histories)
        self.owner = owner
        self.convention = convention
        pt_length = np.array([h.pt_lr.size for h in self.histories], dtype=np.int64)
        total = pt_length + [h.cpt_lr.size for h in self.histories]
        if step.size and ((step < 0) | (step > total[owner])).any():
            raise DataError("a point lies past the end of its learning-rate history.")
        self.pt_step: IntArray = np.minimum(step, pt_length[owner])
        self.cpt_step: IntArray = step - self.pt_step
        self._lay_out()
        self._areas: dict[tuple[float, float | None], AnnealingAreas] = {}

    def _lay_out(self) -> None:
        """Share equal stretches, so that a base with many continuations is summed once."""
        known: dict[tuple[bytes, float], int] = {}
        self._stretches: list[_Stretch] = []
        size = 0

        def stretch(lr: FloatArray, before: float) -> int:
            nonlocal size
            key = (lr.tobytes(), before)
            if key not in known:
                known[key] = len(self._stretches)
                self._stretches.append(_Stretch(lr, before, size))
                size += lr.size + 1
            return known[key]

        stems, legs = [], []
        for history in self.histories:
            counted = at_peak(history.pt_lr) if self.convention.warmup == "peak" else history.pt_lr
            at_start = counted[0] if self.convention.warmup == "peak" and counted.size else 0.0
            stems.append(stretch(counted, float(at_start)))
            pt_end = float(history.pt_lr[-1]) if history.pt_lr.size else 0.0
            legs.append(stretch(history.cpt_lr, pt_end))
        self._stem, self._leg = np.array(stems)[self.owner], np.array(legs)[self.owner]
        offsets = np.array([s.offset for s in self._stretches])
        self._pt_at = offsets[self._stem] + self.pt_step
        self._cpt_at = offsets[self._leg] + self.cpt_step
        self._flat_size = size

    def __len__(self) -> int:
        return int(self.owner.size)

    def _per_history(self, values: Sequence[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)[self.owner]

    @cached_property
    def s1_pt(self) -> FloatArray:
        """Forward area of the pre-training, frozen at the transfer."""
        return self._forward[self._pt_at]

    @cached_property
    def s1_cpt(self) -> FloatArray:
        """Forward area of the CPT, 0 before it."""
        return self._forward[self._cpt_at]

    @cached_property
    def s1(self) -> FloatArray:
        """Forward area of both phases."""
        return self.s1_pt + self.s1_cpt

    @cached_property
    def log_s1(self) -> FloatArray:
        """Natural logarithm of s1."""
        return np.log(self.s1)

    @cached_property
    def _forward(self) -> FloatArray:
        flat = np.zeros(self._flat_size)
        for s in self._stretches:
            flat[s.offset + 1 : s.offset + 1 + s.lr.size] = forward_area(s.lr)
        return flat

    @cached_property
    def is_cpt(self) -> BoolArray:
        """Whether a point lies after the transfer."""
        return self.cpt_step > 0

    @cached_property
    def r_pt(self) -> FloatArray:
        """Share of D_pt in the CPT's data."""
        return self._per_history([h.replay for h in self.histories])

    @cached_property
    def r_cpt(self) -> FloatArray:
        """Share of D_cpt in the CPT's data."""
        return 1.0 - self.r_pt

    @cached_property
    def size_millions(self) -> FloatArray:
        """Non-embedding parameters in millions; NaN where unknown."""
        sizes = [np.nan if h.model_size is None else h.model_size for h in self.histories]
        return self._per_history(sizes) / 1e6

    def group(self, labels: Sequence[str], by: str) -> IntArray:
        """Index into labels of every point's group ("base" or "batch"), -1 where it is none."""
        names = [group_label(h, by) for h in self.histories]
        index = [labels.index(n) if n in labels else -1 for n in names]
        return np.array(index, dtype=np.int64)[self.owner]

    def annealing(self, lambda_: float, epsilon: float | None = None) -> AnnealingAreas:
        """S2 of both phases, weighted by LR**epsilon if it is given; a few results are kept."""
        key = (lambda_, epsilon)
        if key not in self._areas:
            if len(self._areas) > 8:
                self._areas.pop(next(iter(self._areas)))
            self._areas[key] = self._annealing(lambda_, epsilon)
        return self._areas[key]

    def _annealing(self, lambda_: float, epsilon: float | None) -> AnnealingAreas:
        flat = np.zeros((3, self._flat_size))
        ends: list[tuple[float, float]] = []
        for s in self._stretches:
            if not s.lr.size:
                ends.append((0.0, 0.0))
                continue
            if epsilon is None:
                part = unweighted_annealing_area(s.lr, s.before, lambda_)
            else:
                part = annealing_area(s.lr, s.before, lambda_, epsilon)
            inside = slice(s.offset + 1, s.offset + 1 + s.lr.size)
            flat[0, inside], flat[1, inside], flat[2, inside] = part[:3]
            ends.append((float(part.momentum[-1]), float(part.d_momentum[-1])))
        pt, cpt = flat[:, self._pt_at], flat[:, self._cpt_at]
        if self.convention.tail == "carried":
            pt = pt + self._carried_tail(lambda_, epsilon or 0.0, ends)
        return AnnealingAreas(*pt, *cpt)

    def _carried_tail(
        self, lambda_: float, epsilon: float, ends: list[tuple[float, float]]
    ) -> FloatArray:
        """What the PT's last momentum still adds to S2pt, shape (3, n)."""
        added = np.zeros((3, len(self)))
        for stem, leg in sorted(set(zip(self._stem.tolist(), self._leg.tolist(), strict=True))):
            lr = self._stretches[leg].lr
            if not lr.size:
                continue
            steps = np.arange(1, lr.size + 1)
            weight, log_lr = _lr_weight(lr, epsilon)
            decay = lambda_**steps
            d_decay = steps * lambda_ ** (steps - 1)
            m, d_m = ends[stem]
            sums = np.zeros((3, lr.size + 1))
            sums[0, 1:] = np.cumsum(m * decay * weight)
            sums[1, 1:] = np.cumsum((d_m * decay + m * d_decay) * weight)
            sums[2, 1:] = np.cumsum(m * decay * weight * log_lr)
            mine = (self._stem == stem) & (self._leg == leg)
            added[:, mine] = sums[:, self.cpt_step[mine]]
        return added


def group_label(history: History, by: str) -> str:
    """The label of a history's group: its unknown "base", or the "batch" of its CPT."""
    if by == "base":
        return history.unknown_base or ""
    if not history.cpt_lr.size:
        return ""
    return batch_label(*history.batch)
