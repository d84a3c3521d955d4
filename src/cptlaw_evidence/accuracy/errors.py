"""The errors of one fit on one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import FitError
from cptlaw.fitting.observations import observe
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import score
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.study import Study
from cptlaw_evidence.sources.rows import has_a_side
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
        mse: mean squared error, nats^2.
        mean: of the measured losses, nats.
        variance: of the measured losses, nats^2.
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
    mse: float
    mean: float
    variance: float
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
        finals = predicted_finals(split.study, fit, role, [c.run for c in split.candidates])
        forecasts += forecasts_of(split, domain, found, finals)
    return tuple(errors), tuple(forecasts)


def forecasts_of(
    split: Split, domain: str, errors: Sequence[RunErrors], finals: Mapping[str, float]
) -> list[Forecast]:
    """The predicted final loss of every candidate on a domain.

    Args:
        split: with the candidates; where it has none, the scored runs of one length are.
        domain: what results call it.
        errors: on the scored runs.
        finals: candidate -> its predicted final loss.
    """
    if split.candidates:
        return [Forecast(c, domain, finals[c.run]) for c in split.candidates]
    return [
        Forecast(Candidate(e.run, _group(split, e.run), e.measured), domain, e.predicted)
        for e in errors
    ]


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
        start = None
        if has_a_side(split.study, role, split.study.run(name)):
            start = _losses(fit, role, [split.study.before(split.study.run(name))])[0]
        out.append(
            errors_of(split, role, name, domain, predicted[mine], observed.loss[mine], start)
        )
    return out


def errors_of(
    split: Split,
    role: str,
    name: str,
    domain: str,
    predicted: FloatArray,
    measured: FloatArray,
    start: float | None,
) -> RunErrors:
    """The errors on one run.

    Args:
        split: what is scored.
        role: of the domain in the study.
        name: of the run.
        domain: what results call the domain.
        predicted: losses at its scored points, shape (n,).
        measured: the same, shape (n,).
        start: predicted loss at the transfer, where it has a side (`has_a_side`); else None.
    """
    s, last = score(predicted, measured), float(predicted[-1])
    right = None
    if start is not None:
        before = float(split.study.run(name).curves[split.study.domains[role]].loss[0])
        right = (last > start) == (float(measured[-1]) > before)
    return RunErrors(
        name,
        domain,
        n=s.n,
        mae=s.mae,
        mape=s.mape,
        worst=s.worst,
        final_error=s.final_error,
        predicted=last,
        mse=s.rmse**2,
        mean=float(measured.mean()),
        variance=float(measured.var()),
        right_side=right,
    )


def _check_finite(predicted: FloatArray, name: str) -> None:
    if not (np.isfinite(predicted) & (predicted > 0)).all():
        raise FitError(f"no finite forecast of '{name}'.")


def predicted_finals(study: Study, fit: Fit, role: str, names: Sequence[str]) -> dict[str, float]:
    """Run -> predicted loss after its last step."""
    if not names:
        return {}
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
