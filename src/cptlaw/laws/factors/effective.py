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
from dataclasses import dataclass, replace

from cptlaw.caching import remembers
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.power_memory import relaxed
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING, LEVEL, WEIGHTS

REFERENCE_LR = 1e-3  # the coefficient C is the noise of this effective LR, in nats

SIGMA = Shape("sigma", 1e-4, 10.0, (0.01, 0.05), prior=Prior(0.02, 0.25), remedy=WEIGHTS)
DECAY = Shape("decay", 1e-5, 10.0, (0.03, 0.3), prior=Prior(0.1, 0.5), remedy=WEIGHTS)
ALPHA = Shape("alpha", 0.02, 5.0, (0.35, 0.8), prior=Prior(0.6, 0.4), remedy=LEVEL)
ALPHA_OF_NEW = replace(ALPHA, prior=Prior(0.6, 0.8))  # on D_cpt, where the shift takes a part
ZETA = Shape("zeta", 0.05, 3.0, (0.55, 0.95), prior=Prior(0.72, 0.14), remedy=ANNEALING)
KAPPA = Shape("kappa", 1e-3, 1e7, (10.0, 300.0), prior=Prior(50.0, 0.8), remedy=ANNEALING)
RHO = Shape("rho", 0.15, 5.0, (0.5, 2.0), prior=Prior(1.0, 0.4), remedy=ANNEALING)


def effective_lr(blocks: Blocks, sigma: Dual, decay: Dual) -> Dual:
    """LR / sqrt(q) in every block, shape (m,)."""
    known = _effective_lr(blocks, float(sigma.value[0]), float(decay.value[0]))
    return dual.chained(known.value, tuple(known.slopes), sigma, decay)


@remembers(1)  # the factors of a law ask for it one after the other
def _effective_lr(blocks: Blocks, sigma_value: float, decay_value: float) -> Dual:
    sigma, decay = dual.variables(sigma_value, decay_value)
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
        moved: (blocks, *shapes) -> progress in every block, shape (m,).
    """

    shapes: tuple[Shape, ...]
    moved: Callable[..., Dual]


def _effective_steps(blocks: Blocks, sigma: Dual, decay: Dual) -> Dual:
    return effective_lr(blocks, sigma, decay) * blocks.steps


def _area(blocks: Blocks) -> Dual:
    return dual.constant(blocks.lr * blocks.steps)


EFFECTIVE = Clock((SIGMA, DECAY), _effective_steps)
AREA = Clock((), _area)


def power_of_progress(exponent: Shape = ALPHA) -> Factor:
    """S**-alpha, S the sum of the effective LR."""

    def power(x: Points, alpha: Dual, sigma: Dual, decay: Dual) -> Dual:
        done = x.blocks.total(effective_lr(x.blocks, sigma, decay) * x.blocks.steps)
        return dual.exp(dual.log(done[x.blocks.ends]) * -alpha)

    return Factor(
        (exponent, SIGMA, DECAY),
        power,
        "S^-<alpha>",
        "S^{-<alpha>}",
        conventional=False,
    )


def noise() -> Factor:
    """The noise n that the effective LR keeps up, with a power-law memory of its past."""

    def kept_up(x: Points, zeta: Dual, kappa: Dual, rho: Dual, sigma: Dual, decay: Dual) -> Dual:
        rate = effective_lr(x.blocks, sigma, decay)
        level = dual.power(rate * (1.0 / REFERENCE_LR), zeta)
        return relaxed(x.blocks, level, rate * x.blocks.steps, kappa, rho)[x.blocks.ends]

    return Factor(
        (ZETA, KAPPA, RHO, SIGMA, DECAY),
        kept_up,
        "n(<zeta>, <kappa>, <rho>)",
        "n(<zeta>, <kappa>, <rho>)",
        conventional=False,
    )
