"""Fit one named law to every domain of a study."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from cptlaw.fitting.combining import COMBINED, combines, fit_out_of_domain
from cptlaw.fitting.domain import fit_domain
from cptlaw.fitting.growth import decided
from cptlaw.fitting.observations import observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.laws.catalog.growth import is_open, usual_growth
from cptlaw.page import number
from cptlaw.studies.optimization import OPPOSITE, Growth
from cptlaw.studies.study import Study


def fit_law(
    study: Study, law: str, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """Fit the law of that name, with the initial warm-up counted as it suits.

    Args:
        study: runs and domains.
        law: a name of the catalogue.
        options: how.
        progress: is told of every domain before it is fitted.

    Raises:
        DataError: the law does not suit the study.
        FitError: too few points for its parameters.
    """
    if options.convention.warmup != "auto":
        return _fit(study, law, options, progress)
    if catalog.is_known(law) and catalog.example(law).counts_warmup_as_it_was:
        return _counted(study, law, options, "as-is", progress)
    began = time.perf_counter()
    peak = _counted(study, law, options, "peak", progress)
    if all(not run.curves or not study.history(run.name).pt_lr.size for run in study.runs):
        return peak
    as_is = _counted(study, law, options, "as-is", progress)
    one, other = _objective(peak), _objective(as_is)
    if one == other:
        return replace(peak, seconds=time.perf_counter() - began)
    note = (
        f"the initial warm-up is counted {'as it was' if other < one else 'as if at the peak LR'}: "
        f"the objective is {number(other, 3)} as it was, {number(one, 3)} as if at the peak LR. "
        "A convention that is given (--warmup) is kept."
    )
    better = as_is if other < one else peak
    seconds = time.perf_counter() - began
    return replace(better, seconds=seconds, notes=(*better.notes, note))


def _counted(
    study: Study,
    law: str,
    options: FitOptions,
    warmup: Literal["peak", "as-is"],
    progress: Callable[[str], None],
) -> Fit:
    way = replace(options.convention, warmup=warmup)
    return _fit(study, law, replace(options, convention=way), progress)


def _fit(study: Study, law: str, options: FitOptions, progress: Callable[[str], None]) -> Fit:
    """Fit under one convention; where nobody says whether weights grow, the data do."""
    began = time.perf_counter()
    catalog.check(law, study)
    usual = _with(study, law, options, progress)
    open_ = _open(usual, options)
    if open_ is None:
        return usual
    growth = usual_growth(open_)
    better, note = decided(usual, _with(study, law, options, progress, OPPOSITE[growth]), growth)
    seconds = time.perf_counter() - began
    return replace(better, seconds=seconds, notes=(*better.notes, note))


def _open(fit: Fit, options: FitOptions) -> Facts | None:
    """Facts of a fit that depends on how weights grow, if neither they nor options tell it."""
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    found = [leaf.facts for leaf in leaves if leaf.law.traits.growth and is_open(leaf.facts)]
    return found[0] if found and not {"sigma", "decay"} & set(options.fixed) else None


def _with(
    study: Study,
    law: str,
    options: FitOptions,
    progress: Callable[[str], None],
    growth: Growth | None = None,
) -> Fit:
    began = time.perf_counter()
    said, found = dict[str, list[str]](), dict[str, DomainFit]()
    for count, role in enumerate(fitting_order(study), 1):
        progress(f"fitting {law} to {role} ({count} of {len(study.domains)}) ...")
        observed = observe(study, role, options.convention)
        for note in observed.notes:
            said.setdefault(note, []).append(role)
        own = law
        if role.startswith("ood."):
            if combines(study, found, options):
                found[role], why = fit_out_of_domain(role, observed, found, options)
                for note in why:
                    said.setdefault(note, []).append(role)
                continue
            own = law if options.ood_law in COMBINED else options.ood_law
        found[role] = fit_domain(role, observed, own, options, growth)
    seconds = time.perf_counter() - began
    every = len(study.domains)
    notes = [n if len(r) == every else f"{', '.join(r)}: {n}" for n, r in said.items()]
    return Fit(
        {role: found[role] for role in study.domains},
        options,
        study,
        study.fingerprint,
        seconds,
        (*study.all_notes, *notes),
    )


def _objective(fit: Fit) -> float:
    own = (d for d in fit.domains.values() if d.combines is None and d.scores is not None)
    return sum(d.scores.huber for d in own if d.scores is not None)


def fitting_order(study: Study) -> list[str]:
    """Domains in the order they are fitted: out-of-domain sets need D_pt and D_cpt first."""
    return sorted(study.domains, key=lambda role: role.startswith("ood."))
