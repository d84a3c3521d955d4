"""The bound of convex optimisation for the last iterate, as a law.

Source: arXiv:2501.18965.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.caching import remembers
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.catalog.entries import Entry
from cptlaw.laws.catalog.field import SEEN, annealing_term, law_of
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import REFERENCE_LR
from cptlaw.laws.law import Factor
from cptlaw.laws.points import Points


def inverse_area() -> Factor:
    """1 / (2 S)."""

    def evaluate(x: Points) -> Dual:
        return dual.constant(0.5 / x.blocks.summed(x.blocks.lr * x.blocks.steps)[x.blocks.ends])

    return Factor((), evaluate, "(2*S)^-1", "(2\\,S)^{-1}", conventional=False)


def convex_noise() -> Factor:
    """What gradients of constant size add to the bound for the last iterate, in units of u.

    With R_k the sum of u from step k to the last and Q_k that of u**2, it is
    Q_1 / (2 R_1) + the sum over k of (1 / R_(k+1) - 1 / R_k) * Q_k / 2.

    Source: arXiv:2501.18965.
    """

    def evaluate(x: Points) -> Dual:
        return dual.constant(convex_bound(x))

    return Factor((), evaluate, "bound(u)", "bound(u)", conventional=False)


@remembers(1)
def convex_bound(x: Points) -> FloatArray:
    """The noise part of the bound at n points, shape (n,); steps of no LR at the end are none."""
    out = np.zeros(len(x))
    for index, path in _paths(x):
        u, steps = x.blocks.lr[path] / REFERENCE_LR, x.blocks.steps[path]
        mine = np.flatnonzero(x.owner == index)
        for chunk in np.array_split(mine, 1 + mine.size * u.size // 1_000_000):
            out[chunk] = _last_iterate(u, steps, np.searchsorted(path, x.blocks.ends[chunk]))
    return out


def _last_iterate(u: FloatArray, steps: FloatArray, last: IntArray) -> FloatArray:
    """The noise part after the blocks `last` of one history.

    Within a block of constant u, Q_k is linear in R_k and 1 / R a digamma difference.
    """
    from scipy.special import digamma

    moving = u > 0
    area, square = np.cumsum(u * steps), np.cumsum(u * u * steps)
    whole, squares = area[last][:, None], square[last][:, None]
    u, steps = u[moving], steps[moving]
    after = whole - area[moving]
    ended = np.arange(moving.size)[moving] <= last[:, None]
    ahead = ended & (after > 1e-12 * whole)
    r = np.where(ahead, after, 1.0)
    q = squares - square[moving]
    inner = u * (digamma(r / u + steps) - digamma(r / u))
    outer = (q - u * r) * (u * steps / (r * (r + u * steps)))
    final = u * (digamma(steps) - digamma(1.0))
    parts = np.where(ahead, inner + outer, np.where(ended, final, 0.0))
    return 0.5 * (squares / whole)[:, 0] + 0.5 * parts.sum(axis=1)


def _paths(x: Points) -> Iterator[tuple[int, IntArray]]:
    """The histories on which points lie, and the blocks up to the last of these."""
    before = _before(x.blocks).tolist()
    for index in np.unique(x.owner).tolist():
        at, path = int(x.blocks.ends[x.owner == index].max()), list[int]()
        while at >= 0:
            path.append(at)
            at = before[at]
        yield index, np.array(path[::-1])


def _before(blocks: Blocks) -> IntArray:
    """The block before every block, -1 if there is none."""
    return blocks.before(np.arange(1.0, len(blocks) + 1.0)).astype(np.int64) - 1


ENTRIES = (
    Entry(
        "convex",
        "bound of convex optimisation for the last iterate",
        "arXiv:2501.18965",
        law_of(inverse_area(), annealing_term(convex_noise())),
        SEEN,
    ),
)
