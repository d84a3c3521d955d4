"""Whether the planner finds the optimum: random problems, each solved on a dense grid as well."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.judge import Judge
from cptlaw.decisions.plan.knobs import Knobs, Numbers
from cptlaw.decisions.plan.planning import plan
from cptlaw.decisions.plan.samples import Samples, together
from cptlaw.decisions.plan.search import search
from cptlaw.page import number, wrapped
from cptlaw_evidence.plans.problems import Problem, fitted, problem

AGREE = 1e-4
"""Nats by which the planner and the grid may differ."""

_PLACES = {0: 1, 1: 161, 2: 41, 3: 17}  # of the dense grid, along each of so many axes
_CLOSER = {1: 11, 2: 7, 3: 5}  # of the grids that close in
_FINEST = {1: 1e-6, 2: 1e-5, 3: 1e-4}  # cell at which they end
_ROUNDS = 30
_LINES = 120  # of a grid, that limits cut
_HALVINGS = 8  # of a line's cell
_CENTRES = 3
_BRANCHES = 2  # the best, in which the grids close in


@dataclass(frozen=True)
class Compared:
    """The planner's answer to a problem beside the grid's.

    Args:
        problem: the problem.
        feasible: whether the planner found a recipe that keeps the limits.
        inside: whether any number of its recipe lies within its range, not at an end of it.
        dense: how far the planner's value is above that of the dense grid, nats.
        closer: the same of the grid that has closed in on its own best places.
        looked_at: recipes that the planner judged.
        seconds: it took.
        grid_size: recipes of the grids.
    """

    problem: Problem
    feasible: bool
    inside: bool
    dense: float
    closer: float
    looked_at: int
    seconds: float
    grid_size: int


def compare(one: Problem) -> Compared:
    """Solve a problem by the planner's search and on grids."""
    began = time.perf_counter()
    found = search(one.judge).samples
    seconds = time.perf_counter() - began
    dense = [_grid(one.judge, i) for i in range(len(one.judge.branches))]
    best = together([some.where(some.order[:1]) for some in dense]).order[:_BRANCHES].tolist()
    closer = [_closing_in(one.judge, i, dense[i]) for i in best]
    grids = together(dense), together([*dense, *closer])
    above = [_above(one.judge, found, grid) for grid in grids]
    return Compared(
        one,
        feasible=bool(found.kept[0]),
        inside=bool(((found.shares[0] > 0) & (found.shares[0] < 1)).any()),
        dense=above[0],
        closer=above[1],
        looked_at=found.value.size,
        seconds=seconds,
        grid_size=grids[1].value.size,
    )


def _grid(judge: Judge, branch: int) -> Samples:
    k = len(judge.branches[branch].axes)
    return judge.at(branch, _box(np.zeros(k), np.ones(k), _PLACES[k]))


def _box(low: FloatArray, high: FloatArray, places: int) -> FloatArray:
    """A grid over a box, shape (places ** axes, axes)."""
    marks = list(itertools.product(np.linspace(0.0, 1.0, places), repeat=low.size))
    return low + np.array(marks).reshape(len(marks), low.size) * (high - low)


def _closing_in(judge: Judge, branch: int, dense: Samples) -> Samples:
    """Ever smaller grids about the best places of the last, with where limits cut their lines."""
    k = len(judge.branches[branch].axes)
    if not k:
        return dense
    cell = 1.0 / (_PLACES[k] - 1)
    seen = together([dense, _cuts(judge, branch, dense, k)])
    best = seen.shares[seen.order[0], :k]
    for _ in range(_ROUNDS):
        parts = [seen]
        for centre in seen.shares[seen.order[:_CENTRES], :k]:
            low, high = np.maximum(centre - cell, 0.0), np.minimum(centre + cell, 1.0)
            box = judge.at(branch, _box(low, high, _CLOSER[k]))
            parts += [box, _cuts(judge, branch, box, k)]
        seen = together(parts)
        last, best = best, seen.shares[seen.order[0], :k]
        if np.abs(best - last).max() <= cell / 2:
            cell *= 0.4
        if cell < _FINEST[k]:
            break
    return seen


def _cuts(judge: Judge, branch: int, grid: Samples, k: int) -> Samples:
    """Places on lines of a grid where limits begin to be broken; the most promising ones."""
    n = round(grid.value.size ** (1.0 / k))
    index = np.arange(grid.value.size).reshape((n,) * k)
    pairs = np.concatenate(
        [
            np.stack([np.moveaxis(index, i, 0)[:-1].ravel(), np.moveaxis(index, i, 0)[1:].ravel()])
            for i in range(k)
        ],
        axis=1,
    )
    kept = grid.kept[pairs]
    pairs = pairs[:, kept[0] != kept[1]]
    pairs = np.where(grid.kept[pairs[:1]], pairs, pairs[::-1])  # first the one that keeps them
    pairs = pairs[:, np.argsort(grid.value[pairs].min(axis=0))[:_LINES]]
    inside, outside = grid.shares[pairs[0], :k], grid.shares[pairs[1], :k]
    parts = [grid.where(np.zeros(0, dtype=np.int64))]
    for _ in range(_HALVINGS if pairs.size else 0):
        middle = (inside + outside) / 2
        parts.append(judge.at(branch, middle))
        keeps = parts[-1].kept[:, None]
        inside, outside = np.where(keeps, middle, inside), np.where(keeps, outside, middle)
    return together(parts)


def _above(judge: Judge, found: Samples, grid: Samples) -> float:
    """How far the planner's best is above the grid's, nats; infinite where it alone breaks limits.

    Where neither keeps the limits it is how much more of them the planner breaks; where only the
    grid breaks them the planner is not above it.
    """
    mine, its = found.where(found.order[:1]), grid.where(grid.order[:1])
    kept = bool(mine.kept[0]), bool(its.kept[0])
    if kept == (False, True):
        return float("inf")
    if kept == (True, False):
        return 0.0
    if kept == (False, False):
        level = float(np.mean([loss[0] for loss in its.losses.values()]))
        return level * float(mine.broken[0] - its.broken[0])
    a, b = float(mine.value[0]), float(its.value[0])
    if judge.aim.kind == "cheapest":
        return _worth(judge, mine) * float(np.log(a / b))
    return float(np.log(a / b)) if judge.aim.measure == "perplexity" else a - b


def _worth(judge: Judge, mine: Samples) -> float:
    """Nats of the limited loss that a factor of e in steps is worth at a recipe."""
    branch = int(mine.branch[0])
    axes = [axis.name for axis in judge.branches[branch].axes]
    place = mine.shares[0, : len(axes)]
    i = axes.index("steps")
    rows = np.repeat(place[None], 2, axis=0)
    rows[:, i] = np.clip(place[i] + np.array([-0.02, 0.02]), 0.0, 1.0)
    near = judge.at(branch, rows)
    apart = float(np.log(near.costs["steps"][1] / near.costs["steps"][0]))
    roles = [limit.quantity for limit in judge.limits if not limit.is_cost]
    return max(abs(float(near.losses[role][1] - near.losses[role][0])) / apart for role in roles)


def measure(
    problems: int = 200, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Compare the planner with grids on random problems, and time a plan.

    Args:
        problems: number of them; their seeds count from 0.
        progress: is told of what is done.
    """
    began = time.perf_counter()
    done: list[Compared] = []
    for seed in range(problems):
        done.append(compare(problem(seed)))
        if (seed + 1) % 10 == 0 or seed + 1 == problems:
            progress(f"{seed + 1} of {problems} problems")
    return {**_summary(done), "plan": timed_plan(), "seconds": time.perf_counter() - began}


def _summary(done: Sequence[Compared]) -> dict[str, Any]:
    dense = np.array([c.dense for c in done])
    closer = np.array([c.closer for c in done])
    looked, seconds = sum(c.looked_at for c in done), sum(c.seconds for c in done)
    return {
        "problems": len(done),
        "agree": int((np.abs(closer) <= AGREE).sum()),
        "missed": int((closer > AGREE).sum()),
        "better": int((closer < -AGREE).sum()),
        "beaten_by_dense": int((dense > AGREE).sum()),
        "worst": _number(closer.max()),
        "mean": _number(np.abs(closer).mean()),
        "worst_of_dense": _number(dense.max()),
        "feasible": sum(c.feasible for c in done),
        "inside": sum(c.inside for c in done),
        "recipes_a_second": looked / seconds,
        "looked_at": looked / len(done),
        "grid_size": sum(c.grid_size for c in done) / len(done),
        "rows": [_row(c) for c in done],
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _row(one: Compared) -> dict[str, Any]:
    return {
        "seed": one.problem.seed,
        "problem": one.problem.words,
        "feasible": one.feasible,
        "inside": one.inside,
        "above_dense": _number(one.dense),
        "above": _number(one.closer),
        "looked_at": one.looked_at,
        "seconds": one.seconds,
    }


def timed_plan() -> dict[str, Any]:
    """What a whole plan with three free knobs and 200 refits takes, on the bundled runs."""
    fresh = replace(fitted())  # without the refits that the other may keep
    knobs = Knobs(
        Numbers((2e-4, 2e-3), True),
        Numbers((300, 2400), True),
        ("base",),
        ("wsd",),
        decay=Numbers((0.05, 0.95), True),
    )
    made = plan(fresh, "cpt=1 pt=0.3", knobs, ["pt<=+20%"])
    return {"seconds": made.seconds, "looked_at": made.looked_at}


def to_text(result: dict[str, Any]) -> str:
    """The figures in a few lines, and the problems that do not agree."""
    off = [
        f"  seed {row['seed']}: {number(row['above'], 3)} nats above the grid; {row['problem']}"
        if row["above"] is not None
        else f"  seed {row['seed']}: breaks limits that the grid keeps; {row['problem']}"
        for row in result["rows"]
        if row["above"] is None or abs(row["above"]) > AGREE
    ]
    made = result["plan"]
    lines = [
        f"{result['agree']} of {result['problems']} random problems agree with a grid to "
        f"{AGREE:g} nats; the planner misses the optimum in {result['missed']} and is better than "
        f"the grid in {result['better']}.",
        *off,
        f"Mean difference {_nats(result['mean'])}, the planner worse by {_nats(result['worst'])} "
        f"at most (of the plain dense grid: {_nats(result['worst_of_dense'])}).",
        f"{result['looked_at']:,.0f} recipes a problem, "
        f"{result['recipes_a_second']:,.0f} a second; "
        f"{result['grid_size']:,.0f} on the grids. {result['feasible']} problems can be solved; "
        f"{result['inside']} have an optimum that is not a corner.",
        f"A plan with three free knobs and 200 refits: {made['seconds']:.1f} s, "
        f"{made['looked_at']:,} recipes.",
    ]
    return "\n".join(map(wrapped, lines))


def _nats(value: float | None) -> str:
    return "without bound" if value is None else f"{number(value, 2)} nats"
