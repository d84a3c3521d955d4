"""Fit one law to one domain: starts, searches, what is held, what is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, FitError, suggestion
from cptlaw.fitting.covariance import covariance
from cptlaw.fitting.diagnosis import diagnose
from cptlaw.fitting.newton import Minimum, minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import Observations, facts
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.projection import Projected, project, search
from cptlaw.fitting.result import DomainFit, combination
from cptlaw.fitting.scores import score
from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.laws.law import Law
from cptlaw.laws.points import Points
from cptlaw.studies.history import History


def fit_domain(role: str, observed: Observations, name: str, options: FitOptions) -> DomainFit:
    """Fit the law of that name to the observed losses of one domain.

    Raises:
        DataError: no such law, or a parameter to be fixed that it does not have.
        FitError: too few points, or no start gives a finite objective.
    """
    known = facts(role, observed.points)
    law = catalog.get(name, known)
    _check_fixed(law, options.fixed)
    objective = Objective(
        law, observed.points, observed.loss, options.delta, options.fixed, options.prior_weight
    )
    free = len(law.parameters) - len(options.fixed)
    if len(observed) < free:
        raise FitError(
            f"domain '{role}': {len(observed)} points for the {free} parameters of {law.name}. "
            "Log more evaluations, add runs, or fix parameters (--fix NAME=VALUE)."
        )
    minimum = best_minimum(objective, options.seed)
    objective, minimum, kept = _kept_as_usual(objective, minimum, options.seed)
    objective, minimum, held = _held_where_open(objective, minimum, observed)
    return _described(role, known, objective, minimum, observed, held, kept)


def _kept_as_usual(
    objective: Objective, minimum: Minimum, seed: int
) -> tuple[Objective, Minimum, tuple[str, ...]]:
    """Keep shape parameters at their usual value unless the data speak clearly against it.

    They do if fitting the parameter too lowers the objective by a share of more than
    5 log(n) / n: the Bayesian information criterion, with one point in five counted as news
    because neighbouring residuals are alike.
    """
    kept: list[str] = []
    n = objective.loss.size
    for shape in objective.law.shapes:
        if shape.usual is None or shape.name in objective.fixed:
            continue
        tried = replace(objective, fixed={**objective.fixed, shape.name: shape.usual})
        end = best_minimum(tried, seed)
        rise = np.log((end.value + 1e-300) / (minimum.value + 1e-300))
        if n * rise <= 5.0 * np.log(n):
            objective, minimum = tried, end
            kept.append(shape.name)
    return objective, minimum, tuple(kept)


def _held_where_open(
    objective: Objective, minimum: Minimum, observed: Observations
) -> tuple[Objective, Minimum, tuple[str, ...]]:
    """Hold shape parameters without influence at a value without effect, where they have one.

    One is without influence if its variance is infinite, or if it runs to a bound, and the
    objective is the same within 1e-6 with it held.
    """
    law, m = objective.law, objective.terms
    candidates = [s for s in law.shapes if s.neutral is not None and s.name not in objective.fixed]
    if not candidates:
        return objective, minimum, ()
    spread = np.diag(covariance(objective, minimum.z, minimum.at_bound, observed.run))
    open_ = dict(zip((s.name for s in law.shapes), np.isinf(spread[m:]).tolist(), strict=True))
    rests = dict(zip((s.name for s in law.shapes), minimum.at_bound[m:].tolist(), strict=True))
    held: list[str] = []
    for shape in candidates:
        if not (open_[shape.name] or rests[shape.name]):
            continue
        tried = replace(objective, fixed={**objective.fixed, shape.name: float(shape.neutral or 0)})
        end = minimise(tried, search(tried, minimum.z[m:]).z)
        if end.value <= minimum.value * (1 + 1e-6):
            objective, minimum = tried, end
            held.append(shape.name)
    return objective, minimum, tuple(held)


def best_minimum(objective: Objective, seed: int = 0) -> Minimum:
    """The lowest minimum over many starts: screen, search the best, settle exactly.

    Starts are screened with the best coefficients at each; searches begin at the best of them
    that lie apart. With up to three free shape parameters three equal ends are enough, two where
    all of them have priors.

    Args:
        objective: what is minimised.
        seed: 0 for a fixed set of starts; any other number adds searches from its own.

    Raises:
        FitError: no start gives a finite objective.
    """
    free = [s for s in objective.law.shapes if s.name not in objective.fixed]
    drawn = all(s.prior for s in free) and objective.prior_weight > 0
    few = len(free) <= 3
    screens, most, enough = (2, 4, 2) if drawn else (16, _MOST, 3) if few else (32, _MOST, _MOST)
    found: list[Projected] = []
    for one in dict.fromkeys((0, seed)):
        tried = _screened(objective, one, screens * max(len(free), 1))[: most if free else 1]
        found += _searched(objective, tried, enough)
    found.sort(key=lambda f: f.score)
    distinct: list[Projected] = []
    for end in found:
        if all(end.score > other.score * (1 + _SAME) for other in distinct):
            distinct.append(end)
    close = [end for end in distinct[: 2 if drawn else 8] if end.score <= 1.5 * distinct[0].score]
    return _settled(objective, [end.z for end in close])


_SAME, _APART, _MOST = 1e-6, 0.2, 12


def _settled(objective: Objective, ends: list[FloatArray]) -> Minimum:
    """The lowest minimum from several ends: all for some steps, the promising ones to the end."""
    first = sorted((minimise(objective, z, steps=40) for z in ends), key=lambda m: m.value)
    going_on = [m for m in first if not m.converged and m.value <= first[0].value * 1.01][:3]
    last = [minimise(objective, m.z, steps=600) for m in going_on]
    return min([*first, *last], key=lambda m: (m.value, not m.converged))


def _screened(objective: Objective, seed: int, count: int) -> list[Projected]:
    """Starts, best first, each apart from those before it."""
    shapes = objective.law.shapes
    low = np.array([s.inner(s.start[0]) for s in shapes])
    reach = np.array([s.inner(s.start[1]) for s in shapes]) - low
    free = np.array([s.name not in objective.fixed for s in shapes], dtype=np.bool_)
    random = np.random.default_rng(seed)
    centre = np.array([s.inner(s.prior.centre) if s.prior else np.nan for s in shapes])
    starts = [low + reach * draw for draw in random.random((count, low.size))]
    if not np.isnan(centre).any():
        starts.insert(0, centre)
    starts = [_held(objective, start) for start in starts]
    tried = [project(objective, start, slopes=False) for start in starts]
    tried = sorted((t for t in tried if np.isfinite(t.score)), key=lambda t: t.score)
    if not tried:
        raise FitError(f"no start of {objective.law.name} gives a finite objective on these data.")
    apart: list[Projected] = []
    for start in tried:
        gaps = [np.abs((start.u - other.u) / reach)[free].max(initial=0.0) for other in apart]
        if all(gap > _APART for gap in gaps):
            apart.append(start)
    return apart


def _searched(objective: Objective, tried: list[Projected], enough: int) -> list[Projected]:
    """Where searches from the best starts end, lowest first."""
    found: list[Projected] = []
    for start in tried:
        found.append(search(objective, start.u))
        found.sort(key=lambda f: f.score)
        same = sum(f.score <= found[0].score * (1 + _SAME) for f in found)
        if same >= enough:
            break
    return found


def _held(objective: Objective, u: FloatArray) -> FloatArray:
    low, high = (bound[objective.terms :] for bound in objective.bounds)
    return np.where(low == high, low, u)


def _check_fixed(law: Law, fixed: Mapping[str, float]) -> None:
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
    role: str,
    known: Facts,
    objective: Objective,
    minimum: Minimum,
    observed: Observations,
    held: tuple[str, ...] = (),
    kept: tuple[str, ...] = (),
) -> DomainFit:
    law, z, m = objective.law, minimum.z, objective.terms
    spread = covariance(objective, z, minimum.at_bound, observed.run)
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
        role,
        law,
        known,
        params,
        stderr,
        spread,
        scores=score(law.loss(observed.points, params), observed.loss, objective.delta),
        ranges=ranges(observed.points),
        fixed={k: v for k, v in objective.fixed.items() if k not in (*held, *kept)},
        kept=kept,
    )
    found = diagnose(
        law,
        params,
        inner_error,
        minimum,
        objective.fixed,
        observed,
        objective.columns(z).matrix,
        held,
        objective,
    )
    return replace(
        fitted,
        status=found.status,
        advice=found.advice,
        loose=found.loose,
        unseen=found.unseen,
    )


def fit_combination(
    role: str, observed: Observations, found: Mapping[str, DomainFit], options: FitOptions
) -> DomainFit:
    """Fit an out-of-domain set as a weighted sum of the fitted D_pt and D_cpt losses (Eq. 6)."""
    law = combination(found["pt"], found["cpt"])
    objective = Objective(law, observed.points, observed.loss, options.delta)
    minimum = minimise(objective, project(objective, np.empty(0)).z)
    described = _described(role, Facts(role), objective, minimum, observed)
    return replace(described, combines=(found["pt"], found["cpt"]))


def _reached(points: Points, owner: int) -> History:
    """A history as far as points lie on it."""
    history, mine = points.histories[owner], points.owner == owner
    last = int(points.cpt_step[mine].max())
    if not history.is_cpt:
        return replace(history, pt_lr=history.pt_lr[: int(points.pt_step[mine].max())])
    return replace(history, cpt_lr=history.cpt_lr[:last])


def ranges(points: Points) -> dict[str, tuple[float, float]]:
    """Smallest and largest value, over n fitted points, of what a forecast may leave."""
    used = [_reached(points, int(i)) for i in np.unique(points.owner)]
    phases = {"pt": [h.pt_lr for h in used], "cpt": [h.cpt_lr for h in used]}
    found: dict[str, tuple[float, float]] = {}
    for phase, all_lr in phases.items():
        lrs = [lr for lr in all_lr if lr.size]
        if lrs:
            peaks, lengths = [float(lr.max()) for lr in lrs], [float(lr.size) for lr in lrs]
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
