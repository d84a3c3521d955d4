"""How histories branch off from one another, and where they are cut into blocks.

A study's runs begin alike: several CPT runs leave one base, or a base is annealed from several
steps. Each history is a limb of a tree, its own part from the step on where it leaves the history
that it begins like; what is shared is cut, and later summed, once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
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
        lr: of the whole history, as far as it is needed.
        start: where it leaves its parent.
        parent: the limb that it leaves; None for a history that begins on its own.
        depth: how many limbs lie before it.
        marks: steps at which a block has to end: points, the transfer, where others leave.
        cuts: first step, and the steps at which its blocks end.
        offset: number of its first block among those of all limbs.
    """

    lr: FloatArray
    start: int
    parent: Limb | None
    depth: int
    marks: set[int] = field(default_factory=set[int])
    cuts: IntArray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    offset: int = 0

    def block(self, step: int) -> int:
        """The block that ends at a step, which must be a mark."""
        if self.parent is not None and step <= self.start:
            return self.parent.block(step)
        place = int(np.searchsorted(self.cuts, step))
        # A limb without a parent has a block of 0 steps more, which ends at its start.
        return self.offset + place - (self.parent is not None)

    def mark(self, step: int) -> None:
        """Let a block end at a step, in the limb that it lies on."""
        if self.parent is not None and step <= self.start:
            self.parent.mark(step)
        else:
            self.marks.add(step)


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
    owners: list[int] = owner.tolist()
    for i, last in zip(owners, step.tolist(), strict=True):
        limbs[i].mark(last)
    for limb, history, last in zip(limbs, histories, lasts, strict=True):
        limb.mark(min(history.pt_lr.size, last))  # no block is half PT, half CPT
    for limb, history in zip(limbs, histories, strict=True):
        limb.cuts = _cuts(limb.lr, limb.start, limb.marks, history.pt_lr.size)
    return limbs


def _tree(histories: Sequence[History], lasts: Sequence[int]) -> list[Limb]:
    """Where each history leaves the one that it begins like.

    Those of the longest PT come first, so that a base is there before what leaves it. Histories
    of other data (another end of the PT, another replay) or another weight decay of the CPT are
    alike up to the transfer at most, even where their learning rates agree for longer; those of
    another weight decay of the PT not at all.
    """
    whole = [h.lr[:last] for h, last in zip(histories, lasts, strict=True)]
    data = [
        (min(h.pt_lr.size, n), h.replay, h.cpt_by.weight_decay)
        for h, n in zip(histories, lasts, strict=True)
    ]
    decays = [h.pt_by.weight_decay for h in histories]
    limbs: dict[int, Limb] = {}
    order = sorted(range(len(whole)), key=lambda i: (-data[i][0], i))
    for i in order:
        best: tuple[int, int] | None = None
        for j in limbs:
            shared = _shared(whole[i], whole[j]) if decays[i] == decays[j] else 0
            if data[i] != data[j]:
                shared = min(shared, data[i][0], data[j][0])
            if best is None or shared > best[0]:
                best = shared, j
        if best is None or not best[0]:
            limbs[i] = Limb(whole[i], 0, None, 0)
            continue
        step, parent = best[0], limbs[best[1]]
        # What is shared may be the other's parent's: the limb that owns the step is the one left.
        while parent.parent is not None and step <= parent.start:
            parent = parent.parent
        limbs[i] = Limb(whole[i], step, parent, parent.depth + 1)
        parent.mark(step)
    return [limbs[i] for i in range(len(whole))]


def _fan(histories: Sequence[History], lasts: Sequence[int], shared: int) -> list[Limb]:
    """The first history, and each other from step `shared` on."""
    whole = [h.lr for h in histories]
    root = Limb(whole[0][: max(lasts[0], shared)], 0, None, 0)
    root.mark(shared)
    parent = root if shared else None
    limbs = [
        Limb(lr[: max(last, shared)], shared, parent, 1)
        for lr, last in zip(whole[1:], lasts[1:], strict=True)
    ]
    return [root, *limbs]


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
    # Levels count the way that the LR has gone, up and down; the last term keeps a level that is
    # reached exactly, but for rounding, from being passed one step later.
    level = np.floor(np.cumsum(np.abs(np.diff(lr))) / peak * LEVELS + 1e-9)
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
