"""What a fit holds of the losses of runs that nobody has done: a mean and joint draws.

The draws are the fit's refits, those that forecasts and plans have, weighed as in their intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions import discrepancy
from cptlaw.decisions.goal import Goal
from cptlaw.errors import DataError
from cptlaw.fitting.neighbours import points_alike
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.intervals import refit_weight
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

PLACES = 20  # evaluations along a run


@dataclass(frozen=True, eq=False)
class Belief:
    """Losses of r runs at PLACES evaluations each, for every domain of a goal.

    Args:
        goal: which domains count.
        loss: domain -> predicted loss, shape (r, PLACES); the last is the final one.
        moves: domain -> what each draw differs from it by, shape (draws, r, PLACES).
        errors: domain -> covariance of the law's relative errors, shape (r, r).
        noise: domain -> scale of the relative residuals.
    """

    goal: Goal
    loss: Mapping[str, FloatArray]
    moves: Mapping[str, FloatArray]
    errors: Mapping[str, FloatArray]
    noise: Mapping[str, float]

    @property
    def value(self) -> FloatArray:
        """Predicted value of every run, shape (r,)."""
        return self.goal.value({role: loss[:, -1] for role, loss in self.loss.items()})

    def value_covariance(self, runs: Sequence[int], own: bool = True) -> FloatArray:
        """Covariance of the values of the runs of those indices, shape (n, n).

        Args:
            runs: indices.
            own: whether each run's own luck is in it, or only what the law can forecast.
        """
        drawn = self._drawn_values(runs)
        total: FloatArray = drawn.T @ drawn
        for role, weight in self.goal.weights.items():
            final = weight * self.loss[role][runs, -1]
            total = total + final[:, None] * final * self._alike(role, runs, runs, own)
        return total

    def learned(self, runs: Sequence[int], done: Sequence[int], own: bool = True) -> FloatArray:
        """What the losses of `done` would take away of `value_covariance(runs, own)`, (n, n)."""
        drawn = self._drawn_values(runs)
        blocks = [(role, run) for run in done for role in self.goal.weights]
        seen = np.concatenate([self._scaled[role][:, run] for role, run in blocks], axis=1)
        across, covariance = drawn.T @ seen, seen.T @ seen
        for i, (role, run) in enumerate(blocks):
            loss, mine = self.loss[role][run], slice(i * PLACES, (i + 1) * PLACES)
            final = self.goal.weights[role] * self.loss[role][runs, -1]
            across[:, mine] += np.outer(final * self._alike(role, runs, [run], own)[:, 0], loss)
            for j, (other, peer) in enumerate(blocks):
                if other == role:
                    shared = self._alike(role, [run], [peer])[0, 0]
                    there = slice(j * PLACES, (j + 1) * PLACES)
                    covariance[mine, there] += shared * np.outer(loss, self.loss[role][peer])
            points = (self.noise[role] * loss) ** 2 * points_alike(PLACES)
            covariance[mine, mine] += np.diag(points)
        return across @ np.linalg.solve(covariance, across.T)

    def _alike(
        self, role: str, runs: Sequence[int], others: Sequence[int], own: bool = True
    ) -> FloatArray:
        """Covariance of relative errors of runs with others; a run's luck is its own alone."""
        same = np.equal.outer(np.asarray(runs), np.asarray(others))
        luck = self.noise[role] ** 2 * same if own else 0.0
        alike: FloatArray = self.errors[role][np.ix_(runs, others)] + luck
        return alike

    @cached_property
    def _scaled(self) -> Mapping[str, FloatArray]:
        """Draws whose summed outer products are the covariance, shape (draws, r, PLACES)."""
        return {
            role: (moves - moves.mean(axis=0)) / np.sqrt(max(len(moves) - 1, 1))
            for role, moves in self.moves.items()
        }

    def _drawn_values(self, runs: Sequence[int]) -> FloatArray:
        weights = self.goal.weights.items()
        drawn = [weight * self._scaled[role][:, runs, -1] for role, weight in weights]
        total: FloatArray = np.sum(drawn, axis=0)
        return total


def believe(fit: Fit, goal: Goal, study: Study, runs: Sequence[Run]) -> Belief:
    """What a fit holds of runs.

    Args:
        fit: fitted coefficients.
        goal: which domains count.
        study: that of the fit, with the runs.
        runs: of that study.

    Raises:
        DataError: published coefficients, which come without data, or a run without a prediction.
    """
    noise = {role: discrepancy.own_noise(fit, role) for role in fit.domains}
    ensemble = ensemble_of(fit)
    points, histories = _places(fit, study, runs)
    shape = (len(runs), PLACES)
    loss, moves, errors = {}, {}, {}
    for role in goal.weights:
        domain = fit.domain(role)
        with np.errstate(over="ignore", invalid="ignore"):  # check_predicted tells it in words
            predicted = domain.loss(points)
            drawn = ensemble.losses(role, points) - predicted
        check_predicted(role, runs, predicted.reshape(shape), drawn.reshape(-1, *shape))
        fitted = fit.observed(role).points.histories
        loss[role] = predicted.reshape(shape)
        moves[role] = refit_weight(fit, role) * drawn.reshape(len(ensemble), *shape)
        errors[role] = discrepancy.covariance(domain, histories, fitted, noise[role])
    return Belief(goal, loss, moves, errors, noise)


def check_predicted(role: str, runs: Sequence[Run], loss: FloatArray, moves: FloatArray) -> None:
    """Whether a loss is predicted for every run.

    Args:
        role: the domain.
        runs: r of them.
        loss: shape (r, PLACES).
        moves: what draws differ from it by, shape (draws, r, PLACES).

    Raises:
        DataError: naming the first run of which none is.
    """
    sane = ((loss > 0) & np.isfinite(loss) & np.isfinite(moves).all(axis=0)).all(axis=1)
    if not sane.all():
        name = runs[int(np.argmin(sane))].name
        raise DataError(
            f"run '{name}' is so far from what was fitted that no {role} loss is predicted; leave "
            "it out, or take a lower peak (--peak)."
        )


def _places(fit: Fit, study: Study, runs: Sequence[Run]) -> tuple[Points, list[History]]:
    histories, steps = [study.before(run).then(run) for run in runs], []
    for run in runs:
        before = study.before(run).steps
        steps.append(before + np.ceil(np.linspace(0, run.steps, PLACES + 1)[1:]).astype(np.int64))
    owner = np.repeat(np.arange(len(runs)), PLACES)
    return Points(histories, owner, np.concatenate(steps), fit.convention), histories
