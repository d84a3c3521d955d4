"""A law near a fit, as refits and intervals take it.

Each factor of a term is taken to first or second order in its logarithm, which for powers is nearly
the law itself: no term can change its sign, where a straight line would make losses below 0 of a
power that falls fast. Many refits are worked out at once, as products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.objective import Objective
from cptlaw.laws.law import Columns

MOST_LOG = 30.0  # of a factor's change, so that none is infinite
DIFFERENCE = 1e-3  # in search coordinates, over which slopes are compared
FARTHEST = 1.0  # move of a search coordinate past which its square is not followed


class Column(NamedTuple):
    """The logarithm of a column near the fit, for those of its k shape parameters that move.

    Args:
        shapes: which of the law's shape parameters they are, shape (k,).
        slopes: its derivatives at n points, shape (k, n).
        bends: half its second derivatives, shape (k * k, n); None for a straight line.
    """

    shapes: IntArray
    slopes: FloatArray
    bends: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Curved:
    """A law near a fit; n points.

    Args:
        matrix: the law's columns at the fit, shape (n, m).
        logs: their logarithms nearby, m of them.
        place: coefficients and search coordinates of the fit, shape (m + k,).
    """

    matrix: FloatArray
    logs: tuple[Column, ...]
    place: FloatArray

    @classmethod
    def of(cls, columns: Columns, place: FloatArray) -> Curved:
        """To first order, from what a law is at the fit."""
        logs = [_log_slopes(columns, t) for t in range(columns.matrix.shape[1])]
        return cls(columns.matrix, tuple(logs), place)

    @classmethod
    def to_second_order(cls, objective: Objective, columns: Columns, place: FloatArray) -> Curved:
        """To second order: one more evaluation of the law for each free shape parameter.

        Args:
            objective: on n points.
            columns: the law at the fit.
            place: the fit.
        """
        first, m = cls.of(columns, place), columns.matrix.shape[1]
        bends = [np.zeros((log.shapes.size, *log.slopes.shape)) for log in first.logs]
        high = objective.bounds[1]
        for s in sorted({int(s) for log in first.logs for s in log.shapes}):
            step = DIFFERENCE if place[m + s] + DIFFERENCE <= high[m + s] else -DIFFERENCE
            ahead = place.copy()
            ahead[m + s] += step
            moved = cls.of(objective.columns(ahead), place)
            for log, there, bend in zip(first.logs, moved.logs, bends, strict=True):
                for own in np.flatnonzero(log.shapes == s):
                    bend[own] = (there.slopes - log.slopes) / (2.0 * step)
        count = columns.matrix.shape[0]
        logs = tuple(
            log._replace(bends=(0.5 * (bend + np.swapaxes(bend, 0, 1))).reshape(-1, count))
            for log, bend in zip(first.logs, bends, strict=True)
        )
        return cls(first.matrix, logs, place)

    @property
    def straight(self) -> Curved:
        """The same to first order."""
        logs = tuple(log._replace(bends=None) for log in self.logs)
        return Curved(self.matrix, logs, self.place)

    def columns(self, moves: FloatArray) -> FloatArray:
        """The law's columns after each of `moves`, (count, m + k); shape (m, count, n)."""
        n, m = self.matrix.shape
        found = np.empty((m, moves.shape[0], n))
        for t, log in enumerate(self.logs):
            found[t] = self.matrix[:, t]
            if log.shapes.size:
                shapes = moves[:, m + log.shapes]
                change = shapes @ log.slopes
                if log.bends is not None:
                    change += _squares(shapes) @ log.bends
                found[t] *= np.exp(np.clip(change, -MOST_LOG, MOST_LOG, out=change))
        return found

    def losses(self, moves: FloatArray) -> FloatArray:
        """Losses after each of `moves`, shape (count, m + k), at n points; shape (count, n)."""
        return self.summed(moves, self.columns(moves))

    def summed(self, moves: FloatArray, columns: FloatArray) -> FloatArray:
        """Losses of columns after moves, shape (count, n)."""
        m = self.matrix.shape[1]
        coefficients = self.place[:m] + moves[:, :m]
        return np.asarray(
            sum(coefficients[:, t, None] * columns[t] for t in range(m)), dtype=np.float64
        )

    def gradient(self, moves: FloatArray, columns: FloatArray, pull: FloatArray) -> FloatArray:
        """What pulls on the losses pull on the parameters, shape (count, m + k).

        Args:
            moves: of every refit, shape (count, m + k).
            columns: after them, shape (m, count, n).
            pull: derivative of the objective in each loss, shape (count, n).
        """
        m = self.matrix.shape[1]
        found = np.zeros(moves.shape)
        for t, log in enumerate(self.logs):
            share = pull * columns[t]
            found[:, t] = share.sum(axis=1)
            if not log.shapes.size:
                continue
            shapes = moves[:, m + log.shapes]
            slopes = share @ log.slopes.T
            if log.bends is not None:
                bends = (share @ log.bends.T).reshape(-1, log.shapes.size, log.shapes.size)
                inside = np.abs(shapes) <= FARTHEST
                slopes += 2.0 * np.einsum("crs,cs->cr", bends, _held(shapes)) * inside
            found[:, m + log.shapes] += (self.place[t] + moves[:, t, None]) * slopes
        return found

    def log_slopes(self) -> FloatArray:
        """Derivatives of the logarithm of the loss at the fit, shape (n, m + k)."""
        n, m = self.matrix.shape
        found = np.zeros((n, self.place.size))
        found[:, :m] = self.matrix
        for t, log in enumerate(self.logs):
            found[:, m + log.shapes] += (self.place[t] * self.matrix[:, t] * log.slopes).T
        return found / (self.matrix @ self.place[:m])[:, None]


def _log_slopes(columns: Columns, term: int) -> Column:
    column = columns.matrix[:, term]
    live = column != 0
    safe = np.where(live, column, 1.0)
    mine = [(s, slope) for s, t, slope in columns.slopes if t == term]
    shapes = sorted({s for s, _ in mine})
    found = np.zeros((len(shapes), column.size))
    for s, slope in mine:  # two factors of a term may share a shape parameter
        found[shapes.index(s)] += np.where(live, slope / safe, 0.0)
    return Column(np.array(shapes, dtype=np.int64), found)


def _held(shapes: FloatArray) -> FloatArray:
    return np.clip(shapes, -FARTHEST, FARTHEST)


def _squares(shapes: FloatArray) -> FloatArray:
    """Products of every pair of k moves, shape (count, k * k)."""
    near = _held(shapes)
    return (near[:, :, None] * near[:, None, :]).reshape(shapes.shape[0], -1)
