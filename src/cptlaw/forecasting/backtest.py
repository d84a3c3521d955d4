"""Fit on some runs, or on the beginning of them, predict the rest, score."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cptlaw.errors import DataError
from cptlaw.fitting.branches import compared, end_of, rule_errors
from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.parts import unseen
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores, score
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.extrapolation import warnings
from cptlaw.forecasting.intervals import LEVEL, band
from cptlaw.forecasting.verdict import verdict
from cptlaw.laws import catalog
from cptlaw.laws.points import Points
from cptlaw.shown import Shown
from cptlaw.studies.faults import sound
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study


@dataclass(frozen=True)
class BacktestRow:
    """One law's error on one held-out run and domain.

    Args:
        law: name of the law.
        run: the held-out run.
        domain: role of the domain.
        scores: agreement over the held-out points.
        coverage: share of points within the 90 % interval of one run.
        beyond: names of the run's choices that the fitted data do not decide (`rules.CHOICES`).
    """

    law: str
    run: str
    domain: str
    scores: Scores
    coverage: float | None = None
    beyond: tuple[str, ...] = ()


@dataclass(frozen=True)
class LawRow:
    """How one law fitted the runs it was given, on one domain.

    Args:
        law: its name.
        domain: its role.
        huber: the objective at the fit, a sum over points of log losses.
        seconds: that the fit took.
        status: of the fit, such as "ok" or "not identified".
    """

    law: str
    domain: str
    huber: float
    seconds: float
    status: str


@dataclass(frozen=True)
class Backtest(Shown):
    """Held-out errors of one or more laws.

    Args:
        rows: a row per law, held-out run and domain.
        laws: a row per law and domain.
        held_out: the runs, or the share of steps that was fitted, in words.
        notes: what was found on the way, each a sentence.
    """

    rows: tuple[BacktestRow, ...]
    laws: tuple[LawRow, ...]
    held_out: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        errors: dict[tuple[str, str], list[float]] = {}
        for row in self.rows:
            errors.setdefault((row.law, row.domain), []).append(row.scores.mape)
        told = [f"{law} {role} {np.mean(e):.3%}" for (law, role), e in errors.items()]
        return f"<Backtest, held out {self.held_out}; mean errors: {', '.join(told)}>"

    @property
    def conclusions(self) -> tuple[str, ...]:
        """Whether to trust forecasts of such runs, a sentence for each law and kind of run."""
        groups: dict[tuple[str, tuple[str, ...]], list[BacktestRow]] = {}
        for row in self.rows:
            groups.setdefault((row.law, row.beyond), []).append(row)
        several = len({row.law for row in self.rows}) > 1
        said = [
            (held, f"{law}: {sentence}" if several else sentence)
            for (law, beyond), mine in groups.items()
            for held, sentence in [_concluded(mine, beyond)]
        ]
        return tuple(sentence for _, sentence in sorted(said, key=lambda pair: pair[0]))


def backtest(
    study: Study,
    hold_out: Sequence[str] = (),
    *,
    fit_steps: float | None = None,
    laws: Sequence[str] = (),
    options: FitOptions = FitOptions(),
    progress: Callable[[str], None] = lambda _: None,
) -> Backtest:
    """Fit on a part of a study and score the forecasts of the rest.

    Args:
        study: runs and domains.
        hold_out: runs whose losses the fit does not see; their learning rates stay known.
        fit_steps: instead: share of each run's steps that is fitted, above 0 and below 1. Runs
            that others go on from are fitted whole.
        laws: names of the catalogue; left out, what the fitted part asks for.
        options: how laws are fitted; a convention that is left open is chosen on the fitted part.
        progress: is told of every law before it is fitted, of a single one of every domain.

    Raises:
        DataError: nothing, or everything, is held out; a run is unknown.
    """
    if fit_steps is not None and hold_out:
        raise DataError("give either runs to hold out (--hold-out) or --fit-steps, not both.")
    if fit_steps is None and not hold_out:
        raise DataError("say what to hold out: run names (--hold-out), or --fit-steps FRACTION.")
    study = sound(study, options.keep)
    fitted = study.without(hold_out) if hold_out else study.beginning(fit_steps or 0.0)
    names = list(dict.fromkeys(catalog.resolve(law, fitted) for law in laws or [None]))
    for name in names:
        if name not in catalog.CHOSEN:
            catalog.check(name, fitted)
    rows: list[BacktestRow] = []
    law_rows: list[LawRow] = []
    notes: list[str] = []
    told: dict[str, tuple[str, ...]] = {}
    alone = progress if len(names) == 1 else _silent
    for i, name in enumerate(names, start=1):
        progress(f"fitting {name} ({i} of {len(names)}) ...")
        began = time.perf_counter()
        result = fit(fitted, name, options, progress=alone)
        seconds = time.perf_counter() - began
        told[name] = result.notes if name in catalog.CHOSEN else ()
        for role, domain in result.domains.items():
            assert domain.scores is not None
            law_rows.append(LawRow(name, role, domain.scores.huber, seconds, domain.status))
            rows.extend(_scored(name, role, result, study, fitted, notes))
        for run in dict.fromkeys(row.run for row in rows if row.law == name):
            notes.extend(f"'{run}': {said}" for said in _leaves(result, study.run(run), study))
    if not rows:
        why = " ".join(["", *study.faults])
        raise DataError(f"the held-out part has no losses to score the forecasts on.{why}")
    notes.extend(_beside_the_rule(study, fitted, names, rows))
    words = (
        ", ".join(hold_out)
        if hold_out
        else f"after the first {100 * (fit_steps or 0):g} % of the steps"
    )
    return Backtest(tuple(rows), tuple(law_rows), words, (*study.faults, *_by_law(told), *notes))


def _silent(message: str) -> None:
    """Of several laws, each is told once."""


def _beside_the_rule(
    study: Study, fitted: Study, names: Sequence[str], rows: Sequence[BacktestRow]
) -> Iterator[str]:
    """How far the rule of earlier branches is off at held-out ends, and every law."""
    rule = rule_errors(study, fitted)
    for name in names:
        ends = {
            (row.run, row.domain): abs(row.scores.final_error) / measured
            for row in rows
            if row.law == name and (measured := end_of(study, row.run, row.domain)) is not None
        }
        yield from compared(rule, ends, name)


def _by_law(told: Mapping[str, Sequence[str]]) -> list[str]:
    """Notes of several fits, each said once, after the law's name where not all have it."""
    every = list(told.values())
    if not every:
        return []
    common = {note for note in every[0] if all(note in notes for notes in every)}
    named = (n if n in common else f"{law}: {n}" for law, notes in told.items() for n in notes)
    return list(dict.fromkeys(named))


def _scored(
    law: str, role: str, result: Fit, study: Study, fitted: Study, notes: list[str]
) -> list[BacktestRow]:
    full, new = unseen(study, fitted, role, result)
    predicted = result.domain(role).loss(full.points)
    ensemble = ensemble_of(result)
    rows: list[BacktestRow] = []
    for index, name in enumerate(full.runs):
        mine = new & (full.run == index)
        if not mine.any():
            continue
        bad = mine & ~(np.isfinite(predicted) & (predicted > 0))
        if bad.any():
            notes.append(f"{law} has no finite forecast of '{name}' on {role}: not scored.")
            continue
        points = full.points.alone(index, np.flatnonzero(mine))
        low, high = band(ensemble, role, points, LEVEL)[:2]
        coverage = float(((low <= full.loss[mine]) & (full.loss[mine] <= high)).mean())
        own = score(predicted[mine], full.loss[mine])
        rows.append(
            BacktestRow(law, name, role, own, coverage, _beyond(result, points.histories[0]))
        )
    return rows


def _beyond(result: Fit, history: History) -> tuple[str, ...]:
    """The choices of a held-out run that the fitted data do not decide."""
    every = verdict(result, history).choices
    return tuple(c.name for c in every if c.status != "data" and c.name != "optimizer")


_KINDS = {
    "peak": "other peak LRs",
    "schedule": "other schedules",
    "steps": "longer runs",
    "replay": "other replay shares",
    "start": "other starts",
    "size": "other model sizes",
}
_HOLDS = 0.75  # share of held-out losses that an interval of 90 % must hold to be believed


def _concluded(rows: Sequence[BacktestRow], beyond: tuple[str, ...]) -> tuple[bool, str]:
    """Whether forecasts of one kind of runs are to be trusted, and the same as a sentence."""
    kind = " and ".join(_KINDS.get(name, name) for name in beyond) or "runs like the fitted ones"
    roles = dict.fromkeys(row.domain for row in rows)
    mean = {
        role: float(np.mean([row.scores.final_error for row in rows if row.domain == role]))
        for role in roles
        if not role.startswith("ood.")
    } or {rows[0].domain: rows[0].scores.final_error}
    size = max(abs(row.scores.final_error) for row in rows)
    off = ", ".join(f"{role} {error:+.3f}" for role, error in mean.items())
    ends = f"their ends were off by {off} nats on average, {size:.3f} at worst"
    known = [row for row in rows if row.coverage is not None]
    if not known:
        return True, f"For {kind}: {ends}."
    points = [row.scores.n for row in known]
    held = float(np.average([row.coverage or 0.0 for row in known], weights=points))
    within = f"the 90 % interval held {held:.0%} of their losses"
    if held < _HOLDS:
        return False, f"Do not trust this study for {kind}: {ends}, and {within}."
    return True, f"You can trust forecasts of {kind}, with their intervals: {within}; {ends}."


def _leaves(result: Fit, run: Run, study: Study) -> tuple[str, ...]:
    """How far a held-out run leaves what was fitted."""
    points = Points.at_ends([study.history(run.name)], result.convention)
    return warnings(result, points, run)
