"""How good chosen pilots are against random ones, on the bundled grid of runs.

The grid's runs are done already, so a choice can be played through: fit a few, let `pilot` name
the next, look up its curve, fit again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.goal import Goal
from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.choosing import pilot
from cptlaw.fitting.fit import fit
from cptlaw.fitting.observations import observe
from cptlaw.fitting.result import Fit
from cptlaw.page import table
from cptlaw.studies import datasets
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

GRID = "tiny-grid"
STARTS = (("base", "annealed", "cpt-const"), ("base", "cpt-const"))
PILOTS = 3
WEIGHTS = ("cpt=1", "cpt=0.9 pt=0.1", "cpt=0.8 pt=0.2", "cpt=0.7 pt=0.3", "cpt=0.5 pt=0.5")
KINDS: Mapping[str, tuple[str, ...]] = {
    "schedules": ("cpt-", "half-"),
    "starts": ("cpt-", "early-", "rewarmed-"),
    "replay": ("cpt-", "mixed-"),
    "all": ("cpt-", "half-", "early-", "rewarmed-", "mixed-"),
}
PerRun: TypeAlias = dict[str, dict[str, float]]
_LEFT_OUT = (
    "hidden-",
    "size-",
    "batch",
)  # no law covers the first or sees the last; sizes need bases


class Told(NamedTuple):
    """What a fit says of the pool: final losses, and errors of what is not done."""

    finals: PerRun
    errors: PerRun


@dataclass(frozen=True, eq=False)
class Pool:
    """Runs that are done, of which choices see some.

    Args:
        study: all runs.
        first: those that every choice has seen.
        candidates: the CPT runs that are not among the first, without their losses.
        names: of candidates and first CPT runs.
        true: domain -> run -> measured final loss.
    """

    study: Study
    first: tuple[str, ...] = STARTS[0]
    candidates: tuple[Run, ...] = field(init=False)
    names: tuple[str, ...] = field(init=False)
    true: PerRun = field(init=False)

    def __post_init__(self) -> None:
        study = self.study
        candidates = tuple(
            unmeasured(run)
            for run in study.runs
            if run.data == "cpt"
            and not run.name.startswith(_LEFT_OUT)
            and run.name not in self.first
        )
        first = [n for n in self.first if study.run(n).data == "cpt"]
        names = (*first, *(run.name for run in candidates))
        true = {
            role: {n: float(study.run(n).curves[column].loss[-1]) for n in names}
            for role, column in study.domains.items()
        }
        object.__setattr__(self, "candidates", candidates)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "true", true)

    def fit(self, done: frozenset[str]) -> Fit:
        """The fit of the first runs and those of `done`."""
        return _fitted(self, done)

    def finals(self, done: frozenset[str]) -> PerRun:
        """Domain -> run -> final loss: measured if it is done, else forecast."""
        return _told(self, done).finals

    def errors(self, done: frozenset[str]) -> PerRun:
        """Domain -> run that is not done -> mean absolute error of its forecast curve, nats."""
        return _told(self, done).errors

    def regret(self, goal: Goal, done: frozenset[str]) -> float:
        """How much worse the target that would be chosen is than the best, nats."""
        names = [run.name for run in goal.targets]
        looks = _values(goal, self.finals(done), names)
        true = _values(goal, self.true, names)
        return float(true[int(np.argmin(looks))] - true.min())

    def error(self, goal: Goal, done: frozenset[str], targets_only: bool = False) -> float:
        """Mean absolute error of the curves that are not done, domains by weight, nats."""
        errors, total = self.errors(done), sum(goal.weights.values())
        among = {run.name for run in goal.targets} if targets_only else set(self.names)
        found = [
            w / total * np.mean([e for name, e in errors[r].items() if name in among])
            for r, w in goal.weights.items()
        ]
        return float(np.sum(found))

    def least_error(self, goals: Iterable[Goal]) -> float:
        """Mean error of a fit to all runs on these same runs, over goals: no pilots do better."""
        done = frozenset(run.name for run in self.candidates)
        role_errors: dict[str, float] = {}
        for role in self.study.domains:
            observed = self.fit(done).observed(role)
            gap = np.abs(self.fit(done).domain(role).loss(observed.points) - observed.loss)
            each = [gap[observed.run == observed.runs.index(n)].mean() for n in sorted(done)]
            role_errors[role] = _mean(each)
        return _mean(
            sum(w * role_errors[r] for r, w in goal.weights.items()) / sum(goal.weights.values())
            for goal in goals
        )


@cache
def _fitted(pool: Pool, done: frozenset[str]) -> Fit:
    names = {*pool.first, *done}
    return fit(pool.study.without([run.name for run in pool.study.runs if run.name not in names]))


@cache
def _told(pool: Pool, done: frozenset[str]) -> Told:
    told = Told({}, {})
    for role in pool.study.domains:
        observed = observe(pool.study, role, pool.fit(done).convention)
        predicted = pool.fit(done).domain(role).loss(observed.points)
        told.finals[role], told.errors[role] = {}, {}
        for name in pool.names:
            mine = observed.run == observed.runs.index(name)
            known = name in done or name in pool.first
            ends = observed.loss[mine] if known else predicted[mine]
            told.finals[role][name] = float(ends[-1])
            if not known:
                gap = np.abs(predicted[mine] - observed.loss[mine])
                told.errors[role][name] = float(gap.mean())
    return told


def unmeasured(run: Run) -> Run:
    """A run as it was before it was done."""
    return replace(run, curves={}, logged_lr=None, notes=(), origin="", format="")


def _values(goal: Goal, finals: Mapping[str, Mapping[str, float]], names: list[str]) -> FloatArray:
    return goal.value({role: [finals[role][name] for name in names] for role in goal.weights})


def goals(pool: Pool) -> dict[str, Goal]:
    """The decisions that are played through: weights, and a kind of runs to choose from."""
    found: dict[str, Goal] = {}
    for kind, prefixes in KINDS.items():
        targets = [r for r in pool.candidates if r.name.startswith(prefixes)]
        targets += [
            unmeasured(pool.study.run(n))
            for n in pool.first
            if pool.study.run(n).data == "cpt" and n.startswith(prefixes)
        ]
        for text in WEIGHTS:
            found[f"{kind}, {text}"] = Goal.parse(text, targets)
    return found


def chosen(pool: Pool, goal: Goal, budget: Budget, count: int = PILOTS) -> list[str]:
    """The runs that `pilot` names one after the other, the fit made anew after each."""
    done: list[str] = []
    left = budget.amount
    while len(done) < count:
        open_ = [run for run in pool.candidates if run.name not in done]
        if left < min(budget.cost(run) for run in open_):
            break
        found = pilot(pool.fit(frozenset(done)), goal, open_, Budget(left, budget.unit))
        done.append(found.pilots[0].run.name)
        left -= found.cost
    return done


def random_sets(pool: Pool, budget: Budget, draws: int, seed: int = 0) -> list[frozenset[str]]:
    """Random choices of as many runs as the budget allows, the same one possibly twice."""
    random = np.random.default_rng(seed)
    found: list[frozenset[str]] = []
    for _ in range(draws):
        left, done = budget.amount, list[str]()
        for index in random.permutation(len(pool.candidates)):
            run = pool.candidates[int(index)]
            if len(done) < PILOTS and budget.cost(run) <= left:
                done.append(run.name)
                left -= budget.cost(run)
        found.append(frozenset(done))
    return found


def measure(
    draws: int = 100, progress: Callable[[str], None] = lambda _: None, seed: int = 0
) -> dict[str, Any]:
    """Play every decision through with chosen and with random pilots, from each start.

    Args:
        draws: random choices.
        progress: is told what is done.
        seed: of the random choices.
    """
    study = datasets.load(GRID)
    both = Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs)
    starts = [_start(both, f, draws, progress, seed) for f in STARTS]
    return {"draws": draws, "starts": starts, "ratios": _ratios([s["mean"] for s in starts])}


_SCORES = {
    "regret": "regret",
    "error": "target error",
    "error_all": "error of all",
}
_WHICH = ("before", "chosen", "random")


def _ratios(means: Sequence[dict[str, float]]) -> dict[str, float]:
    """Chosen over random, of the sums over starts."""
    total = {key: sum(mean[key] for mean in means) for key in means[0]}
    return {kind: total[kind] / (total[f"{kind}_random"] or np.nan) for kind in _SCORES}


def _start(
    study: Study,
    first: tuple[str, ...],
    draws: int,
    progress: Callable[[str], None],
    seed: int,
) -> dict[str, Any]:
    """All decisions after the same first runs."""
    pool = Pool(study, first)
    budget = Budget(PILOTS * _usual_cost(pool), "tokens")
    sets = random_sets(pool, budget, draws, seed)
    for number, done in enumerate(sets, start=1):
        pool.errors(done)
        if number % 20 == 0:
            progress(f"after {', '.join(first)}: {number} of {draws} random choices")
    rows: list[dict[str, Any]] = []
    for name, goal in goals(pool).items():
        rows.append({"goal": name, **play(pool, goal, sets, budget)})
        progress(f"{name}: {', '.join(rows[-1]['pilots'])}")
    keys = [key for key in rows[0] if key not in ("goal", "pilots")]
    mean = {key: _mean(row[key] for row in rows) for key in keys}
    return {
        "first": list(first),
        "candidates": len(pool.candidates),
        "budget": budget.text,
        "rows": rows,
        "mean": mean,
        "least_error": pool.least_error(goals(pool).values()),
        "ratios": _ratios([mean]),
    }


def play(pool: Pool, goal: Goal, sets: Sequence[frozenset[str]], budget: Budget) -> dict[str, Any]:
    """One decision without pilots, with chosen ones and with each random set.

    Args:
        pool: the runs that are done.
        goal: what is decided.
        sets: random choices.
        budget: of the chosen ones.
    """
    names = chosen(pool, goal, budget)
    found: dict[str, Any] = {"pilots": names}
    scores: dict[str, Callable[[frozenset[str]], float]] = {
        "regret": lambda done: pool.regret(goal, done),
        "error": lambda done: pool.error(goal, done, targets_only=True),
        "error_all": lambda done: pool.error(goal, done),
    }
    for key, score in scores.items():
        found[f"{key}_before"] = score(frozenset())
        found[key] = score(frozenset(names))
        found[f"{key}_random"] = _mean(score(done) for done in sets)
    return found


def _usual_cost(pool: Pool) -> float:
    return float(np.median([Budget(1.0, "tokens").cost(run) for run in pool.candidates]))


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def to_text(result: dict[str, Any]) -> str:
    """A table for each start, and chosen over random pilots."""
    parts = [_start_text(start, result["draws"]) for start in result["starts"]]
    ratio = ", ".join(f"{words} {result['ratios'][kind]:.2f}" for kind, words in _SCORES.items())
    return "\n\n".join([*parts, f"Over all starts, chosen over random: {ratio}."])


def _start_text(start: dict[str, Any], draws: int) -> str:
    """One start as a table: a line for every decision, and the means."""
    keys = [f"{kind}{which}" for kind in _SCORES for which in ("_before", "", "_random")]
    lines = [*start["rows"], {"goal": "mean", **start["mean"]}]
    rows = [[line["goal"], *(f"{line[key]:.4f}" for key in keys)] for line in lines]
    headers = ["goal", *(f"{words} {w}" for words in _SCORES.values() for w in _WHICH)]
    ratio = ", ".join(f"{words} {start['ratios'][kind]:.2f}" for kind, words in _SCORES.items())
    return "\n".join(
        [
            f"After {', '.join(start['first'])}: pilots of {start['budget']} out of "
            f"{start['candidates']} candidates, nats",
            table(headers, rows),
            f"Chosen over random ({draws} choices): {ratio}.",
            f"A fit to all runs has an error of {start['least_error']:.4f} on them.",
        ]
    )
