"""A memory that fades as a power, (1 + kappa * clock)**-rho, as a sum of exponentials.

A state with an exponential memory needs its last value alone; one with a power-law memory needs
its whole past, which costs a double sum. But a power is a Laplace integral of exponentials,

    (1 + x)**-rho = integral of r**rho * exp(-r) / Gamma(rho) * exp(-r x) dlog r,

whose integrand is smooth and falls off on both sides of r = rho, so that the trapezoidal rule on
a grid of log r is exact to many digits with some twenty nodes. Each node is a recurrence.
"""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual

# Nodes of `relaxed`. Those below have r**rho / Gamma(1 + rho) of the weight together, an eighth for
# the lowest rho of 0.15 and a millionth for the usual 1; they are left out, since so slow a node
# has hardly stirred at the end of a run. Those above have less than exp(-exp(3.3)), nothing.
SPACING = 0.8
LOG_RATES = np.arange(-14.3, 3.4, SPACING)


def shares(log_rate: Dual | FloatArray, rho: Dual, spacing: float) -> Dual:
    """What each exponential of a grid of log r has of the power, shape (n,).

    Args:
        log_rate: logarithm of r, shape (n,).
        rho: power with which the memory ends.
        spacing: of the grid.
    """
    s = log_rate if isinstance(log_rate, Dual) else dual.constant(log_rate)
    return dual.exp(rho * s - dual.exp(s) - dual.log_gamma(rho)) * spacing


def relaxed(blocks: Blocks, level: Dual, clock: Dual, kappa: Dual, rho: Dual) -> Dual:
    """What is left of `level` under a memory (1 + kappa * clock since)**-rho, shape (m,).

    Most of a fit's time is spent here, so that the derivatives are written out: the state of a
    node moves by left * (level - state before), and both `left` and the fading depend on the
    parameters through kappa * clock alone, which gives one more recurrence for each parameter
    instead of the several of a chain of duals.

    Args:
        blocks: m blocks.
        level: what the state relaxes to, shape (m,).
        clock: how far the clock moves in every block, shape (m,).
        kappa: rate at which the memory begins to fade.
        rho: power with which it ends.
    """
    rate, k0 = np.exp(LOG_RATES)[:, None], float(kappa.value[0])
    left = -np.expm1(-k0 * rate * clock.value)
    fade = 1.0 - left
    state = blocks.solve(fade, left * level.value)
    turn = kappa.slopes * clock.value + k0 * clock.slopes  # of kappa * clock
    gap = (blocks.before(state) - level.value) * (-rate * fade)
    inputs = left * level.slopes[:, None, :] + turn[:, None, :] * gap
    weight = shares(LOG_RATES, rho, SPACING)
    slopes = np.einsum("j,kji->ki", weight.value, blocks.solve(fade, inputs))
    return Dual(weight.value @ state, slopes + weight.slopes @ state)
