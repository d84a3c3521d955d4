"""What lies around the best recipe: what is nearly as good, what each knob does, the trade-offs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import BoolArray, FloatArray
from cptlaw.decisions.plan.aims import Aim
from cptlaw.decisions.plan.judging import Judge, Samples
from cptlaw.decisions.plan.knobs import Axis
from cptlaw.decisions.plan.recipe import Recipe
from cptlaw.decisions.plan.search import Search, descend

FLAT = 0.002  # nats of the value, that count as no difference
_FLAT_COST = 0.01  # share of the cost
_SCANNED = 33  # values of one knob, the others as they are
_SCANS = 4  # at most
_FRONT = 24  # recipes
_APART = 0.003  # nats, or
_APART_COST = 0.03  # of the spread of a cost: recipes of a front that are nearer are one


@dataclass(frozen=True)
class KnobEffect:
    """What one knob does at the best recipe.

    Args:
        name: of the knob.
        value: at the best recipe.
        low: lowest value that was allowed.
        high: highest value that was allowed.
        flat: lowest and highest value that is nearly as good, the other knobs left as they are.
        flat_free: the same if the other knobs may follow.
        rise: what the value rises by at `low` and at `high`, the other knobs left as they are;
            infinite where a limit is broken there.
        tried: values from `low` to `high`, shape (n,), the other knobs left as they are.
        above: by how much the aim's value is above the best one there, shape (n,); infinite where
            a limit is broken.
    """

    name: str
    value: float
    low: float
    high: float
    flat: tuple[float, float]
    flat_free: tuple[float, float]
    rise: tuple[float, float]
    tried: tuple[float, ...] = ()
    above: tuple[float, ...] = ()


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


def tolerance(aim: Aim, value: float) -> float:
    """A difference of the value that counts as none: 0.002 nats, or what is as much."""
    if aim.kind == "cheapest":
        return _FLAT_COST * abs(value)
    if aim.measure == "perplexity":
        return FLAT * abs(value)
    if aim.measure == "bits-per-byte":
        assert aim.bytes_per_token is not None
        return FLAT / math.log(2.0) / min(aim.bytes_per_token[role] for role in aim.weights)
    return FLAT


def effects(search: Search) -> tuple[KnobEffect, ...]:
    """What each axis of the best branch does, from its best place.

    A scan may come upon a better place; then it is done again from there.
    """
    found: tuple[KnobEffect, ...] = ()
    for _ in range(_SCANS):
        best = search.samples.where(np.array([0]))
        found = _scanned(search, *best.first)
        now = search.samples
        same = np.array_equal(now.shares[0], best.shares[0], equal_nan=True)
        if same and now.branch[0] == best.branch[0]:
            break
    return found


def _scanned(search: Search, branch: int, place: FloatArray) -> tuple[KnobEffect, ...]:
    """What each axis of a branch does, from a place."""
    judge = search.judge
    found: list[KnobEffect] = []
    best = float(search.samples.value[0])
    near = tolerance(judge.aim, best)
    scans: list[tuple[FloatArray, Samples]] = []
    for i in range(place.size):
        marks = np.unique(np.append(np.linspace(0.0, 1.0, _SCANNED), place[i]))
        rows = np.repeat(place[None], marks.size, axis=0)
        rows[:, i] = marks
        scans.append((marks, search.look(branch, rows)))
    samples = search.samples
    mine = samples.where((samples.branch == branch) & samples.kept)
    good = mine.where(mine.value <= best + near)
    for i, (axis, (marks, scan)) in enumerate(zip(judge.branches[branch].axes, scans, strict=True)):
        value = np.where(scan.kept, scan.value, np.inf)
        flat = _stretch(marks, value - best - near, float(place[i]))
        free = good.shares[:, i] if good.value.size else place[i : i + 1]
        wide = min(flat[0], float(free.min())), max(flat[1], float(free.max()))
        rise = float(value[0] - best), float(value[-1] - best)
        found.append(
            KnobEffect(
                axis.name,
                _value(axis, float(place[i])),
                axis.low,
                axis.high,
                (_value(axis, flat[0]), _value(axis, flat[1])),
                (_value(axis, wide[0]), _value(axis, wide[1])),
                (max(rise[0], 0.0), max(rise[1], 0.0)),
                tuple(axis.at(marks).tolist()),
                tuple((value - best).tolist()),
            )
        )
    return tuple(found)


def _value(axis: Axis, share: float) -> float:
    return float(axis.at(np.array([share]))[0])


def _stretch(x: FloatArray, over: FloatArray, at: float) -> tuple[float, float]:
    """Ends of the stretch about `at` where `over` is not above 0, straight between places."""
    middle = int(np.argmin(np.abs(x - at)))
    ends = [at, at]
    for side, step in ((0, -1), (1, 1)):
        i = middle
        while 0 <= i + step < x.size and over[i + step] <= 0:
            i += step
        ends[side] = float(x[i])
        if 0 <= i + step < x.size and np.isfinite(over[i + step]) and over[i] <= 0:
            share = -over[i] / (over[i + step] - over[i])
            ends[side] += float(share * (x[i + step] - x[i]))
    return min(ends[0], at), max(ends[1], at)


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
        "after": [judge.kitchen.starts[b.start].text for b in judge.branches],
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
        extra: keys of `aims.COSTS` that count too.
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
    if judge.kitchen.data == "cpt":
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
    own = replace(branch, family="cosine", decay_shape="", start=judge.kitchen.starts.index(start))
    return judge.kitchen.recipe(own, values)
