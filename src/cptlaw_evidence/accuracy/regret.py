"""What a law's choice costs on real runs: it names one that exists, and the best one is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cptlaw.decisions.goal import Goal
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Ensemble, Interval, ensemble_of
from cptlaw.forecasting.extrapolation import warnings
from cptlaw.forecasting.intervals import LEVEL, contrast
from cptlaw.laws.catalog import CHOSEN, paper
from cptlaw.laws.points import Points
from cptlaw.studies.study import Study
from cptlaw_evidence.accuracy import grid, lr_schedules, pool
from cptlaw_evidence.accuracy.judging import _finals
from cptlaw_evidence.accuracy.protocol import Source, Split
from cptlaw_evidence.accuracy.rooms import Loaded, load
from cptlaw_evidence.laws import FIELD

TARGET = 0.003
"""Nats that a choice may cost at most."""

PROTOCOLS = ("two-peaks", "peak-up", "peak-down", "grid-schedule", "grid-replay", "grid-far")
GOALS = ("cpt=1", "cpt=1 pt=0.3", "pt=1")
_PAPERS = tuple(entry.name for entry in paper.ENTRIES if not entry.traits.paper_for)
ALL = ("effective", *CHOSEN, *_PAPERS, *FIELD)
"""Every law that fits these curves; "paper" is the one of its laws that each study asks for."""


@dataclass(frozen=True)
class Choice:
    """Runs of one length that a law may choose among.

    Args:
        protocol: what the law is fitted to.
        among: the runs, in words.
        goal: what is wanted, as `Goal.parse` reads it.
        finals: run -> domain -> measured final loss, nats per token; of repeated runs the mean.
        usual: the runs that follow the usual recipe, a cosine to a tenth of the peak.
    """

    protocol: str
    among: str
    goal: str
    finals: Mapping[str, Mapping[str, float]]
    usual: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from the others."""
        return self.protocol, self.among, self.goal

    def values(self) -> dict[str, float]:
        """Run -> measured value of the goal."""
        goal = Goal.parse(self.goal)
        return {run: float(goal.value(finals)) for run, finals in self.finals.items()}

    def cost(self, runs: Iterable[str]) -> float:
        """Mean value of the goal of some runs minus that of the best one, nats."""
        values = self.values()
        return float(np.mean([values[run] for run in runs])) - min(values.values())

    @property
    def best(self) -> str:
        """The run that measured lowest."""
        values = self.values()
        return min(values, key=lambda run: values[run])


@dataclass(frozen=True)
class Decision:
    """What a law chose.

    Args:
        law: as asked for.
        choice: what there was.
        chosen: the run with the lowest predicted value.
        difference: interval of the value of that run minus the best one's, as predicted.
        warned: whether a forecast of the chosen run says that it leaves what was fitted.
    """

    law: str
    choice: Choice
    chosen: str
    difference: Interval
    warned: bool

    @property
    def regret(self) -> float:
        """What the choice costs, nats."""
        return self.choice.cost([self.chosen])

    @property
    def within(self) -> bool:
        """Whether the measured difference lies in its interval."""
        return self.difference.low <= self.regret <= self.difference.high


@dataclass(frozen=True)
class Regret:
    """What the choices of laws cost.

    Args:
        laws: as asked for.
        choices: all there were.
        decisions: of every law on every choice that it could be fitted for.
        noise: source -> domain -> how far a run's final loss lies from the mean of such runs, nats.
        left_out: {"protocol", "why"} of what was not done, with its law where that is why.
        jobs: processes.
        seconds: it took.
    """

    laws: tuple[str, ...]
    choices: tuple[Choice, ...]
    decisions: tuple[Decision, ...]
    noise: Mapping[str, Mapping[str, float]]
    left_out: tuple[Mapping[str, str], ...]
    jobs: int
    seconds: float


def measure(
    laws: Sequence[str] = ALL,
    data: Path | None = None,
    *,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Regret:
    """Let laws that were fitted to a few runs choose among all that exist.

    Args:
        laws: names that `fit` takes.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        progress: is told of what is done.

    Raises:
        DataError: broken curves, or no law that could be fitted.
        FitError: a process ended on its own.
    """
    began = time.perf_counter()
    laws, loaded = tuple(dict.fromkeys(laws)), load(PROTOCOLS, data)
    protocols = sorted(loaded.protocols, key=lambda p: PROTOCOLS.index(p.name))
    choices = {p.name: choices_of(p.name, loaded.sources[p.source]) for p in protocols}
    every = tuple(choice for some in choices.values() for choice in some)
    found, failed = _decided(loaded, laws, choices, data, jobs, progress)
    if not found:
        raise DataError(f"no law could choose. {failed[0]['why']}")
    order = {choice.key: i for i, choice in enumerate(every)}
    found.sort(key=lambda d: (order[d.choice.key], laws.index(d.law)))
    noise = {name: final_noise(source) for name, source in loaded.sources.items()}
    left_out = (*loaded.left_out, *failed)
    seconds = time.perf_counter() - began
    return Regret(laws, every, tuple(found), noise, left_out, jobs, seconds)


def choices_of(protocol: str, source: Source) -> tuple[Choice, ...]:
    """What there is to choose after the fit of a protocol.

    Args:
        protocol: one of `PROTOCOLS`.
        source: its curves.
    """
    if source.name == lr_schedules.NAME:
        return _of_lengths(protocol, source)
    study, finals = source.study, measured_finals(source)
    length = {r.name: study.history(r.name).cpt_lr.size for r in study.runs}
    runs = [run for run in _continued(study) if run in finals]
    if protocol != "grid-replay":
        runs = [run for run in runs if not study.run(run).replay]
    among = {n: [r for r in runs if length[r] == n] for n in sorted({length[r] for r in runs})}
    return tuple(
        Choice(protocol, f"{steps} CPT steps", goal, {r: finals[r] for r in some}, used)
        for steps, some in among.items()
        for used in [tuple(r for r in some if r in ("half-cosine", "far-cosine"))]
        for goal in GOALS
        if len(some) > 1
    )


def _continued(study: Study) -> list[str]:
    """CPT runs that differ in what a plan decides: start, schedule, replay; not size or batch."""
    base = study.run(grid.FOUR[0])
    return [
        run.name
        for run in study.runs
        if run.data == "cpt"
        and run.after is not None
        and not study.start(run).is_cpt
        and (run.model_size, run.batch_tokens) == (base.model_size, base.batch_tokens)
    ]


def _of_lengths(protocol: str, source: Source) -> tuple[Choice, ...]:
    """Runs of a length at the peak that was not fitted, and at both peaks."""
    low, high = lr_schedules.PEAKS
    unseen = {"peak-up": (high,), "peak-down": (low,)}.get(protocol)
    sets = ([unseen] if unseen else []) + [(low, high)]
    finals, goal = measured_finals(source), "loss=1"
    steps = {name: source.study.run(name).steps for name in finals}
    found: list[Choice] = []
    for peaks in sets:
        where = "both peaks" if len(peaks) > 1 else f"peak {float(peaks[0]):g}"
        some = [name for name in finals if any(f"_lr{peak}_T" in name for peak in peaks)]
        for length in sorted({steps[name] for name in some}):
            mine = {name: finals[name] for name in some if steps[name] == length}
            usual = tuple(name for name in mine if name.startswith("cosine10"))
            if len(mine) > 1:
                found.append(Choice(protocol, f"{length} steps, {where}", goal, mine, usual))
    return tuple(found)


def measured_finals(source: Source) -> dict[str, dict[str, float]]:
    """Run -> domain -> final loss; a repetition counts in the mean of its original."""
    again = {copy: original for original, copy in source.repeats}
    found: dict[str, list[dict[str, float]]] = {}
    for run in source.study.runs:
        if own := _final(source, run.name):
            found.setdefault(again.get(run.name, run.name), []).append(own)
    return {
        name: {role: float(np.mean([own[role] for own in some])) for role in some[0]}
        for name, some in found.items()
    }


def _final(source: Source, name: str) -> dict[str, float]:
    """Domain -> loss after the last step; that of the last evaluation where none is apart."""
    run, domains = source.study.run(name), source.study.domains
    if name in source.finals:
        return dict.fromkeys(domains, source.finals[name])
    ends = {role: run.curves[c] for role, c in domains.items() if c in run.curves}
    return {role: float(c.loss[-1]) for role, c in ends.items() if c.steps[-1] == run.steps}


def final_noise(source: Source) -> dict[str, float]:
    """Domain -> mean distance of a run's final loss from the mean of its repetitions, nats."""
    gaps: dict[str, list[float]] = {}
    for one, other in source.repeats:
        a, b = _final(source, one), _final(source, other)
        for role in a:
            gaps.setdefault(role, []).append(abs(a[role] - b[role]) / np.sqrt(2.0))
    return {role: float(np.mean(some)) for role, some in gaps.items()}


_Found = tuple[list[Decision], list[dict[str, str]]]


def _decided(
    loaded: Loaded,
    laws: Sequence[str],
    choices: Mapping[str, tuple[Choice, ...]],
    data: Path | None,
    jobs: int,
    progress: Callable[[str], None],
) -> _Found:
    todo = pool.tasks(loaded.splits, laws)
    progress(f"{len(todo)} fits, {jobs} at a time ...")
    found: list[Decision] = []
    left_out: list[dict[str, str]] = []
    work = partial(decide, choices)
    with closing(pool.run(todo, loaded.splits, data, jobs, work)) as results:
        for done, (decisions, failed) in enumerate(results, start=1):
            found += decisions
            left_out += failed
            if done % 10 == 0 or done == len(todo):
                progress(f"{done} of {len(todo)} fits")
    return found, left_out


def decide(
    choices: Mapping[str, tuple[Choice, ...]], task: pool.Task, splits: pool.Splits
) -> _Found:
    """Fit once and choose wherever the task's splits ask for it.

    Args:
        choices: protocol -> what there is to choose.
        task: a law and the splits that share a fit.
        splits: of every protocol.

    Returns:
        The decisions, and what could not be decided and why.
    """
    protocol, index = task.uses[0]
    found: list[Decision] = []
    try:
        ensemble = ensemble_of(pool._fitted(splits[protocol][index].fitted, task.law))
        for name, i in task.uses:
            found += [decided(c, task.law, ensemble, splits[name][i]) for c in choices[name]]
    except Exception as error:  # one law's trouble must not cost the results of the others
        why = pool._reason(error)
        return [], [{"protocol": p, "law": task.law, "why": why} for p, _ in task.uses]
    return found, []


def decided(choice: Choice, law: str, ensemble: Ensemble, split: Split) -> Decision:
    """What a fitted law chooses.

    Args:
        choice: what there is.
        law: its name.
        ensemble: the fit and its refits.
        split: whose study knows the learning rates of every run.

    Raises:
        FitError: a forecast is not finite.
    """
    fit, study, runs = ensemble.fit, split.study, list(choice.finals)
    goal = Goal.parse(choice.goal)
    predicted = {role: _finals(study, fit, role, runs) for role in goal.weights}
    values = goal.value({role: [p[r] for r in runs] for role, p in predicted.items()})
    chosen = runs[int(np.argmin(values))]
    one, other = _end(fit, study, chosen), _end(fit, study, choice.best)
    told = warnings(fit, one, study.run(chosen))
    return Decision(law, choice, chosen, difference(ensemble, goal, one, other), bool(told))


def _end(fit: Fit, study: Study, run: str) -> Points:
    return Points.at_ends([study.history(run)], fit.convention)


def difference(
    ensemble: Ensemble, goal: Goal, one: Points, other: Points, level: float = LEVEL
) -> Interval:
    """The interval of the difference of a goal's value between two future runs.

    The domains' differences count as independent of each other.

    Args:
        ensemble: a fit and its refits.
        goal: weights of final losses.
        one: the last step of one run.
        other: the last step of another, whose value is taken off.
        level: share of differences that are to lie within.
    """
    each = [(w, contrast(ensemble, role, one, other, level)) for role, w in goal.weights.items()]
    value = sum(w * found.value for w, found in each)
    reach = float(np.sqrt(sum((w * (found.high - found.value)) ** 2 for w, found in each)))
    return Interval(value, value - reach, value + reach, level)
