"""Other recipes beside the best one: other choices, the trade-offs, and what many do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.decisions.plan.judge import Judge
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.samples import Samples
from cptlaw.decisions.plan.search import Search, descend

_FRONT = 24  # recipes
_APART = 0.003  # nats, or
_APART_COST = 0.03  # of the spread of a cost: recipes of a front that are nearer are one


@dataclass(frozen=True)
class Alternative:
    """The best that another choice of what is listed gives.

    Args:
        knob: "after", "family", "decay_shape", or a listed number.
        choice: its value, as text.
        value: of the aim.
        behind: by how much it is higher than the best; infinite where no limit can be kept.
    """

    knob: str
    choice: str
    value: float
    behind: float


def walk_to_alternatives(search: Search) -> None:
    """Walk down to the best of every choice of what is listed."""
    for choices in _listed(search.judge).values():
        for choice in filter(None, dict.fromkeys(choices)):
            one = _of_choice(search.samples, choices, choice)
            branch, place = one.first
            if place.size:
                descend(search, branch, place)


def alternatives(search: Search) -> tuple[Alternative, ...]:
    """The best of every other choice of what is listed; none where the limits cannot be kept."""
    samples = search.samples
    best_branch, best = int(samples.branch[0]), float(samples.value[0])
    found: list[Alternative] = []
    if not samples.kept[0]:
        return ()
    for knob, choices in _listed(search.judge).items():
        for choice in filter(None, dict.fromkeys(choices)):
            if choice == choices[best_branch] or not choices[best_branch]:
                continue
            one = _of_choice(samples, choices, choice)
            value = float(one.value[0]) if one.kept[0] else math.inf
            found.append(Alternative(knob, choice, value, max(value - best, 0.0)))
    return tuple(sorted(found, key=lambda a: (a.knob, a.behind)))


def _of_choice(samples: Samples, choices: Sequence[str], choice: str) -> Samples:
    """The samples whose branch makes that choice, best first."""
    mine = np.array([c == choice for c in choices])
    return samples.where(mine[samples.branch])


def _listed(judge: Judge) -> dict[str, list[str]]:
    """Knob -> its choice in every branch, as text, of those that differ; "" where there is none."""
    found: dict[str, list[str]] = {
        "after": [judge.maker.starts[b.start].text for b in judge.branches],
        "family": [b.family for b in judge.branches],
        "decay_shape": [b.decay_shape for b in judge.branches],
    }
    for name in dict.fromkeys(n for b in judge.branches for n, _ in b.fixed):
        values = [dict(b.fixed).get(name) for b in judge.branches]
        found[name] = ["" if v is None else f"{v:g}" for v in values]
    return {knob: c for knob, c in found.items() if len(set(filter(None, c))) > 1}


def front(judge: Judge, samples: Samples, extra: Sequence[str] = ()) -> Samples:
    """Recipes of which none is better in every domain and in cost, at most two dozen.

    Args:
        judge: what judged them.
        samples: recipes.
        extra: keys of `COSTS` that count too.
    """
    kept = samples.where(samples.kept)
    if not kept.value.size:
        return kept
    columns = [kept.losses[role] for role in judge.roles] + [kept.costs[c] for c in extra]
    points = np.stack(columns, axis=1)
    chosen = np.flatnonzero(_undominated(points))
    chosen = chosen[np.argsort(points[chosen, len(judge.roles) - 1])]
    scale = np.append(np.full(len(judge.roles), _APART), [_APART_COST] * len(extra))
    scaled = points / np.append(
        np.ones(len(judge.roles)), np.ptp(points, axis=0)[len(judge.roles) :]
    )
    told: list[int] = []
    for i in chosen.tolist():
        if all((np.abs(scaled[i] - scaled[j]) > scale).any() for j in told):
            told.append(i)
    if len(told) > _FRONT:
        told = [told[i] for i in np.linspace(0, len(told) - 1, _FRONT).round().astype(int)]
    return kept.where(np.array(told, dtype=np.int64))


def _undominated(points: FloatArray) -> BoolArray:
    """Which of n points no other is below in every column, shape (n, columns)."""
    order = np.lexsort(points.T[::-1])
    found = np.zeros(len(points), dtype=np.bool_)
    front: list[FloatArray] = []
    for i in order.tolist():
        rivals = np.array(front).reshape(-1, points.shape[1])
        if not (rivals <= points[i] + 1e-12).all(axis=1).any():
            front.append(points[i])
            found[i] = True
    return found


def varying_costs(recipes: Samples) -> tuple[str, ...]:
    """The cost that a trade-off is about: none where all cost the same."""
    for name in ("tokens", "steps"):
        if name in recipes.costs:
            costs = recipes.costs[name]
            return (name,) if costs.size and float(np.ptp(costs)) > 0 else ()
    return ()


def default_recipe(judge: Judge, best: Recipe) -> Recipe | None:
    """What many do: a tenth of the base's peak, cosine to 0, no replay; of the best one's length.

    None where the base's peak is not known.
    """
    start = best.start
    if start.history.unknown_base is not None:
        return None
    lr = start.history.pt_lr
    branch = judge.branches[0]
    ranges = [judge.fit.domain(role).ranges for role in judge.roles]
    if judge.maker.data == "cpt":
        known = [r["pt_peak_lr"][1] for r in ranges if "pt_peak_lr" in r]
        peak = float(lr.max()) if lr.size else max(known, default=0.0)
        share, end = 0.1, 0.0
    else:
        peak = max((r["pt_peak_lr"][1] for r in ranges if "pt_peak_lr" in r), default=0.0)
        share, end = 1.0, 0.1
    if not peak > 0:
        return None
    values = {"peak": share * peak, "steps": best.values["steps"], "warmup": 0.01, "end": end}
    if "batch_tokens" in best.values:
        values["batch_tokens"] = best.values["batch_tokens"]
    own = replace(branch, family="cosine", decay_shape="", start=judge.maker.starts.index(start))
    return judge.maker.recipe(own, values)
