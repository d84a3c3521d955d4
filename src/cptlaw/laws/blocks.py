"""Learning-rate histories as blocks of steps, and recurrences along them.

Laws that follow a state of the run (weights that grow, noise that relaxes) sum over its whole
past. Steps of nearly equal learning rate are taken together, so that a curve costs some hundred
blocks instead of tens of thousands of steps, and a past that several runs share is summed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, grouped
from cptlaw.laws.branching import Limb, branches
from cptlaw.laws.compiled import recurrences
from cptlaw.laws.dual import Dual
from cptlaw.studies.history import History


class Stretch(NamedTuple):
    """The blocks of one limb, `start` to `end` in every array, and the block before them or -1."""

    start: int
    end: int
    before: int


class Places(NamedTuple):
    """Where compiled recurrences go, and where they leave results; all whole numbers.

    Args:
        tree: first block, end and block before of s stretches, shape (3, s).
        slot: where the state after a block is kept for stretches that go on from it, or -1, (m,).
        first: of `points`, those after each block, shape (m + 1,).
        points: the n points in the order of their blocks, shape (n,).
    """

    tree: IntArray
    slot: IntArray
    first: IntArray
    points: IntArray


class Blocks:
    """m blocks of several histories; those that begin alike share their first blocks.

    Args:
        histories: learning rates of PT and CPT.
        owner: which history each of n points lies on, shape (n,).
        step: steps since the first step of all, shape (n,).
        shared: how many steps all histories are known to have in common with the first, after
            which each is taken alone; left out, what they have in common is looked up.

    Attributes:
        lr: mean learning rate, shape (m,).
        steps: number of steps, shape (m,); a history that shares nothing begins with 0 steps, so
            that there is a block that ends before its first step.
        cpt: 1 if it belongs to the CPT, else 0, shape (m,).
        share: share of D_cpt in its data, 0 in the PT, shape (m,).
        weight_decay: as its optimizer was given it, NaN where nobody said, shape (m,).
        ends: the block after which each point lies, shape (n,).
    """

    def __init__(
        self,
        histories: Sequence[History],
        owner: IntArray,
        step: IntArray,
        shared: int | None = None,
    ) -> None:
        limbs = branches(histories, owner, step, shared)
        # A limb comes after the one that it leaves, so that the sums before it are known by then.
        order = sorted(range(len(limbs)), key=lambda i: limbs[i].depth)
        self._stretches: list[Stretch] = []
        rows: list[tuple[FloatArray, ...]] = []
        left: dict[tuple[int, int], int] = {}  # many limbs leave another at the same place
        for i in order:
            limb = limbs[i]
            limb.offset = self._stretches[-1].end if self._stretches else 0
            rows.append(_rows(limb))
            before, place = -1, (id(limb.parent), limb.start)
            if limb.parent is not None:
                if place not in left:
                    left[place] = int(limb.parent.block(np.array([limb.start]))[0])
                before = left[place]
            self._stretches.append(Stretch(limb.offset, limb.offset + rows[-1][0].size, before))
        lr, steps, cpt, share, decay = (np.concatenate(each) for each in zip(*rows, strict=True))
        self.lr: FloatArray = lr
        self.steps: FloatArray = steps
        self.cpt: FloatArray = cpt
        self.share: FloatArray = share
        self.weight_decay: FloatArray = decay
        self.ends: IntArray = np.empty(owner.size, dtype=np.int64)
        for i, mine in enumerate(grouped(owner, len(limbs))):
            self.ends[mine] = limbs[i].block(step[mine])
        some = [stretch for stretch in self._stretches if stretch.end > stretch.start]
        self._first: IntArray = np.array([stretch.start for stretch in some])
        self._before: IntArray = np.array([stretch.before for stretch in some])
        self._is_root: BoolArray = np.zeros(self.lr.size, dtype=np.bool_)
        self._is_root[self._first[self._before < 0]] = True

    def __len__(self) -> int:
        return int(self.lr.size)

    def recur(self, decay: Dual, gain: Dual) -> Dual:
        """x_i = decay_i * x_(i-1) + gain_i along every history, from 0; all of shape (m,)."""
        value = self.solve(decay.value, gain.value)
        inputs = gain.slopes + decay.slopes * self.before(value)
        return Dual(value, self.solve(decay.value, inputs))

    def previous(self, x: Dual) -> Dual:
        """The value before every block, its own before the first, shape (m,)."""
        return Dual(*(np.where(self._is_root, v, self.before(v)) for v in (x.value, x.slopes)))

    def total(self, x: Dual) -> Dual:
        """Running sum along every history, shape (m,)."""
        return Dual(self.summed(x.value), self.summed(x.slopes))

    @cached_property
    def places(self) -> Places:
        """The tree and its points as the compiled recurrences take them."""
        tree = np.array(self._stretches, dtype=np.int64).reshape(-1, 3).T.copy()
        left = np.unique(tree[2][tree[2] >= 0])
        slot = np.full(len(self), -1, dtype=np.int64)
        slot[left] = np.arange(left.size)
        count = np.bincount(self.ends, minlength=len(self))
        first = np.append(0, np.cumsum(count)).astype(np.int64)
        return Places(tree, slot, first, np.argsort(self.ends, kind="stable").astype(np.int64))

    @cached_property
    def is_cpt(self) -> BoolArray:
        """Whether each block belongs to the CPT, shape (m,)."""
        return self.cpt > 0

    def summed(self, x: FloatArray) -> FloatArray:
        """Running sum along every history over the last axis, shape (..., m)."""
        sums = np.empty(x.shape)
        if (compiled := recurrences()) is not None:
            compiled.summed(self.places.tree, np.ascontiguousarray(x, dtype=np.float64), sums)
            return sums
        for start, end, before in self._stretches:
            np.cumsum(x[..., start:end], axis=-1, out=sums[..., start:end])
            if before >= 0:
                sums[..., start:end] += sums[..., before : before + 1]
        return sums

    def before(self, x: FloatArray) -> FloatArray:
        """The value before every block, 0 before the first, over the last axis."""
        moved = np.roll(x, 1, axis=-1)
        moved[..., self._first] = np.where(self._before >= 0, x[..., self._before], 0.0)
        return moved

    def solve(self, decay: FloatArray, gain: FloatArray) -> FloatArray:
        """The recurrence for decays (m,) or (J, m) and gains (..., m) or (..., J, m), from 0.

        x_i - decay_i * x_(i-1) = gain_i is a triangular system of two bands, which BLAS solves in
        a few operations a block; a loop in Python would take a hundred times as long, and products
        of all decays would leave the range of floats. All stretches, and all J rates, are solved
        as one system, with 0 where one does not follow from the one before. A limb that leaves
        another begins with that one's state instead of 0; the recurrence is linear, so that this
        adds what is left of the state after every block.
        """
        if (compiled := recurrences()) is not None:
            x, gain = np.empty(gain.shape), np.ascontiguousarray(gain)
            compiled.solve(self.places.tree, np.ascontiguousarray(decay), gain, x)
            return x
        from scipy.linalg.blas import dtbsv

        inner = -decay
        inner[..., self._first] = 0.0
        band = np.ones((2, decay.size), order="F")
        band[1, :-1] = inner.ravel()[1:]
        if not gain.size:
            return np.zeros(gain.shape)
        rows = gain.reshape(-1, decay.size)
        solved = [dtbsv(1, band, row, lower=1, diag=1) if row.any() else row for row in rows]
        x = np.array(solved).reshape(gain.shape)
        for start, end, before in self._stretches:
            if before >= 0:
                left = np.cumprod(decay[..., start:end], axis=-1)
                x[..., start:end] += left * x[..., before : before + 1]
        return x


def _rows(limb: Limb) -> tuple[FloatArray, ...]:
    """Mean LR, steps, whether CPT, share of D_cpt and weight decay of every block of a limb."""
    mean, length, ends = limb.means, np.diff(limb.cuts), limb.cuts[1:]
    if limb.parent is None:
        mean, length, ends = np.append(0.0, mean), np.append(0, length), limb.cuts
    history = limb.history
    is_cpt = ends > history.pt_lr.size
    told = [by.weight_decay for by in (history.pt_by, history.cpt_by)]
    of_pt, of_cpt = (np.nan if decay is None else decay for decay in told)
    share = np.where(is_cpt, 1.0 - history.replay, 0.0)
    decay = np.where(is_cpt, of_cpt, of_pt)
    return mean, length.astype(np.float64), is_cpt.astype(np.float64), share, decay
