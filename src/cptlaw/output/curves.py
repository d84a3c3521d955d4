"""What figures of a fit show: the measured losses of each run, and the fitted curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.errors import DataError
from cptlaw.fitting import windows
from cptlaw.fitting.observations import observe
from cptlaw.fitting.result import Fit
from cptlaw.studies.history import History
from cptlaw.studies.study import Study

Phase: TypeAlias = Literal["pt", "cpt"]
PHASES: tuple[Phase, ...] = ("pt", "cpt")


@dataclass(frozen=True)
class RunCurve:
    """The n measured losses of a run on one domain, and the fitted curve at m steps.

    Steps count from the beginning of the pre-training, those of a CPT from its transfer.

    Args:
        name: of the run.
        place: of it among the runs of the study that have losses.
        phase: "pt" or "cpt".
        at: steps of the measured losses, shape (n,).
        loss: measured, nats per token, shape (n,).
        residual: fitted minus measured, percent of the measured, shape (n,).
        step: steps of the curve, shape (m,).
        fitted: the law's loss there, shape (m,).
        transfer: steps of the pre-training before it; 0 for a pre-training.
        was_fitted: whether the fit saw the run.
    """

    name: str
    place: int
    phase: Phase
    at: IntArray
    loss: FloatArray
    residual: FloatArray
    step: IntArray
    fitted: FloatArray
    transfer: int
    was_fitted: bool


def phase_of(history: History) -> Phase:
    """The phase that the last step of a history belongs to."""
    return "cpt" if history.cpt_lr.size else "pt"


def transfer_of(history: History) -> int:
    """Steps before the phase that the last step of a history belongs to."""
    return history.phase_start if history.cpt_lr.size else 0


def fitted_curves(fit: Fit, role: str, study: Study | None = None) -> list[RunCurve]:
    """The runs of a study on one domain, in its order.

    Args:
        fit: fitted, or published coefficients with a study to compare them with.
        role: the domain.
        study: whose runs are wanted; left out, those that were fitted.

    Raises:
        DataError: no such domain, or no points.
    """
    domain, study = fit.domain(role), study or fit.study
    if study is None:
        raise DataError(
            "published coefficients come without the points they were fitted to. Draw a forecast, "
            "or give a study to compare them with."
        )
    observed = observe(study, role, fit.convention)
    here = domain.loss(observed.points)
    at = observed.points.pt_step + observed.points.cpt_step
    known = {run.name for run in fit.study.runs if run.curves} if fit.study else set[str]()
    found: list[RunCurve] = []
    for place, run in enumerate(run for run in study.runs if run.curves):
        if run.name not in observed.runs:
            continue
        i = observed.runs.index(run.name)
        mine, history = observed.run == i, observed.points.histories[i]
        step = grid(_start(study, run.name, int(at[mine].min())), int(at[mine].max()), history)
        curve = run.curves.get(study.domains[role])
        points = windows.along(
            history, step, curve, study.before(run).steps, observed.points.convention
        )
        before, loss = transfer_of(history), observed.loss[mine]
        found.append(
            RunCurve(
                run.name,
                place,
                phase_of(history),
                at[mine] - before,
                loss,
                100.0 * (here[mine] / loss - 1.0),
                step - before,
                domain.loss(points),
                before,
                not known or run.name in known,
            )
        )
    return found


def _start(study: Study, name: str, measured: int) -> int:
    """Where a run's curve begins: at its base, or else at its first fitted point."""
    before = study.before(study.run(name))
    return before.steps if before.steps or before.unknown_base is not None else measured


def grid(first: int, last: int, history: History) -> IntArray:
    """Steps of a history to draw a curve at, closer together just after the transfer."""
    jump = history.pt_lr.size
    parts: list[FloatArray] = [np.linspace(first, last, 600)]
    if first <= jump < last:
        parts += [np.array([jump]), jump + np.geomspace(1, last - jump, 150)]
    return np.unique(np.concatenate(parts).round().astype(np.int64))


def losses_frame(step: IntArray, loss: FloatArray) -> tuple[float, float]:
    """Ends of an axis that shows n losses, shape (n,), well.

    The losses of the first tenth of the steps are cut off if they would make the frame more
    than three times as high.
    """
    low, high = float(loss.min()), float(loss.max())
    later = loss[step >= step.min() + 0.1 * (step.max() - step.min())]
    top = float(later.max())
    if high - low > 3.0 * (top - low) > 0:
        high = top + 0.3 * (top - low)
    margin = 0.05 * (high - low) or 0.05 * high
    return low - margin, high + margin


def residuals_frame(percent: FloatArray) -> float:
    """How far from 0 an axis for n residuals, shape (n,), reaches.

    At most 2 % of them are cut off, if they would make the frame more than twice as high.
    """
    size = np.abs(percent)
    most, usual = float(size.max()), float(np.quantile(size, 0.98))
    return 1.12 * (most if most < 2.5 * usual else 1.3 * usual) or 1.0
