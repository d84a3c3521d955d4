"""Whether intervals of derived numbers hold: studies simulated from the paper's coefficients.

The runs are those of a small real study; noise is that of real curves: neighbouring evaluations
are alike, and every run has an offset of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.analysis import optimal_peak, turning_length
from cptlaw.fitting import published
from cptlaw.fitting.fit import fit
from cptlaw.fitting.observations import observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import Fit
from cptlaw.fitting.uncertainty import Interval, bootstrap, interval
from cptlaw.laws.areas import Convention
from cptlaw.page import table
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study
from cptlaw_evidence.coverage.pieces import comparisons, pieces_text, profiles, remembering

NAME = "fineweb-kp-106m"
_PEAK, _BASE, _EVERY = 2e-4, 40_000, 200
_NOISE, _ALIKE, _OFFSET = 1e-3, 0.7, 5e-4  # relative
_REFITS = 120
_BEYOND_FEW = ("annealed", "two-stage", "quarter")  # a base, a constant CPT and a cosine are left
_PIECES = 5  # profiles and comparisons, which are quick, for each study
LEVEL = 0.9


@dataclass(frozen=True)
class Quantity:
    """A number that a fit decides, in words, and how it is computed from a fit or its refits."""

    words: str
    of: Callable[[Fit], float]


def coverage(count: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Share of simulated studies whose 90 % intervals hold the true value.

    Args:
        count: number of studies, each with all its runs and with few.
        progress: is told of every tenth.
    """
    truth = published.load(NAME)
    exact = {q.words: q.of(truth) for q in _quantities(truth)}
    held: dict[str, list[tuple[bool, bool]]] = {words: [] for words in exact}
    for seed in range(count):
        if seed % 10 == 0:
            progress(f"study {seed + 1} of {count} ...")
        whole = study(truth, seed)
        found = [_intervals(each, seed) for each in (whole, whole.without(_BEYOND_FEW))]
        for words, value in exact.items():
            every, few = (each[words].low <= value <= each[words].high for each in found)
            held[words].append((every, few))
    rows = [
        {
            "quantity": words,
            "true": value,
            "coverage": float(np.mean([every for every, _ in held[words]])),
            "coverage_of_few": float(np.mean([few for _, few in held[words]])),
        }
        for words, value in exact.items()
    ]
    more = count * _PIECES
    return {
        "rows": rows,
        "studies": count,
        "level": LEVEL,
        "coefficients": NAME,
        "pieces": more,
        "profiles": profiles(more, progress),
        "comparisons": comparisons(more, progress),
    }


def _intervals(study: Study, seed: int) -> dict[str, Interval]:
    """Of each quantity, after a fit of a study."""
    given = {"lambda": 0.999}
    fitted = fit(study, "paper", options=FitOptions(Convention(), fixed=given))
    ensemble = bootstrap(fitted, _REFITS, seed)
    return {q.words: interval(ensemble, q.of, LEVEL) for q in _quantities(fitted)}


def coverage_text(result: dict[str, Any]) -> str:
    """The measurement as tables."""
    rows = [
        (
            row["quantity"],
            f"{row['true']:.4g}",
            f"{100 * row['coverage']:.0f} %",
            f"{100 * row['coverage_of_few']:.0f} %",
        )
        for row in result["rows"]
    ]
    title = (
        f"{result['studies']} studies simulated from {result['coefficients']}: how often "
        f"{100 * result['level']:g} % intervals hold"
    )
    derived = table(("quantity", "true", "six runs", "three runs"), rows, title)
    return f"{derived}\n\n{pieces_text(result)}"


def study(truth: Fit, seed: int) -> Study:
    """A base, a branch of it that anneals, four continuations, with noise."""
    random = np.random.default_rng(seed)
    return measured(_blank(), truth, Convention(), lambda _role, _run, n: _noise(n, random))


def measured(
    blank: Study,
    truth: Fit,
    convention: Convention,
    noise: Callable[[str, Run, int], FloatArray],
) -> Study:
    """A study with the losses of a truth in place of its own.

    Args:
        blank: runs with D_pt and D_cpt evaluations, whatever their losses.
        truth: what predicts the losses.
        convention: of the truth.
        noise: (role, run, n) -> logarithms by which n losses are off, shape (n,).
    """
    curves: dict[str, dict[str, Curve]] = {run.name: {} for run in blank.runs}
    for role in ("pt", "cpt"):
        observed = observe(blank, role, convention)
        loss = truth.domain(role).loss(observed.points)
        for index, name in enumerate(observed.runs):
            mine = observed.run == index
            off = noise(role, blank.run(name), int(mine.sum()))
            curves[name][role] = Curve(observed.step[mine], loss[mine] * np.exp(off))
    return replace(blank, runs=tuple(replace(r, curves=curves[r.name]) for r in blank.runs))


def _noise(count: int, random: np.random.Generator) -> FloatArray:
    return _NOISE * remembering(random, count, _ALIKE) + random.normal() * _OFFSET


def _blank() -> Study:
    base = Run("base", schedule=Schedule.constant(_PEAK, _BASE, warmup=500))
    branch = Schedule.parse("linear 8000 to 0", _PEAK)
    runs = [base, Run("annealed", schedule=branch, after="base", after_step=_BASE - 8000)]
    for name, text in (
        ("constant", "constant 20000"),
        ("two-stage", "constant 10000 | constant 10000 to 5e-5"),
        ("quarter", "constant 20000 to 5e-5"),
        ("cosine", "cosine 20000 to 0"),
    ):
        schedule = Schedule.parse(text, _PEAK)
        runs.append(Run(name, schedule=schedule, after="base", data="cpt"))
    return Study({"pt": "pt", "cpt": "cpt"}, tuple(_with_steps(run) for run in runs))


def _with_steps(run: Run) -> Run:
    step = np.arange(0 if run.after else 500, run.steps + 1, _EVERY)
    flat = Curve(step, np.full(step.size, 3.0))
    return replace(run, curves={"pt": flat, "cpt": flat})


def _quantities(fit: Fit) -> list[Quantity]:
    lr, empty = Schedule.constant(_PEAK, _BASE, warmup=500).lr(), np.empty(0)
    peaks = np.geomspace(1e-5, 6e-4, 30)
    found: list[Quantity] = []
    for share in (0.2, 0.3, 0.4):
        best = optimal_peak(
            fit,
            History(lr, empty),
            lambda peak: Schedule.constant(peak, 60_000, warmup=500),
            peaks,
            {"pt": share, "cpt": 1.0 - share},
        )
        found.append(Quantity(f"optimum peak LR, weight {share:g} on D_pt", best))
    horizon = Schedule.constant(_PEAK, 300_000)
    for start in (4000, 6000, 8000):
        back = turning_length(fit, History(lr[:start], empty), horizon, {"pt": 1.0}, every=500)
        found.append(Quantity(f"turning length of D_pt from step {start}", back))
    return found
