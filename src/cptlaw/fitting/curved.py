"""A law near a fit, as refits and intervals take it.

Each factor of a term is taken to first or second order in its logarithm, which for powers is nearly
the law itself: no term can change its sign, where a straight line would make losses below 0 of a
power that falls fast. Many refits are worked out at once, as products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
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
        bends: what products of pairs of moves add, shape (k * (k + 1) / 2, n); None for a straight
            line.
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
            moved = objective.columns(ahead, only=objective.law.terms_of(s))
            for t, (log, bend) in enumerate(zip(first.logs, bends, strict=True)):
                for own in np.flatnonzero(log.shapes == s):
                    bend[own] = (_log_slopes(moved, t).slopes - log.slopes) / (2.0 * step)
        logs = tuple(
            log._replace(bends=_of_pairs(bend)) for log, bend in zip(first.logs, bends, strict=True)
        )
        return cls(first.matrix, logs, place)

    @property
    def straight(self) -> Curved:
        """The same to first order."""
        logs = tuple(log._replace(bends=None) for log in self.logs)
        return Curved(self.matrix, logs, self.place)

    def columns(self, moves: FloatArray, room: FloatArray | None = None) -> FloatArray:
        """The law's columns after each of `moves`, (count, m + k); shape (count, m, n).

        Args:
            moves: of every refit.
            room: where they may be left; the system takes long to find as much again and again.
        """
        n, m = self.matrix.shape
        found = np.empty((moves.shape[0], m, n)) if room is None else room[: moves.shape[0]]
        for t, log in enumerate(self.logs):
            if not log.shapes.size:
                found[:, t] = self.matrix[:, t]
                continue
            shapes = moves[:, m + log.shapes]
            change = shapes @ log.slopes
            if log.bends is not None:
                change += _squares(shapes) @ log.bends
            np.clip(change, -MOST_LOG, MOST_LOG, out=change)
            np.multiply(np.exp(change, out=change), self.matrix[:, t], out=found[:, t])
        return found

    def losses(self, moves: FloatArray) -> FloatArray:
        """Losses after each of `moves`, shape (count, m + k), at n points; shape (count, n)."""
        return self.summed(moves, self.columns(moves))

    def summed(self, moves: FloatArray, columns: FloatArray) -> FloatArray:
        """Losses of columns after moves, shape (count, n)."""
        coefficients = self._coefficients(moves)
        return np.asarray((coefficients[:, None] @ columns)[:, 0], dtype=np.float64)

    def _coefficients(self, moves: FloatArray) -> FloatArray:
        """After moves, shape (count, m)."""
        m = self.matrix.shape[1]
        return self.place[:m] + moves[:, :m]

    def gradient(self, moves: FloatArray, columns: FloatArray, pull: FloatArray) -> FloatArray:
        """What pulls on the losses pull on the parameters, shape (count, m + k).

        Args:
            moves: of every refit, shape (count, m + k).
            columns: after them, shape (count, m, n).
            pull: derivative of the objective in each loss, shape (count, n).
        """
        m, coefficients = self.matrix.shape[1], self._coefficients(moves)
        found = np.zeros(moves.shape)
        found[:, :m] = (columns @ pull[:, :, None])[:, :, 0]
        for t, log in enumerate(self.logs):
            if not log.shapes.size:
                continue
            share = pull * columns[:, t]
            shapes = moves[:, m + log.shapes]
            slopes = share @ log.slopes.T
            if log.bends is not None:
                slopes += _pulled(shapes, share @ log.bends.T)
            found[:, m + log.shapes] += coefficients[:, t, None] * slopes
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


@cache
def _pairs(count: int) -> tuple[IntArray, IntArray]:
    """Of so many shape parameters, each with itself among them."""
    one, other = np.triu_indices(count)
    return one, other


def _of_pairs(bends: FloatArray) -> FloatArray:
    """Of half the second derivatives, shape (k, k, n); one row for each pair."""
    one, other = _pairs(bends.shape[0])
    both = bends[one, other]
    apart = one != other
    both[apart] += bends[other, one][apart]
    return both


def _squares(shapes: FloatArray) -> FloatArray:
    """Products of every pair of k moves, shape (count, k * (k + 1) / 2)."""
    one, other = _pairs(shapes.shape[1])
    near = _held(shapes)
    return near[:, one] * near[:, other]


def _pulled(shapes: FloatArray, pull: FloatArray) -> FloatArray:
    """What pulls on the products of pairs of k moves pull on the moves, shape (count, k)."""
    count, k = shapes.shape
    both = np.zeros((count, k, k))
    both[(slice(None), *_pairs(k))] = pull
    both += np.swapaxes(both, 1, 2)
    moved: FloatArray = (both @ _held(shapes)[:, :, None])[:, :, 0]
    return moved * (np.abs(shapes) <= FARTHEST)
