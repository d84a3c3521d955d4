"""Fit a law to every domain of a study."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from cptlaw import catalog
from cptlaw.areas import Convention, Points
from cptlaw.arrays import FloatArray, floats
from cptlaw.catalog import Facts
from cptlaw.covariance import covariance
from cptlaw.diagnosis import diagnose
from cptlaw.errors import DataError, FitError, suggestion
from cptlaw.law import Factor, Law, Part, Term
from cptlaw.newton import Minimum, minimise
from cptlaw.objective import DELTA, Objective
from cptlaw.observations import Observations, facts, observe
from cptlaw.projection import project, search
from cptlaw.runs import Study
from cptlaw.scores import Scores, score


@dataclass(frozen=True, eq=False)
class DomainFit:
    """A law fitted to one domain.

    Args:
        role: "pt", "cpt", "loss" or "ood.NAME".
        law: the fitted law.
        facts: what the law was built with.
        params: every coefficient and shape parameter by name.
        stderr: their standard errors; None for one that was fixed or rests at a bound, infinite
            for one that the data leave open.
        covariance: of coefficients and search coordinates, shape (m + k, m + k).
        status: "ok", "at bound", "not identified", "not converged" or "published".
        advice: what is wrong and what would mend it, each a sentence.
        scores: agreement with the fitted points; None for published coefficients.
        ranges: smallest and largest fitted value of each quantity that a forecast may leave.
        fixed: shape parameters that were given.
        combines: the fitted D_pt and D_cpt losses that "eq6" adds up, else None.
    """

    role: str
    law: Law
    facts: Facts
    params: Mapping[str, float]
    stderr: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    covariance: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    status: str = "ok"
    advice: tuple[str, ...] = ()
    scores: Scores | None = None
    ranges: Mapping[str, tuple[float, float]] = field(
        default_factory=dict[str, tuple[float, float]]
    )
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    combines: tuple[DomainFit, DomainFit] | None = None

    def __post_init__(self) -> None:
        for name in ("params", "stderr", "ranges", "fixed"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        flat = floats(np.ravel(self.covariance))
        side = len(self.params) if flat.size else 0
        object.__setattr__(self, "covariance", flat.reshape(side, side))

    def loss(self, points: Points) -> FloatArray:
        """Predicted loss at n points, shape (n,), nats per token."""
        return self.law.loss(points, self.params)

    def parts(self, points: Points) -> dict[Part, FloatArray]:
        """The predicted loss taken apart into base, annealing and shift; each of shape (n,)."""
        if self.combines is None:
            return self.law.parts(points, self.params)
        sums: dict[Part, FloatArray] = {}
        for name, domain in zip(("l_pt", "l_cpt"), self.combines, strict=True):
            for part, values in domain.parts(points).items():
                sums[part] = sums.get(part, np.zeros(len(points))) + self.params[name] * values
        return sums


@dataclass(frozen=True, eq=False)
class Fit:
    """A law fitted to every domain of a study, with all it takes to do it again.

    Args:
        domains: role -> fitted law.
        convention: how areas were counted.
        study: what it was fitted to; None for published coefficients.
        fingerprint: of the study.
        delta: of the Huber objective.
        seconds: how long it took.
        notes: what was found on the way, each a sentence.
        source: where published coefficients come from.
    """

    domains: Mapping[str, DomainFit]
    convention: Convention
    study: Study | None = None
    fingerprint: str = ""
    delta: float = DELTA
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))

    def domain(self, role: str) -> DomainFit:
        """The fit of one domain.

        Raises:
            DataError: there is none.
        """
        if role not in self.domains:
            raise DataError(f"no domain '{role}' in this fit. {suggestion(role, self.domains)}")
        return self.domains[role]

    def observed(self, role: str) -> Observations:
        """The points that a domain was fitted to.

        Raises:
            DataError: published coefficients have none.
        """
        if self.study is None:
            raise DataError("published coefficients come without the points they were fitted to.")
        return observe(self.study, role, self.convention)


def fit(
    study: Study,
    law: str | None = None,
    *,
    convention: Convention | None = None,
    fixed: Mapping[str, float] | None = None,
    ood_law: str = "eq6",
    delta: float = DELTA,
    seed: int = 0,
) -> Fit:
    """Fit a law to every domain of a study, jointly over all runs and phases of each.

    Args:
        study: runs and domains.
        law: a name of the catalogue; left out, what the study asks for (`catalog.default_name`).
        convention: how areas are counted and which points are fitted; left out, both ways to
            count the initial warm-up are fitted and the one with the lower objective is kept.
        fixed: shape parameters that keep a value, such as {"lambda": 0.999}; lambda is fitted
            like the others unless it is given here.
        ood_law: "eq6" (a weighted sum of the fitted D_pt and D_cpt losses), or a law of the
            catalogue for the out-of-domain sets.
        delta: of the Huber objective, in log loss.
        seed: of the random starts; the result does not depend on it.

    Raises:
        DataError: the law does not suit the study.
        FitError: too few points for its parameters.

    Source: arXiv:2505.07796, section 3.3 (objective), Eq. 6 (out-of-domain sets).
    """
    if convention is None:
        return _fit_better_warmup(study, law, fixed, ood_law, delta, seed)
    began = time.perf_counter()
    name = catalog.default_name(study) if law is None else law
    catalog.check(name, study)
    notes, found = list(study.notes), dict[str, DomainFit]()
    for role in _fitting_order(study):
        observed = observe(study, role, convention)
        notes.extend(f"{role}: {note}" for note in observed.notes)
        combined = role.startswith("ood.") and ood_law == "eq6" and {"pt", "cpt"} <= set(found)
        if combined and study.has_cpt:
            found[role] = _fit_combination(role, observed, found, delta)
            continue
        own = ood_law if role.startswith("ood.") and ood_law != "eq6" else name
        found[role] = _fit_domain(role, observed, own, dict(fixed or {}), delta, seed)
    ordered = {role: found[role] for role in study.domains}
    seconds = time.perf_counter() - began
    return Fit(
        ordered, convention, study, study.fingerprint, delta, seconds, tuple(dict.fromkeys(notes))
    )


def _fit_better_warmup(
    study: Study,
    law: str | None,
    fixed: Mapping[str, float] | None,
    ood_law: str,
    delta: float,
    seed: int,
) -> Fit:
    """Fit with the initial warm-up counted each way, keep the lower objective, and say so."""
    began = time.perf_counter()
    peak, as_is = (
        fit(study, law, convention=way, fixed=fixed, ood_law=ood_law, delta=delta, seed=seed)
        for way in (Convention(warmup="peak"), Convention(warmup="as-is"))
    )
    one, other = _objective(peak), _objective(as_is)
    if one == other:
        return replace(peak, seconds=time.perf_counter() - began)
    note = (
        f"the initial warm-up is counted {'as it was' if other < one else 'as if at the peak LR'}: "
        f"the objective is {other:.3g} as it was, {one:.3g} as if at the peak LR. "
        "A convention that is given (--warmup) is kept."
    )
    better = as_is if other < one else peak
    seconds = time.perf_counter() - began
    return replace(better, seconds=seconds, notes=(*better.notes, note))


def _objective(fit: Fit) -> float:
    own = (d for d in fit.domains.values() if d.combines is None and d.scores is not None)
    return sum(d.scores.huber for d in own if d.scores is not None)


def _fitting_order(study: Study) -> list[str]:
    return sorted(study.domains, key=lambda role: role.startswith("ood."))


def _fit_domain(
    role: str,
    observed: Observations,
    name: str,
    fixed: dict[str, float],
    delta: float,
    seed: int,
) -> DomainFit:
    known = facts(role, observed.points)
    law = catalog.get(name, known)
    _check_fixed(law, fixed)
    objective = Objective(law, observed.points, observed.loss, delta, fixed)
    free = len(law.parameters) - len(fixed)
    if len(observed) < free:
        raise FitError(
            f"domain '{role}': {len(observed)} points for the {free} parameters of {law.name}. "
            "Log more evaluations, add runs, or fix parameters (--fix NAME=VALUE)."
        )
    minimum = best_minimum(objective, seed)
    open_ = _open_shapes(objective, minimum, observed)
    if open_:
        objective = replace(objective, fixed={**open_, **fixed})
        minimum = minimise(objective, minimum.z)
    return _described(role, known, objective, minimum, observed, tuple(open_))


def _open_shapes(
    objective: Objective, minimum: Minimum, observed: Observations
) -> dict[str, float]:
    """Shape parameters that the data leave open and that have a value without effect."""
    if all(s.neutral is None for s in objective.law.shapes):
        return {}
    spread = np.diag(covariance(objective, minimum.z, minimum.at_bound, observed.run))
    pairs = zip(objective.law.shapes, spread[objective.terms :].tolist(), strict=True)
    return {s.name: s.neutral for s, v in pairs if s.neutral is not None and np.isinf(v)}


def best_minimum(objective: Objective, seed: int = 0, starts: int = 4) -> Minimum:
    """The lowest minimum over many starts: screen, search the best few, then settle exactly.

    Raises:
        FitError: no start gives a finite objective.
    """
    shapes, random = objective.law.shapes, np.random.default_rng(seed)
    count = 24 * max(len(shapes), 1) if shapes else 1
    low = np.array([s.inner(s.start[0]) for s in shapes])
    high = np.array([s.inner(s.start[1]) for s in shapes])
    tried = [
        project(
            objective, _held(objective, low + (high - low) * random.random(low.size)), None, False
        )
        for _ in range(count)
    ]
    tried = sorted((t for t in tried if np.isfinite(t.score)), key=lambda t: t.score)
    if not tried:
        raise FitError(
            f"no start of {objective.law.name} gives a finite objective on these points."
        )
    found = [search(objective, t.u) for t in tried[:starts]] if shapes else tried
    found.sort(key=lambda f: f.score)
    close = [f for f in found if f.score <= 1.2 * found[0].score][:2]
    return min((minimise(objective, f.z) for f in close), key=lambda m: m.value)


def _held(objective: Objective, u: FloatArray) -> FloatArray:
    low, high = (bound[objective.terms :] for bound in objective.bounds)
    return np.where(low == high, low, u)


def _check_fixed(law: Law, fixed: dict[str, float]) -> None:
    for name, value in fixed.items():
        shape = next((s for s in law.shapes if s.name == name), None)
        if shape is None:
            known = [s.name for s in law.shapes]
            raise DataError(
                f"cannot fix '{name}': law {law.name} has no such shape parameter. "
                f"{suggestion(name, known)}"
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
        fixed={k: v for k, v in objective.fixed.items() if k not in held},
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
    )
    return replace(fitted, status=found.status, advice=found.advice)


def _fit_combination(
    role: str, observed: Observations, found: Mapping[str, DomainFit], delta: float
) -> DomainFit:
    law = combination(found["pt"], found["cpt"])
    objective = Objective(law, observed.points, observed.loss, delta)
    minimum = minimise(objective, project(objective, np.empty(0)).z)
    described = _described(role, Facts(role), objective, minimum, observed)
    return replace(described, combines=(found["pt"], found["cpt"]))


def combination(pt: DomainFit, cpt: DomainFit) -> Law:
    """l_pt * L_pt + l_cpt * L_cpt of two fitted domains (Eq. 6)."""

    def of(domain: DomainFit) -> Factor:
        symbol = rf"L_{{\mathrm{{{domain.role}}}}}"
        return Factor((), lambda x: (domain.loss(x), ()), f"L_{domain.role}", symbol)

    return Law(
        "eq6",
        "out-of-domain loss from the D_pt and D_cpt losses",
        f"{catalog.PAPER}, Eq. 6",
        (Term("l_pt", (of(pt),), bound="free"), Term("l_cpt", (of(cpt),), bound="free")),
    )


def ranges(points: Points) -> dict[str, tuple[float, float]]:
    """Smallest and largest value, over n fitted points, of what a forecast may leave."""
    used = [points.histories[i] for i in np.unique(points.owner)]
    phases = {"pt": [h.pt_lr for h in used], "cpt": [h.cpt_lr for h in used]}
    found: dict[str, tuple[float, float]] = {}
    for phase, all_lr in phases.items():
        lrs = [lr for lr in all_lr if lr.size]
        if lrs:
            peaks, lengths = [float(lr.max()) for lr in lrs], [float(lr.size) for lr in lrs]
            found[f"{phase}_peak_lr"] = (min(peaks), max(peaks))
            found[f"{phase}_steps"] = (min(lengths), max(lengths))
    cpt = [h for h in used if h.cpt_lr.size]
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
