"""Recipes a second of a plan, against a loop over forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.plan.aim import Aim
from cptlaw.decisions.plan.judge import Judge, end
from cptlaw.decisions.plan.knobs import Knobs
from cptlaw.decisions.plan.options import PlanOptions
from cptlaw.decisions.plan.planning import plan
from cptlaw.decisions.plan.problem import judge_of
from cptlaw.decisions.plan.search import lattice
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import with_refits
from cptlaw.forecasting.forecast import forecast
from cptlaw.output.store import from_json, to_json
from cptlaw.page import table
from cptlaw.studies import datasets
from cptlaw_evidence.timing import Progress, by_turns, median, ratio

STUDY = "tiny-cpt"
GOAL = "cpt=1 pt=0.3"
KNOBS = Knobs(peak="2e-4..1e-3", steps="300..800", replay="0..0.5", after="base")
SOME, FEW = 40, 5  # recipes that are evaluated one by one, and that are forecast


def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Plan on the bundled runs, and evaluate its recipes one by one."""
    progress(f"fitting {STUDY} ...")
    stored = to_json(with_refits(fit(datasets.load(STUDY))))
    aim = Aim.parse(GOAL)
    progress("plans, and recipes one by one ...")

    def judge(fitted: Fit) -> Judge:
        return judge_of(fitted, aim, (), KNOBS, PlanOptions())

    shares = lattice(3, fine=True)
    some = shares[:: len(shares) // SOME]
    taken, given = by_turns(
        rounds,
        lambda: from_json(stored, Fit),
        {
            "plan": lambda fitted: plan(fitted, GOAL, KNOBS).looked_at,
            "judged": lambda fitted: judge(fitted).at(0, shares).value,
            "law": lambda fitted: _laws(judge(fitted), some),
            "forecast": lambda fitted: _forecasts(judge(fitted), some[:FEW]),
        },
    )
    counts = {"judged": len(shares), "law": len(some), "forecast": FEW}
    each = {name: [s / n for s in taken[name]] for name, n in counts.items()}
    alike = np.abs(given["judged"][:: len(shares) // SOME] - given["law"]).max()
    return {
        "study": STUDY,
        "goal": GOAL,
        "plan_seconds": median(taken["plan"]),
        "looked_at": given["plan"],
        "recipes": len(shares),
        "difference": float(alike),
        "ways": [
            {
                "way": name,
                "each_seconds": median(each[name]),
                "ratio": ratio(each[name], each["judged"]),
            }
            for name in counts
        ],
    }


def _laws(judge: Judge, shares: FloatArray) -> FloatArray:
    """What is made low, of one recipe after the other: the law at the last step."""
    found: list[float] = []
    for recipe in judge.maker.recipes(judge.branches[0], shares):
        place = end(recipe, judge.fit)
        losses = {role: judge.fit.domain(role).loss(place) for role in judge.roles}
        found.append(float(judge.aim.value(losses, judge.reference.losses, {})[0]))
    return np.array(found)


def _forecasts(judge: Judge, shares: FloatArray) -> list[float]:
    """The same by a forecast of each, which has its whole curve and intervals."""
    found: list[float] = []
    for recipe in judge.maker.recipes(judge.branches[0], shares):
        told = forecast(judge.fit, recipe.schedule, after="base", replay=recipe.replay)
        found.append(told.domains["cpt"].final)
    return found


def text(result: Mapping[str, Any]) -> str:
    """The measurement as a table."""
    words = {
        "judged": f"ours, {result['recipes']} at once",
        "law": "the law at the last step, one by one",
        "forecast": "a forecast of each, curve and intervals",
    }
    rows = [
        (
            words[way["way"]],
            f"{1e3 * way['each_seconds']:.3f}",
            f"{1 / way['each_seconds']:,.0f}",
            f"{way['ratio']:.1f}",
        )
        for way in result["ways"]
    ]
    headers = ("recipes", "ms each", "a second", "times ours")
    return "\n".join(
        [
            table(headers, rows, f"Recipes of a plan, {result['study']}, goal {result['goal']}"),
            f"The largest difference of at once and one by one: {result['difference']:.0e} nats. A "
            f"whole plan of three knobs looks at {result['looked_at']:,} recipes, and asks 200 "
            f"refits: {result['plan_seconds']:.2f} s.",
        ]
    )
