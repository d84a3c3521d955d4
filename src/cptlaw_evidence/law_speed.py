"""How long laws take: one evaluation, areas of long schedules, and growth with the number of runs.

CPU time of one thread. What is compared is timed by turns, so that a busy machine slows all alike.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.domain import fit_domain
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.projection import begun
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog, compiled
from cptlaw.laws.areas import Convention
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.factors.power_memory import RATES
from cptlaw.laws.points import Points
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import datasets
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.timing import Progress, by_turns, median

LAW = "effective"
STUDIES = ("tiny-cpt", "tiny-grid", "starts-1m", "grid-20m")
POINTS = 400  # on a long schedule
STEPS, LOGGED = 10_000, 1000  # of each of many runs, and points on it
AS_IS = FitOptions(convention=Convention("as-is"))


def law_speed(rounds: int, decades: int, progress: Progress = lambda _: None) -> dict[str, Any]:
    """Time an evaluation on bundled runs, areas up to 1e7 steps, fits of up to 1,000 runs.

    Args:
        rounds: how often each is timed.
        decades: up to 1, 10, 100 or 1,000 runs, and up to 1e4, ..., 1e7 steps.
        progress: is told what is running.
    """
    evaluations: list[dict[str, Any]] = []
    for name in STUDIES:
        for role in ("pt", "cpt"):
            progress(f"{name}, {role}: an evaluation ...")
            evaluations.append({"study": name, "domain": role, **_evaluation(name, role, rounds)})
    areas: list[dict[str, Any]] = []
    for steps in [10 ** (4 + i) for i in range(decades)]:
        progress(f"areas of {steps:,} steps ...")
        areas.append({"steps": steps, **_areas(steps, rounds)})
    fits: list[dict[str, Any]] = []
    for runs in [10**i for i in range(decades)]:
        progress(f"{runs:,} runs of {LOGGED:,} points ...")
        fits.append({"runs": runs, **_fit(runs)})
    return {
        "means": compiled.in_words(),
        "evaluations": evaluations,
        "areas": areas,
        "fits": fits,
        "growth_areas": _growth([row["seconds"] for row in areas]),
        "growth_fits": _growth([row["seconds"] for row in fits]),
    }


def _by_turns(rounds: int, **what: Callable[[], object]) -> dict[str, float]:
    """Median CPU seconds of each of several calls, which share what was worked out."""
    calls = {name: _alone(call) for name, call in what.items()}
    taken, _ = by_turns(rounds, lambda: None, calls)
    return {name: median(times) for name, times in taken.items()}


def _alone(call: Callable[[], object]) -> Callable[[None], object]:
    return lambda _: call()


def _growth(seconds: list[float]) -> float | None:
    """The exponent with which time grows over the last decade."""
    return math.log10(seconds[-1] / seconds[-2]) if len(seconds) > 1 else None


def _evaluation(name: str, role: str, rounds: int) -> dict[str, Any]:
    """Value and Jacobian of the default law, compiled and in NumPy, and one plain pass."""
    observed = observe(datasets.load(name), role, AS_IS.convention)
    law = catalog.get(LAW, facts(role, observed.points))
    ours = pose(law, observed, AS_IS)
    with compiled.in_numpy():
        apart = pose(law, observe(datasets.load(name), role, AS_IS.convention), AS_IS)
        apart.points.blocks  # noqa: B018 (made before anything is timed)
    shapes = np.array([s.inner(s.prior.centre) if s.prior else 0.0 for s in law.shapes])
    z = begun(ours, shapes).z

    def once(objective: Objective) -> Callable[[], object]:
        nudge = np.random.default_rng(0)
        return lambda: objective.at(z + 1e-9 * nudge.random(z.size)).jacobian

    def without(call: Callable[[], object]) -> Callable[[], None]:
        def numpy() -> None:
            with compiled.in_numpy():
                call()

        return numpy

    plain = without(lambda: plain_pass(apart.points.blocks))
    turns = {"seconds": once(ours), "numpy_seconds": without(once(apart)), "plain_seconds": plain}
    found = _by_turns(5 * rounds, **turns)
    return {"points": len(observed), "blocks": len(ours.points.blocks), **found}


def plain_pass(blocks: Blocks) -> FloatArray:
    """One pass over the blocks in NumPy: what a memory has kept of the LR, values alone, (m,)."""
    fade = np.exp(-50.0 * RATES[:, None] * (blocks.lr * blocks.steps))
    return RATES @ blocks.solve(fade, (1.0 - fade) * blocks.lr)


def _areas(steps: int, rounds: int) -> dict[str, Any]:
    """S1 and S2 of a long schedule at some points, and the cumulative sum of its LRs."""
    lr = Schedule.cosine(1e-3, steps, warmup=steps // 100).lr()
    history, places = History(lr, np.empty(0)), np.linspace(1, steps, POINTS).astype(np.int64)

    def areas() -> None:
        points = Points.along(history, places, Convention("peak"))
        _ = points.s1, points.annealing(0.999)

    return _by_turns(rounds, seconds=areas, cumsum_seconds=lambda: np.cumsum(lr))


def many_runs(runs: int) -> Study:
    """A base and CPTs from it, of three kinds of schedule, with simulated D_pt losses."""
    random = np.random.default_rng(0)
    made = [Run("base", schedule=Schedule.constant(1e-3, STEPS, warmup=100))]
    for i in range(1, runs):
        peak, kind = 1e-3 * random.uniform(0.2, 1.0), i % 3
        decay = int(random.integers(STEPS // 20, STEPS // 3))
        schedule = (
            Schedule.cosine(peak, STEPS, warmup=100),
            Schedule.constant(peak, STEPS, warmup=100),
            Schedule.wsd(peak, STEPS, decay, warmup=100),
        )[kind]
        replay = float(random.choice([0.0, 0.25]))
        made.append(Run(f"r{i}", schedule=schedule, data="cpt", after="base", replay=replay))
    step = np.arange(STEPS // LOGGED, STEPS + 1, STEPS // LOGGED)
    flat = {"x": Curve(step, np.full(step.size, 3.0))}
    study = Study({"pt": "x"}, tuple(replace(run, curves=flat) for run in made))
    observed = observe(study, "pt", AS_IS.convention)
    law = catalog.get(LAW, facts("pt", observed.points))
    likely = {s.name: s.prior.centre for s in law.shapes if s.prior}
    coefficients = {"L0": 2.4, "A": 0.5, "C": 0.3, "B": 0.3}
    noise = np.exp(random.normal(0.0, 0.003, len(observed)))
    loss = law.loss(observed.points, {**coefficients, **likely}) * noise
    ends = np.searchsorted(observed.run, np.arange(len(observed.runs) + 1))
    named = {run.name: run for run in study.runs}
    with_losses: list[Run] = []
    for name, start, end in zip(observed.runs, ends[:-1], ends[1:], strict=True):
        curve = Curve(observed.step[start:end], loss[start:end])
        with_losses.append(replace(named[name], curves={"x": curve}))
    return Study({"pt": "x"}, tuple(with_losses))


def _fit(runs: int) -> dict[str, Any]:
    """The default law fitted to many runs."""
    study = many_runs(runs)
    began = time.process_time()
    observed = observe(study, "pt", AS_IS.convention)
    found = fit_domain("pt", observed, LAW, AS_IS)
    seconds = time.process_time() - began
    return {
        "points": len(observed),
        "blocks": len(observed.points.blocks),
        "seconds": seconds,
        "mb": most_held(),
        "status": found.status,
    }


def most_held() -> float:
    """Megabytes that this process has held at most."""
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def law_speed_text(result: dict[str, Any]) -> str:
    """The measurement as tables."""
    evaluations = [
        (
            f"{r['study']}, {r['domain']}",
            *(f"{r[key]:,}" for key in ("points", "blocks")),
            *(f"{1e3 * r[key]:.2f}" for key in ("seconds", "numpy_seconds", "plain_seconds")),
            f"{r['numpy_seconds'] / r['seconds']:.1f}",
            f"{r['seconds'] / r['plain_seconds']:.2f}",
        )
        for r in result["evaluations"]
    ]
    areas = [
        (
            f"{r['steps']:,}",
            f"{1e3 * r['seconds']:.2f}",
            f"{1e3 * r['cumsum_seconds']:.2f}",
            f"{r['seconds'] / r['cumsum_seconds']:.1f}",
        )
        for r in result["areas"]
    ]
    keys = ("runs", "points", "blocks")
    fits = [
        (*(f"{r[k]:,}" for k in keys), f"{r['seconds']:.2f}", f"{r['mb']:,.0f}", r["status"])
        for r in result["fits"]
    ]
    in_all = ("domain", "points", "blocks", "ms", "NumPy ms", "plain ms", "gain", "over plain")
    growth = [(result["growth_areas"], "areas"), (result["growth_fits"], "fits")]
    told = [
        f"{what} grow with the power {power:.2f}" for power, what in growth if power is not None
    ]
    return "\n".join(
        [
            table(
                in_all,
                evaluations,
                f"An evaluation of the default law, value and Jacobian: {result['means']}",
            ),
            "  plain: one pass over the blocks in NumPy, a memory of the LR, values alone.",
            table(
                ("steps", "ms", "cumsum ms", "times"), areas, f"Areas S1 and S2 at {POINTS} points"
            ),
            table((*keys, "s", "MB", "status"), fits, f"Fits of many runs, {STEPS:,} steps each"),
            "  MB: the most that the process has held so far, with all that it did before.",
            *(f"  Over the last decade {', '.join(told)}." for _ in told[:1]),
        ]
    )
