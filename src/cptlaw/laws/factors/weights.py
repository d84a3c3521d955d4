"""The learning rate relative to weights that grow, or do not.

AdamW moves every weight by about the learning rate a step. Weights of size sigma thus grow as a
random walk does, while weight decay pulls them back; the same learning rate moves large weights
by less. With q the mean square of the weights, relative to its start,

    dq = (LR / sigma)^2 - 2 * decay * LR * q     a step, q = 1 before the first,
    effective LR v = LR / sqrt(q).

Optimizers that hold the size of the weights (AdamH, MuonH), or whose steps follow the gradient
(SGD), have q = 1: their effective LR is the learning rate in another unit.

Where the CPT has another optimizer, u of the pre-training's LR do what 1 of the CPT's does.

These are this project's own forms; van Laarhoven (arXiv:1706.05350) has the effective LR and its
equilibrium.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, read_only
from cptlaw.caching import remembers
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.compiled import recurrences
from cptlaw.laws.dual import Dual
from cptlaw.laws.law import Prior, Shape
from cptlaw.laws.remedies import UNIT as UNIT_REMEDY
from cptlaw.laws.remedies import WEIGHTS

USUAL_SIZE = 0.02  # of weights before the first step
SIGMA = Shape("sigma", 1e-4, 10.0, (0.01, 0.05), prior=Prior(USUAL_SIZE, 0.25), remedy=WEIGHTS)
DECAY = Shape("decay", 1e-5, 10.0, (0.03, 0.3), prior=Prior(0.1, 0.5), remedy=WEIGHTS)
GROWN = Shape("q", 1.0, 1e3, (2.0, 8.0), prior=Prior(4.0, 0.6), remedy=WEIGHTS)
UNIT = Shape("u", 1e-5, 1e5, (0.1, 10.0), prior=Prior(1.0, 1.5), remedy=UNIT_REMEDY)


@dataclass(frozen=True)
class Weights:
    """How weights are moved, as far as it is known before any data.

    Args:
        sigma: their size at first, in learning rates; None where they grow in no phase.
        decay: how fast decay pulls them back; None where there is none.
        unit: what an LR of the CPT is worth in LRs of the pre-training; None for as much.
        pt_grow: whether they grow in the pre-training.
        cpt_grow: whether they grow in the CPT.
        told_decay: the weight decay that `decay` stands for; that of each block is in proportion.
            None where none was told.
        scale: what the effective LR is multiplied by, to be in AdamW's unit.
        grown: their mean square where the known learning rates begin, relative to its start; None
            for 1, since they begin with the first step of all.
    """

    sigma: Shape | None = SIGMA
    decay: Shape | None = DECAY
    unit: Shape | None = None
    pt_grow: bool = True
    cpt_grow: bool = True
    told_decay: float | None = None
    scale: float = 1.0
    grown: Shape | None = None

    @property
    def own(self) -> tuple[Shape | None, ...]:
        """Their shape parameters, in order, and None for what is not."""
        return self.sigma, self.decay, self.unit, self.grown

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Their shape parameters."""
        return tuple(shape for shape in self.own if shape is not None)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:  # asked for with every factor of every step of a search
        return hash(tuple(getattr(self, each.name) for each in fields(self)))

    def grow(self, blocks: Blocks) -> FloatArray:
        """1 where weights grow and decay, else 0, shape (m,)."""
        return np.where(blocks.is_cpt, self.cpt_grow, self.pt_grow).astype(np.float64)

    def share(self, blocks: Blocks) -> FloatArray:
        """The weight decay of every block relative to the one that `decay` stands for, (m,)."""
        told = np.nan_to_num(
            blocks.weight_decay / self.told_decay if self.told_decay else 1.0, nan=1.0
        )
        return told * self.grow(blocks)


GROWING = Weights()


class Course(NamedTuple):
    """What the effective LR comes to, with slopes in the w parameters of the weights, or none.

    Args:
        rate: the effective LR and its slopes in every block, shape (1 + w, m).
        sums: its sums over both phases, over the CPT and over the PT at n points, (3, 1 + w, n).
    """

    rate: FloatArray
    sums: FloatArray


def effective_lr(blocks: Blocks, *given: Dual, weights: Weights = GROWING) -> Dual:
    """The effective LR in every block, shape (m,), for the weights' shape parameters."""
    rate = course(blocks, *given, weights=weights).rate
    return dual.chained(rate[0], rate[1:], *given) if given else dual.constant(rate[0])


def course(blocks: Blocks, *given: Dual, weights: Weights = GROWING) -> Course:
    """The effective LR and its sums, for the weights' shape parameters."""
    slopes = bool(given) and dual.sloped(given[0])
    return _course(blocks, weights, slopes, *(float(one.value[0]) for one in given))


@remembers(1)  # the factors of a law ask for it one after the other
def _course(blocks: Blocks, weights: Weights, slopes: bool, *values: float) -> Course:
    if (compiled := recurrences()) is None:
        return _course_in_numpy(blocks, weights, slopes, *values)
    rows = 1 + len(values) * slopes
    known = Course(np.empty((rows, len(blocks))), np.empty((3, rows, blocks.ends.size)))
    given = iter(values)
    numbers = [np.nan if shape is None else next(given) for shape in weights.own]
    still = _still(blocks, weights)
    compiled.effective(
        *blocks.places, blocks.lr, blocks.steps, *still, (*numbers, weights.scale), *known
    )
    return Course(*map(read_only, known))


@remembers(1)
def _still(blocks: Blocks, weights: Weights) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What does not depend on parameters: whether CPT, whether weights grow, their decay."""
    return blocks.cpt, weights.grow(blocks), weights.share(blocks)


def _course_in_numpy(blocks: Blocks, weights: Weights, slopes: bool, *values: float) -> Course:
    """As the compiled `effective`."""
    rate = _effective_lr(blocks, weights, *dual.variables(*values, slopes=slopes))
    phases = np.ones(len(blocks)), blocks.cpt, 1.0 - blocks.cpt
    sums = [blocks.total(rate * (blocks.steps * phase))[blocks.ends] for phase in phases]
    rows = len(values) * slopes
    known = Course(_rows(rate, rows), np.array([_rows(one, rows) for one in sums]))
    return Course(*map(read_only, known))


def _rows(x: Dual, rows: int) -> FloatArray:
    """Value and slopes one below the other."""
    return np.vstack([x.value, np.broadcast_to(x.slopes[:rows], (rows, x.value.size))])


def _effective_lr(blocks: Blocks, weights: Weights, *variables: Dual) -> Dual:
    given = dict(zip((s.name for s in weights.shapes), variables, strict=True))
    sigma, decay = given.get("sigma"), given.get("decay")
    lr = dual.constant(blocks.lr)
    if (unit := given.get("u")) is not None:
        lr = (unit * blocks.cpt + (1.0 - blocks.cpt)) * lr
    if sigma is None:
        return lr * weights.scale
    size = _size(blocks, weights, lr / sigma, decay, given.get("q"))
    return lr * weights.scale / dual.sqrt((size + blocks.previous(size)) * 0.5)


def _size(
    blocks: Blocks, weights: Weights, moved: Dual, decay: Dual | None, grown: Dual | None
) -> Dual:
    """Mean square of the weights after every block, shape (m,), relative to its start.

    Args:
        blocks: m blocks.
        weights: how they are moved.
        moved: what a step moves them by, relative to their size at first, shape (m,).
        decay: how fast decay pulls them back; None for not at all.
        grown: what it is before the first block; None for 1.
    """
    first = dual.constant(np.ones(1)) if grown is None else grown
    growth = moved * moved * (blocks.steps * weights.grow(blocks))
    if decay is None:
        return blocks.total(growth) + first
    pull = decay * (2.0 * blocks.lr * blocks.steps * weights.share(blocks))
    fade = dual.exp(-pull)
    return blocks.recur(fade, growth * dual.mean_fade(pull)) + first * dual.exp(-blocks.total(pull))
