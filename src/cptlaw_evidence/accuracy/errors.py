"""The errors of one fit on one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import FitError
from cptlaw.fitting.observations import observe
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import score
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.source import Candidate, Split


@dataclass(frozen=True)
class RunErrors:
    """Errors on the scored points of one run and domain.

    Args:
        run: its name.
        domain: the split's name of it, else the role.
        n: number of points.
        mae: mean absolute error, nats.
        mape: mean absolute relative error, a fraction.
        worst: largest relative error, a fraction.
        final_error: predicted minus measured at the last point, nats.
        predicted: loss at the last point.
        right_side: whether the D_pt loss, since the transfer, changed to the predicted side;
            None for another domain, or a run that is no CPT.
    """

    run: str
    domain: str
    n: int
    mae: float
    mape: float
    worst: float
    final_error: float
    predicted: float
    right_side: bool | None = None

    @property
    def measured(self) -> float:
        """Loss at the last point."""
        return self.predicted - self.final_error


@dataclass(frozen=True)
class Forecast:
    """A candidate with the final loss that a law predicts for it on a domain."""

    candidate: Candidate
    domain: str
    predicted: float


def judge(split: Split, fit: Fit) -> tuple[tuple[RunErrors, ...], tuple[Forecast, ...]]:
    """Errors on every scored run, and the predicted final loss of every candidate.

    Args:
        split: what is scored.
        fit: of the split's fitted study.

    Raises:
        FitError: a forecast is not finite.
    """
    errors: list[RunErrors] = []
    forecasts: list[Forecast] = []
    for role in split.study.domains:
        domain = split.domain or role
        found = _errors(split, fit, role, domain)
        errors += found
        finals = {e.run: e.predicted for e in found}
        among = split.candidates
        if among:
            finals = predicted_finals(split.study, fit, role, [c.run for c in among])
        else:
            among = [Candidate(e.run, _group(split, e.run), e.measured) for e in found]
        forecasts += [Forecast(candidate, domain, finals[candidate.run]) for candidate in among]
    return tuple(errors), tuple(forecasts)


def _errors(split: Split, fit: Fit, role: str, domain: str) -> list[RunErrors]:
    observed = observe(split.study, role, fit.convention)
    predicted = fit.domain(role).loss(observed.points)
    out: list[RunErrors] = []
    for index, name in enumerate(observed.runs):
        if name not in split.scored:
            continue
        mine = (observed.run == index) & (observed.step > split.scored[name])
        if not mine.any():
            continue
        _check_finite(predicted[mine], name)
        s = score(predicted[mine], observed.loss[mine])
        last, measured = float(predicted[mine][-1]), float(observed.loss[mine][-1])
        right = _right_side(split.study, fit, role, split.study.run(name), last, measured)
        out.append(
            RunErrors(
                name,
                domain,
                n=s.n,
                mae=s.mae,
                mape=s.mape,
                worst=s.worst,
                final_error=s.final_error,
                predicted=last,
                right_side=right,
            )
        )
    return out


def _check_finite(predicted: FloatArray, name: str) -> None:
    if not (np.isfinite(predicted) & (predicted > 0)).all():
        raise FitError(f"no finite forecast of '{name}'.")


def _right_side(
    study: Study, fit: Fit, role: str, run: Run, predicted: float, measured: float
) -> bool | None:
    """Whether predicted and measured last loss lie on the same side of that at the transfer."""
    curve = run.curves.get(study.domains[role])
    if role != "pt" or run.data != "cpt" or curve is None or curve.steps[0] != 0:
        return None
    start = _losses(fit, role, [study.before(run)])[0]
    return (predicted > start) == (measured > float(curve.loss[0]))


def predicted_finals(study: Study, fit: Fit, role: str, names: Sequence[str]) -> dict[str, float]:
    """Run -> predicted loss after its last step."""
    losses = _losses(fit, role, [study.history(name) for name in names])
    for name, loss in zip(names, losses, strict=True):
        _check_finite(np.array([loss]), name)
    return dict(zip(names, losses, strict=True))


def _losses(fit: Fit, role: str, histories: Sequence[History]) -> list[float]:
    """Predicted loss at the end of each history."""
    return fit.domain(role).loss(Points.at_ends(histories, fit.convention)).tolist()


def _group(split: Split, name: str) -> str:
    """What must be alike for a choice between runs to be fair: steps of all, and size."""
    histories = {run: split.study.history(run) for run in split.scored}
    history = histories[name]
    steps = f"{history.steps} steps"
    if len({h.model_size for h in histories.values()}) == 1:
        return steps
    return f"{steps}, size {'unknown' if history.model_size is None else f'{history.model_size:g}'}"
