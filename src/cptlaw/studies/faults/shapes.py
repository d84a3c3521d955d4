"""What one loss curve does that losses do not do: rises for good, jumps, never falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray

FAR = 1.25  # times the lowest loss so far: no re-warming and no spike stays that high
SUDDEN = 1.2  # times the highest of the rows before, from one row to the next
_STILL = 1.05  # the same, when a spike would be over
_BEFORE = 5  # rows that lie on one level before a jump
_TAIL = 3  # rows that a rise must last
_SPIKE = 10  # rows in which a spike is over, or
_SPIKE_SHARE = 0.02  # of all rows, in dense logs
_UNTRAINED = 6.5  # nats: an even guess among 665 tokens
_LEARNT = 0.6  # of its first loss: what a model that learns is soon below


@dataclass(frozen=True)
class Rise:
    """A rise that lasts to the end of a curve.

    Args:
        row: the first row that is far above.
        before: the lowest loss before it, of three neighbouring rows.
        after: the usual loss from it on.
        at_start: whether the curve is lowest in its first rows, as that of a forgotten domain is.
    """

    row: int
    before: float
    after: float
    at_start: bool


@dataclass(frozen=True)
class Jump:
    """A step from one level to another between two rows.

    Args:
        row: the first row on the new level.
        back: the first row on the old level again; None where it never comes back.
        before: the usual loss of the rows before.
        after: the usual loss of the rows from it on.
        factor: the whole number that all losses are multiplied by, if they are.
        falls_again: whether the loss comes down after it, as after a restart that lost something.
    """

    row: int
    back: int | None
    before: float
    after: float
    factor: int | None
    falls_again: bool


def lasting_rise(loss: FloatArray) -> Rise | None:
    """The rise after which a curve, shape (n,), stays far above its lowest to the end."""
    if loss.size < _TAIL + 1:
        return None
    level = _smooth(loss)
    lowest = int(np.argmin(level))
    high = FAR * float(level[lowest])
    row = lowest + int(np.flatnonzero(level[lowest:] <= high)[-1]) + 1
    while row > lowest + 1 and loss[row - 1] > high:
        row -= 1
    if loss.size - row < _TAIL:
        return None
    return Rise(row, float(level[lowest]), float(np.median(loss[row:])), lowest < _TAIL)


def jump_up(loss: FloatArray) -> Jump | None:
    """The first step up of a curve, shape (n,), that is no spike; None if there is none."""
    lasts = max(_SPIKE, int(_SPIKE_SHARE * loss.size))
    for row in (np.flatnonzero(loss[1:] >= SUDDEN * loss[:-1]) + 1).tolist():
        before, after = loss[max(row - _BEFORE, 0) : row], loss[row : row + lasts]
        high = float(before.max())
        if row < _BEFORE or after.size < _TAIL or after[:_TAIL].min() < SUDDEN * high:
            continue
        if after.min() < _STILL * high:
            continue
        back = np.flatnonzero(loss[row:] <= high)
        level, usual = float(np.median(before)), float(np.median(after[:_BEFORE]))
        return Jump(
            row,
            row + int(back[0]) if back.size else None,
            level,
            usual,
            _factor(before, after[:_BEFORE]),
            bool(back.size) or _falls_again(loss[row:], level, usual),
        )
    return None


def never_learns(loss: FloatArray) -> bool:
    """Whether a curve from scratch, shape (n,), ends near its first loss without falling."""
    if loss.size < 2 * _SPIKE or loss[0] < _UNTRAINED:
        return False
    quarter = loss.size // 4
    early, late = np.median(loss[quarter : 2 * quarter]), np.median(loss[-quarter:])
    learnt = loss.min() < _LEARNT * loss[0]  # ... and was then multiplied, or lost
    jumped = learnt and (jump := jump_up(loss)) is not None and jump.factor is not None
    return bool(_LEARNT * loss[0] < late < 1.1 * loss[0] and late >= 0.98 * early and not jumped)


def _factor(before: FloatArray, after: FloatArray) -> int | None:
    """The whole number by which rows after differ from the straight line of those before."""
    rows = np.arange(before.size + after.size)
    slope, level = np.polyfit(rows[: before.size], np.log(before), 1)
    line = level + slope * rows
    noise = float(np.std(np.log(before) - line[: before.size]))
    ratio = np.exp(np.log(after) - line[before.size :])
    whole = round(float(np.median(ratio)))
    close = abs(np.median(ratio) / whole - 1) < np.clip(2 * noise, 0.015, 0.03)
    return whole if whole >= 2 and close and (np.abs(ratio / whole - 1) < 0.15).all() else None


def _falls_again(tail: FloatArray, level: float, usual: float) -> bool:
    """Whether a third of a rise is lost again by the end, and it goes on falling."""
    quarter = max(tail.size // 4, 1)
    end, earlier = np.median(tail[-quarter:]), np.median(tail[-2 * quarter : -quarter])
    return bool(end < usual - (usual - level) / 3 and end < 0.995 * earlier)


def _smooth(loss: FloatArray) -> FloatArray:
    """Median of three neighbouring rows; the first and the last as they are."""
    inner = np.median(np.stack([loss[:-2], loss[1:-1], loss[2:]]), axis=0)
    return np.concatenate([loss[:1], inner, loss[-1:]])
