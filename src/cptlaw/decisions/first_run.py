"""Whether another run should come before the one that a plan names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cptlaw.decisions.goal import Goal
from cptlaw.decisions.pilot import Budget, Pilot, candidates, pilot
from cptlaw.decisions.plan import Plan
from cptlaw.decisions.plan.effects import FLAT
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.design import (
    base_of,
    design_of,
    reach_of,
    run_that_tells,
    run_words,
    untried_peak,
)
from cptlaw.page import number
from cptlaw.studies.runs import Data

_PAYS = 0.25  # share of the expected regret that a run is to take away


def with_first_run(fit: Fit, plan: Plan) -> Plan:
    """The plan, with the run to do first where it would lower the expected regret.

    Args:
        fit: what the plan is of.
        plan: of weighted final losses; others stay as they are.
    """
    found = first_run(fit, plan)
    if found is None or not found.regret_before or found.regret_after is None:
        return replace(plan, first_run=_of_what_is_open(fit, plan))
    now = plan.stability.regret if plan.stability else 0.0
    share = 1.0 - found.regret_after / found.regret_before
    run = found.run
    assert run.schedule is not None
    words = (
        f"{run_words(run, run.schedule, base_of(run, fit.study))}. A wrong choice would now cost "
        f"{number(now, 2)} nats on average; this run should take away {100 * share:.0f} % of that."
    )
    return replace(plan, first_run=words)


def first_run(fit: Fit, plan: Plan) -> Pilot | None:
    """The run of the length of the fitted ones that the plan's choice gains most by; or None.

    None where it would gain less than counts as no difference, or where the goal is none of
    weighted losses.
    """
    recipe = plan.best.recipe
    if fit.study is None or plan.aim.kind != "sum" or plan.aim.measure != "loss":
        return None
    if plan.stability is None or plan.stability.regret < FLAT:
        return None
    if recipe.start.kind == "base schedule" or recipe.start.annealed is not None:
        return None
    peaks = {k.name: (k.low, k.value, k.high) for k in plan.knobs}
    shares = peaks.get("replay", (recipe.replay,))
    alike = {
        "after": [recipe.start.text] if recipe.start.run else [],
        "peaks": _within_reach(fit, recipe.data, peaks.get("peak", (recipe.schedule.peak,))),
        "replay": sorted(set(shares)) if recipe.data == "cpt" else [],
        "data": recipe.data,
    }
    try:
        targets = candidates(fit.study, steps=recipe.schedule.steps, prefix="target-", **alike)
        runs = candidates(fit.study, **alike)
        cost = max(float(run.steps) for run in runs)
        goal = Goal(Weights(plan.aim.weights), targets)
        found = pilot(fit, goal, runs, Budget(cost)).pilots
    except DataError:  # starts, or lengths, that pilots do not have
        return None
    best = found[0] if found else None
    if best is None or best.regret_before is None or best.regret_after is None:
        return None
    return best if best.regret_before - best.regret_after >= _PAYS * best.regret_before else None


def _of_what_is_open(fit: Fit, plan: Plan) -> str:
    """The run that would tell of peak LR, schedule or replay, where they matter; or empty."""
    design = design_of(fit, plan.best.recipe.data)
    if plan.stability is None or plan.stability.regret < FLAT or design is None:
        return ""
    if plan.verdict is None:
        return ""
    open_ones = {c.name: c for c in plan.verdict.choices if c.status != "data" and c.mend}
    peak, schedule = open_ones.get("peak"), open_ones.get("schedule")
    named = schedule or peak
    if named is None:
        replay = open_ones.get("replay")
        is_choice = any(knob.name == "replay" for knob in plan.knobs)
        if replay is None or not is_choice or len(design.replay) > 1:
            return ""
        return f"{replay.mend}. {replay.sentence}"
    chosen = plan.best.recipe.schedule.peak
    untried = None if peak is None else untried_peak(design, (chosen, chosen))
    return f"{run_that_tells(design, untried, schedule is not None)}. {named.sentence}"


def _within_reach(fit: Fit, phase: Data, peaks: Iterable[float]) -> list[float]:
    """Peak LRs, those of which nothing is known at the end of what is."""
    design = design_of(fit, phase)
    if design is None or not design.peaks:
        return sorted(set(peaks))
    high = reach_of(fit).peak * design.peaks[-1]
    if fit.peak_limit is not None and fit.peak_limit <= high:
        high = design.peaks[-1]
    return sorted({min(peak, float(f"{high:.3g}")) for peak in peaks})
