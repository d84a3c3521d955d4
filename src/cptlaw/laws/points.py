"""Places on learning-rate histories, with everything a law may look at there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, grouped
from cptlaw.caching import remembers
from cptlaw.errors import DataError
from cptlaw.laws.alike import distinct, without_beginnings
from cptlaw.laws.areas import (
    Annealing,
    Convention,
    Stretch,
    Stretches,
    lr_weight,
    warmup_steps,
)
from cptlaw.laws.blocks import Blocks
from cptlaw.studies.history import History
from cptlaw.studies.runs import batch_label

MANY = 100_000  # points


class AnnealingAreas(NamedTuple):
    """S2 of both phases at n points, with derivatives in lambda and epsilon; each (n,)."""

    pt: FloatArray
    pt_d_lambda: FloatArray
    pt_d_epsilon: FloatArray
    cpt: FloatArray
    cpt_d_lambda: FloatArray
    cpt_d_epsilon: FloatArray


@dataclass(frozen=True, eq=False)
class _Layout:
    """Both phases of every history as stretches.

    Args:
        sums: at the PT's part of every point, at its CPT's, and at the end of every history's PT.
        count: how many points there are.
    """

    sums: Stretches
    count: int

    def of_both(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """PT and CPT at n points."""
        return values[: self.count], values[self.count : 2 * self.count]

    def of_ends(self, values: FloatArray) -> FloatArray:
        """At the end of every history's PT."""
        return values[2 * self.count :]


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
        self.last = step  # the last step that the loss at a place is of
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

    def some(self, rows: IntArray) -> Points:
        """Some of the places, k of n."""
        owner, step = self.owner[rows], self.step[rows]
        return Points(self.histories, owner, step, self.convention, self._known)

    @cached_property
    def _layout(self) -> _Layout:
        return self._laid_out()

    def _laid_out(self) -> _Layout:
        """Share stretches that begin alike: a base of many continuations is summed once."""
        counts: dict[int, Stretch] = {}  # of every array of PT learning rates
        stems: list[Stretch] = []
        legs: list[Stretch] = []
        for history in self.histories:
            if id(history.pt_lr) not in counts:
                counts[id(history.pt_lr)] = self._counted(history.pt_lr)
            stems.append(counts[id(history.pt_lr)])
            pt_end = float(history.pt_lr[-1]) if history.pt_lr.size else 0.0
            legs.append(Stretch(history.cpt_lr, pt_end))
        kept, places = distinct([*stems, *legs])
        if self._known is None:
            kept, again = without_beginnings(kept)
            places = again[places]
        stem, leg = places[: len(stems)], places[len(stems) :]
        carried = self.convention.tail == "carried"
        ends = [h.pt_lr.size for h in self.histories] if carried else []
        which = np.concatenate([stem[self.owner], leg[self.owner], stem[: len(ends)]])
        step = np.concatenate([self.pt_step, self.cpt_step, np.array(ends, dtype=np.int64)])
        return _Layout(Stretches(kept, which, step), len(self))

    def _counted(self, pt_lr: FloatArray) -> Stretch:
        """Learning rates of a PT as its areas count them, and the one before the first."""
        if self.convention.warmup == "as-is" or not pt_lr.size:
            return Stretch(pt_lr, 0.0)
        warmup = warmup_steps(pt_lr)
        return Stretch(pt_lr, float(pt_lr[max(warmup - 1, 0)]), warmup)

    def __len__(self) -> int:
        return int(self.owner.size)

    def _per_history(self, values: Sequence[float]) -> FloatArray:
        return np.array(values, dtype=np.float64)[self.owner]

    @cached_property
    def s1_pt(self) -> FloatArray:
        """Forward area of the pre-training, frozen at the transfer."""
        return self._forward[0]

    @cached_property
    def s1_cpt(self) -> FloatArray:
        """Forward area of the CPT, 0 before it."""
        return self._forward[1]

    @cached_property
    def s1(self) -> FloatArray:
        """Forward area of both phases."""
        return self.s1_pt + self.s1_cpt

    @cached_property
    def log_s1(self) -> FloatArray:
        """Natural logarithm of s1."""
        return np.log(self.s1)

    @cached_property
    def _forward(self) -> tuple[FloatArray, FloatArray]:
        # Of many points a layout takes room, and of laws without annealing areas nobody asks again.
        layout = self._laid_out() if len(self) > MANY else self._layout
        pt, cpt = layout.of_both(layout.sums.forward())
        return pt, cpt

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
        sums = self._layout.sums.annealing(lambda_, epsilon)
        both = [self._layout.of_both(values) for values in sums[:3]]
        pt, cpt = ([one[phase] for one in both] for phase in (0, 1))
        if self.convention.tail == "carried":
            tail = self._carried_tail(lambda_, epsilon or 0.0, sums)
            pt = [values + more for values, more in zip(pt, tail, strict=True)]
        return AnnealingAreas(*pt, *cpt)

    def _carried_tail(self, lambda_: float, epsilon: float, sums: Annealing) -> FloatArray:
        """What the PT's last momentum still adds to S2pt, shape (3, n)."""
        added = np.zeros((3, len(self)))
        momentum, d_momentum = (self._layout.of_ends(values) for values in sums[3:])
        for index, mine in enumerate(grouped(self.owner, len(self.histories))):
            m, d_m = momentum[index], d_momentum[index]
            lr = self.histories[index].cpt_lr
            steps = np.arange(1, lr.size + 1)
            weight, log_lr = lr_weight(lr, epsilon)
            decay = lambda_**steps
            d_decay = steps * lambda_ ** (steps - 1)
            tail = np.zeros((3, lr.size + 1))
            tail[0, 1:] = np.cumsum(m * decay * weight)
            tail[1, 1:] = np.cumsum((d_m * decay + m * d_decay) * weight)
            tail[2, 1:] = np.cumsum(m * decay * weight * log_lr)
            added[:, mine] = tail[:, self.cpt_step[mine]]
        return added


def group_label(history: History, by: str) -> str:
    """The label of a history's group: its unknown "base", or the "batch" of its CPT."""
    if by == "base":
        return history.unknown_base or ""
    if not history.is_cpt:
        return ""
    return batch_label(*history.batch)
