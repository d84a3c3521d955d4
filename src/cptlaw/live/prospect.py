"""The end of a run, foreseen before it starts and again from every part of it that was seen.

A forecast's error has causes (`forecasting.causes`), each of a size that is known all along the
run: the refits, the slope, the annealing, ... What a run has shown so far tells of those that act
early and late alike, and nothing of those that set in later: a run at constant LR says little of
its decay. So errors along a run are taken as one Gaussian process whose variance is that of the
library's intervals, and the end is conditioned on what was measured. That is one small linear
problem for an evaluation, where a fit is thousands.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.causes import causes, half_spread, noise_of
from cptlaw.forecasting.intervals import FIELDS, calibration_of
from cptlaw.forecasting.student import DEGREES
from cptlaw.laws.areas import warmup_steps
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

# Errors at two steps have this much less in common for every factor of e between them: exp(-1).
# 0.3 to 3 were tried (`docs/live.md`); from 0.7 to 1.5 intervals score the same.
_REACH = 1.0
_PLACES = 240  # of a run at which causes are worked out; between them lines are drawn
_MOST_SEEN = 40  # evaluations that count; of more, so many evenly spread
_WILD = 3.0  # half spreads: farther out a refit counts no more
_ROUNDING = 1e-4  # relative, of a logged loss
# A run that misses by more than its forecast said makes all that it says less sure; it can prove
# this by so many independent misses.
_NEWS = 4
_LEAST_SHARE = 0.05  # of the variance that neighbours share at least


class Foreseen(NamedTuple):
    """Losses at n steps, shape (n,), nats per token, and the scale of their relative errors."""

    loss: FloatArray
    scale: FloatArray


class _Places(NamedTuple):
    """What is known of n places on a run.

    Args:
        log_step: natural logarithm of the steps, shape (n,).
        log_loss: of the predicted losses, shape (n,).
        refits: size of the refits' part, shape (n,).
        draws: refits in units of their spread, shape (count, n).
        others: sizes of the other causes, shape (causes, n).
        white: variance that each measured loss has for itself, shape (n,).
    """

    log_step: FloatArray
    log_loss: FloatArray
    refits: FloatArray
    draws: FloatArray
    others: FloatArray
    white: FloatArray


@dataclass(frozen=True, eq=False)
class Prospect:
    """What a fit says of one domain of one run, from its first step to its last.

    Args:
        role: the domain.
        step: g steps since the run's own start, rising, the run's last one last; shape (g,).
        loss: predicted there, shape (g,).
        weighed: what every cause of the error weighs there, shape (g, causes).
        draws: relative deviations of the refits, shape (count, g).
        white: scale of what each measured loss has for itself.
    """

    role: str
    step: IntArray
    loss: FloatArray
    weighed: FloatArray
    draws: FloatArray
    white: float

    def __repr__(self) -> str:
        return f"<Prospect of {self.role}: {self.loss[-1]:.4f} at step {self.step[-1]}>"

    @property
    def is_finite(self) -> bool:
        """Whether every predicted loss is one, with an interval."""
        sizes = (self.weighed, self.draws)
        return bool((self.loss > 0).all() and np.isfinite(self.loss).all()) and all(
            bool(np.isfinite(size).all()) for size in sizes
        )

    def given(self, step: IntArray, loss: FloatArray, asked: IntArray) -> Foreseen:
        """What is foreseen at m steps once n losses were measured.

        Args:
            step: of the run, of the measured losses, shape (n,); n may be 0.
            loss: measured, nats per token.
            asked: steps of the run, shape (m,).
        """
        known = (step >= self.step[0]) & (step <= self.step[-1])
        step, loss = step[known], loss[known]
        if step.size > _MOST_SEEN:
            some = np.unique(np.linspace(0, step.size - 1, _MOST_SEEN).round().astype(np.int64))
            step, loss = step[some], loss[some]
        count = step.size
        at = self._at(np.concatenate([step, asked]))
        shared = _shared(at)
        own = np.diag(shared)[count:]
        noise = at.white + _ROUNDING**2
        if not count:
            return Foreseen(np.exp(at.log_loss), np.sqrt(own + noise))
        missed = np.log(loss) - at.log_loss[:count]
        across = shared[count:, :count]
        solved = np.linalg.solve(
            shared[:count, :count] + np.diag(noise[:count]), np.column_stack([missed, across.T])
        )
        pull, taken = across @ solved[:, 0], np.einsum("mn,nm->m", across, solved[:, 1:])
        square = float(missed @ solved[:, 0]) / count
        news = min(count, _NEWS)
        wider = max(1.0, (DEGREES + square * news) / (DEGREES + news))
        left = np.maximum(own - taken, 0.0) + noise[count:]
        return Foreseen(np.exp(at.log_loss[count:] + pull), np.sqrt(wider * left))

    @cached_property
    def _places(self) -> _Places:
        """Everything at the places where it is known."""
        spread, sizes = half_spread(self.draws), self.weighed.T
        unit = (self.draws - np.median(self.draws, axis=0)) / np.where(spread > 0, spread, 1.0)
        of_refits = [FIELDS.index(name) for name in ("refits", "runs")]
        of_own = [FIELDS.index(name) for name in ("residual", "floor")]
        return _Places(
            np.log(np.maximum(self.step, 1)),
            np.log(self.loss),
            np.sqrt((sizes[of_refits] ** 2).sum(axis=0)),
            np.clip(unit, -_WILD, _WILD),
            np.delete(sizes, of_refits, axis=0),
            np.minimum((sizes[of_own] ** 2).sum(axis=0), self.white**2),
        )

    def _at(self, step: IntArray) -> _Places:
        """The same at n steps, with straight lines between those places."""
        step = np.clip(step, self.step[0], self.step[-1])
        right = np.clip(np.searchsorted(self.step, step), 1, self.step.size - 1)
        width = self.step[right] - self.step[right - 1]
        share = (step - self.step[right - 1]) / width

        def between(values: FloatArray) -> FloatArray:
            return values[..., right - 1] * (1 - share) + values[..., right] * share

        return _Places(np.log(np.maximum(step, 1)), *map(between, self._places[1:]))


def _shared(at: _Places) -> FloatArray:
    """Covariance of the errors at n places but for what each loss has for itself, (n, n)."""
    centred = at.draws - at.draws.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    near = np.exp(-np.abs(at.log_step[:, None] - at.log_step) / _REACH)
    alike = (unit.T @ unit) * np.outer(at.refits, at.refits) + near * (at.others.T @ at.others)
    every = at.refits**2 + (at.others**2).sum(axis=0)
    np.fill_diagonal(alike, every)
    kept = np.maximum(every - at.white, _LEAST_SHARE * every)
    share = np.sqrt(kept / np.where(every > 0, every, 1.0))
    return alike * np.outer(share, share)


def prospect_of(fit: Fit, role: str, history: History, start: int) -> Prospect:
    """What a fit says of one domain of a run.

    Args:
        fit: of a study.
        role: the domain.
        history: learning rates to the end of the run.
        start: steps before the run's own first.
    """
    ensemble, domain = ensemble_of(fit), fit.domain(role)
    step = _steps(history, start)
    points = Points.along(history, start + step, fit.convention)
    loss = domain.loss(points)
    weights = np.array(astuple(calibration_of(domain)))
    return Prospect(
        role,
        step,
        loss,
        causes(ensemble, role, points) * weights,
        ensemble.losses(role, points) / loss - 1.0,
        noise_of(fit, role).white,
    )


def _steps(history: History, start: int) -> IntArray:
    """Steps of a run, closer together where it begins and where its LR turns."""
    last, first = history.steps - start, 0
    if not start and history.unknown_base is None:  # laws know nothing of the initial warm-up
        live = int(np.argmax(history.pt_lr > 0)) + 1
        first = min(max(warmup_steps(history.pt_lr), live), last - 1)
    lr = history.lr[start:]
    turns = np.flatnonzero(np.abs(np.diff(lr, 2)) > 1e-3 * lr.max(initial=0.0)) + 1
    if turns.size > _PLACES:
        turns = turns[np.linspace(0, turns.size - 1, _PLACES).astype(np.int64)]
    even = np.linspace(first, last, _PLACES)
    early = first + np.geomspace(1, max(last - first, 2), _PLACES // 4)
    step = np.unique(np.concatenate([[first, last], even, early, turns]).round().astype(np.int64))
    return step[(step >= first) & (step <= last)]
