"""Which law forecasts a study best: tried on its own runs.

Every law that suits the study is fitted to parts of it and forecasts the rest (`trials`).
`choose` keeps the default law on a domain unless another one forecasts it clearly better;
`fit_average` takes the mean of the laws, weighted by how well they forecast.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from cptlaw.fitting.branches import compared
from cptlaw.fitting.combining import fit_out_of_domain
from cptlaw.fitting.diagnosis import MISSES, missed
from cptlaw.fitting.one_law import fit_law, fitting_order
from cptlaw.fitting.options import FitOptions, Target
from cptlaw.fitting.result import DomainFit, Fit, mean_law
from cptlaw.fitting.scores import score
from cptlaw.fitting.trials import Standing, Trials, tried
from cptlaw.laws import catalog
from cptlaw.studies.study import Study

_CLEARLY = 0.75  # times the default's errors
_MOSTLY = 2 / 3  # of the parts, in which it must be better
_FEWEST = 2  # parts
_CLOSE = 2.0  # times the lowest ratio: laws that an average is made of


def choose(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """Fit to each domain the law that forecasts it best; the notes say why it was taken.

    The default law is kept on a domain unless another has less than 0.75 times its errors there
    and is better in two thirds of the parts, of two at least.

    Raises:
        DataError: no law suits the study.
        FitError: too few points.
    """
    began = time.perf_counter()
    found = tried(study, options, progress)
    default = catalog.default_name(study)
    laws = {role: _picked(found.standings(role), default) for role in _judged(study)}
    result = _of_laws(study, laws, found, options)
    notes = _reasons(laws, found, default, options.target)
    seconds = time.perf_counter() - began
    return replace(result, notes=(*notes, *result.notes), seconds=seconds)


def fit_average(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Fit:
    """The mean of the laws that suit the study, a domain at a time weighted by 1 / ratio^2.

    Raises:
        DataError: no law suits the study.
        FitError: too few points.
    """
    began = time.perf_counter()
    options = _as_is(options)
    found = tried(study, options, progress)
    if not found.laws:
        return choose(study, options, progress)
    weights = {role: _weights(found.standings(role)) for role in _judged(study)}
    names = dict.fromkeys(law for own in weights.values() for law in own)
    fits = _fits(study, names, found, options)
    words = "; ".join(
        f"{role} " + ", ".join(f"{law} {100 * share:.0f} %" for law, share in own.items())
        for role, own in weights.items()
    )
    note = f"average of laws, by how well they forecast the study's own runs: {words}."

    def averaged(role: str) -> DomainFit:
        return _average(role, fits, weights.get(role) or next(iter(weights.values())))

    result = _assembled(study, found.default, averaged)
    notes = dict.fromkeys(note for fit in fits.values() for note in fit.notes)
    seconds = time.perf_counter() - began
    return replace(result, notes=(note, *notes), seconds=seconds)


def _judged(study: Study) -> list[str]:
    """Domains that are tried; out-of-domain sets follow them."""
    own = [role for role in study.domains if not role.startswith("ood.")]
    return own or list(study.domains)


def _picked(standings: Mapping[str, Standing], default: str) -> str:
    """The law of a domain."""
    clear = {
        law: s.ratio
        for law, s in standings.items()
        if s.ratio < _CLEARLY and s.better >= _MOSTLY and s.parts >= _FEWEST
    }
    return min(clear, key=lambda law: clear[law]) if clear else default


def _reasons(laws: Mapping[str, str], found: Trials, default: str, target: Target) -> list[str]:
    """Why each domain has its law, and how the rule of earlier branches does beside it."""
    if not found.laws:
        one = target in ("peak", "start")
        why = f"its runs have one {target}" if one else "it is too small to try laws on parts of it"
        return [f"law {default}: the default; the study does not tell of another: {why}."]
    said: list[str] = []
    for role, law in laws.items():
        errors = ", ".join(
            f"{name} {100 * s.error:.2g} %" for name, s in found.standings(role).items()
        )
        why = (
            "the default; no other forecasts the study's own runs clearly better"
            if law == default
            else "of the laws tried it forecasts the study's own runs best"
        )
        said.append(f"{role}: law {law}: {why} ({errors}).")
    for trial in found.laws:
        own = {place: e for place, e in found.rule.items() if laws.get(place[1]) == trial.law}
        said += compared(own, trial.ends, trial.law)
    return said


def _of_laws(study: Study, laws: Mapping[str, str], found: Trials, options: FitOptions) -> Fit:
    """A fit in which each domain has its law, under one convention."""
    fits = _fits(study, laws.values(), found, options)
    if len(fits) == 1:
        return next(iter(fits.values()))
    if len({fit.convention for fit in fits.values()}) > 1:
        fits = _fits(study, laws.values(), None, _as_is(options))
    first = next(iter(fits.values()))
    usual = next(iter(laws.values()))
    result = _assembled(study, first, lambda role: fits[laws.get(role, usual)].domain(role))
    return replace(result, notes=tuple(dict.fromkeys(n for f in fits.values() for n in f.notes)))


def _as_is(options: FitOptions) -> FitOptions:
    return replace(options, convention=replace(options.convention, warmup="as-is"))


def _fits(
    study: Study, laws: Iterable[str], found: Trials | None, options: FitOptions
) -> dict[str, Fit]:
    """Each law fitted to the whole study; the default law is already, unless under others."""
    default = catalog.default_name(study)
    return {
        law: found.default if found and law == default else fit_law(study, law, options)
        for law in dict.fromkeys(laws)
    }


def _weights(standings: Mapping[str, Standing]) -> dict[str, float]:
    """Weights of laws that are close to the best, which add up to 1."""
    lowest = min(s.ratio for s in standings.values())
    close = {law: s.ratio**-2.0 for law, s in standings.items() if s.ratio <= _CLOSE * lowest}
    total = sum(close.values())
    return {law: share / total for law, share in close.items()}


def _assembled(study: Study, like: Fit, domain_of: Callable[[str], DomainFit]) -> Fit:
    """A fit of given domains; what sums the D_pt and D_cpt losses sums these."""
    domains: dict[str, DomainFit] = {}
    for role in fitting_order(study):
        if like.domain(role).combines is not None:
            observed = like.observed(role)
            domains[role], _ = fit_out_of_domain(role, observed, domains, like.options)
        else:
            domains[role] = domain_of(role)
    return replace(like, domains={role: domains[role] for role in study.domains})


def _average(role: str, fits: Mapping[str, Fit], weights: Mapping[str, float]) -> DomainFit:
    """The mean of several fits of one domain under one convention; weights add up to 1."""
    members = tuple(fits[law].domain(role) for law in weights)
    first = next(iter(fits.values()))
    law, observed = mean_law(members), first.observed(role)
    params = dict(zip(law.coefficients, weights.values(), strict=True))
    scores = score(law.loss(observed.points, params), observed.loss, first.options.delta)
    one, worse = members[0], missed(scores)
    return DomainFit(
        role,
        law,
        one.facts,
        params,
        status=MISSES if worse else "ok",
        advice=worse,
        scores=scores,
        ranges=one.ranges,
        members=members,
    )
