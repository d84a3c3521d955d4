"""Learning-rate histories as blocks of steps, and recurrences along them.

Laws that follow a state of the run (weights that grow, noise that relaxes) sum over its whole
past. Steps of nearly equal learning rate are taken together, so that a curve costs some hundred
blocks instead of tens of thousands of steps, and a past that several runs share is summed once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray
from cptlaw.laws.dual import Dual
from cptlaw.studies.history import History

_LEVELS = 50  # a block's LR moves by at most a share of 1 / _LEVELS of its history's peak
_LONGEST = 200
_SHARE = 16  # of the steps since the stretch began, at most one part in _SHARE is one block


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
        steps: number of steps, shape (m,); a history that shares nothing begins with 0 steps.
        is_cpt: whether it belongs to the CPT, shape (m,).
        share: share of D_cpt in its data, 0 in the PT, shape (m,).
        ends: the block after which each point lies, shape (n,).
    """

    def __init__(
        self,
        histories: Sequence[History],
        owner: IntArray,
        step: IntArray,
        shared: int | None = None,
    ) -> None:
        latest = np.zeros(len(histories), dtype=np.int64)
        np.maximum.at(latest, owner, step)
        lasts: list[int] = latest.tolist()
        limbs = _tree(histories, lasts) if shared is None else _fan(histories, lasts, shared)
        owners: list[int] = owner.tolist()
        for i, last in zip(owners, step.tolist(), strict=True):
            _mark(limbs[i], last)
        for limb, history, last in zip(limbs, histories, lasts, strict=True):
            _mark(limb, min(history.pt_lr.size, last))
        self._stretches: list[tuple[int, int, int]] = []
        lr: list[FloatArray] = []
        steps: list[FloatArray] = []
        is_cpt: list[BoolArray] = []
        share: list[FloatArray] = []
        total = 0
        for i in sorted(range(len(limbs)), key=lambda i: limbs[i].depth):
            limb, history = limbs[i], histories[i]
            limb.cuts = _cuts(limb.lr, limb.start, limb.marks, history.pt_lr.size)
            length = np.diff(limb.cuts)
            sums = np.append(0.0, np.cumsum(limb.lr))[limb.cuts]
            mean = np.diff(sums) / length
            own = limb.cuts[1:]
            if limb.parent is None:
                mean, length, own = np.append(0.0, mean), np.append(0, length), limb.cuts
            limb.offset = total
            before = -1 if limb.parent is None else limb.parent.block(limb.start)
            self._stretches.append((total, total + own.size, before))
            lr.append(mean)
            steps.append(length.astype(np.float64))
            is_cpt.append(own > history.pt_lr.size)
            share.append(np.where(is_cpt[-1], 1.0 - history.replay, 0.0))
            total += own.size
        self.lr: FloatArray = np.concatenate(lr)
        self.steps: FloatArray = np.concatenate(steps)
        self.is_cpt: BoolArray = np.concatenate(is_cpt)
        self.share: FloatArray = np.concatenate(share)
        places = zip(owner.tolist(), step.tolist(), strict=True)
        self.ends: IntArray = np.array(
            [limbs[int(i)].block(int(s)) for i, s in places], dtype=np.int64
        )
        self._first: IntArray = np.array([s for s, e, _ in self._stretches if e > s])
        self._before: IntArray = np.array([p for s, e, p in self._stretches if e > s])
        self._is_root: BoolArray = np.zeros(total, dtype=np.bool_)
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

    def summed(self, x: FloatArray) -> FloatArray:
        """Running sum along every history over the last axis, shape (..., m)."""
        sums = np.empty_like(x)
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

        Every stretch is a triangular system of two bands; what it begins with fades along it.
        """
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


@dataclass(eq=False)
class _Limb:
    """The part of a history that is its own, from step `start` of all on."""

    lr: FloatArray
    start: int
    parent: _Limb | None
    depth: int
    marks: set[int] = field(default_factory=set[int])
    cuts: IntArray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    offset: int = 0

    def block(self, step: int) -> int:
        """The block that ends at a step."""
        if self.parent is not None and step <= self.start:
            return self.parent.block(step)
        place = int(np.searchsorted(self.cuts, step))
        return self.offset + place - (self.parent is not None)


def _tree(histories: Sequence[History], lasts: Sequence[int]) -> list[_Limb]:
    """Where each history leaves the one that it begins like, longest first."""
    whole = [h.lr[:last] for h, last in zip(histories, lasts, strict=True)]
    data = [(min(h.pt_lr.size, n), h.replay) for h, n in zip(histories, lasts, strict=True)]
    limbs: dict[int, _Limb] = {}
    order = sorted(range(len(whole)), key=lambda i: (-data[i][0], i))
    for i in order:
        best: tuple[int, int] | None = None
        for j in limbs:
            shared = _shared(whole[i], whole[j])
            if data[i] != data[j]:
                shared = min(shared, data[i][0], data[j][0])
            if best is None or shared > best[0]:
                best = shared, j
        if best is None or not best[0]:
            limbs[i] = _Limb(whole[i], 0, None, 0)
            continue
        step, parent = best[0], limbs[best[1]]
        while parent.parent is not None and step <= parent.start:
            parent = parent.parent
        limbs[i] = _Limb(whole[i], step, parent, parent.depth + 1)
        _mark(parent, step)
    return [limbs[i] for i in range(len(whole))]


def _fan(histories: Sequence[History], lasts: Sequence[int], shared: int) -> list[_Limb]:
    """The first history, and each other from step `shared` on."""
    whole = [h.lr for h in histories]
    root = _Limb(whole[0][: max(lasts[0], shared)], 0, None, 0)
    _mark(root, shared)
    parent = root if shared else None
    limbs = [
        _Limb(lr[: max(last, shared)], shared, parent, 1)
        for lr, last in zip(whole[1:], lasts[1:], strict=True)
    ]
    return [root, *limbs]


def _mark(limb: _Limb, step: int) -> None:
    """Let a block end at a step, in the limb that it lies on."""
    while limb.parent is not None and step <= limb.start:
        limb = limb.parent
    limb.marks.add(step)


def _shared(one: FloatArray, other: FloatArray) -> int:
    """How many learning rates two histories have in common from the first on."""
    size = min(one.size, other.size)
    differ = one[:size] != other[:size]
    return int(np.argmax(differ)) if differ.any() else size


def _cuts(lr: FloatArray, start: int, marks: set[int], transfer: int) -> IntArray:
    """Ends of blocks from step `start` of learning rates (T,) on; a block ends at every mark."""
    if lr.size <= start:
        return np.array([start], dtype=np.int64)
    peak = float(lr.max()) or 1.0
    level = np.floor(np.cumsum(np.abs(np.diff(lr))) / peak * _LEVELS + 1e-9)
    moves = np.flatnonzero(np.diff(np.append(0.0, level))) + 1
    cuts = np.concatenate([[start], moves, list(marks), [lr.size]])
    anew = [start, *(s for s in (*_rises(lr, peak), transfer) if start < s < lr.size)]
    for begin, end in itertools.pairwise([*sorted(set(anew)), int(lr.size)]):
        cuts = np.append(cuts, _growing(begin, end))
    found = np.unique(cuts).astype(np.int64)
    return found[(found >= start) & (found <= lr.size)]


def _growing(begin: int, end: int) -> list[int]:
    """Ends of blocks that grow with the steps since `begin`."""
    found = [begin]
    while found[-1] < end:
        found.append(found[-1] + min(max(10, (found[-1] - begin) // _SHARE), _LONGEST))
    return [*found[:-1], end]


def _rises(lr: FloatArray, peak: float) -> list[int]:
    """Steps after which the LR has risen by a tenth of its peak, and rises no more."""
    up = np.diff(lr) > 0
    found: list[int] = []
    for step in (np.flatnonzero(up & ~np.append(up[1:], False)) + 2).tolist():
        since = found[-1] if found else 0
        if lr[step - 1] - lr[since:step].min() > 0.1 * peak:
            found.append(step)
    return found
