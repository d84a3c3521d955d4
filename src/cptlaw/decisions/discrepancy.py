"""How far a law may be off for a run unlike those it was fitted to, and how alike two runs are.

A law that is right where it was fitted need not be right elsewhere. Its relative error at a run
is taken as a Gaussian process over what sets runs apart (peak, length, start, final LR, replay,
size, batch), as large as errors on real curves that a fit had not seen, and known to be small at
the runs that were fitted. So a pilot tells about runs like it, and little about others.

Beside that each run is off by itself, by what the law does not follow anywhere and by its luck, as
much as the fitted ones are; of recipes that are nearly the same this is nearly the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.forecasting.causes import noise_of
from cptlaw.forecasting.intervals import calibration_of, refit_weight
from cptlaw.studies.history import History

_UNFITTED_REPLAY = 0.02  # relative error where no replay share but one was fitted
_UNFITTED_SIZE = 0.1  # for every factor of e, where the law does not see the size
_SLOPE = 0.05  # of a loss, for a factor of e in steps; of the order of real runs'
_SHIFT = 0.05  # of a loss that is the shift; likewise
_SPARES = 5.0  # about h of the effective-LR law
_BATCH = 0.02  # for every factor of e; no law sees it
_REACH = (1.0, 1.0, 1.0, 0.5, 0.3, 1.0, 1.0)  # distance within which errors are alike
_OWN_REACH = 0.1  # the same of what each run is off by itself, as a share of those
_SHAPE_REACH = 0.03  # root mean square by which two schedules differ, as shares of their peaks
_ALONG = 32  # places along a run at which schedules are compared


def covariance(
    domain: DomainFit, runs: Sequence[History], fitted: Sequence[History], noise: float
) -> FloatArray:
    """Covariance of a law's relative errors at n runs, shape (n, n), given the fitted ones.

    Args:
        domain: a fitted law.
        runs: where it is asked for.
        fitted: where the errors are known to be within the noise.
        noise: scale of a fitted run's mean residual, relative.
    """
    sizes = _sizes(domain)
    here, there = _places(runs), _places(fitted)
    prior = _alike(here, here, sizes)
    if not fitted:
        return prior
    known = _alike(there, there, sizes) + noise**2 * np.eye(len(fitted))
    across = _alike(here, there, sizes)
    left: FloatArray = prior - across @ np.linalg.solve(known, across.T)
    return 0.5 * (left + left.T)


def own_noise(fit: Fit, role: str) -> float:
    """Scale of what a run is off by itself, relative; not smaller than any law's on real curves."""
    return max(noise_of(fit, role).residual, calibration_of(fit.domain(role)).floor)


def errors(fit: Fit, role: str, runs: Sequence[History]) -> FloatArray:
    """Covariance of all relative errors at n future runs but the parameters', shape (n, n).

    Args:
        fit: a fit of a study.
        role: the domain.
        runs: where it is asked for.
    """
    domain, noise = fit.domain(role), own_noise(fit, role)
    left = covariance(domain, runs, fit.observed(role).points.histories, noise)
    apart = _places(runs)[:, :7] / np.array(_REACH) / _OWN_REACH
    here = np.column_stack([apart, _shapes(runs) / _SHAPE_REACH])
    squares = (here**2).sum(axis=1)
    far = np.maximum(squares[:, None] + squares - 2.0 * here @ here.T, 0.0)
    own: FloatArray = noise**2 * np.exp(-0.5 * far)
    return left + own


def measurable(
    fit: Fit, role: str, runs: Sequence[History], loss: FloatArray, drawn: FloatArray
) -> FloatArray:
    """Final losses that n future runs might measure, shape (draws, n).

    Refits as they weigh in the intervals of forecasts, with what the law may be off by where it
    was not fitted, and each run's own.

    Args:
        fit: a fit of a study.
        role: the domain.
        runs: n of them.
        loss: what the fit predicts, shape (n,).
        drawn: what each refit predicts, shape (draws, n).
    """
    sizes, vectors = np.linalg.eigh(errors(fit, role, runs))
    root = vectors * np.sqrt(np.maximum(sizes, 0.0))
    normal = np.random.default_rng([0, *role.encode()]).standard_normal(drawn.shape)
    moved = loss + refit_weight(fit, role) * (drawn - loss)
    found: FloatArray = moved * (1.0 + normal @ root.T)
    return found


def _shapes(runs: Sequence[History]) -> FloatArray:
    """LR at _ALONG places of each run as a share of its peak, by the root of their number."""
    found = np.zeros((len(runs), _ALONG))
    for row, history in zip(found, runs, strict=True):
        lr = history.phase_lr
        if lr.size:
            at = np.linspace(0, lr.size - 1, _ALONG).round().astype(np.int64)
            row[:] = lr[at] / (float(lr.max()) or 1.0)
    return found / np.sqrt(_ALONG)


def _sizes(domain: DomainFit) -> FloatArray:
    """Relative error that a distance of one reach makes likely, one for each column of _places."""
    measured = calibration_of(domain)
    shares = domain.ranges.get("replay", (0.0, 0.0))
    replay = _SHIFT * measured.replay if shares[0] < shares[1] else _UNFITTED_REPLAY
    size = measured.size if domain.depends_on_size else _UNFITTED_SIZE
    return np.array(
        [
            _SLOPE * measured.peak,
            _SLOPE * measured.horizon,
            _SLOPE * measured.start,
            measured.floor,
            replay,
            size,
            _BATCH,
        ]
    )


def _places(runs: Sequence[History]) -> FloatArray:
    """What sets runs apart, shape (n, 8): the seven columns of _REACH, and the phase."""
    rows: list[list[float]] = []
    for history in runs:
        lr = history.phase_lr
        peak = float(lr.max(initial=0.0)) or 1.0
        rows.append(
            [
                np.log(peak),
                np.log(max(lr.size, 1)),
                np.log(max(history.pt_lr.size, 1)) if history.is_cpt else 0.0,
                float(lr[-1]) / peak if lr.size else 0.0,
                _spared(history.replay),
                np.log(history.model_size or 1.0),
                np.log(history.batch[0] or 1.0) if history.is_cpt else 0.0,
                float(history.is_cpt),
            ]
        )
    return np.array(rows, dtype=np.float64).reshape(len(rows), 8)


def _alike(here: FloatArray, there: FloatArray, sizes: FloatArray) -> FloatArray:
    """Covariance before any run was fitted, shape (n, m); errors of PT and CPT runs are apart."""
    far = (here[:, None, :7] - there[None, :, :7]) / np.array(_REACH)
    same = here[:, None, 7] == there[None, :, 7]
    alike: FloatArray = np.where(same, np.exp(-0.5 * far**2) @ sizes**2, 0.0)
    return alike


def _spared(replay: float) -> float:
    """About the share of the forgetting that a replay share spares; small shares spare most."""
    odds = _SPARES * replay
    return odds / (odds + 1.0 - replay)
