"""Places at which a logged loss is a mean of the loss over several steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.studies.history import History


class Nodes(NamedTuple):
    """The steps whose losses are averaged at n places, one place after the other.

    Args:
        step: steps since the first of all, shape (m,).
        weight: what the loss at each counts, shape (m,); they add up to 1 for each place.
        first: index of each place's first node, shape (n,), increasing.
        last: the last step of each mean, which need not be a node, shape (n,).
    """

    step: IntArray
    weight: FloatArray
    first: IntArray
    last: IntArray

    @property
    def counts(self) -> IntArray:
        """How many nodes each place has, shape (n,)."""
        return np.diff(np.append(self.first, self.step.size))

    def mean(self, values: FloatArray) -> FloatArray:
        """The weighted mean of values at the m nodes, (m,) or (m, k), for each place: n rows."""
        weight = self.weight if values.ndim == 1 else self.weight[:, None]
        found: FloatArray = np.add.reduceat(values * weight, self.first, axis=0)
        return found

    def some(self, rows: IntArray) -> Nodes:
        """Those of some places, k of n."""
        counts = self.counts[rows]
        first = np.cumsum(counts) - counts
        kept: IntArray = np.repeat(self.first[rows] - first, counts)
        kept += np.arange(kept.size)
        return Nodes(self.step[kept], self.weight[kept], first, self.last[rows])


class Averaged(Points):
    """n places, at each of which a law's loss is a mean over several steps of one history.

    Areas and whatever else is asked of the places themselves is that of their middle.

    Args:
        histories: learning rates up to the last point on each.
        owner: which history a point lies on, shape (n,).
        nodes: the steps that are averaged.
        convention: how areas are counted.

    Raises:
        DataError: a step past the end of its history.
    """

    def __init__(
        self,
        histories: Sequence[History],
        owner: IntArray,
        nodes: Nodes,
        convention: Convention,
    ) -> None:
        super().__init__(histories, owner, middle(nodes), convention)
        self._nodes = nodes
        self.last = nodes.last
        self.every = Points(histories, np.repeat(owner, nodes.counts), nodes.step, convention)

    def mean(self, values: FloatArray) -> FloatArray:
        """The means over values at `every` step, shape (m,) or (m, k), of the n places."""
        return self._nodes.mean(values)

    def some(self, rows: IntArray) -> Points:
        """Some of the places, k of n."""
        return Averaged(self.histories, self.owner[rows], self._nodes.some(rows), self.convention)

    def alone(self, index: int, rows: IntArray) -> Points:
        """Some places, k of n, as places of the one history that they lie on."""
        owner = np.zeros(rows.size, dtype=np.int64)
        nodes = self._nodes.some(rows)
        return Averaged([self.histories[index]], owner, nodes, self.convention)


def middle(nodes: Nodes) -> IntArray:
    """The step around which each place's nodes lie, shape (n,)."""
    centre = nodes.mean(nodes.step.astype(np.float64))
    return np.ceil(centre - 1e-6).astype(np.int64)
