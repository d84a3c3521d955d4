"""Measured curves that a fit has not seen, beside their forecasts and a rival's intervals."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting import uncertainty
from cptlaw.fitting.observations import observe
from cptlaw.fitting.refits import refitted
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Ensemble, ensemble_of
from cptlaw.forecasting.causes import causes
from cptlaw.laws.points import Points
from cptlaw_evidence.fits import Found, Splits, Task, attempted
from cptlaw_evidence.sources.loading import LeftOut
from cptlaw_evidence.sources.source import Split

LEVELS = (0.5, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A measured curve that a fit has not seen, beside its forecast; n points.

    Args:
        protocol: its name.
        group: the source; one name for those that share runs.
        run: the run, told from those of the same name in other studies of the source.
        domain: the split's name of it, else the role.
        law: as asked for.
        error: log(measured / predicted), shape (n,).
        parts: what each field of a `Calibration` weighs, shape (n, fields).
        rival: ends of the i.i.d. bootstrap's intervals of `error`, shape (levels, 2, n).
    """

    protocol: str
    group: str
    run: str
    domain: str
    law: str
    error: FloatArray
    parts: FloatArray
    rival: FloatArray


def collect(task: Task, splits: Splits) -> Found[HeldOut]:
    """Fit once and forecast every curve that the task's splits hold back.

    Args:
        task: a law and the splits that share a fit.
        splits: of every protocol.

    Returns:
        The curves, and what could not be forecast and why.
    """
    return attempted(task, splits, partial(_held, task, splits))


def _held(task: Task, splits: Splits, fit: Fit) -> Found[HeldOut]:
    ensemble, rival = ensemble_of(fit), independent(fit)
    held: list[HeldOut] = []
    left_out: list[LeftOut] = []
    for protocol, index in task.uses:
        for one in _of_split(protocol, splits[protocol][index], task.law, ensemble, rival):
            if isinstance(one, HeldOut):
                held.append(one)
            else:
                left_out.append({"protocol": protocol, "law": task.law, "why": one})
    return held, left_out


def _of_split(
    protocol: str, split: Split, law: str, ensemble: Ensemble, rival: Ensemble
) -> Generator[HeldOut | str]:
    fit = ensemble.fit
    for role in split.study.domains:
        observed = observe(split.study, role, fit.convention)
        for index, run in enumerate(observed.runs):
            mine = (observed.run == index) & (observed.step > split.scored.get(run, np.inf))
            if not mine.any():
                continue
            history = observed.points.histories[index]
            points = observed.points.alone(index, np.flatnonzero(mine))
            name = f"{run}, {history.steps} steps"
            domain = split.domain or role
            found = _forecast(role, points, observed.loss[mine], ensemble, rival)
            yield (
                f"no finite forecast of '{run}' on {domain} ({split.name})."
                if found is None
                else HeldOut(protocol, "", name, domain, law, *found)
            )


def _forecast(
    role: str, points: Points, measured: FloatArray, ensemble: Ensemble, rival: Ensemble
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Error, parts and the rival's ends; None where the forecast is not a loss."""
    predicted = ensemble.fit.domain(role).loss(points)
    if not (np.isfinite(predicted) & (predicted > 0)).all():
        return None
    error, ends = np.log(measured / predicted), independent_ends(rival, role, points)
    found = error, causes(ensemble, role, points), ends
    return found if all(np.isfinite(part).all() for part in found) else None


def independent(fit: Fit, count: int = uncertainty.COUNT, seed: int = 0) -> Ensemble:
    """Refits of single laws to points resampled one by one, as if residuals were independent."""
    random = np.random.default_rng(seed)
    moves: dict[str, tuple[FloatArray, ...]] = {}
    for role, domain in fit.domains.items():
        observed = fit.observed(role)
        weights = random.standard_gamma(1.0, (count, len(observed)))
        objective = uncertainty.objective_of(fit, domain, observed)
        moves[role] = (refitted(objective, domain, weights),)
    return Ensemble(fit, moves)


def independent_ends(rival: Ensemble, role: str, points: Points) -> FloatArray:
    """Ends of the rival's intervals of log(measured / predicted), shape (levels, 2, n)."""
    domain, observed = rival.fit.domain(role), rival.fit.observed(role)
    residual = np.log(observed.loss / domain.loss(observed.points))
    noise = np.random.default_rng(1).choice(residual, (len(rival), 1))
    draws = np.maximum(rival.losses(role, points) / domain.loss(points), 1e-9)
    tails = [((1 - level) / 2, (1 + level) / 2) for level in LEVELS]
    ends = np.quantile(np.log(draws) + noise, np.ravel(tails), axis=0)
    return ends.reshape(len(LEVELS), 2, -1)
