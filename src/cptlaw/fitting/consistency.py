"""Whether the parts of a fit go together; those of a stored one that was damaged may not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.scores import Scores, score

_MAY_BE_0 = frozenset({"replay", "start_step"})
_CLOSE, _ABOUT = 1e-3, 1.0  # relative, of an error that is worked out again


def check(fit: Fit, alike: bool = True) -> None:
    """Look whether every domain is such as a fit can have, and gives the scores that it tells.

    Args:
        fit: of any origin.
        alike: whether it was fitted to the very points that its study gives today; another
            version may have left out others, and its errors are only about those.

    Raises:
        DataError: naming the domain and what cannot be.
    """
    for domain in (each for top in fit.domains.values() for each in _every(top)):
        if fault := _of_names(domain) or _of_numbers(domain) or _of_ranges(domain):
            raise DataError(f"domain '{domain.role}': {fault}.")
    for role in fit.domains if fit.study is not None else ():
        if fault := _of_scores(fit, role, alike):
            raise DataError(f"domain '{role}': {fault}.")


def _every(domain: DomainFit) -> Iterator[DomainFit]:
    yield domain
    for below in domain.combines or domain.members:
        yield from _every(below)


def scored_today(fit: Fit) -> Fit:
    """A fit of an earlier version with the scores of the points that its study gives today.

    Args:
        fit: that gives its own scores about; a note tells where they were worked out again.
    """
    if fit.study is None:
        return fit
    domains, notes = dict(fit.domains), list(fit.notes)
    for role, domain in fit.domains.items():
        if (known := domain.scores) is None:
            continue
        found = _scores(fit, role)
        if found.n == known.n and _is_near(found, known, _CLOSE):
            continue
        domains[role] = replace(domain, scores=replace(found, counted=known.counted))
        notes.append(
            f"Domain '{role}' was fitted to {known.n} points by an earlier version; its "
            f"scores were worked out again for the {found.n} that are read from its study today."
        )
    return replace(fit, domains=domains, notes=tuple(notes))


def _scores(fit: Fit, role: str) -> Scores:
    """What a domain scores on the points of its study."""
    observed = fit.observed(role)
    with np.errstate(all="ignore"):
        return score(fit.domain(role).loss(observed.points), observed.loss, fit.options.delta)


def _is_near(found: Scores, known: Scores, share: float) -> bool:
    return abs(found.rmse - known.rmse) <= share * known.rmse + 1e-9


def _of_scores(fit: Fit, role: str, alike: bool) -> str:
    if (known := fit.domain(role).scores) is None:
        return ""
    found = _scores(fit, role)
    if alike and known.n != found.n:
        return f"its scores are those of {known.n} points, but its study has {found.n}"
    if _is_near(found, known, _CLOSE if alike else _ABOUT):
        return ""
    return f"its parameters miss the study by {found.rmse:.6g}, its scores say {known.rmse:.6g}"


def _of_names(domain: DomainFit) -> str:
    known, law = set(domain.params), set(domain.law.parameters)
    if missing := law - known:
        return f"its law needs {', '.join(sorted(missing))}"
    for called in ("stderr", "kept", "loose", "unseen"):
        if odd := set(getattr(domain, called)) - known:
            return f"{called} names {sorted(map(str, odd))[0]}, which is no parameter"
    return ""


def _of_numbers(domain: DomainFit) -> str:
    if odd := [name for name, value in domain.params.items() if not math.isfinite(value)]:
        return f"{odd[0]} is no number"
    for shape in domain.law.shapes:
        value = domain.params[shape.name]
        if (shape.scale == "log" and value <= 0) or (shape.scale == "memory" and value >= 1):
            return f"{shape.name} cannot be {value:g}"
    for name, error in domain.stderr.items():
        if error is not None and not error >= 0:
            return f"the standard error of {name} cannot be {error:g}"
    spread = np.diag(domain.covariance)
    return "" if (spread >= 0).all() else "its covariance has a variance that is below 0"


def _of_ranges(domain: DomainFit) -> str:
    for name, (low, high) in domain.ranges.items():
        least = low >= 0 if name in _MAY_BE_0 else low > 0
        if not (least and low <= high < math.inf):
            return f"the fitted range of {name} cannot be {low:g} to {high:g}"
    return ""
