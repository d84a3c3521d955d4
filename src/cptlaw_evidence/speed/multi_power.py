"""The multi-power law, by our fitter and as its authors fit it.

Theirs has two stages. A simpler form, L0 + A S1^-alpha - B (peak - LR), is fitted by L-BFGS-B with
a numeric gradient from a grid of 135 starts about a straight line through the logarithms. All seven
parameters then go on from its best end by AdamW, two hundred steps with gradients at most.

Source: arXiv:2503.12811, and the settings that its authors have published with their code.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.laws import catalog
from cptlaw.laws.areas import Convention
from cptlaw.laws.factors.effective import REFERENCE_LR
from cptlaw.page import table
from cptlaw.studies import datasets
from cptlaw.studies.study import Study
from cptlaw_evidence.timing import Progress, by_turns, median, ratio

LAW = "multi-power"
STUDY, RUNS = "tiny-grid", ("base", "annealed", "hidden-pt-const", "hidden-pt-cosine")
STEPS, PATIENCE = 200, 20
RATES = np.array([5e-2, 5e-2, 5e-3, 5e-2, 5e-2, 5e-3, 5e-3])  # of L0, A, alpha, B, C, beta, gamma
FADING, MEANS, TINY = 0.01, (0.9, 0.999), 1e-8  # AdamW's defaults
SHAPES = (1.0, 0.5, 0.5)  # C, beta and gamma at the start
SMALL_GRADIENT = 1e-5
LEAST_LR = 1e-6  # as in our law: a power of 0 has no value


@dataclass(frozen=True, eq=False)
class Curves:
    """Losses of pre-training runs with all that the law of their learning rates needs.

    A step at which the learning rate stays as it was adds nothing, and is left out: the authors'
    own code sums over all steps.

    Args:
        lrs: learning rates of each run, shape (steps,).
        run: which run a loss is of, shape (n,).
        step: after which step, shape (n,).
        loss: shape (n,).
        delta: where the Huber loss of log residuals turns linear.
    """

    lrs: tuple[FloatArray, ...]
    run: IntArray
    step: IntArray
    loss: FloatArray
    delta: float

    @cached_property
    def s1(self) -> FloatArray:
        """The sum of learning rates up to each loss, shape (n,)."""
        sums = [np.cumsum(lr) for lr in self.lrs]
        return np.array([sums[r][s - 1] for r, s in zip(self.run, self.step, strict=True)])

    @cached_property
    def lr(self) -> FloatArray:
        """The learning rate of each loss, shape (n,)."""
        return np.array([self.lrs[r][s - 1] for r, s in zip(self.run, self.step, strict=True)])

    @cached_property
    def drops(self) -> tuple[tuple[FloatArray, FloatArray, FloatArray], ...]:
        """Of each loss: the drops before it, the LRs they lead to, and the sums since."""
        found: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        for r, s in zip(self.run, self.step, strict=True):
            lr = self.lrs[r][:s]
            drop = -np.diff(lr, prepend=0.0)
            at = np.flatnonzero(drop)
            since = lr[::-1].cumsum()[::-1][at]
            found.append((drop[at], np.maximum(lr[at], LEAST_LR), since))
        return tuple(found)

    def huber(self, loss: FloatArray) -> float:
        """The objective of predicted losses, shape (n,)."""
        off = np.log(self.loss) - np.log(np.maximum(loss, 1e-10))
        size = np.abs(off)
        outside = self.delta * (size - 0.5 * self.delta)
        return float(np.where(size <= self.delta, 0.5 * off**2, outside).sum())

    def predicted(self, p: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Losses, shape (n,), and their slopes in all parameters, shape (n, 7)."""
        l0, a, alpha, b, rate, beta, gamma = p
        power = self.s1**-alpha
        fall, slopes = np.zeros(self.loss.size), np.zeros((self.loss.size, 3))
        for i, (drop, lr, since) in enumerate(self.drops):
            if drop.size:
                x = rate * lr**-gamma * since
                log_reach = np.log1p(x)
                left = np.exp(-beta * log_reach)
                steep = drop * beta * left / (1.0 + x) * x
                fall[i] = drop @ (1.0 - left)
                slopes[i] = steep.sum() / rate, drop @ (left * log_reach), -steep @ np.log(lr)
        loss = l0 + a * power - b * fall
        ones = np.ones_like(loss)
        own = (ones, power, -a * power * np.log(self.s1), -fall)
        return loss, np.column_stack([*own, -b * slopes])

    def value_and_gradient(self, p: FloatArray) -> tuple[float, FloatArray]:
        """The objective and its gradient, shape (7,)."""
        loss, slopes = self.predicted(p)
        kept = np.maximum(loss, 1e-10)
        pull = np.clip(np.log(kept) - np.log(self.loss), -self.delta, self.delta)
        return self.huber(loss), (pull * (loss > 1e-10) / kept) @ slopes


# --- the authors' procedure ----------------------------------------------------------------------


def by_authors(curves: Curves) -> FloatArray:
    """Where the published procedure ends: L0, A, alpha, B, C, beta, gamma."""
    return adam(curves, np.append(_first_stage(curves), SHAPES))


def _first_stage(curves: Curves) -> FloatArray:
    """L0, A, alpha and B of the simpler form, the best of all starts."""
    from scipy.optimize import minimize

    least, log_s1 = float(curves.loss.min()), np.log(curves.s1)
    slope, level = np.polyfit(log_s1, np.log(curves.loss - least + 0.01), 1)
    low_by = max(float(lr.max()) for lr in curves.lrs) - curves.lr

    def cost(p: FloatArray) -> float:
        return curves.huber(p[0] + p[1] * curves.s1 ** -p[2] - p[3] * low_by)

    starts = itertools.product(
        np.linspace(least - 0.2, least + 0.2, 5),
        np.linspace(np.exp(level) - 0.1, np.exp(level) + 0.1, 3),
        np.linspace(-slope - 0.1, -slope + 0.1, 3),
        np.linspace(100.0, 1000.0, 3),
    )
    options: Any = {"maxiter": 100_000, "ftol": 1e-9, "gtol": 1e-6, "eps": 1e-8}
    ends = [
        minimize(cost, s, method="L-BFGS-B", bounds=[(0, np.inf)] * 4, options=options)
        for s in starts
    ]
    best = min(ends, key=lambda end: float(end.fun))
    return np.asarray(best.x, dtype=np.float64)


def adam(curves: Curves, start: FloatArray) -> FloatArray:
    """The best place of the steps of AdamW, which end when twenty have gained nothing."""
    place, first, second = start.copy(), np.zeros(start.size), np.zeros(start.size)
    best, lowest, idle = start, np.inf, 0
    for step in range(1, STEPS + 1):
        value, gradient = curves.value_and_gradient(place)
        idle = 0 if value < lowest else idle + 1
        if value < lowest:
            best, lowest = place.copy(), value
        if idle >= PATIENCE or float(np.linalg.norm(gradient)) < SMALL_GRADIENT:
            break
        first = MEANS[0] * first + (1.0 - MEANS[0]) * gradient
        second = MEANS[1] * second + (1.0 - MEANS[1]) * gradient**2
        mean, spread = first / (1.0 - MEANS[0] ** step), second / (1.0 - MEANS[1] ** step)
        place = place * (1.0 - RATES * FADING) - RATES * mean / (np.sqrt(spread) + TINY)
    return best


# --- side by side --------------------------------------------------------------------------------


def posed() -> tuple[Objective, Curves]:
    """The same losses and learning rates for both; the warm-up is a rise, a negative drop."""
    whole = datasets.load(STUDY)
    left = whole.without(run.name for run in whole.runs if run.name not in RUNS)
    observed = observe(Study({"pt": whole.domains["pt"]}, left.runs), "pt", Convention("as-is"))
    law = catalog.get(LAW, facts("pt", observed.points))
    objective = Objective(law, observed.points, observed.loss, prior_weight=0.0)
    curves = Curves(
        tuple(history.lr for history in observed.points.histories),
        observed.points.owner,
        observed.points.step,
        observed.loss,
        objective.delta,
    )
    return objective, curves


def ours(objective: Objective) -> FloatArray:
    """Where our search ends, in the authors' parameters."""
    law, z = objective.law, best_minimum(objective).z
    m = objective.terms
    shapes = {s.name: s.outer(float(v)) for s, v in zip(law.shapes, z[m:], strict=True)}
    found = dict(zip(law.coefficients, z[:m].tolist(), strict=True)) | shapes
    rate = found["kappa"] * REFERENCE_LR ** found["zeta"]
    fall = found["C"] / REFERENCE_LR
    return np.array(
        [found["L0"], found["A"], found["alpha"], fall, rate, found["rho"], found["zeta"]]
    )


def measure(rounds: int, progress: Progress) -> dict[str, Any]:
    """Fit pre-training runs both ways, by turns."""
    progress("the multi-power law as its authors fit it ...")
    objective, curves = posed()
    taken, given = by_turns(
        rounds,
        lambda: (replace(objective), replace(curves)),
        {"ours": lambda fresh: ours(fresh[0]), "theirs": lambda fresh: by_authors(fresh[1])},
    )
    values = {name: curves.huber(curves.predicted(place)[0]) for name, place in given.items()}
    return {
        "study": STUDY,
        "runs": list(RUNS),
        "points": curves.loss.size,
        "seconds": {name: median(each) for name, each in taken.items()},
        "objective": values,
        "ratio": ratio(taken["theirs"], taken["ours"]),
        "above": values["ours"] / values["theirs"] - 1.0,
    }


def text(result: Mapping[str, Any]) -> str:
    """The measurement as a table."""
    seconds, value = result["seconds"], result["objective"]
    rows = [
        ("cptlaw", f"{seconds['ours']:.4f}", f"{value['ours']:.6e}", "1", ""),
        (
            "L-BFGS-B from 135 starts, then AdamW",
            f"{seconds['theirs']:.3f}",
            f"{value['theirs']:.6e}",
            f"{result['ratio']:.0f}",
            f"{result['above']:+.1e}",
        ),
    ]
    title = f"Fit of the multi-power law as its authors fit it, {result['study']}"
    return "\n".join(
        [
            table(("method", "seconds", "objective", "times ours", "ours above"), rows, title),
            f"{result['points']} losses of {', '.join(result['runs'])}; no priors. Our own writing "
            "of the procedure that the authors published (arXiv:2503.12811), with exact slopes and "
            "without the steps at which the LR stays: theirs sums over all of them.",
        ]
    )
