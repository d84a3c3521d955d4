"""Places on learning-rate histories, with everything a law may look at there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.caching import remembers
from cptlaw.errors import DataError
from cptlaw.laws.areas import Annealing, Convention, Stretches, at_peak, lr_weight
from cptlaw.laws.blocks import Blocks
from cptlaw.studies.history import History
from cptlaw.studies.runs import batch_label


class AnnealingAreas(NamedTuple):
    """S2 of both phases at n points, with derivatives in lambda and epsilon; each (n,)."""

    pt: FloatArray
    pt_d_lambda: FloatArray
    pt_d_epsilon: FloatArray
    cpt: FloatArray
    cpt_d_lambda: FloatArray
    cpt_d_epsilon: FloatArray


class _Layout(NamedTuple):
    """Both phases of every history as stretches.

    Args:
        stretches: end to end.
        stem: which of them the PT of each point is, shape (n,).
        at: where each point lies in the PT's, then where in the CPT's, shape (2 * n,).
    """

    stretches: Stretches
    stem: IntArray
    at: IntArray


class Points:
    """n places on learning-rate histories, with everything a law may look at there.

    Args:
        histories: learning rates up to the last point on each.
        owner: which history a point lies on, shape (n,).
        step: steps since the first step of all (PT and CPT together), shape (n,).
        convention: how areas are counted.
        shared: how many steps all histories have in common with the first, where that is known
            and there are many of them; after it each is worked out alone. Left out, what they have
            in common is looked up.

    Raises:
        DataError: a step past the end of its history.
    """

    def __init__(
        self,
        histories: Sequence[History],
        owner: IntArray,
        step: IntArray,
        convention: Convention,
        shared: int | None = None,
    ) -> None:
        if convention.warmup == "auto":
            raise DataError("areas need warmup = 'peak' or 'as-is'; only a fit chooses for 'auto'.")
        self.histories = tuple(histories)
        self.owner = owner
        self.convention = convention
        pt_length = np.array([h.pt_lr.size for h in self.histories], dtype=np.int64)
        total = np.array([h.steps for h in self.histories], dtype=np.int64)
        if step.size and ((step < 0) | (step > total[owner])).any():
            raise DataError("a point lies past the end of its learning-rate history.")
        self.step = step
        self.pt_step: IntArray = np.minimum(step, pt_length[owner])
        self.cpt_step: IntArray = step - self.pt_step
        self._known = shared

    @classmethod
    def along(cls, history: History, step: IntArray, convention: Convention) -> Points:
        """Places on one history, at these steps since the first of all, shape (n,)."""
        return cls([history], np.zeros(len(step), dtype=np.int64), step, convention)

    @classmethod
    def at_ends(cls, histories: Sequence[History], convention: Convention) -> Points:
        """The last place of each of n histories."""
        last = np.array([history.steps for history in histories], dtype=np.int64)
        return cls(histories, np.arange(last.size), last, convention)

    def alone(self, index: int, rows: IntArray) -> Points:
        """Some places, k of n, as places of the one history that they lie on."""
        return Points.along(self.histories[index], self.step[rows], self.convention)

    @cached_property
    def _layout(self) -> _Layout:
        """Share stretches that begin alike: a base of many continuations is summed once."""
        counts: dict[int, tuple[FloatArray, float]] = {}  # of every array of PT learning rates
        stems: list[tuple[FloatArray, float]] = []
        legs: list[tuple[FloatArray, float]] = []
        for history in self.histories:
            if id(history.pt_lr) not in counts:
                counts[id(history.pt_lr)] = self._counted(history.pt_lr)
            stems.append(counts[id(history.pt_lr)])
            pt_end = float(history.pt_lr[-1]) if history.pt_lr.size else 0.0
            legs.append((history.cpt_lr, pt_end))
        find = _shared if self._known is None else _distinct
        found, places = find([*stems, *legs])
        stretches = Stretches(found)
        stem = places[: len(stems)][self.owner]
        pt_at = stretches.offset[stem] + self.pt_step
        cpt_at = stretches.offset[places[len(stems) :][self.owner]] + self.cpt_step
        return _Layout(stretches, stem, np.concatenate([pt_at, cpt_at]))

    def _counted(self, pt_lr: FloatArray) -> tuple[FloatArray, float]:
        """Learning rates of a PT as its areas count them, and the one before the first."""
        if self.convention.warmup == "as-is" or not pt_lr.size:
            return pt_lr, 0.0
        counted = at_peak(pt_lr)
        return counted, float(counted[0])

    def __len__(self) -> int:
        return int(self.owner.size)

    def _per_history(self, values: Sequence[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)[self.owner]

    @cached_property
    def s1_pt(self) -> FloatArray:
        """Forward area of the pre-training, frozen at the transfer."""
        return self._forward[: len(self)]

    @cached_property
    def s1_cpt(self) -> FloatArray:
        """Forward area of the CPT, 0 before it."""
        return self._forward[len(self) :]

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
        return self._layout.stretches.forward()[self._layout.at]

    @cached_property
    def blocks(self) -> Blocks:
        """The histories as blocks of steps, for laws that follow a state of the run."""
        return Blocks(self.histories, self.owner, self.step, self._known)

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
    def repeats(self) -> FloatArray:
        """How often the CPT's D_cpt data were seen before, 0 in the first pass or if unknown."""
        steps = [h.domain_steps or np.inf for h in self.histories]
        seen = self.cpt_step * self.r_cpt / self._per_history(steps)
        return np.maximum(seen - 1.0, 0.0)

    @cached_property
    def size_millions(self) -> FloatArray:
        """Non-embedding parameters in millions; NaN where unknown."""
        sizes = [np.nan if h.model_size is None else h.model_size for h in self.histories]
        return self._per_history(sizes) / 1e6

    @remembers(2)
    def group(self, labels: tuple[str, ...], by: str) -> IntArray:
        """Index into labels of every point's group ("base" or "batch"), -1 where it is none."""
        names = [group_label(h, by) for h in self.histories]
        index = [labels.index(n) if n in labels else -1 for n in names]
        return np.array(index, dtype=np.int64)[self.owner]

    @remembers(24)  # a search and its differences come back to the same few memories
    def annealing(self, lambda_: float, epsilon: float | None = None) -> AnnealingAreas:
        """S2 of both phases, weighted by LR**epsilon if it is given."""
        flat = self._layout.stretches.annealing(lambda_, epsilon, self._layout.at)
        pt = [values[: len(self)] for values in flat[:3]]
        if self.convention.tail == "carried":
            tail = self._carried_tail(lambda_, epsilon or 0.0, flat)
            pt = [values + more for values, more in zip(pt, tail, strict=True)]
        return AnnealingAreas(*pt, *(values[len(self) :] for values in flat[:3]))

    def _carried_tail(self, lambda_: float, epsilon: float, flat: Annealing) -> FloatArray:
        """What the PT's last momentum still adds to S2pt, shape (3, n)."""
        added = np.zeros((3, len(self)))
        s, stem = self._layout.stretches, self._layout.stem
        for index, history in enumerate(self.histories):
            mine = self.owner == index
            if not mine.any():
                continue
            lr = history.cpt_lr
            end = s.offset[stem[mine][0]] + history.pt_lr.size
            steps = np.arange(1, lr.size + 1)
            weight, log_lr = lr_weight(lr, epsilon)
            decay = lambda_**steps
            d_decay = steps * lambda_ ** (steps - 1)
            m, d_m = flat.momentum[end], flat.d_momentum[end]
            sums = np.zeros((3, lr.size + 1))
            sums[0, 1:] = np.cumsum(m * decay * weight)
            sums[1, 1:] = np.cumsum((d_m * decay + m * d_decay) * weight)
            sums[2, 1:] = np.cumsum(m * decay * weight * log_lr)
            added[:, mine] = sums[:, self.cpt_step[mine]]
        return added


def _shared(
    stretches: Sequence[tuple[FloatArray, float]],
) -> tuple[list[tuple[FloatArray, float]], IntArray]:
    """The stretches that none of the others begins with, and where each of the given ones lies."""
    kept: list[tuple[FloatArray, float]] = []
    places = np.zeros(len(stretches), dtype=np.int64)
    for i in sorted(range(len(stretches)), key=lambda i: -stretches[i][0].size):
        lr, before = stretches[i]
        found = (
            j
            for j, (longer, start) in enumerate(kept)
            if start == before and np.array_equal(longer[: lr.size], lr)
        )
        places[i] = next(found, len(kept))
        if places[i] == len(kept):
            kept.append((lr, before))
    return kept, places


def _distinct(
    stretches: Sequence[tuple[FloatArray, float]],
) -> tuple[list[tuple[FloatArray, float]], IntArray]:
    """As `_shared`, but stretches are the same only where their arrays are."""
    index: dict[tuple[int, float], int] = {}
    kept: list[tuple[FloatArray, float]] = []
    places = np.zeros(len(stretches), dtype=np.int64)
    for i, (lr, before) in enumerate(stretches):
        places[i] = index.setdefault((id(lr), before), len(kept))
        if places[i] == len(kept):
            kept.append((lr, before))
    return kept, places


def group_label(history: History, by: str) -> str:
    """The label of a history's group: its unknown "base", or the "batch" of its CPT."""
    if by == "base":
        return history.unknown_base or ""
    if not history.is_cpt:
        return ""
    return batch_label(*history.batch)
