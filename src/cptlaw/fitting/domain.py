"""Fit one law to one domain: starts, searches, what is held, what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cptlaw.arrays import IntArray, grouped
from cptlaw.errors import DataError, FitError, suggestion
from cptlaw.fitting.covariance import covariance
from cptlaw.fitting.diagnosis import MISSES, diagnose, missed
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.newton import Minimum, minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import Observations, facts
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.projection import begun
from cptlaw.fitting.result import DomainFit, combination
from cptlaw.fitting.scores import score
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.laws.law import Law
from cptlaw.laws.points import Points
from cptlaw.studies.history import History
from cptlaw.studies.optimization import Growth


def fit_domain(
    role: str,
    observed: Observations,
    name: str,
    options: FitOptions,
    growth: Growth | None = None,
) -> DomainFit:
    """Fit the law of that name to the observed losses of one domain.

    Args:
        role: of the domain.
        observed: its losses.
        name: of the law.
        options: how it is fitted.
        growth: whether weights grow; None for what the study says.

    Raises:
        DataError: no such law, or a parameter to be fixed that it does not have.
        FitError: too few points, or no start gives a finite objective.
    """
    known = replace(facts(role, observed.points), growth=growth)
    law = catalog.get(name, known)
    check_fixed(law, options.fixed)
    objective = pose(law, observed, options)
    free, drawn = _free(law, options)
    if len(observed) < (POINTS_BESIDE_PRIORS if drawn else 1) * free:
        beside = f" that have no prior; {POINTS_BESIDE_PRIORS} for each are needed" if drawn else ""
        raise FitError(
            f"domain '{role}': {len(observed)} points for the {free} parameters of {law.name}"
            f"{beside}. "
            "Log more evaluations, add runs, or fix parameters (--fix NAME=VALUE)."
        )
    minimum = best_minimum(objective, options.seed)
    objective, minimum, kept = _kept_as_usual(objective, minimum, options.seed)
    objective, minimum, held = _held_where_open(objective, minimum, observed)
    return _described(known, objective, minimum, observed, held, kept)


POINTS_BESIDE_PRIORS = 2  # for each parameter that points alone have to tell
# Of n points in a run so many are worth one that is independent, where a parameter is judged.
POINTS_A_PIECE_OF_NEWS = 5.0
NO_LOSS = 1e-6  # share of the objective that holding a parameter may cost


def _kept_as_usual(
    objective: Objective, minimum: Minimum, seed: int
) -> tuple[Objective, Minimum, tuple[str, ...]]:
    """Keep shape parameters at their usual value unless the data speak clearly against it.

    They do if fitting the parameter too lowers the objective by a share of more than
    5 log(n) / n: the Bayesian information criterion, with one point in five counted as news
    because neighbouring residuals are alike.
    """
    kept: list[str] = []
    n = float(objective.counts.sum())
    for shape in objective.law.shapes:
        if shape.usual is None or shape.name in objective.fixed:
            continue
        tried = replace(objective, fixed={**objective.fixed, shape.name: shape.usual})
        end = best_minimum(tried, seed)
        rise = np.log((end.value + 1e-300) / (minimum.value + 1e-300))  # 0 / 0 is no rise
        if n * rise <= POINTS_A_PIECE_OF_NEWS * np.log(n):
            objective, minimum = tried, end
            kept.append(shape.name)
    return objective, minimum, tuple(kept)


def _held_where_open(
    objective: Objective, minimum: Minimum, observed: Observations
) -> tuple[Objective, Minimum, tuple[str, ...]]:
    """Hold shape parameters without influence at a value without effect, where they have one.

    One is without influence if its variance is infinite, or if it runs to a bound, and the
    objective is the same within 1e-6 with it held. Left where the search ended it would be a
    number that means nothing, and a forecast might depend on it.
    """
    law, m = objective.law, objective.terms
    candidates = [s for s in law.shapes if s.neutral is not None and s.name not in objective.fixed]
    if not candidates:
        return objective, minimum, ()
    spread = np.diag(covariance(minimum.place, minimum.at_bound, observed.run))
    open_ = dict(zip((s.name for s in law.shapes), np.isinf(spread[m:]).tolist(), strict=True))
    rests = dict(zip((s.name for s in law.shapes), minimum.at_bound[m:].tolist(), strict=True))
    held: list[str] = []
    for shape in candidates:
        if not (open_[shape.name] or rests[shape.name]):
            continue
        tried = replace(objective, fixed={**objective.fixed, shape.name: float(shape.neutral or 0)})
        end = minimise(begun(tried, np.clip(minimum.z[m:], *(b[m:] for b in tried.bounds))))
        if end.value <= minimum.value * (1 + NO_LOSS):
            objective, minimum = tried, end
            held.append(shape.name)
    return objective, minimum, tuple(held)


def _free(law: Law, options: FitOptions) -> tuple[int, bool]:
    """How many parameters points alone have to tell, and whether priors tell others."""
    drawn = options.prior_weight > 0
    shapes = [shape for shape in law.shapes if shape.name not in options.fixed]
    free = sum(not (drawn and each.prior) for each in (*law.terms, *shapes))
    return free, free < len(law.terms) + len(shapes)


def check_fixed(law: Law, fixed: Mapping[str, float]) -> None:
    """Whether a law has the parameters that are to be fixed, and may have them at these values.

    Raises:
        DataError: naming the nearest that it has, or the range.
    """
    for name, value in fixed.items():
        shape = next((s for s in law.shapes if s.name == name), None)
        if shape is None:
            raise DataError(
                f"cannot fix '{name}': law {law.name} has no such shape parameter. "
                + (
                    "The laws of arXiv:2505.07796 have it (--law paper)."
                    if name == "lambda"
                    else suggestion(name, [s.name for s in law.shapes])
                )
            )
        if not shape.low <= value <= shape.high:
            raise DataError(f"{name} = {value:g} must lie in {shape.low:g} to {shape.high:g}.")


def _described(
    known: Facts,
    objective: Objective,
    minimum: Minimum,
    observed: Observations,
    held: tuple[str, ...] = (),
    kept: tuple[str, ...] = (),
) -> DomainFit:
    law, z, m = objective.law, minimum.z, objective.terms
    spread = covariance(minimum.place, minimum.at_bound, observed.run)
    values = [
        *z[:m].tolist(),
        *(s.outer(u) for s, u in zip(law.shapes, z[m:].tolist(), strict=True)),
    ]
    params = dict(zip(law.parameters, values, strict=True))
    inner_error = np.sqrt(np.diag(spread))
    slopes = [1.0] * m + [abs(s.slope(u)) for s, u in zip(law.shapes, z[m:].tolist(), strict=True)]
    stderr = {
        name: None if rests else float(error * slope)
        for name, rests, error, slope in zip(
            law.parameters, minimum.at_bound, inner_error.tolist(), slopes, strict=True
        )
    }
    fitted = DomainFit(
        known.role,
        law,
        known,
        params,
        stderr,
        spread,
        scores=replace(
            score(minimum.place.prediction, observed.loss, objective.delta),
            counted=float(objective.counts.sum()),
        ),
        ranges=ranges(observed.points),
        fixed={k: v for k, v in objective.fixed.items() if k not in (*held, *kept)},
        kept=kept,
    )
    found = diagnose(minimum, observed, params, inner_error, held)
    worse = missed(fitted.scores) if fitted.scores is not None else ()
    return replace(
        fitted,
        status=MISSES if worse else found.status,
        advice=(*worse, *found.advice),
        loose=found.loose,
        unseen=found.unseen,
    )


def fit_combination(
    role: str,
    observed: Observations,
    found: Mapping[str, DomainFit],
    name: str,
    options: FitOptions,
) -> DomainFit:
    """Fit an out-of-domain set as a sum of the fitted D_pt and D_cpt losses of that name."""
    law = combination(found["pt"], found["cpt"], name)
    objective = Objective(law, observed.points, observed.loss, options.delta)
    minimum = minimise(begun(objective, np.empty(0)))
    described = _described(Facts(role), objective, minimum, observed)
    return replace(described, combines=(found["pt"], found["cpt"]))


def _reached(points: Points, owner: int, mine: IntArray) -> History:
    """A history as far as its points lie on it."""
    history = points.histories[owner]
    last = int(points.last[mine].max())
    if not history.is_cpt:
        return replace(history, pt_lr=history.pt_lr[:last])
    return replace(history, cpt_lr=history.cpt_lr[: max(last - history.pt_lr.size, 0)])


def ranges(points: Points) -> dict[str, tuple[float, float]]:
    """Smallest and largest value, over n fitted points, of what a forecast may leave."""
    places = enumerate(grouped(points.owner, len(points.histories)))
    used = [_reached(points, i, mine) for i, mine in places if mine.size]
    phases = {"pt": [h.pt_lr for h in used], "cpt": [h.cpt_lr for h in used]}
    found: dict[str, tuple[float, float]] = {}
    for phase, all_lr in phases.items():
        lrs = [lr for lr in all_lr if lr.size]
        if lrs:
            lengths = [float(lr.size) for lr in lrs]
            if peaks := [peak for lr in lrs if (peak := float(lr.max())) > 0]:
                found[f"{phase}_peak_lr"] = (min(peaks), max(peaks))
            found[f"{phase}_steps"] = (1.0, max(lengths))  # a longer run has its first steps too
    cpt = [h for h in used if h.is_cpt]
    if cpt:
        shares = [h.replay for h in cpt]
        found["replay"] = (min(shares), max(shares))
        starts = [float(h.pt_lr.size) for h in cpt if h.pt_lr.size]
        if starts:
            found["start_step"] = (min(starts), max(starts))
    sizes = [h.model_size for h in used if h.model_size is not None]
    if sizes:
        found["model_size"] = (min(sizes), max(sizes))
    return found
