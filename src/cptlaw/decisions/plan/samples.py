"""Many recipes at once, with what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray

KEPT = 1e-6
"""Share of a limit by which it may be exceeded."""


class Samples(NamedTuple):
    """n recipes with what became of them.

    Args:
        branch: index of each one's branch, shape (n,).
        shares: how far along each axis of it, shape (n, most axes); NaN past its own axes.
        losses: domain -> final loss, shape (n,).
        costs: key of `COSTS` -> cost, shape (n,).
        value: of the aim, shape (n,); infinite where no loss is predicted.
        excess: of every limit, as `Limit.excess`, shape (limits, n).
    """

    branch: IntArray
    shares: FloatArray
    losses: Mapping[str, FloatArray]
    costs: Mapping[str, FloatArray]
    value: FloatArray
    excess: FloatArray

    @property
    def broken(self) -> FloatArray:
        """By how much the limits are broken in all, 0 where they are kept, shape (n,)."""
        over = np.where(self.excess > KEPT, self.excess, 0.0).sum(axis=0)
        found: FloatArray = np.where(np.isfinite(self.value), over, np.inf)
        return found

    @property
    def kept(self) -> BoolArray:
        """Which keep all limits, shape (n,)."""
        kept: BoolArray = self.broken == 0
        return kept

    @property
    def order(self) -> IntArray:
        """Best first: those that keep the limits by value, then those that break them least.

        Of equal ones the one that leaves most room to the limits comes first.
        """
        return np.lexsort((self.excess.sum(axis=0), self.value, self.broken))

    @property
    def first(self) -> tuple[int, FloatArray]:
        """Branch and place of the first of them, shape (axes,)."""
        shares = self.shares[0]
        return int(self.branch[0]), shares[~np.isnan(shares)]

    def where(self, chosen: BoolArray | IntArray) -> Samples:
        """Those that are chosen."""
        return Samples(
            self.branch[chosen],
            self.shares[chosen],
            {role: loss[chosen] for role, loss in self.losses.items()},
            {name: cost[chosen] for name, cost in self.costs.items()},
            self.value[chosen],
            self.excess[:, chosen],
        )


def together(parts: Sequence[Samples]) -> Samples:
    """Several samples as one."""
    first = parts[0]
    return Samples(
        np.concatenate([p.branch for p in parts]),
        np.concatenate([p.shares for p in parts]),
        {role: np.concatenate([p.losses[role] for p in parts]) for role in first.losses},
        {name: np.concatenate([p.costs[name] for p in parts]) for name in first.costs},
        np.concatenate([p.value for p in parts]),
        np.concatenate([p.excess for p in parts], axis=1),
    )
