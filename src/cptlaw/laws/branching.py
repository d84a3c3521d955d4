"""How histories branch off from one another, and where they are cut into blocks.

A study's runs begin alike: several CPT runs leave one base, or a base is annealed from several
steps. Each history is a limb of a tree, its own part from the step on where it leaves the history
that it begins like; what is shared is cut, and later summed, once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, grouped
from cptlaw.laws.alike import common, in_order, ordered
from cptlaw.laws.compiled import recurrences
from cptlaw.studies.history import History

# Within a block the LR counts as its mean, and points are placed at ends of blocks exactly. A block
# ends where the LR has moved by a fiftieth of its peak. Where it is flat, blocks grow with the
# steps since the stretch began: losses are powers of progress, so that what matters is the share
# by which a block moves it. The first steps of a stretch are the ones that move a loss most.
LEVELS = 50  # by which an LR is told apart, from 0 to its peak
SHORTEST, LONGEST = 10, 200  # steps of a block at a flat LR, unless a mark ends it
GROWTH = 16  # a block has at most one part in so many of the steps since its stretch began
RISE = 0.1  # of the peak, after which a stretch begins anew, as after a re-warm-up


@dataclass(eq=False)
class Limb:
    """The part of a history that is its own, from step `start` of all on.

    Args:
        history: learning rates of both phases.
        last: as many of its steps as are needed.
        start: where it leaves its parent.
        parent: the limb that it leaves; None for a history that begins on its own.
        depth: how many limbs lie before it.
        marks: steps at which a block has to end: points, the transfer, where others leave.
        cuts: first step, and the steps at which its blocks end.
        means: mean LR of its blocks.
        offset: number of its first block among those of all limbs.
    """

    history: History
    last: int
    start: int
    parent: Limb | None
    depth: int
    marks: list[IntArray] = field(default_factory=list[IntArray])
    cuts: IntArray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    means: FloatArray = field(default_factory=lambda: np.zeros(0))
    offset: int = 0

    def block(self, step: IntArray) -> IntArray:
        """The blocks that end at n steps, which must be marks."""
        # A limb without a parent has a block of 0 steps more, which ends at its start.
        found = self.offset + np.searchsorted(self.cuts, step) - (self.parent is not None)
        if self.parent is not None and (before := step <= self.start).any():
            found[before] = self.parent.block(step[before])
        return found

    def mark(self, step: IntArray) -> None:
        """Let blocks end at n steps, each in the limb that it lies on."""
        if self.parent is not None and (before := step <= self.start).any():
            self.parent.mark(step[before])
            step = step[~before]
        self.marks.append(step)


def branches(
    histories: Sequence[History], owner: IntArray, step: IntArray, shared: int | None
) -> list[Limb]:
    """The limb of every history, cut into blocks, one of which ends at each of n points.

    Args:
        histories: learning rates of PT and CPT.
        owner: which history each point lies on, shape (n,).
        step: steps since the first step of all, shape (n,).
        shared: see `blocks.Blocks`.
    """
    latest = np.zeros(len(histories), dtype=np.int64)
    np.maximum.at(latest, owner, step)
    lasts: list[int] = latest.tolist()
    limbs = _tree(histories, lasts) if shared is None else _fan(histories, lasts, shared)
    for i, mine in enumerate(grouped(owner, len(histories))):
        limbs[i].mark(step[mine])
    for limb, history, last in zip(limbs, histories, lasts, strict=True):
        transfer = min(history.pt_lr.size, last)  # no block is half PT, half CPT
        if limb.parent is None or transfer > limb.start:  # else the one that it leaves has it
            limb.mark(np.array([transfer]))
    known: dict[tuple[object, ...], tuple[IntArray, FloatArray]] = {}
    for limb in limbs:
        h = limb.history  # runs on other data may have the very same learning rates
        marks = (mark.tobytes() for mark in limb.marks)
        key = (id(h.pt_lr), id(h.cpt_lr), limb.last, limb.start, *marks)
        if key not in known:
            known[key] = _blocks(limb)
        limb.cuts, limb.means = known[key]
    return limbs


def _tree(histories: Sequence[History], lasts: Sequence[int]) -> list[Limb]:
    """Where each history leaves the one that it begins like.

    Those of the longest PT come first, so that a base is there before what leaves it.
    """
    pasts = [_Past.of(history, last) for history, last in zip(histories, lasts, strict=True)]
    first = sorted(range(len(pasts)), key=lambda i: (-pasts[i].pt_lr.size, i))
    left = _left(pasts, first)
    limbs: dict[int, Limb] = {}
    for i in first:
        step, other = left[i]
        if not step:
            limbs[i] = Limb(histories[i], lasts[i], 0, None, 0)
            continue
        parent = limbs[other]
        # What is shared may be the other's parent's: the limb that owns the step is the one left.
        while parent.parent is not None and step <= parent.start:
            parent = parent.parent
        limbs[i] = Limb(histories[i], lasts[i], step, parent, parent.depth + 1)
        parent.mark(np.array([step]))
    return [limbs[i] for i in range(len(pasts))]


class _Past(NamedTuple):
    """A history as far as it is needed, and what else has to be alike.

    Histories of other data (another end of the PT, another replay) or another weight decay of the
    CPT are alike up to the transfer at most, even where their learning rates agree for longer;
    those of another weight decay of the PT not at all.
    """

    pt_decay: float
    pt_lr: FloatArray
    data: tuple[float, float]
    cpt_lr: FloatArray

    @classmethod
    def of(cls, history: History, last: int) -> _Past:
        """The first steps of a history."""
        pt, cpt = history.pt_lr, history.cpt_lr
        pt_decay, cpt_decay = (
            -1.0 if by.weight_decay is None else by.weight_decay
            for by in (history.pt_by, history.cpt_by)
        )
        beyond = max(last - pt.size, 0)
        return cls(
            pt_decay,
            pt if last >= pt.size else pt[:last],
            (history.replay, cpt_decay),
            cpt if beyond == cpt.size else cpt[:beyond],
        )

    def compared(self, other: _Past) -> tuple[int, int]:
        """How many steps two share, and below 0 if this one comes first in their order."""
        if self.pt_decay != other.pt_decay:
            return 0, -1 if self.pt_decay < other.pt_decay else 1
        steps = common(self.pt_lr, other.pt_lr)
        if steps < max(self.pt_lr.size, other.pt_lr.size):
            return steps, in_order(self.pt_lr, other.pt_lr, steps)
        if self.data != other.data:
            return steps, -1 if self.data < other.data else 1
        more = common(self.cpt_lr, other.cpt_lr)
        return steps + more, in_order(self.cpt_lr, other.cpt_lr, more)


def _left(pasts: Sequence[_Past], first: Sequence[int]) -> list[tuple[int, int]]:
    """Of each past, the most steps that it shares with one that comes before it, and which that is.

    In the order of learning rates a past shares most with a neighbour. Taken out one by one, from
    the last to come, each has as neighbours the nearest of those that come before it.

    Args:
        pasts: of s histories.
        first: indices of all of them, as they come.
    """
    order = ordered(len(pasts), lambda i, j: pasts[i].compared(pasts[j])[1])
    after = dict(zip(order, [*order[1:], -1], strict=True))
    before = dict(zip(order, [-1, *order[:-1]], strict=True))
    alike = {i: pasts[i].compared(pasts[j])[0] for i, j in after.items() if j >= 0}
    found = [(0, -1)] * len(pasts)
    for i in reversed(first):
        one, other = before[i], after[i]
        sides = [(alike[one], one)] if one >= 0 else []
        sides += [(alike[i], other)] if other >= 0 else []
        found[i] = max(sides, default=(0, -1))
        if one >= 0:
            after[one] = other
            alike[one] = min(alike[one], alike.get(i, 0))
        if other >= 0:
            before[other] = one
    return found


def _fan(histories: Sequence[History], lasts: Sequence[int], shared: int) -> list[Limb]:
    """The first history, and each other from step `shared` on."""
    root = Limb(histories[0], max(lasts[0], shared), 0, None, 0)
    root.mark(np.array([shared]))
    parent = root if shared else None
    limbs = [
        Limb(history, max(last, shared), shared, parent, 1)
        for history, last in zip(histories[1:], lasts[1:], strict=True)
    ]
    return [root, *limbs]


def _blocks(limb: Limb) -> tuple[IntArray, FloatArray]:
    """First step and ends of a limb's blocks, shape (m + 1,), and their mean LR, shape (m,)."""
    history, marks = limb.history, np.concatenate(limb.marks)
    if (compiled := recurrences()) is not None:
        phases = np.ascontiguousarray(history.pt_lr), np.ascontiguousarray(history.cpt_lr)
        rules = LEVELS, SHORTEST, LONGEST, GROWTH, RISE
        cuts, means = compiled.cut(*phases, limb.last, limb.start, marks, rules)
        return np.frombuffer(cuts, dtype=np.int64), np.frombuffer(means)
    lr = history.lr[: limb.last]
    found = _cuts(lr, limb.start, marks.tolist(), history.pt_lr.size)
    sums = np.append(0.0, np.cumsum(lr))[found]
    return found, np.diff(sums) / np.diff(found)


def _cuts(lr: FloatArray, start: int, marks: list[int], transfer: int) -> IntArray:
    """Ends of blocks from step `start` of learning rates (T,) on; a block ends at every mark."""
    if lr.size <= start:
        return np.array([start], dtype=np.int64)
    peak = float(lr.max()) or 1.0
    # Levels count the way that the LR has gone, up and down; the last term keeps a level that is
    # reached exactly, but for rounding, from being passed one step later.
    level = np.floor(np.cumsum(np.abs(np.diff(lr))) / peak * LEVELS + 1e-9)
    moves = np.flatnonzero(np.diff(np.append(0.0, level))) + 1
    cuts = np.concatenate([[start], moves, marks, [lr.size]])
    anew = [start, *(s for s in (*_rises(lr, peak), transfer) if start < s < lr.size)]
    for begin, end in itertools.pairwise([*sorted(set(anew)), int(lr.size)]):
        cuts = np.append(cuts, _growing(begin, end))
    found = np.unique(cuts).astype(np.int64)
    return found[(found >= start) & (found <= lr.size)]


def _growing(begin: int, end: int) -> list[int]:
    """Ends of blocks that grow with the steps since `begin`."""
    found = [begin]
    while found[-1] < end:
        found.append(found[-1] + min(max(SHORTEST, (found[-1] - begin) // GROWTH), LONGEST))
    return [*found[:-1], end]


def _rises(lr: FloatArray, peak: float) -> list[int]:
    """Steps after which the LR has risen by a tenth of its peak, and rises no more."""
    up = np.diff(lr) > 0
    found: list[int] = []
    for step in (np.flatnonzero(up & ~np.append(up[1:], False)) + 2).tolist():
        since = found[-1] if found else 0
        if lr[step - 1] - lr[since:step].min() > RISE * peak:
            found.append(step)
    return found
