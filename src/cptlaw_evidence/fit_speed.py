"""Speed of a fit against the paper's method, measured in one run on the same data and machine."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.page import number, table, wrapped
from cptlaw.studies import datasets

# The paper's method: scipy's L-BFGS-B on all eight parameters from a grid of starts.
GRID = {
    "L0": (2.0, 3.0),
    "A": (0.5,),
    "alpha": (0.3, 0.6),
    "C1": (0.3, 3.0),
    "C2": (0.3,),
    "B": (0.3, 1.0, 3.0),
    "E": (1.0, 10.0, 100.0),
    "beta": (0.1, 0.5),
}
LAMBDA = 0.98
_REPEATS = 3
_PAIRS = 3


def fit_speed(starts: int, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Fit Eq. 4 to the bundled D_pt and D_cpt curves by our fitter and by the paper's method.

    All methods minimise the same objective over the same points with the areas computed
    beforehand and lambda given. They are timed by turns, in seconds of the processor, so that what
    else runs on a machine slows both: a figure is the median of several pairs.

    Args:
        starts: how many starts of the grid the paper's method takes.
        progress: is told what is running.
    """
    rows: list[dict[str, Any]] = []
    for role in ("pt", "cpt"):
        ours = eq4_objective(role)
        row: dict[str, Any] = {"domain": role, "points": ours.loss.size, "starts": starts}
        mine: list[float] = []
        for name, analytic in (("numeric", False), ("analytic", True)):
            pairs: list[tuple[float, float]] = []
            for turn in range(_PAIRS):
                at = f"({turn + 1} of {_PAIRS})"
                progress(f"{role}: our fitter and L-BFGS-B, {name} gradient, {starts} starts {at}")
                seconds, value = _ours(ours)
                taken, reached, stuck = _paper(ours, starts, analytic)
                pairs.append((taken, seconds))
                row |= {
                    "ours_objective": value,
                    f"{name}_objective": reached,
                    f"{name}_starts_at_best": stuck,
                    f"{name}_excess": value / reached - 1.0,
                }
            mine += [seconds for _, seconds in pairs]
            row |= {
                f"{name}_seconds": float(np.median([taken for taken, _ in pairs])),
                f"{name}_ratio": float(np.median([taken / seconds for taken, seconds in pairs])),
            }
        rows.append(row | {"ours_seconds": float(np.median(mine))})
    total = sum(r["ours_seconds"] for r in rows)
    return {
        "lambda": LAMBDA,
        "grid": {name: list(values) for name, values in GRID.items()},
        "domains": rows,
        "ratio_numeric": sum(r["numeric_seconds"] for r in rows) / total,
        "ratio_analytic": sum(r["analytic_seconds"] for r in rows) / total,
    }


def eq4_objective(role: str) -> Objective:
    """Eq. 4 on one domain of the bundled runs but for three, with lambda given."""
    study = datasets.load("tiny-cpt").without(
        ["hidden-pt-const", "cpt-cosine", "mixed-const-replay0.25"]
    )
    observed = observe(study, role, Convention())
    law = catalog.get("eq4", facts(role, observed.points))
    return Objective(law, observed.points, observed.loss, fixed={"lambda": LAMBDA})


def _ours(objective: Objective) -> tuple[float, float]:
    """Seconds of one fit, of as many as can be timed, and its objective."""
    began, value = time.process_time(), np.inf
    for _ in range(_REPEATS):
        value = best_minimum(replace(objective)).value
    return (time.process_time() - began) / _REPEATS, float(value)


class Direct:
    """The same objective over (L0, A, alpha, C1, C2, B, E, beta), written out."""

    def __init__(self, objective: Objective) -> None:
        points = objective.points
        areas = points.annealing(LAMBDA)
        self.s1, self.s1_cpt, self.log_s1 = points.s1, points.s1_cpt, points.log_s1
        self.s2_pt, self.s2_cpt = areas.pt, areas.cpt
        self.log_loss, self.delta = objective.log_loss, objective.delta
        self.sign = 1.0 if objective.law.terms[-1].bound == "nonnegative" else -1.0

    def residual(self, p: FloatArray) -> FloatArray:
        """Log residuals; parameters are kept positive by the bounds of the search."""
        l0, a, alpha, c1, c2, b, rate, beta = p
        shift = -np.expm1(-beta * np.log1p(rate * self.s1_cpt))
        loss = l0 + a * self.s1**-alpha - c1 * self.s2_pt - c2 * self.s2_cpt
        loss = loss + self.sign * b * shift
        return np.asarray(np.log(np.maximum(loss, 1e-10)) - self.log_loss, dtype=np.float64)

    def value(self, p: FloatArray) -> float:
        """The objective."""
        residual = self.residual(p)
        size = np.abs(residual)
        inside = size <= self.delta
        losses = np.where(inside, 0.5 * size**2, self.delta * (size - 0.5 * self.delta))
        return float(losses.sum())

    def value_and_gradient(self, p: FloatArray) -> tuple[float, FloatArray]:
        """The objective and its analytic gradient."""
        l0, a, alpha, c1, c2, b, rate, beta = p
        reach = 1.0 + rate * self.s1_cpt
        log_reach = np.log(reach)
        left = np.exp(-beta * log_reach)
        power = self.s1**-alpha
        loss = l0 + a * power - c1 * self.s2_pt - c2 * self.s2_cpt
        loss = np.maximum(loss + self.sign * b * (1.0 - left), 1e-10)
        residual = np.log(loss) - self.log_loss
        pull = np.clip(residual, -self.delta, self.delta)
        value = float((pull * (residual - 0.5 * pull)).sum())
        pull = pull / loss
        gradient = np.array(
            [
                pull.sum(),
                pull @ power,
                -a * (pull @ (power * self.log_s1)),
                -(pull @ self.s2_pt),
                -(pull @ self.s2_cpt),
                self.sign * (pull @ (1.0 - left)),
                self.sign * b * beta * (pull @ (left * self.s1_cpt / reach)),
                self.sign * b * (pull @ (left * log_reach)),
            ]
        )
        return value, gradient


def _paper(objective: Objective, starts: int, analytic: bool) -> tuple[float, float, int]:
    """Seconds, lowest objective, and how many starts came within 0.1 % of it."""
    from scipy.optimize import minimize

    direct = Direct(objective)
    grid = list(itertools.product(*GRID.values()))
    chosen = [grid[i] for i in np.linspace(0, len(grid) - 1, min(starts, len(grid))).astype(int)]
    began = time.process_time()
    reached = [_descend(minimize, direct, np.array(start), analytic) for start in chosen]
    best = float(min(reached))
    return time.process_time() - began, best, sum(r <= 1.001 * best for r in reached)


def _descend(minimize: Any, direct: Direct, start: FloatArray, analytic: bool) -> float:
    """L-BFGS-B with scipy's defaults, every parameter kept at 0 or above."""
    what = direct.value_and_gradient if analytic else direct.value
    return minimize(what, start, jac=analytic, method="L-BFGS-B", bounds=[(0.0, None)] * 8).fun


def fit_speed_text(result: dict[str, Any]) -> str:
    """The measurement as a table."""
    rows: list[tuple[str, ...]] = []
    for r in result["domains"]:
        ours = (f"{r['ours_seconds']:.4f}", number(r["ours_objective"], 6), "", "1", "")
        rows.append((f"{r['domain']}: cptlaw", *ours))
        for name in ("numeric", "analytic"):
            rows.append(
                (
                    f"{r['domain']}: L-BFGS-B, {name} gradient",
                    f"{r[name + '_seconds']:.3f}",
                    number(r[name + "_objective"], 6),
                    f"{r[name + '_starts_at_best']} of {r['starts']}",
                    number(r[name + "_ratio"], 2),
                    number(r[name + "_excess"], 2),
                )
            )
    headers = ("method", "seconds", "objective", "starts within 0.1 %", "times ours", "ours above")
    grid = "; ".join(f"{k} {', '.join(f'{v:g}' for v in vs)}" for k, vs in result["grid"].items())
    return "\n".join(
        [
            table(
                headers, rows, f"Fit of Eq. 4 by the paper's method, lambda {result['lambda']:g}"
            ),
            wrapped(
                f"Both domains: {number(result['ratio_numeric'], 2)} times the time of ours with a "
                f"numeric gradient, {number(result['ratio_analytic'], 2)} times with an analytic "
                "one."
            ),
            wrapped(f"Grid of starts: {grid}."),
        ]
    )
