"""How every candidate law forecasts parts of a study, in units of what the default law misses.

Held-out errors of one study differ by orders of magnitude: a D_cpt loss is smooth, a strongly
shifted D_pt loss is not; a run that is cut early asks more than one that is left out. So each
domain is judged by itself; an error is taken as its ratio to the default law's on the same part,
with the noise of the domain in both, so that nothing is gained below it; ratios are averaged as
logarithms and held within a factor of four, so that no part decides alone; and kinds of forecast
count alike, however many parts they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from cptlaw.errors import CptlawError
from cptlaw.fitting.branches import Place, rule_errors
from cptlaw.fitting.one_law import fit_law
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.parts import Part, trial_parts, unseen
from cptlaw.fitting.result import Fit
from cptlaw.laws import catalog
from cptlaw.studies.study import Study

_FARTHEST = 4.0  # times the default's error, or a fourth of it: more counts no more


@dataclass(frozen=True)
class Standing:
    """How one law does on one domain, against the default law.

    Args:
        ratio: of its errors to the default's, noise in both; 1 for the default itself.
        better: share of the parts in which it is better.
        parts: how many there are.
        error: its mean absolute relative error over what it did not see, parts alike.
    """

    ratio: float
    better: float
    parts: int
    error: float


@dataclass(frozen=True)
class Trial:
    """How one law forecasts a study's own runs.

    Args:
        law: name in the catalogue.
        domains: role -> its standing there.
        ends: its errors at the ends of runs that were left out.
    """

    law: str
    domains: Mapping[str, Standing]
    ends: Mapping[Place, float] = field(default_factory=dict[Place, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))
        object.__setattr__(self, "ends", MappingProxyType(dict(self.ends)))


@dataclass(frozen=True)
class Trials:
    """All candidate laws on the parts of one study.

    Args:
        laws: a trial each, the default law's first; none where nothing could be tried.
        default: the default law, fitted to the whole study.
        rule: errors of the rule of earlier branches at the ends of runs that were left out.
    """

    laws: tuple[Trial, ...]
    default: Fit
    rule: Mapping[Place, float] = field(default_factory=dict[Place, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", MappingProxyType(dict(self.rule)))

    def standings(self, role: str) -> dict[str, Standing]:
        """Law -> its standing on a domain."""
        return {t.law: t.domains[role] for t in self.laws if role in t.domains}


@dataclass(frozen=True)
class _Errors:
    """Of one law on one part: role -> mean relative error, and the errors at ends."""

    mean: Mapping[str, float]
    ends: Mapping[Place, float]


def tried(
    study: Study, options: FitOptions, progress: Callable[[str], None] = lambda _: None
) -> Trials:
    """Fit every candidate law to parts of the study and forecast the rest.

    Args:
        study: runs and domains.
        options: how laws are fitted; `target` says what is to be forecast.
        progress: is told of every law and part before it is tried.
    """
    parts = trial_parts(study, options.target)
    name = catalog.default_name(study)
    default = fit_law(study, name, options)
    found: dict[str, list[_Errors | None]] = {}
    laws = list(suited(study))
    for i, law in enumerate(laws):
        found[law] = []
        for j, part in enumerate(parts, 1):
            at = f"({i * len(parts) + j} of {len(laws) * len(parts)})"
            progress(f"trying {law} on parts of the study {at} ...")
            found[law].append(_errors(study, part, law, options))
    noise = {role: d.scores.mape if d.scores else 0.0 for role, d in default.domains.items()}
    trials = tuple(
        Trial(law, dict(_standings(parts, each, found[name], noise)), _ends(parts, each))
        for law, each in found.items()
    )
    rule = {
        place: error
        for part in parts
        if part.target == "run"
        for place, error in rule_errors(study, part.study).items()
    }
    return Trials(tuple(t for t in trials if t.domains), default, rule)


def suited(study: Study) -> Iterator[str]:
    """Names of the candidate laws that cover what varies in a study, the default first."""
    for name in dict.fromkeys((catalog.default_name(study), *catalog.candidates(study))):
        try:
            catalog.check(name, study)
        except CptlawError:
            continue
        yield name


def _errors(study: Study, part: Part, law: str, options: FitOptions) -> _Errors | None:
    """Errors of a law on what a part lacks; None where it cannot be fitted or says nothing."""
    if not part.study.domains:
        return None
    try:
        result = fit_law(part.study, law, options)
    except CptlawError:
        return None
    mean, ends = dict[str, float](), dict[Place, float]()
    for role in (r for r in study.domains if not r.startswith("ood.")):
        full, new = unseen(study, part.study, role, result)
        error = np.abs(result.domain(role).loss(full.points) / full.loss - 1.0)
        own = [np.flatnonzero(new & (full.run == run)) for run in range(len(full.runs))]
        if new.any():
            mean[role] = float(np.mean([error[mine].mean() for mine in own if mine.size]))
        for run, mine in zip(full.runs, own, strict=True):
            if mine.size:
                ends[run, role] = float(error[mine[-1]])
    return _Errors(mean, ends) if np.isfinite(list(mean.values())).all() else None


def _standings(
    parts: Sequence[Part],
    own: Sequence[_Errors | None],
    default: Sequence[_Errors | None],
    noise: Mapping[str, float],
) -> Iterator[tuple[str, Standing]]:
    """(role, standing) on the domains of which the default law forecasts something."""
    known = [(part, e, d) for part, e, d in zip(parts, own, default, strict=True) if d is not None]
    for role in dict.fromkeys(role for _, _, d in known for role in d.mean):
        logs: dict[str, list[float]] = {}
        errors: list[float] = []
        for part, e, d in known:
            if role not in d.mean:
                continue
            value = None if e is None else e.mean.get(role)
            if value is not None:
                errors.append(value)
            one = np.inf if value is None else np.hypot(value, noise[role])
            log = float(np.log(one / max(np.hypot(d.mean[role], noise[role]), 1e-12)))
            logs.setdefault(part.target, []).append(
                float(np.clip(log, -np.log(_FARTHEST), np.log(_FARTHEST)))
            )
        every = np.concatenate([np.array(each) for each in logs.values()])
        if errors:
            ratio = float(np.exp(np.mean([np.mean(each) for each in logs.values()])))
            better = float((every < 0).mean())
            yield role, Standing(ratio, better, every.size, float(np.mean(errors)))


def _ends(parts: Sequence[Part], errors: Sequence[_Errors | None]) -> dict[Place, float]:
    """The errors at the ends of runs that were left out."""
    return {
        place: error
        for part, found in zip(parts, errors, strict=True)
        if found is not None and part.target == "run"
        for place, error in found.ends.items()
    }
