"""Annealing laws for comparison: other memories of the learning rate, and none."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.caching import remembers
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.catalog.entries import Entry
from cptlaw.laws.catalog.field import (
    FADING,
    POWER_OF_AREA,
    POWER_OF_POWERED_AREA,
    SEEN,
    annealing_term,
    law_of,
)
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors import kernels
from cptlaw.laws.factors.effective import REFERENCE_LR, Clock
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING

MEMORY = Shape(
    "lambda", 0.0, 1.0 - 1e-6, (0.99, 0.9995), "memory", prior=Prior(0.997, 1.0), remedy=ANNEALING
)


def _steps(blocks: Blocks) -> Dual:
    return dual.constant(blocks.steps * REFERENCE_LR)


STEPS = Clock((), _steps)  # in thousands


def settled_drops() -> Factor:
    """The sum of drops, each times 1 - exp(-kappa * S since)."""

    def evaluate(x: Points, kappa: Dual) -> Dual:
        drop = kernels.drops(x.blocks)
        fade = dual.exp(kappa * (x.blocks.lr * -x.blocks.steps))
        left = x.blocks.recur(fade, fade * drop)
        return (x.blocks.summed(drop) - left)[x.blocks.ends]

    return kernels.factor((kernels.CLOCK_RATE,), evaluate, "drops(<kappa>)")


def smoothed_lr() -> Factor:
    """(u, smoothed with a memory of lambda a step)**zeta."""

    def evaluate(x: Points, zeta: Dual, memory: Dual) -> Dual:
        fade = dual.exp(dual.log(memory) * x.blocks.steps)
        smooth = x.blocks.recur(fade, (1.0 - fade) * (x.blocks.lr / REFERENCE_LR))
        return dual.power(smooth[x.blocks.ends], zeta)

    return kernels.factor((kernels.NOISE_POWER, MEMORY), evaluate, "u(<lambda>)^<zeta>")


def forward_momentum() -> Factor:
    """M, the sum of momenta of the LR's falls over the root of their mean square.

    Per step, with d the fall of the LR, first moments of decay 0.9 and second ones of 0.999, both
    corrected for their start at 0 as Adam's: M grows by m / sqrt(1e5 v + 1e-8).

    Source: arXiv:2512.13705, with the constants of its code.
    """

    def evaluate(x: Points) -> Dual:
        return dual.constant(momentum(x))

    return Factor((), evaluate, "M", "M", conventional=False)


@remembers(1)
def momentum(x: Points) -> FloatArray:
    """M at n points, shape (n,)."""
    out = np.zeros(len(x))
    for index, history in enumerate(x.histories):
        lr = history.lr
        falls = -np.diff(lr, prepend=lr[:1])
        first, second = _moment(falls, 0.9), _moment(falls**2, 0.999)
        sums = np.append(0.0, np.cumsum(first / np.sqrt(1e5 * second + 1e-8)))
        mine = x.owner == index
        out[mine] = sums[x.step[mine]]
    return out


def _moment(values: FloatArray, decay: float) -> FloatArray:
    """Running mean with a memory, shape (T,), corrected for its start at 0."""
    from scipy.linalg.blas import dtbsv

    band = np.ones((2, values.size), order="F")
    band[1] = -decay
    mean: FloatArray = dtbsv(1, band, (1.0 - decay) * values, lower=1, diag=1)
    return mean / -np.expm1(np.log(decay) * np.arange(1, values.size + 1))


ENTRIES = (
    Entry(
        "clock",
        "LR drops that settle exponentially along the forward area",
        "after arXiv:2408.11029, its memory along the area instead of the steps",
        law_of(POWER_OF_AREA, annealing_term(settled_drops(), sign=-1)),
        SEEN,
    ),
    Entry(
        "momentum",
        "forward-momentum law",
        "arXiv:2512.13705",
        law_of(POWER_OF_AREA, annealing_term(forward_momentum(), sign=-1)),
        SEEN,
    ),
    Entry(
        "floor",
        "annealing law with the floor of the current LR",
        "this project, after arXiv:2408.11029",
        law_of(POWER_OF_POWERED_AREA, annealing_term(smoothed_lr(), FADING)),
        SEEN,
    ),
    Entry(
        "step-power",
        "power law of the steps, blind to the LR",
        "the usual baseline",
        law_of(kernels.power_of_clock(STEPS, symbol="T"), clock=STEPS),
        SEEN,
    ),
)
