"""Compare laws on one study by what they forecast, not by how they fit.

Every law is fitted to parts of the study and forecasts the rest. A difference between two laws
is judged by a paired bootstrap: held-out runs, and stretches of neighbouring points within them,
get random weights, the same for both laws. How well a law fits what it has seen says little: on
smooth curves every law of the catalogue has an R2 above .99.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.branches import compared, rule_errors
from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.parts import Part, parts_of, unseen
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Interval, limits
from cptlaw.forecasting.held_out import HeldOutCurve, resampled_means
from cptlaw.laws import catalog
from cptlaw.shown import Shown
from cptlaw.studies.faults import sound
from cptlaw.studies.study import Study

COUNT = 2000


@dataclass(frozen=True)
class ComparedRow:
    """How one law forecasts the held-out curves of one domain.

    Args:
        law: name of the law.
        domain: role of the domain.
        runs: number of runs that were held out, wholly or from a step on.
        mape: mean of |log predicted - log measured|, every held-out curve alike; 0.01 is 1 %.
        final: the same at the last point of every held-out curve.
        difference: `mape` minus that of the law it is compared with, with its interval; below 0
            it is better. None for that law itself.
        better: share of resamples in which it is better; None likewise.
    """

    law: str
    domain: str
    runs: int
    mape: float
    final: float
    difference: Interval | None = None
    better: float | None = None


@dataclass(frozen=True)
class Comparison(Shown):
    """Held-out errors of laws, each against one of them.

    Args:
        rows: a row per domain and law, of each domain the lowest error first.
        against: the law that the others are compared with.
        parts: what was fitted, a few words for each part.
        curves: the errors behind the rows, of every law on every held-out curve.
        level: of the intervals.
        notes: what was found on the way, each a sentence.
    """

    rows: tuple[ComparedRow, ...]
    against: str
    parts: tuple[str, ...]
    curves: tuple[HeldOutCurve, ...] = ()
    level: float = 0.9
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [f"{row.law} {row.domain} {row.mape:.3%}" for row in self.rows]
        return f"<Comparison against {self.against}; held-out errors: {', '.join(told)}>"

    @property
    def best(self) -> str:
        """The law to use: `against`, unless another is clearly better and nowhere clearly worse.

        Of several such laws it is the one of the lowest error, domains weighing by their lowest.
        """
        clear = 0.5 + self.level / 2
        lowest = {
            r.domain: min(o.mape for o in self.rows if o.domain == r.domain) for r in self.rows
        }
        shares: dict[str, list[float]] = {}
        for row in self.rows:
            if row.better is not None:
                shares.setdefault(row.law, []).append(row.better)
        laws = [law for law, own in shares.items() if max(own) >= clear and min(own) > 1 - clear]

        def total(law: str) -> float:
            own = [r for r in self.rows if r.law == law]
            return sum(r.mape / max(lowest[r.domain], 1e-12) for r in own)

        return min(laws, key=total) if laws else self.against

    @property
    def verdict(self) -> str:
        """Which law to use, and why, a sentence."""
        if self.best != self.against:
            return f"Use {self.best}: it forecasts this study clearly better than {self.against}."
        return f"Keep {self.against}: no other law forecasts this study clearly better."

    @property
    def conclusions(self) -> tuple[str, ...]:
        """What the comparison says, a sentence for each law."""
        others = dict.fromkeys(r.law for r in self.rows if r.law != self.against)
        return tuple(_conclusion(self, law) for law in others)


def compare(
    study: Study,
    laws: Sequence[str] = (),
    hold_out: Sequence[str] = (),
    *,
    against: str | None = None,
    options: FitOptions = FitOptions(),
    level: float = 0.9,
    count: int = COUNT,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare laws by their errors on held-out points.

    Each of the last runs (those that no other goes on from) is left out in turn, in eight groups
    where there are more; and the last runs are cut after one and two thirds of their steps. A run
    without which the study would vary in less, or have no CPT, is never left out.

    Args:
        study: runs and domains.
        laws: names of the catalogue; left out, the default and the paper's.
        hold_out: instead: runs that are held out together.
        against: the law that others are compared with; left out, the default where it is one of
            them, else the first.
        options: how laws are fitted; a convention that is left open is chosen by each law on each
            part, and a fixed shape parameter keeps its value in the laws that have it.
        level: of the intervals of the differences.
        count: number of resamples.
        seed: of the resampling.
        progress: is told of every law and part before it is fitted.

    Raises:
        DataError: fewer than two laws, one that does not suit the study, nothing to hold out, or
            no curve that all laws forecast.
    """
    if not 0 < level < 1 or count < 2:
        raise DataError(f"level = {level:g} must lie between 0 and 1, count = {count} above 1.")
    study = sound(study, options.keep)
    names, reference = _named(study, laws, against)
    for name in names:
        if name not in catalog.CHOSEN:
            catalog.check(name, study)
    parts, notes = _held_out(study, hold_out)
    notes = [*study.faults, *notes]
    found = _forecasts(study, names, parts, options, notes, progress)
    curves = _shared(found, notes)
    if not curves:
        raise DataError("no held-out curve is forecast by all laws. " + " ".join(notes))
    rows: list[ComparedRow] = []
    for role in dict.fromkeys(c.domain for c in curves):
        mine = [c for c in curves if c.domain == role]
        rows += _rows(
            {n: [c for c in mine if c.law == n] for n in names}, reference, level, count, seed
        )
    notes.extend(_beside_the_rule(study, parts, names, curves))
    told = tuple(dict.fromkeys([*notes, *_few(rows)]))
    words = tuple(part.words for part in parts)
    return Comparison(tuple(rows), reference, words, tuple(curves), level, told)


# --- what is held out ------------------------------------------------------------------------


_Place: TypeAlias = tuple[str, str, str]  # part, run, role
_Curves: TypeAlias = dict[_Place, HeldOutCurve]


def _forecasts(
    study: Study,
    names: Sequence[str],
    parts: Sequence[Part],
    options: FitOptions,
    notes: list[str],
    progress: Callable[[str], None],
) -> dict[str, _Curves]:
    """What every law, fitted to every part, forecasts of the rest."""
    found: dict[str, _Curves] = {}
    for i, name in enumerate(names):
        own = replace(options, fixed=_suiting(names, name, options.fixed))
        found[name] = {}
        for j, part in enumerate(parts):
            at = f"({i * len(parts) + j + 1} of {len(names) * len(parts)})"
            progress(f"fitting {name} {part.words} {at} ...")
            try:
                result = fit(part.study, name, own)
            except CptlawError as error:
                notes.append(f"{name} cannot be fitted {part.words}: {error}")
            else:
                found[name] |= _forecast(name, study, part, result, notes)
    return found


def _named(study: Study, laws: Sequence[str], against: str | None) -> tuple[list[str], str]:
    """The laws to compare, and the one that others are compared with."""
    default = catalog.default_name(study)
    names = list(dict.fromkeys(catalog.resolve(law, study) for law in laws))
    if against is not None:
        names = list(dict.fromkeys((catalog.resolve(against, study), *names)))
        if len(names) > 1:
            return names, names[0]
    if len(names) < 2:
        names = list(dict.fromkeys((*names, default, catalog.paper_name(study))))[:2]
    if len(names) < 2:
        raise DataError(f"'{names[0]}' alone cannot be compared. Name a second law (--law).")
    return names, default if default in names and against is None else names[0]


def _held_out(study: Study, hold_out: Sequence[str]) -> tuple[tuple[Part, ...], list[str]]:
    """Parts of the study to fit, and what is said of them."""
    if hold_out:
        return (Part(f"without {', '.join(hold_out)}", study.without(hold_out)),), []
    parts, kept = parts_of(study)
    if not parts:
        raise DataError("the study is too small to hold out a part of it.")
    said = f"never left out, as no other run has what it varies in: {', '.join(kept)}."
    return parts, [said] if kept else []


def _suiting(laws: Sequence[str], name: str, fixed: Mapping[str, float]) -> dict[str, float]:
    """Those fixed parameters that a law has; all of them if none of the laws has one."""

    def has(law: str, parameter: str) -> bool:
        return catalog.is_known(law) and parameter in catalog.example(law).parameters

    return {p: v for p, v in fixed.items() if has(name, p) or not any(has(w, p) for w in laws)}


def _forecast(law: str, study: Study, part: Part, result: Fit, notes: list[str]) -> _Curves:
    """The held-out errors of one fit, by part, run and domain."""
    found: _Curves = {}
    for role in study.domains:
        full, new = unseen(study, part.study, role, result)
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.abs(np.log(result.domain(role).loss(full.points)) - np.log(full.loss))
        for i, run in enumerate(full.runs):
            own = full.run == i
            mine = new & own
            if mine.any() and not np.isfinite(error[mine]).all():
                notes.append(f"{law} has no finite forecast of '{run}' on {role} {part.words}.")
            elif mine.any():
                at = full.step[mine], error[mine], full.step[own]
                found[part.words, run, role] = HeldOutCurve(law, run, role, part.words, *at)
    return found


def _shared(found: Mapping[str, _Curves], notes: list[str]) -> list[HeldOutCurve]:
    """The curves that every law forecasts, so that all are judged on the same."""
    every = dict.fromkeys(place for curves in found.values() for place in curves)
    common = [p for p in every if all(p in curves for curves in found.values())]
    if len(common) < len(every):
        notes.append(
            f"{len(every) - len(common)} of {len(every)} held-out curves are left out of the "
            "comparison: not every law forecasts them."
        )
    return [curves[place] for curves in found.values() for place in common]


def _beside_the_rule(
    study: Study, parts: Sequence[Part], names: Sequence[str], curves: Sequence[HeldOutCurve]
) -> Iterator[str]:
    """How far the rule of earlier branches is off at held-out ends, and every law."""
    rule = {
        (f"{run} {part.words}", role): error
        for part in parts
        for (run, role), error in rule_errors(study, part.study).items()
    }
    for name in names:
        ends = {(f"{c.run} {c.part}", c.domain): c.final for c in curves if c.law == name}
        yield from compared(rule, ends, name)


# --- the paired bootstrap --------------------------------------------------------------------


def _rows(
    curves: Mapping[str, Sequence[HeldOutCurve]],
    against: str,
    level: float,
    count: int,
    seed: int,
) -> list[ComparedRow]:
    """A row for each law on one domain, the lowest error first."""
    draws = {law: resampled_means(each, count, seed) for law, each in curves.items()}
    means = {law: float(np.mean([c.mape for c in each])) for law, each in curves.items()}
    rows: list[ComparedRow] = []
    for law, each in curves.items():
        final = float(np.mean([c.final for c in each]))
        row = ComparedRow(law, each[0].domain, len({c.run for c in each}), means[law], final)
        if law != against:
            gap = draws[law] - draws[against]
            low, high = (float(end) for end in limits(gap, level))
            difference = Interval(means[law] - means[against], low, high, level)
            row = replace(row, difference=difference, better=float((gap < 0).mean()))
        rows.append(row)
    return sorted(rows, key=lambda row: row.mape)


# --- in words --------------------------------------------------------------------------------


def _conclusion(result: Comparison, law: str) -> str:
    """Where the reference law is better, where the other, and where neither is."""
    clear = 0.5 + result.level / 2
    base = {r.domain: r.mape for r in result.rows if r.law == result.against}
    first: list[str] = []
    second: list[str] = []
    noise: list[str] = []
    for row in (r for r in result.rows if r.law == law):
        assert row.difference is not None and row.better is not None
        low, high = sorted((row.mape, base[row.domain]))
        sizes = f"on {row.domain} ({100 * low:.2g} % against {100 * high:.2g} %, in "
        if row.better >= clear:
            second.append(f"{sizes}{_share(row.better)} of resamples)")
        elif row.better <= 1 - clear:
            first.append(f"{sizes}{_share(1 - row.better)} of resamples)")
        else:
            noise.append(f"{row.domain} ({100 * abs(row.difference.value):.2g} %)")
    said = [
        f"{one} is better than {other} {_joined(places)}"
        for one, other, places in ((result.against, law, first), (law, result.against, second))
        if places
    ]
    if noise:
        between = "" if said else f" between {result.against} and {law}"
        said.append(f"on {_joined(noise)} the difference{between} is within noise")
    sentence = "; ".join(said) + "."
    return sentence if not sentence.startswith("on ") else "O" + sentence[1:]


def _share(value: float) -> str:
    """A share of resamples; never all of them, which a sample cannot say."""
    return "over 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _few(rows: Sequence[ComparedRow]) -> Iterator[str]:
    runs = min(row.runs for row in rows)
    if runs == 1:
        yield (
            "one run is held out: the intervals tell the noise within it, not how another run "
            "would come out."
        )
    elif runs < 5:
        yield (
            f"{runs} runs are held out: too few for the intervals to be exact. They speak of "
            "runs like these."
        )
