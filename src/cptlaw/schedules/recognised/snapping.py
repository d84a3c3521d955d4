"""The free numbers of a model: fitted to all points at once, then as round as these allow."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.schedules.recognised.curves import Points
from cptlaw.schedules.recognised.model import Model

_MOST = 200  # points that the numbers are fitted to
_ROUNDS = 8
_NEARLY = 1.2  # the same that rounding the numbers may mend
_FAR = 30.0  # what a point may be off by, so many times: too far to be mended


def misfit(model: Model, points: Points) -> float:
    """Largest distance from a point, in units of what that point may be off by."""
    off = np.abs(model.lr(points.x) - points.y) / points.tol
    return float(off.max()) if np.isfinite(off).all() else math.inf


def at_once(model: Model, points: Points) -> Model:
    """Every number as round as its own value says."""
    peak = float(points.y.max())
    values = [
        value if i in model.fixed else _near(value, sort, peak, points.slack / 1e-2)
        for i, (value, sort) in enumerate(zip(model.free, model.sorts, strict=True))
    ]
    return model.with_free(values)


def _near(value: float, sort: str, peak: float, slack: float) -> float:
    if sort == "lr":
        return _short_lr(value, slack * (2e-9 * abs(value) + 1e-10 * peak), 6)
    size = slack * (1e-3 if sort == "step" else 1e-4 * max(abs(value), 1.0))
    unit = 0.01 if sort == "other" and abs(round(value) - value) > size else 1.0
    short = round(round(value / unit) * unit, 10)
    return short if abs(short - value) <= size else value


def _short_lr(value: float, off: float, most: int) -> float:
    """An LR with the fewest digits that is no further off."""
    if abs(value) <= off:
        return 0.0
    for digits in range(1, most + 1):
        short = float(f"{value:.{digits}g}")
        if abs(short - value) <= off:
            return short
    return value


def refined(model: Model, points: Points, rounds: int = _ROUNDS) -> tuple[Model, FloatArray]:
    """The model by least squares in all its free numbers, and how sure each is, one sd."""
    few = _few(points)
    wanted = [i for i in range(len(model.free)) if i not in model.fixed]
    free = np.array(model.free)
    spread = np.zeros(free.size)
    if not wanted:
        return model, spread
    here = _off(model, few, free)
    if not np.isfinite(here).all():
        return model, spread
    for _ in range(rounds):
        slopes = _slopes(model, few, free, here, wanted)
        move, cov = _step(slopes, here)
        spread[wanted] = np.sqrt(np.maximum(np.diag(cov), 0.0))
        better = _shorter(model, few, free, here, (wanted, move))
        if better is None:
            break
        gain = float(here @ here) - float(better[1] @ better[1])
        free, here = better
        if gain <= 1e-4 * float(here @ here) + 1e-12:
            break
    return model.with_free(free), spread


def _few(points: Points) -> Points:
    size = points.x.size
    if size <= _MOST:
        return points
    at = np.linspace(0, size - 1, _MOST).round().astype(np.int64)
    return Points(points.x[at], points.y[at], points.tol[at])


def _off(model: Model, points: Points, free: FloatArray) -> FloatArray:
    return (model.lr(points.x, free) - points.y) / points.tol


def _slopes(
    model: Model, points: Points, free: FloatArray, here: FloatArray, wanted: list[int]
) -> FloatArray:
    """Derivatives of the distances by each number, shape (points, numbers)."""
    found = np.zeros((points.x.size, len(wanted)))
    peak = float(points.y.max())
    for column, i in enumerate(wanted):
        sizes = {"lr": 1e-7 * peak, "step": 1e-4, "other": 1e-7 * max(abs(float(free[i])), 1.0)}
        size = sizes[model.sorts[i]]
        moved = free.copy()
        moved[i] += size
        found[:, column] = (_off(model, points, moved) - here) / size
    return np.nan_to_num(found)


def _step(slopes: FloatArray, here: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The move of Gauss-Newton and the covariance, numbers that say nothing left alone."""
    scale = np.sqrt((slopes**2).sum(axis=0))
    scale[scale == 0] = 1.0
    u, sizes, vt = np.linalg.svd(slopes / scale, full_matrices=False)
    kept = sizes > 1e-9 * sizes[0] if sizes.size and sizes[0] > 0 else np.zeros(sizes.size, bool)
    inverse = np.where(kept, 1.0 / np.where(kept, sizes, 1.0), 0.0)
    move = -(vt.T @ (inverse * (u.T @ here))) / scale
    cov = (vt.T * inverse**2) @ vt / np.outer(scale, scale)
    return move, cov


def _shorter(
    model: Model,
    points: Points,
    free: FloatArray,
    here: FloatArray,
    move: tuple[list[int], FloatArray],
) -> tuple[FloatArray, FloatArray] | None:
    """The numbers after a move, or after a part of it, that lie closer; None if none does."""
    wanted, whole = move
    for share in (1.0, 0.3, 0.05):
        there = free.copy()
        there[wanted] += share * whole
        off = _off(model, points, there)
        if float(off @ off) < float(here @ here):
            return there, off
    return None


def one_by_one(model: Model, points: Points, near: float = _NEARLY) -> Model:
    """The numbers made round one after the other, the others fitted anew after each.

    Args:
        model: its numbers about right.
        points: logged.
        near: how far off, in units of what points may be off by, they may be meanwhile.
    """
    model, spread = refined(model, points)
    if misfit(closest(model, points), points) > _NEARLY:  # rounder numbers would miss more
        return model
    order = sorted(
        (i for i in range(len(model.free)) if i not in model.fixed),
        key=lambda i: ("lr", "step", "other").index(model.sorts[i]),
    )
    for i in order:
        found = None
        for short in _candidates(model, i, float(spread[i]), float(points.y.max())):
            tried = model.with_free([*model.free[:i], short, *model.free[i + 1 :]])
            tried = replace(tried, fixed=tried.fixed | {i})
            fitted, sure = refined(tried, points, rounds=3)
            found = fitted, sure
            if misfit(closest(fitted, points), points) <= near:
                break
        else:
            is_cut = i in (*model.cuts, model.first)
            if found is None or not is_cut:
                model = replace(model, fixed=model.fixed | {i})
                continue
        model, spread = found
    return at_whole_cuts(closest(replace(model, fixed=_cuts(model)), points))


def _cuts(model: Model) -> frozenset[int]:
    return frozenset((*model.cuts, model.first))


def closest(model: Model, points: Points) -> Model:
    """The model whose largest distance is least, by Lawson's weights on its straight lines.

    Numbers that are round already stay where the points are all hit.
    """
    if not 1.0 < misfit(model, points) < _FAR:
        return model
    wanted = [i for i in range(len(model.free)) if i not in model.fixed]
    if not wanted:
        return model
    free = np.array(model.free)
    here = _off(model, points, free)
    slopes = _slopes(model, points, free, here, wanted)
    scale = np.sqrt((slopes**2).sum(axis=0))
    scale[scale == 0] = 1.0
    lines, weights = slopes / scale, np.full(here.size, 1.0 / here.size)
    best, least = free, float(np.abs(here).max())
    for _ in range(40):
        root = np.sqrt(weights)[:, None]
        move = -np.linalg.lstsq(lines * root, here * root[:, 0], rcond=1e-10)[0]
        off = np.abs(here + lines @ move)
        if off.max() < least:
            least, best = float(off.max()), free.copy()
            best[wanted] += move / scale
            if least <= 0.98:
                break
        weights = weights * (off + 1e-12)
        weights /= weights.sum()
    moves = (model.with_free(free + share * (best - free)) for share in (1.0, 0.5, 0.2))
    return min((model, *moves), key=lambda each: misfit(each, points))


def at_whole_cuts(model: Model) -> Model:
    """The same model, each piece ending at a whole step."""
    values = list(model.free)
    for cut in (*model.cuts, model.first):
        values[cut] = float(math.floor(values[cut] + 1e-6))
    return model.with_free(values)


def _candidates(model: Model, i: int, sd: float, peak: float) -> list[float]:
    """Values for a number that may be meant, the roundest first."""
    value, sort = model.free[i], model.sorts[i]
    if sort == "step":
        found = [_roundest_near(value, reach) for reach in (2.5 * sd, 0.7 * sd, 0.5)]
        return list(dict.fromkeys([*found, float(round(value))]))
    reach = max(2.5 * sd, 1e-9 * (peak if sort == "lr" else abs(value)))
    near_0 = [0.0] if sort == "lr" and abs(value) <= max(reach, 1e-5 * peak) else []
    short = [float(f"{value:.{digits}g}") for digits in range(1, 10)]
    close = [lr for lr in short if abs(lr - value) <= reach]
    return list(dict.fromkeys([*near_0, *close]))[:3]


def _roundest_near(value: float, reach: float) -> float:
    """The roundest step so near, of several the nearest."""
    unit = 10 ** len(str(math.ceil(abs(value) + 1)))
    while unit >= 1:
        for size in (unit, unit // 2) if unit > 1 else (1,):
            near = float(round(value / size) * size)
            if abs(near - value) <= reach and near >= 0:
                return near
        unit //= 10
    return float(round(value))
