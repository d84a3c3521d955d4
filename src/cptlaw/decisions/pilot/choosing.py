"""Which run to do next: the one that a decision gains most by, for what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.decisions.goal import Goal
from cptlaw.decisions.pilot.belief import Belief, believe
from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.candidate_runs import joined
from cptlaw.decisions.pilot.gain import Choice, removed
from cptlaw.decisions.pilot.reasons import reason
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.page import number
from cptlaw.shown import Shown
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw.visible import visible

_MEAN_SIZE = float(np.sqrt(2 / np.pi))  # of a normal error, in units of its standard deviation


@dataclass(frozen=True)
class Pilot:
    """A run to do, and what it is for.

    Args:
        run: without losses.
        cost: in the budget's unit.
        reason: a sentence.
        regret_before: expected regret of the choice without it, nats; None without a fit.
        regret_after: with it, and with the pilots named before it.
        removed: share of the targets' standard deviations, summed, that it and the pilots named
            before it take away.
    """

    run: Run
    cost: float
    reason: str
    regret_before: float | None = None
    regret_after: float | None = None
    removed: float | None = None


@dataclass(frozen=True)
class Pilots(Shown):
    """Runs to do next, the most useful first.

    Args:
        pilots: the runs.
        budget: what they were to cost together.
        goal: what is decided; None without a fit.
        study: what they go on from; None for first runs.
        best: the target that looks best now.
        rival: the target likeliest to be better than that.
        notes: what was left out or guessed, each a sentence.
    """

    pilots: tuple[Pilot, ...]
    budget: Budget
    goal: Goal | None = None
    study: Study | None = None
    best: str = ""
    rival: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        runs = ", ".join(pilot.run.name for pilot in self.pilots)
        return visible(f"<Pilots: {runs}; {number(self.cost, 6)} of {self.budget.text}>")

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs to do."""
        return tuple(pilot.run for pilot in self.pilots)

    @property
    def cost(self) -> float:
        """What they cost together."""
        return sum(pilot.cost for pilot in self.pilots)


def pilot(
    fit: Fit,
    goal: Goal,
    candidates: Sequence[Run],
    budget: Budget | str,
    count: int = 1,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Pilots:
    """Which runs to do next.

    Each is the one of the highest gain for its cost, after those before it. The gain is by how
    much the expected regret of the choice falls, plus by how much the mean absolute error of the
    targets' forecasts is expected to fall, both in nats of the goal.

    Args:
        fit: fitted coefficients.
        goal: what is decided; without targets, the candidates are what there is to choose from.
        candidates: runs that could be done, each going on from a run of the fitted study.
        budget: what all of them may cost together, such as "5000steps".
        count: how many to name at most, each on top of those before it.
        seed: of the draws.
        progress: is told of what is worked out.

    Raises:
        DataError: published coefficients, an unknown domain, no candidate that the budget
            allows, or a candidate that cannot go on as it says.
    """
    if fit.study is None:
        raise DataError(
            "published coefficients come without the points they were fitted to, so their "
            "uncertainty is not known. Fit a study of your own, or plan first runs (--new)."
        )
    if count < 1:
        raise DataError(f"count = {count}: expected at least 1 run.")
    goal.weights.check(fit.domains)
    budget = Budget.parse(budget) if isinstance(budget, str) else budget
    targets = goal.targets or tuple(candidates)
    study, every = _all_runs(fit, candidates, targets)
    costs = {run.name: budget.cost(run, study) for run in candidates}
    _check_affordable(costs, budget)
    bare = [_bare(run) for run in every]
    progress(f"what is known of {len(bare)} runs ...")
    belief = believe(fit, goal, study, bare)
    names = [run.name for run in every]
    greedy = _Greedy(belief, names, [names.index(t.name) for t in targets], costs, seed)
    chosen = greedy.chosen(budget, count, progress)
    done: list[Pilot] = []
    for each in chosen:
        run = study.run(each.name)
        why = reason(fit, study, run, [study.run(p.run.name) for p in done])
        done.append(Pilot(run, costs[run.name], why, each.before, each.after, each.share))
    picked = [targets[i].name for i in (greedy.choice.best, greedy.choice.rival)]
    notes = [f"no more than {len(done)} of the candidates fit into it."] * (len(done) < count)
    rival = picked[1] if len(targets) > 1 else ""
    return Pilots(tuple(done), budget, goal, study, picked[0], rival, tuple(notes))


def _all_runs(
    fit: Fit, candidates: Sequence[Run], targets: Sequence[Run]
) -> tuple[Study, list[Run]]:
    """The fitted study with candidates and targets, and these, each once and without losses.

    A target of the same name as a run that was done is that run.
    """
    assert fit.study is not None
    done = {run.name for run in fit.study.runs if run.curves}
    new = {run.name: _bare(run) for run in targets if run.name not in done}
    new |= {run.name: _bare(run) for run in candidates}
    study = joined(fit.study, new.values())
    for name in new:
        if study.is_hidden_cpt(study.run(name)):
            raise DataError(f"run '{name}' is CPT from scratch; no law covers it.")
    names = dict.fromkeys([*new, *(run.name for run in targets)])
    return study, [study.run(name) for name in names]


def _bare(run: Run) -> Run:
    return replace(run, curves={}, logged_lr=None, notes=(), origin="", format="")


def _check_affordable(costs: dict[str, float], budget: Budget) -> None:
    if not costs:
        raise DataError("there is no candidate; give schedules (--schedule) or starts (--after).")
    cheapest = min(costs, key=lambda name: costs[name])
    if costs[cheapest] > budget.amount:
        raise DataError(
            f"the budget of {budget.text} allows none of the {len(costs)} candidates; the "
            f"cheapest, '{cheapest}', costs {number(costs[cheapest], 6)}. Give more, or "
            "shorter runs "
            "(--steps)."
        )


@dataclass(frozen=True)
class _Named:
    """A run that was chosen: the regret before and after it, the share of variance removed."""

    name: str
    before: float
    after: float
    share: float


class _Greedy:
    """Names one run after another, each the most useful beside those before it.

    Args:
        belief: of all runs.
        names: of these.
        among: indices of those to choose from in the end.
        costs: of the candidates.
        seed: of the draws.
    """

    def __init__(
        self,
        belief: Belief,
        names: Sequence[str],
        among: Sequence[int],
        costs: dict[str, float],
        seed: int,
    ) -> None:
        self._belief, self._names, self._among, self._costs = belief, names, among, costs
        self.choice = Choice(belief.value[among], belief.value_covariance(among), seed)
        self._uncertain = belief.value_covariance(among, own=False)
        self._typical = float(np.sqrt(np.diag(self._uncertain)).mean())

    def chosen(
        self, budget: Budget, count: int, progress: Callable[[str], None]
    ) -> tuple[_Named, ...]:
        """The runs to do, the most useful first."""
        found: list[_Named] = []
        left = budget.amount
        while len(found) < count:
            taken = [run.name for run in found]
            open_ = [n for n, cost in self._costs.items() if cost <= left and n not in taken]
            scored: list[tuple[float, _Named]] = []
            for nth, name in enumerate(open_, 1):
                progress(f"candidates for run {len(found) + 1} ({nth} of {len(open_)}) ...")
                scored.append(self._scored(name, found))
            if not scored:
                break
            found.append(max(scored, key=lambda each: each[0])[1])
            left -= self._costs[found[-1].name]
        return tuple(found)

    def _scored(self, name: str, found: Sequence[_Named]) -> tuple[float, _Named]:
        """What a run gains for its cost after others."""
        done = [self._names.index(n) for n in (*(run.name for run in found), name)]
        regret, known = (found[-1].after, found[-1].share) if found else (self.choice.regret, 0.0)
        after = self.choice.regret - self.choice.removed(self._belief.learned(self._among, done))
        share = removed(self._uncertain, self._belief.learned(self._among, done, own=False))
        gained = regret - after + _MEAN_SIZE * self._typical * (share - known)
        return gained / self._costs[name], _Named(name, regret, after, share)
