"""Whether intervals of profiles and of comparisons hold: runs and errors simulated one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.profile import profile
from cptlaw.fitting.uncertainty import limits
from cptlaw.forecasting.held_out import HeldOutCurve, resampled_means
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

MEMORIES = (0.0, 0.7, 0.9)
RUNS = (2, 3, 6, 12)
LEVEL = 0.9
_TRUTH = {"L0": 2.5, "A": 0.6, "alpha": 0.5, "C": 0.4, "lambda": 0.999}
_NOISE = 1e-3  # relative
_POINTS, _EVALUATIONS = 120, 40
_ERROR, _OF_RUNS = 1e-2, 1e-3  # of both laws on average, and by which a run's own differs
_DRAWS = 400

Row = dict[str, Any]


def profiles(count: int, progress: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Share of runs of Eq. 1 whose profile of alpha holds the true value.

    Args:
        count: runs for each memory of the residuals.
        progress: is told of each memory.
    """
    rows: list[Row] = []
    options = FitOptions(Convention(), fixed={"lambda": _TRUTH["lambda"]})
    for memory in MEMORIES:
        progress(f"profiles of {count} runs, residuals that remember {memory:g} ...")
        found = [
            profile(fit(_run(seed, memory), "eq1", options), "loss", "alpha", level=LEVEL)
            for seed in range(count)
        ]
        held = [p.interval.low <= _TRUTH["alpha"] <= p.interval.high for p in found]
        rows.append({"memory": memory, "coverage": float(np.mean(held))})
    return rows


def comparisons(count: int, progress: Callable[[str], None] = lambda _: None) -> list[Row]:
    """Share of comparisons of two laws, alike on average, whose interval holds 0.

    Args:
        count: comparisons for each number of held-out runs.
        progress: is told of each number of runs.
    """
    rows: list[Row] = []
    for runs in RUNS:
        progress(f"{count} comparisons on {runs} runs ...")
        held = 0
        for seed in range(count):
            random = np.random.default_rng([runs, seed])
            first, second = (resampled_means(_errors(runs, random), _DRAWS, seed) for _ in "ab")
            low, high = limits(first - second, LEVEL)
            held += bool(low <= 0 <= high)
        rows.append({"runs": runs, "coverage": held / count})
    return rows


def pieces_text(result: Row) -> str:
    """Both as tables."""
    level, count = f"{100 * LEVEL:g} %", result["pieces"]
    first = [(f"{row['memory']:g}", _percent(row)) for row in result["profiles"]]
    second = [(str(row["runs"]), _percent(row)) for row in result["comparisons"]]
    return "\n\n".join(
        [
            table(
                ("a residual remembers", "held"),
                first,
                f"{count} runs of Eq. 1 each: how often the {level} profile of alpha holds",
            ),
            table(
                ("held-out runs", "held"),
                second,
                f"{count} comparisons of equal laws each: how often the {level} interval holds 0",
            ),
        ]
    )


def _percent(row: Row) -> str:
    return f"{100 * row['coverage']:.0f} %"


def _run(seed: int, memory: float) -> Study:
    """A run of Eq. 1 whose log residuals remember a share of those before them."""
    schedule = Schedule.wsd(2e-4, 30_000, 6_000, warmup=500)
    step = np.unique(np.linspace(600, 30_000, _POINTS).astype(np.int64))
    place = Points.along(History(schedule.lr(), np.empty(0)), step, Convention())
    law = catalog.get("eq1", catalog.Facts("loss"))
    off = _NOISE * remembering(np.random.default_rng(seed), step.size, memory)
    loss = law.loss(place, _TRUTH) * np.exp(off)
    return Study({"loss": "loss"}, (Run("a", {"loss": Curve(step, loss)}, schedule=schedule),))


def _errors(runs: int, random: np.random.Generator) -> list[HeldOutCurve]:
    """Errors of a law on some runs, each of which it misses a little more or less."""
    step = np.arange(_EVALUATIONS)
    return [
        HeldOutCurve("law", str(i), "pt", "", step, _ERROR + own + _noisy(random), step)
        for i, own in enumerate(random.normal(0.0, _OF_RUNS, runs))
    ]


def _noisy(random: np.random.Generator) -> FloatArray:
    return _NOISE * remembering(random, _EVALUATIONS, MEMORIES[1])


def remembering(random: np.random.Generator, count: int, memory: float) -> FloatArray:
    """Normal numbers of variance 1, each with a share of the one before it, shape (count,)."""
    found = np.empty(count)
    last = random.normal()
    fresh = random.normal(0.0, np.sqrt(1.0 - memory**2), count)
    for i in range(count):
        last = memory * last + fresh[i]
        found[i] = last
    return found
