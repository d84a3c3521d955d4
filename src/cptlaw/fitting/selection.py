"""Which law forecasts a study best: tried on its own runs, from their beginnings.

Every law that suits the study is fitted to a part of it and forecasts the rest. `choose` keeps
the default law unless another one forecasts clearly better; `fit_average` takes the mean of the
laws, weighted by how well they forecast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import BoolArray
from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.combining import fit_out_of_domain
from cptlaw.fitting.observations import Observations, observe
from cptlaw.fitting.one_law import fit_law, fitting_order
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit, mean_law
from cptlaw.fitting.scores import score
from cptlaw.laws import catalog
from cptlaw.studies.study import Study

ORIGINS = (1 / 3, 2 / 3)
"""Shares of the last runs that are fitted, the rest forecast."""
_FOLDS = 8
_CLEARLY = 0.6


@dataclass(frozen=True)
class Part:
    """A part of a study.

    Args:
        words: what it is, such as "without cpt-cosine".
        study: the same runs with some losses taken out.
    """

    words: str
    study: Study


@dataclass(frozen=True)
class Trial:
    """How one law forecasts a study's own runs.

    Args:
        law: name in the catalogue.
        error: mean absolute relative error over what it did not see.
        parts: how many times it was fitted to a part.
    """

    law: str
    error: float
    parts: int


def trials(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> tuple[Trial, ...]:
    """Every candidate law's error on held-out points, lowest first.

    The last runs (those that no other goes on from) are cut after one and two thirds of their
    steps; with three or more of them each of up to three is left out in turn as well.

    Args:
        study: runs and domains.
        options: how laws are fitted.
        progress: is told of every law before it is tried.
    """
    found: list[Trial] = []
    parts = tuple(_parts(study))
    for name in suited(study):
        progress(f"trying {name} on parts of the study ...")
        errors = [e for part in parts if (e := _error(study, part, name, options))]
        if errors:
            found.append(Trial(name, float(np.mean(errors)), len(errors)))
    return tuple(sorted(found, key=lambda trial: trial.error))


def choose(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """Fit the law that forecasts the study's own runs best; the notes say why it was taken.

    The default law is kept unless another has less than 0.6 times its error.

    Raises:
        DataError: no law suits the study.
        FitError: too few points.
    """
    began = time.perf_counter()
    tried = trials(study, options, progress)
    default = catalog.default_name(study)
    own = next((t.error for t in tried if t.law == default), np.inf)
    best = tried[0] if tried and tried[0].error < _CLEARLY * own else None
    name = best.law if best else default
    errors = ", ".join(f"{t.law} {100 * t.error:.2g} %" for t in tried)
    why = f"law {name}: " + (
        f"of the laws tried it forecasts the study's own runs best ({errors})."
        if best
        else f"the default; no other forecasts the study's own runs clearly better ({errors})."
        if tried
        else "the default; the study is too small to try laws on parts of it."
    )
    result = fit_law(study, name, options)
    seconds = time.perf_counter() - began
    return replace(result, notes=(why, *result.notes), seconds=seconds)


def fit_average(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """The mean of the laws that suit the study, weighted by 1 / error^2 on its own runs.

    Raises:
        DataError: no law suits the study.
        FitError: too few points.
    """
    began = time.perf_counter()
    way = replace(options.convention, warmup="as-is")
    options = replace(options, convention=way)
    tried = trials(study, options, progress)
    if not tried:
        return choose(study, options, progress)
    close = [t for t in tried if t.error <= 2.0 * tried[0].error]
    shares = np.array([t.error**-2.0 for t in close])
    weights = {t.law: float(s) for t, s in zip(close, shares / shares.sum(), strict=True)}
    fits = {law: fit_law(study, law, options) for law in weights}
    words = ", ".join(f"{law} {100 * weight:.0f} %" for law, weight in weights.items())
    note = f"average of laws, by how well they forecast the study's own runs: {words}."
    result = _average(study, fits, weights)
    seconds = time.perf_counter() - began
    return replace(result, notes=(note, *result.notes), seconds=seconds)


def _average(study: Study, fits: Mapping[str, Fit], weights: Mapping[str, float]) -> Fit:
    """The mean of several fits of one study under one convention; weights add up to 1."""
    first = next(iter(fits.values()))
    domains: dict[str, DomainFit] = {}
    for role in fitting_order(study):
        one, observed = first.domain(role), first.observed(role)
        if one.combines is not None:
            domains[role], _ = fit_out_of_domain(role, observed, domains, first.options)
            continue
        members = tuple(fit.domain(role) for fit in fits.values())
        law = mean_law(members)
        params = dict(zip(law.coefficients, (weights[name] for name in fits), strict=True))
        scores = score(law.loss(observed.points, params), observed.loss, first.options.delta)
        domains[role] = DomainFit(
            role, law, one.facts, params, scores=scores, ranges=one.ranges, members=members
        )
    domains = {role: domains[role] for role in study.domains}
    notes = tuple(dict.fromkeys(note for fit in fits.values() for note in fit.notes))
    return replace(first, domains=domains, notes=notes)


def suited(study: Study) -> Iterator[str]:
    """Names of the candidate laws that cover what varies in a study, the default first."""
    for name in dict.fromkeys((catalog.default_name(study), *catalog.candidates(study))):
        try:
            catalog.check(name, study)
        except CptlawError:
            continue
        yield name


def last_runs(study: Study) -> list[str]:
    """Runs with losses that no other goes on from and that a law of the CPT covers."""
    bases = {run.after for run in study.runs}
    last = [r.name for r in study.runs if r.name not in bases and r.curves]
    return [name for name in last if not study.is_hidden_cpt(study.run(name))]


def parts_of(study: Study) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Parts of a study to fit, and the runs that are in all of them.

    Each of the last runs is left out in turn, in eight groups where there are more; and the last
    runs are cut after one and two thirds of their steps. A run stays in without which the study
    would vary in less, or have no CPT.
    """
    last, parts, kept = last_runs(study), list[Part](), list[str]()
    for names in (last[i::_FOLDS] for i in range(min(_FOLDS, len(last)) if len(last) > 1 else 0)):
        part = _left_out(study, names)
        if part is None:
            kept += names
        else:
            parts.append(Part(f"without {', '.join(names)}", part))
    for share in ORIGINS:
        with suppress(DataError):  # a domain without a point so early
            words = f"to {100 * share:.0f} % of the last runs"
            parts.append(Part(words, study.beginning(share)))
    return tuple(parts), tuple(kept)


def _left_out(study: Study, names: Sequence[str]) -> Study | None:
    """The study without some runs, None where a law would not see all that it is asked."""
    try:
        part = study.without(names)
    except DataError:
        return None
    fitted = [r for r in part.runs if r.curves and not part.is_hidden_cpt(r)]
    no_cpt = study.has_cpt and all(r.data == "pt" for r in fitted)
    lost = catalog.varies(part) != catalog.varies(study)
    return None if no_cpt or lost or not fitted else part


def unseen(study: Study, part: Study, role: str, fit: Fit) -> tuple[Observations, BoolArray]:
    """The n losses of one domain, and which of them a fit to a part does not see, shape (n,)."""
    full = observe(study, role, fit.convention)
    seen = observe(part, role, fit.convention)
    known = {(seen.runs[r], s) for r, s in _places(seen)}
    return full, np.array([(full.runs[r], s) not in known for r, s in _places(full)])


def _parts(study: Study) -> Iterator[Study]:
    """The study with something left out, each time something else."""
    for origin in ORIGINS:
        yield study.beginning(origin)
    last = last_runs(study)
    if len(last) >= 3:
        for name in last[:3]:
            yield study.without([name])


def _error(study: Study, part: Study, name: str, options: FitOptions) -> float | None:
    """Mean absolute relative error of what `part` lacks; None where nothing can be said."""
    if not part.domains:
        return None
    try:
        result = fit_law(part, name, options)
    except CptlawError:
        return None
    errors: list[float] = []
    for role in (r for r in study.domains if not r.startswith("ood.")):
        full, new = unseen(study, part, role, result)
        if new.any():
            predicted = result.domain(role).loss(full.points)[new]
            errors.append(float(np.abs(predicted / full.loss[new] - 1.0).mean()))
    error = float(np.mean(errors)) if errors else np.nan
    return error if np.isfinite(error) and error > 0 else None


def _places(observed: Observations) -> list[tuple[int, int]]:
    return list(zip(observed.run.tolist(), observed.step.tolist(), strict=True))
