"""Random planning problems, for the planner to be tried on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.judge import Judge
from cptlaw.decisions.plan.knobs import FAMILIES, Family, Knobs, Numbers
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.options import PlanOptions
from cptlaw.decisions.plan.problem import judge_of
from cptlaw.decisions.plan.samples import Samples, together
from cptlaw.fitting import published
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.laws.law import Law
from cptlaw.studies import datasets

_LAWS = ("fineweb-kp-106m", "fineweb-kp-594m", "fineweb-kp-106m-r", "fineweb-kp-106m-eq10")
_BASES = (
    "warmup 100 to 2e-4 | constant 3900",
    "warmup 100 to 2e-4 | constant 3100 | linear 800 to 0",
)
OURS = "tiny-cpt"
_SHAPE = {"decay": (0.05, 0.95), "end": (0.0, 0.5), "warmup": (0.0, 0.3), "replay": (0.0, 0.6)}
_RANGES = {
    True: {"peak": (1e-4, 2e-3), "steps": (200, 2500), **_SHAPE},
    False: {"peak": (2e-5, 4e-4), "steps": (500, 6000), **_SHAPE},
}
"""Whether it is the bundled fit -> knob -> range."""


@dataclass(frozen=True)
class Problem:
    """A planning problem.

    Args:
        seed: that made it.
        words: what it is.
        judge: what judges its recipes.
    """

    seed: int
    words: str
    judge: Judge


@cache
def fitted() -> Fit:
    """The law that is fitted to the bundled runs."""
    return fit(datasets.load(OURS))


def problem(seed: int) -> Problem:
    """A random problem: one to three numbers within ranges, random families, goal and limits."""
    random = np.random.default_rng(seed)
    name = str(random.choice((*_LAWS, OURS, OURS)))
    law = fitted() if name == OURS else published.load(name)
    aim = _aim(random)
    knobs = _knobs(random, law.domain("pt").law, name == OURS, aim.kind == "cheapest")
    base = None if name == OURS else str(random.choice(_BASES))
    judge = judge_of(law, aim, (), knobs, PlanOptions(data="cpt", base_schedule=base))
    limits = _limits(random, judge)
    said = [f"{aim.text} ({aim.measure})", *(limit.text for limit in limits), *_said(judge)]
    return Problem(seed, f"{name}: {'; '.join(said)}", replace(judge, limits=limits))


def _aim(random: np.random.Generator) -> Aim:
    kind = str(random.choice(("sum", "sum", "worst", "cheapest")))
    if kind == "cheapest":
        return Aim("cheapest", {}, cost="steps")
    if kind == "worst":
        return Aim("worst", {"cpt": 1.0, "pt": round(float(random.uniform(0.6, 1.0)), 2)})
    weights = {"cpt": 1.0, "pt": round(float(random.uniform(0.05, 1.5)), 2)}
    chosen = {role: weights[role] for role in (("cpt",), ("cpt", "pt"))[random.integers(2)]}
    measure = ("loss", "change", "perplexity")[random.integers(3)]
    return Aim("sum", chosen, measure)


def _knobs(random: np.random.Generator, law: Law, ours: bool, cheapest: bool) -> Knobs:
    """Knobs of which one to three vary; a free schedule's drops count among them."""
    ranges = _RANGES[ours]
    free = [name for name in ranges if name != "replay" or law.sees("replay")]
    count = int(random.integers(1, 4))
    chosen = ["steps"] if cheapest else []
    chosen += [name for name in random.permutation(free).tolist() if name not in chosen]
    chosen, families = _families(random, chosen[:count])
    values: dict[str, Any] = {
        name: Numbers(ends, True) if name in chosen else _fixed(random, name, ends)
        for name, ends in ranges.items()
        if name != "replay" or name in chosen
    }
    few = 1 if count > 2 else 2  # choices of what is listed, so that a dense grid stays small
    shapes = tuple(random.permutation(("linear", "sqrt", "cosine")).tolist()[:few])
    after = ("base", "base@1200")[: int(random.integers(1, few + 1))] if ours else (None,)
    return Knobs(**values, after=after, family=families, decay_shape=shapes, knots=2)


def _families(
    random: np.random.Generator, chosen: list[str]
) -> tuple[list[str], tuple[Family, ...]]:
    """One or two families, with WSD where its decay varies; or free schedules, and less else."""
    some = [f for f in random.permutation(FAMILIES).tolist() if f != "free"][:2]
    some = some[: int(random.integers(1, 3))]
    if len(chosen) < 3 and random.random() < 0.2:
        return chosen[:1], ("free",)  # its drops are axes
    return chosen, tuple(dict.fromkeys([*(["wsd"] if "decay" in chosen else []), *some]))


def _fixed(random: np.random.Generator, name: str, ends: tuple[float, float]) -> float:
    value = float(random.uniform(*ends))
    return float(round(value)) if name == "steps" else value


def _said(judge: Judge) -> list[str]:
    """The branches, as words."""
    axes = dict.fromkeys(axis.name for branch in judge.branches for axis in branch.axes)
    families = dict.fromkeys(branch.family for branch in judge.branches)
    return [f"free: {', '.join(axes)}", f"{', '.join(families)} ({len(judge.branches)} branches)"]


def _limits(random: np.random.Generator, judge: Judge) -> tuple[Limit, ...]:
    """None to two limits, at what random recipes reach; one in twenty cannot be kept."""
    looked = _scattered(random, judge)
    bound = random.random() < 0.05
    count = max(int(random.integers(0, 3)), judge.aim.kind == "cheapest")
    found: list[Limit] = []
    for role in random.permutation(("cpt", "pt")).tolist()[:count]:
        level = float(np.quantile(looked.losses[role], random.uniform(0.1, 0.7)))
        if bound and not found:
            level = float(looked.losses[role].min()) - 0.3
        kind = "nats" if random.random() < 0.3 else "absolute"
        taken = judge.reference.losses[role] if kind == "nats" else 0.0
        found.append(Limit(role, level - taken, kind))
    steps = looked.costs["steps"]
    if judge.aim.kind != "cheapest" and np.ptp(steps) > 0 and random.random() < 0.5:
        found.append(Limit("steps", float(np.quantile(steps, random.uniform(0.2, 0.8)))))
    return tuple(found)


def _scattered(random: np.random.Generator, judge: Judge) -> Samples:
    each = enumerate(judge.branches)
    return together([judge.at(i, random.uniform(size=(12, len(b.axes)))) for i, b in each])
