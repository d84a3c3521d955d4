"""Parabolas under linear bounds: where refits end that would leave their parameters' ranges."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.fitting.projection import nonnegative

WITHIN = 1e-12  # of a whitened unknown, past a bound that it rests at
ROUNDING = 1e-10  # of an inverse Hessian, next to its largest size


def bounds_of(axes: FloatArray, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Bounds of moves `axes @ unknowns` as rows and ends, shapes (b, rank) and (b,)."""
    rows, ends = np.concatenate([axes, -axes]), np.concatenate([high, -low])
    size = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    reached = (size > 0) & np.isfinite(ends)
    rows, ends, size = rows[reached], np.maximum(ends[reached], 0.0), size[reached]
    return rows / size[:, None], ends / size


def within(inverse: FloatArray, free: FloatArray, rows: FloatArray, ends: FloatArray) -> FloatArray:
    """The lowest points of many parabolas under linear bounds, shape (count, rank); see `bounded`.

    Args:
        inverse: of the parabolas' Hessians, shape (count, rank, rank).
        free: where they are lowest without bounds, shape (count, rank).
        rows: times the unknowns are at most `ends`, shape (b, rank).
        ends: shape (b,).
    """
    passed = np.flatnonzero((free @ rows.T > ends).any(axis=1))
    if not passed.size:
        return free
    there = free.copy()
    there[passed], done = _at_one_bound(inverse[passed], free[passed], rows, ends)
    for i in passed[~done]:
        there[i] = bounded(inverse[i], free[i], rows, ends)
    return there


def _at_one_bound(
    inverse: FloatArray, free: FloatArray, rows: FloatArray, ends: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Where parabolas are lowest at the bound that each passed by most; and whether it is all.

    It is all where no other bound is passed there. Arguments as for `within`.
    """
    along = inverse @ rows.T  # towards each bound, shape (count, rank, b)
    size = np.einsum("br,crb->cb", rows, along)
    over = free @ rows.T - ends
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.where(size > 0, over / np.sqrt(size), -np.inf)
    worst, every = depth.argmax(axis=1), np.arange(len(free))
    share = over[every, worst] / np.maximum(size[every, worst], 1e-300)
    there: FloatArray = free - share[:, None] * along[every, :, worst]
    return there, (depth.max(axis=1) > 0) & (there @ rows.T <= ends + WITHIN).all(axis=1)


def bounded(
    inverse: FloatArray, free: FloatArray, rows: FloatArray, ends: FloatArray
) -> FloatArray:
    """The lowest point of a parabola under linear bounds, shape (rank,).

    Which bounds it rests at is found by non-negative least squares on their multipliers, which
    takes bounds in and lets them go one at a time. All that passed a bound pinned at once, and
    never let go, would leave curves that fit nothing.

    Args:
        inverse: of the parabola's Hessian, shape (rank, rank).
        free: where it is lowest without bounds, shape (rank,).
        rows: times the unknowns are at most `ends`, shape (b, rank).
        ends: shape (b,).

    Source: Lawson and Hanson 1974, chapter 23 (least distance programming).
    """
    sizes, vectors = np.linalg.eigh(inverse)  # corrections may leave one at 0, or below
    root = vectors * np.sqrt(np.maximum(sizes, ROUNDING * sizes[-1]))
    normals = root.T @ rows.T  # of the bounds, where the parabola is round
    size = np.sqrt(np.einsum("ij,ij->j", normals, normals))
    size[size == 0] = 1.0
    over: FloatArray = (rows @ free - ends) / size
    most = float(over.max())
    if most <= 0:
        return free
    system = np.vstack([-normals / size, over[None, :] / most])
    target = np.append(np.zeros(free.size), 1.0)
    multipliers = nonnegative(system, target, np.zeros(over.size, dtype=np.bool_))
    left = system @ multipliers - target
    return free + np.asarray(root @ (-most * left[:-1] / left[-1]), dtype=np.float64)
