"""Factors of the effective-LR law: learning rates relative to weights that grow.

AdamW moves every weight by about the learning rate a step. Weights of size sigma thus grow as a
random walk does, while weight decay pulls them back; the same learning rate moves large weights
by less. With q the mean square of the weights, relative to its start,

    dq = (LR / sigma)^2 - 2 * decay * LR * q     a step, q = 1 before the first,
    effective LR v = LR / sqrt(q).

Progress is the sum of v. Noise follows v^zeta and forgets earlier values of it as
(1 + kappa * progress since)^-rho. These are this project's own forms; van Laarhoven
(arXiv:1706.05350) has the effective LR and its equilibrium, arXiv:2509.19189 the power-law
memory of noise in intrinsic time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING, LEVEL, WEIGHTS

REFERENCE_LR = 1e-3  # the coefficient C is the noise of this effective LR, in nats

SIGMA = Shape("sigma", 1e-4, 10.0, (0.01, 0.05), prior=Prior(0.02, 0.25), remedy=WEIGHTS)
DECAY = Shape("decay", 1e-5, 10.0, (0.03, 0.3), prior=Prior(0.1, 0.5), remedy=WEIGHTS)
ALPHA = Shape("alpha", 0.02, 5.0, (0.35, 0.8), prior=Prior(0.6, 0.4), remedy=LEVEL)
ZETA = Shape("zeta", 0.05, 3.0, (0.55, 0.95), prior=Prior(0.72, 0.14), remedy=ANNEALING)
KAPPA = Shape("kappa", 1e-3, 1e7, (10.0, 300.0), prior=Prior(50.0, 0.8), remedy=ANNEALING)
RHO = Shape("rho", 0.15, 5.0, (0.5, 2.0), prior=Prior(1.0, 0.4), remedy=ANNEALING)


def effective_lr(blocks: Blocks, sigma: Dual, decay: Dual) -> Dual:
    """LR / sqrt(q) in every block, shape (m,)."""
    values = float(sigma.value[0]), float(decay.value[0])
    if blocks.kept is None or blocks.kept[0] != values:
        blocks.kept = values, _effective_lr(blocks, *dual.variables(*values))
    known = blocks.kept[1]
    slopes = sigma.slopes * known.slopes[0] + decay.slopes * known.slopes[1]
    return Dual(known.value, slopes)


def _effective_lr(blocks: Blocks, sigma: Dual, decay: Dual) -> Dual:
    pull = decay * (2.0 * blocks.lr)
    fade = dual.exp(pull * -blocks.steps)
    kept = dual.exp(-blocks.total(pull * blocks.steps))
    growth = (1.0 / sigma) * (1.0 / sigma) * (blocks.lr / 2.0) / decay
    size = blocks.recur(fade, growth * (1.0 - fade)) + kept
    return blocks.lr / dual.sqrt((size + blocks.previous(size)) * 0.5)


@dataclass(frozen=True)
class Clock:
    """What progress is counted by.

    Args:
        shapes: its shape parameters.
        moved: (blocks, a dual of the factor, *shapes) -> progress in every block, shape (m,).
    """

    shapes: tuple[Shape, ...]
    moved: Callable[..., Dual]


def _effective_steps(blocks: Blocks, like: Dual, sigma: Dual, decay: Dual) -> Dual:
    return effective_lr(blocks, sigma, decay) * blocks.steps


def _area(blocks: Blocks, like: Dual) -> Dual:
    return dual.constant(blocks.lr * blocks.steps, like)


EFFECTIVE = Clock((SIGMA, DECAY), _effective_steps)
AREA = Clock((), _area)


def power_of_progress() -> Factor:
    """S**-alpha, S the sum of the effective LR."""

    def evaluate(x: Points, alpha: Dual, sigma: Dual, decay: Dual) -> Dual:
        done = x.blocks.total(effective_lr(x.blocks, sigma, decay) * x.blocks.steps)
        return dual.exp(dual.log(done[x.blocks.ends]) * -alpha)

    return Factor(
        (ALPHA, SIGMA, DECAY),
        dual.differentiated(evaluate),
        "S^-<alpha>",
        "S^{-<alpha>}",
        conventional=False,
    )


def noise() -> Factor:
    """The noise n that the effective LR keeps up, with a power-law memory of its past."""

    def evaluate(x: Points, zeta: Dual, kappa: Dual, rho: Dual, sigma: Dual, decay: Dual) -> Dual:
        rate = effective_lr(x.blocks, sigma, decay)
        level = dual.power(rate * (1.0 / REFERENCE_LR), zeta)
        return relaxed(x.blocks, level, rate * x.blocks.steps, kappa, rho)[x.blocks.ends]

    return Factor(
        (ZETA, KAPPA, RHO, SIGMA, DECAY),
        dual.differentiated(evaluate),
        "n(<zeta>, <kappa>, <rho>)",
        "n(<zeta>, <kappa>, <rho>)",
        conventional=False,
    )


def relaxed(blocks: Blocks, level: Dual, clock: Dual, kappa: Dual, rho: Dual) -> Dual:
    """What is left of `level` under a memory (1 + kappa * clock since)**-rho, shape (m,).

    The memory is a sum of exponentials over a grid of rates (the Laplace integral of the power,
    by the trapezoidal rule), each an exact recurrence.

    Args:
        blocks: m blocks.
        level: what the state relaxes to, shape (m,).
        clock: how far the clock moves in every block, shape (m,).
        kappa: rate at which the memory begins to fade.
        rho: power with which it ends.
    """
    weight, d_weight = _weights(float(rho.value[0]))
    rate, k0 = _RATES[:, None], float(kappa.value[0])
    left = -np.expm1(-k0 * rate * clock.value)
    fade = 1.0 - left
    state = blocks.solve(fade, left * level.value)
    turn = kappa.slopes * clock.value + k0 * clock.slopes
    gap = (blocks.before(state) - level.value) * (-rate * fade)
    inputs = left * level.slopes[:, None, :] + turn[:, None, :] * gap
    slopes = np.einsum("j,kji->ki", weight, blocks.solve(fade, inputs))
    return Dual(weight @ state, slopes + rho.slopes * (d_weight @ state))


_STEP = 0.8
_LOG_RATES = np.arange(-14.3, 3.4, _STEP)
_RATES = np.exp(_LOG_RATES)


def _weights(rho: float) -> tuple[FloatArray, FloatArray]:
    """Shares of the exponentials, shape (J,), and their derivatives in rho.

    What the grid leaves out is slower than any run and never stirs.
    """
    from scipy.special import digamma, gammaln

    weight = _STEP * np.exp(rho * _LOG_RATES - _RATES - gammaln(rho))
    return weight, weight * (_LOG_RATES - digamma(rho))
