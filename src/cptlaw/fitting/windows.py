"""The steps that stand for a logged mean over many: few, with weights, for each row of a curve.

A law is smooth between the bends of its learning rate, so that three steps give the mean over
fifty: near the nodes of Gauss and Legendre, with weights that make the mean of every parabola
exact. Where the learning rate bends, and close to a run's start, where a loss is steep, a window
is cut and each piece has nodes of its own.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray, IntArray, floats
from cptlaw.laws.areas import Convention
from cptlaw.laws.means import Averaged, Nodes
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, common_gap

NODES = 3
"""Steps that stand for a piece of a window."""
BEND = 0.002  # of the peak LR: what its slope changes by within a step where a window is cut
_NEAR = 8  # steps after a run's start, and four times as many and so on, where windows are cut
_LEFT_OUT = 1e-4  # weight of the steps that a moving average leaves out, long ago
_FALLEN = 2.0  # e-folds of weight, after which a moving average is cut
_HARDLY = 1e-3  # weight of early steps that does not spoil a moving average


class Windows(NamedTuple):
    """The steps whose losses each of n rows is a mean of, counted from the run's start.

    Args:
        begin: the first of them that counts for anything, shape (n,).
        last: the last, shape (n,); before `begin` where a row stands for none of the run's steps.
        factor: of a moving average; 0 where all count alike.
    """

    begin: IntArray
    last: IntArray
    factor: float

    @property
    def some(self) -> BoolArray:
        """Which rows stand for steps of the run, shape (n,)."""
        return self.last >= self.begin

    def only(self, rows: BoolArray) -> Windows:
        """Those rows."""
        return Windows(self.begin[rows], self.last[rows], self.factor)


def windows_of(curve: Curve) -> Windows:
    """What the rows of a curve are means of.

    A window that is no longer than the usual distance between rows does not reach back over the
    row before: such logs begin to sum anew at each row.
    """
    steps = curve.steps
    if not curve.is_mean:
        return Windows(steps, steps, 0.0)
    if curve.ema:
        return Windows(np.maximum(steps - _reach(curve.ema, _LEFT_OUT) + 1, 1), steps, curve.ema)
    back = np.minimum(curve.window, steps)
    if curve.window <= common_gap(steps):
        back = np.minimum(back, np.diff(steps, prepend=0))
    return Windows(steps - back + 1, steps, 0.0)


def middles(curve: Curve) -> IntArray:
    """The steps in whose middle a curve's rows lie, shape (n,); rows of single steps as they are.

    Good enough where a row has to stand at one step; a law's loss there is not the mean.
    """
    windows = windows_of(curve)
    later = np.maximum(windows.last - windows.begin, 0) // 2
    if curve.ema:
        later = np.minimum(later, round(curve.ema / (1.0 - curve.ema)))
    return np.maximum(windows.last - later, np.minimum(windows.last, 1))


def depends_from(windows: Windows) -> IntArray:
    """The first step that a row hardly does without, shape (n,)."""
    if not windows.factor:
        return windows.begin
    return np.maximum(windows.begin, windows.last - _reach(windows.factor, _HARDLY) + 1)


def _reach(factor: float, left_out: float) -> int:
    """Steps back to which a moving average holds all but a share of its weight."""
    return max(math.ceil(math.log(left_out) / math.log(factor)), 1)


def nodes(windows: Windows, history: History, start: int) -> Nodes:
    """The steps that stand for n rows of a run, counted from the first step of all.

    Args:
        windows: of the rows, counted from the run's start; each has a step.
        history: learning rates up to the run's end.
        start: steps of the history before the run.
    """
    length = windows.last - windows.begin + 1
    cuts = np.union1d(_bends(history) - start, _early(int(length.max())))
    cut_from = np.searchsorted(cuts, windows.begin)  # a cut before a step ends a piece
    cut_to = np.searchsorted(cuts, windows.last)
    whole = cut_from == cut_to
    found = [
        _template(each, windows.factor, windows.last[rows], rows)
        for each in np.unique(length[whole]).tolist()
        for rows in [np.flatnonzero(whole & (length == each))]
    ]
    for row in np.flatnonzero(~whole).tolist():
        last = int(windows.last[row])
        inner = cuts[cut_from[row] : cut_to[row]].tolist()
        ends = [*inner, last]
        begins = [int(windows.begin[row]), *(end + 1 for end in inner)]
        back, weight = _joined(
            [(last - e, last - b) for b, e in zip(begins, ends, strict=True)], windows.factor
        )
        found.append((np.full(back.size, row), last - back, weight))
    row, step, weight = (np.concatenate(each) for each in zip(*found, strict=True))
    order = np.argsort(row, kind="stable")
    first = np.searchsorted(row[order], np.arange(length.size))
    return Nodes(start + step[order], weight[order], first, start + windows.last)


def _bends(history: History) -> IntArray:
    """The steps at which the learning rate changes its slope sharply, shape (cuts,)."""
    lr = history.lr
    if lr.size < 3:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.abs(np.diff(lr, 2)) > BEND * lr.max()) + 2


def _early(longest: int) -> IntArray:
    """Steps after a run's start at which windows are cut, up to a few of the longest."""
    count = max(math.ceil(math.log(max(4 * longest / _NEAR, 1), 4)) + 1, 1)
    return np.concatenate([[2], _NEAR * 4 ** np.arange(count)])


def _template(
    length: int, factor: float, last: IntArray, rows: IntArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Row, step and weight of the nodes of r windows of one length without a cut."""
    back, weight = _whole(length, factor)
    step = (last[:, None] - back).ravel()
    return np.repeat(rows, back.size), step, np.tile(weight, rows.size)


@cache
def _whole(length: int, factor: float) -> tuple[IntArray, FloatArray]:
    return _joined([(0, length - 1)], factor)


def _joined(pieces: list[tuple[int, int]], factor: float) -> tuple[IntArray, FloatArray]:
    """Steps back and weights of the nodes of several pieces; the weights add up to 1."""
    smaller = [panel for piece in pieces for panel in _panels(*piece, factor)]
    each = [_piece(first, last, factor) for first, last in smaller]
    back = np.concatenate([found[0] for found in each])
    weight = np.concatenate([found[1] for found in each])
    return back, weight / weight.sum()


def _panels(first: int, last: int, factor: float) -> list[tuple[int, int]]:
    """A piece of a moving average, cut in two where its weights have fallen by much."""
    if not factor:
        return [(first, last)]
    width = max(math.ceil(-_FALLEN / math.log(factor)), NODES)
    if last - first < 2 * width:
        return [(first, last)]
    return [(first, first + width - 1), (first + width, last)]


@cache
def _piece(first: int, last: int, factor: float) -> tuple[IntArray, FloatArray]:
    """Nodes within so many steps back, and weights that add up to those of all of the steps."""
    back = np.arange(first, last + 1)
    weight = np.power(factor, back) if factor else np.ones(back.size)
    if back.size <= NODES:
        return back, weight
    half = back.size / 2.0
    x = (back - (first + last) / 2.0) / half
    at = np.rint(np.polynomial.legendre.leggauss(NODES)[0] * half - 0.5 + half).astype(np.int64)
    at = np.clip(at, 0, back.size - 1)
    moments = np.vander(x, NODES, increasing=True).T @ weight
    return back[at], floats(np.linalg.solve(np.vander(x[at], NODES, increasing=True).T, moments))


def along(
    history: History, step: IntArray, curve: Curve | None, start: int, convention: Convention
) -> Points:
    """Places on one history at which a law's loss is what a curve's log would show there.

    Args:
        history: learning rates.
        step: the middle of what each place is a mean of, since the first step of all, shape (n,).
        curve: whose log; None for losses of single steps.
        start: steps of the history before the run.
        convention: how areas are counted.
    """
    inside = step > start
    if curve is None or not curve.is_mean or not inside.any():
        return Points.along(history, step, convention)
    own = step - start
    later = round(curve.ema / (1.0 - curve.ema)) if curve.ema else (curve.window - 1) // 2
    last = np.minimum(own + np.minimum(later, np.maximum(own - 1, 0)), history.steps - start)
    reach = _reach(curve.ema, _LEFT_OUT) if curve.ema else curve.window
    begin = np.where(inside, np.maximum(last - reach + 1, 1), own)
    last = np.where(inside, last, own)
    shown = nodes(Windows(begin, last, curve.ema), history, start)
    return Averaged([history], np.zeros(step.size, dtype=np.int64), shown, convention)
