"""A memory that fades as a power, (1 + kappa * clock)**-rho, as a sum of exponentials.

A state with an exponential memory needs its last value alone; one with a power-law memory needs
its whole past, which costs a double sum. But a power is a Laplace integral of exponentials,

    (1 + x)**-rho = integral of r**rho * exp(-r) / Gamma(rho) * exp(-r x) dlog r,

whose integrand is smooth and falls off on both sides of r = rho, so that the trapezoidal rule on
a grid of log r is exact to many digits with some twenty nodes. Each node is a recurrence.
"""

from __future__ import annotations

import math

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.compiled import recurrences
from cptlaw.laws.dual import Dual

# Nodes of `relaxed`. Those below have r**rho / Gamma(1 + rho) of the weight together, an eighth for
# the lowest rho of 0.15 and a millionth for the usual 1; they are left out, since so slow a node
# has hardly stirred at the end of a run. Those above have less than exp(-exp(3.3)), nothing.
SPACING = 0.8
LOG_RATES = np.arange(-14.3, 3.4, SPACING)
RATES = np.exp(LOG_RATES)
NODES = 24
"""As many as the compiled memory has; what LOG_RATES leave of them stand still."""


def shares(log_rate: Dual | FloatArray, rho: Dual, spacing: float) -> Dual:
    """What each exponential of a grid of log r has of the power, shape (n,).

    Args:
        log_rate: logarithm of r, shape (n,).
        rho: power with which the memory ends.
        spacing: of the grid.
    """
    s = log_rate if isinstance(log_rate, Dual) else dual.constant(log_rate)
    return dual.exp(rho * s - dual.exp(s) - dual.log_gamma(rho)) * spacing


def nodes(rho: float) -> FloatArray:
    """Rates, weights, and the weights' slopes in rho, of the compiled memory; (3, NODES)."""
    found = np.zeros((3, NODES))
    found[0, : RATES.size] = RATES
    weight = np.exp(rho * LOG_RATES - (RATES + (math.lgamma(rho) - math.log(SPACING))))
    found[1, : RATES.size] = weight
    found[2, : RATES.size] = weight * (LOG_RATES - digamma(rho))
    return found


def digamma(x: float) -> float:
    """Derivative of log(gamma) for x above 0: its series at 12 or more, less what leads there."""
    less = 0.0
    while x < 12.0:
        less += 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    return math.log(x) - 0.5 / x - series - less


def relaxed(blocks: Blocks, level: Dual, clock: Dual, kappa: Dual, rho: Dual) -> Dual:
    """What is left of `level` at the points under a memory (1 + kappa * clock since)**-rho, (n,).

    Derivatives are written out, since this costs more than all else: the state of a node moves by
    left * (level - state before), and both `left` and the fading depend on the parameters through
    kappa * clock alone, which gives one more recurrence for each parameter instead of the several
    of a chain of duals.

    Args:
        blocks: m blocks, n points.
        level: what the state relaxes to, shape (m,).
        clock: how far the clock moves in every block, shape (m,).
        kappa: rate at which the memory begins to fade.
        rho: power with which it ends.
    """
    k0, size = float(kappa.value[0]), (kappa.slopes.shape[0], len(blocks))
    turn = kappa.slopes * clock.value + k0 * clock.slopes  # of kappa * clock
    if (compiled := recurrences()) is None:
        return _relaxed_in_numpy(blocks, level, clock.value, turn, k0, rho)
    out = np.empty((2 + size[0], blocks.ends.size))
    level_slopes, turn = (
        np.ascontiguousarray(np.broadcast_to(s, size)) for s in (level.slopes, turn)
    )
    table = nodes(float(rho.value[0]))
    compiled.relaxed(*blocks.places, table, level.value, clock.value, level_slopes, turn, k0, out)
    return Dual(out[0], out[2:] + rho.slopes * out[1])


def _relaxed_in_numpy(
    blocks: Blocks, level: Dual, clock: FloatArray, turn: FloatArray, kappa: float, rho: Dual
) -> Dual:
    """As the compiled `relaxed`, for slopes (k, m) of kappa * clock."""
    rate = RATES[:, None]
    left = -np.expm1(-kappa * rate * clock)
    fade = 1.0 - left
    state = blocks.solve(fade, left * level.value)
    gap = (blocks.before(state) - level.value) * (-rate * fade)
    inputs = left * level.slopes[:, None, :] + turn[:, None, :] * gap
    weight = shares(LOG_RATES, rho, SPACING)
    slopes = np.einsum("j,kji->ki", weight.value, blocks.solve(fade, inputs))
    return Dual(weight.value @ state, slopes + weight.slopes @ state)[blocks.ends]
