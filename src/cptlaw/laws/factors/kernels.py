"""Factors of the field's annealing laws: what LR drops, noise and steps leave in the loss.

Learning rates are in units of `REFERENCE_LR`, u = LR / 1e-3, so that coefficients are nats; the
forward area S, and rates along it, are in raw sums of learning rates. None of these depends on
the convention for the initial warm-up: areas count it as it was, and its rise is a negative drop.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import ALPHA, REFERENCE_LR, Clock
from cptlaw.laws.factors.power_memory import relaxed, shares
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING

# Centres are round values near fits of many runs at once (100M and 124M models); spreads are wide
# enough for one run with an abrupt drop to outweigh them. The noise of SGD has zeta = 1.
AREA_POWER = Shape("g", 0.05, 2.0, (0.75, 1.05), prior=Prior(0.92, 0.1))  # 1 is the plain area
DROP_RATE = Shape("kappa", 1e-3, 1e6, (20.0, 300.0), prior=Prior(80.0, 1.5), remedy=ANNEALING)
DROP_POWER = Shape("rho", 0.05, 4.0, (0.3, 1.0), prior=Prior(0.6, 0.5), remedy=ANNEALING)
DROP_LR_POWER = Shape("zeta", 0.01, 2.0, (0.3, 1.0), prior=Prior(0.7, 0.5), remedy=ANNEALING)
CLOCK_RATE = Shape("kappa", 1e-3, 1e5, (5.0, 60.0), prior=Prior(20.0, 1.0), remedy=ANNEALING)
KERNEL_RATE = Shape("kappa", 1e-3, 1e7, (10.0, 300.0), prior=Prior(50.0, 1.5), remedy=ANNEALING)
KERNEL_POWER = Shape("rho", 0.15, 12.0, (0.5, 2.0), prior=Prior(1.0, 0.7), remedy=ANNEALING)
NOISE_POWER = Shape("zeta", 0.05, 3.0, (0.6, 1.2), prior=Prior(0.8, 0.25), remedy=ANNEALING)
FADING = Shape("nu", -1.5, 1.5, (-0.2, 0.2), "linear", prior=Prior(0.0, 0.2))  # 0 is none


def factor(shapes: tuple[Shape, ...], function: Callable[..., Dual], text: str) -> Factor:
    """A factor written with duals that looks alike as text and in LaTeX."""
    return Factor(shapes, function, text, text, conventional=False)


def named(symbol: str, shapes: tuple[Shape, ...]) -> str:
    """A symbol with its parameters, such as n(<zeta>, <kappa>)."""
    return f"{symbol}({', '.join(f'<{s.name}>' for s in shapes)})" if shapes else symbol


# --- progress ---------------------------------------------------------------------------------


def _powered_area(blocks: Blocks, exponent: Dual) -> Dual:
    return powered_lr(blocks, exponent) * (blocks.steps * REFERENCE_LR)


POWERED_AREA = Clock((AREA_POWER,), _powered_area)


def powered_lr(blocks: Blocks, exponent: Dual) -> Dual:
    """u**exponent in every block, 0 where the LR is 0; shape (m,)."""
    return dual.power(blocks.lr / REFERENCE_LR, exponent)


def power_of_clock(clock: Clock, exponent: Shape = ALPHA, symbol: str = "S") -> Factor:
    """What a clock shows at every point, to the power -exponent."""

    def evaluate(x: Points, power: Dual, *shapes: Dual) -> Dual:
        done = clock.sums(x.blocks, *shapes).whole
        return dual.exp(dual.log(done) * -power)

    written = named(symbol, clock.shapes)
    return Factor(
        (exponent, *clock.shapes),
        evaluate,
        f"{written}^-<{exponent.name}>",
        f"{written}^{{-<{exponent.name}>}}",
        conventional=False,
    )


# --- drops of the learning rate ---------------------------------------------------------------


def drops(blocks: Blocks) -> FloatArray:
    """By how much u falls at the start of every block, shape (m,); rises are negative drops."""
    before: FloatArray = blocks.before(blocks.lr)
    return (before - blocks.lr) / REFERENCE_LR


def multi_power_drops() -> Factor:
    """The sum of drops, each times 1 - (1 + kappa * u**-zeta * S since)**-rho.

    u is the LR that a drop leads to, S counts from its first step. With c = kappa * u**-zeta the
    power is a Laplace integral whose rates are the same for every drop,

        (1 + c S)**-rho = integral of (r / c)**rho * exp(-r / c) / Gamma(rho) * exp(-r S) dlog r,

    so that exponentials over a grid of rates follow all drops at once, each with its own weights.

    Source: arXiv:2503.12811; its C and gamma are here kappa * 1e-3**zeta and zeta.
    """

    def evaluate(x: Points, kappa: Dual, rho: Dual, zeta: Dual) -> Dual:
        drop = drops(x.blocks)
        live = np.flatnonzero(drop)
        log_u = np.log(np.maximum(x.blocks.lr[live] / REFERENCE_LR, LOWEST))
        log_c = dual.log(kappa) - zeta * log_u
        log_rates = _log_rates(x.blocks, log_c.value)
        fade = np.exp(-np.exp(log_rates)[:, None] * (x.blocks.lr * x.blocks.steps))
        gains = _gains(log_rates, drop[live], log_c, rho)

        def settled(gain: FloatArray) -> FloatArray:
            whole = np.zeros((*gain.shape[:-1], len(log_rates), len(x.blocks)))
            whole[..., live] = gain.reshape(*gain.shape[:-1], len(log_rates), live.size)
            left = x.blocks.solve(fade, fade * whole)
            sums = x.blocks.summed(whole.sum(axis=-2)) - left.sum(axis=-2)
            return sums[..., x.blocks.ends]

        return Dual(settled(gains.value), settled(gains.slopes))  # the sums are linear in the gains

    shapes = (DROP_RATE, DROP_POWER, DROP_LR_POWER)
    return factor(shapes, evaluate, named("drops", shapes))


SPACING = 0.5  # of the rates' logarithms; with 1.1 the power would ripple by 0.001s at rho = 1
LOWEST = 1e-3  # an LR below 1e-6 counts as that: u**-zeta has no value at 0
FASTEST = 3.4  # logarithm of r / c, above which exp(-r / c) leaves no weight
STIRRED = 1e-2  # the slowest rate has moved by this share at the end of the longest history


def _log_rates(blocks: Blocks, log_c: FloatArray) -> FloatArray:
    """Logarithms of rates on a fixed grid, from those that only just stir to too fast to weigh.

    Nodes are whole multiples of the spacing: were they to move with kappa and zeta, the ripple of
    the sum would move with them and make the objective rough.
    """
    longest = float(blocks.summed(blocks.lr * blocks.steps).max(initial=0.0))
    top = float(log_c.max(initial=0.0)) + FASTEST
    low = min(math.log(STIRRED / max(longest, 1e-12)), top - 20.0)
    first, last = math.floor(low / SPACING), math.ceil(top / SPACING)
    return np.arange(first, last + 1).astype(np.float64) * SPACING


def _gains(log_rates: FloatArray, drop: FloatArray, log_c: Dual, rho: Dual) -> Dual:
    """Every drop's share at every rate, rate after rate, shape (J * drops,).

    Rates below the grid act as the slowest of it does, each node with exp(-spacing * (rho + 1))
    of the weight of the one above: one factor rho from the weight, one from the rate itself.
    Their geometric series is added to the slowest.
    """
    count = drop.size
    rate = np.repeat(log_rates, count)
    weight = shares(rate - log_c[np.tile(np.arange(count), log_rates.size)], rho, SPACING)
    slower = dual.exp((rho + 1.0) * -SPACING)
    slowest = (np.arange(rate.size) < count).astype(np.float64)
    series = 1.0 / (1.0 - slower) - 1.0
    return weight * (1.0 + series * slowest) * np.tile(drop, log_rates.size)


# --- noise ------------------------------------------------------------------------------------


def kernel_noise() -> Factor:
    """Noise that u puts in and a power-law kernel along S forgets.

    It is the integral of u**zeta * rho * kappa * (1 + kappa * S since)**-(rho + 1) dS.

    Source: arXiv:2509.19189, where zeta = 1 and rho = 1 - 1/beta, beta the capacity exponent.
    """

    def evaluate(x: Points, zeta: Dual, kappa: Dual, rho: Dual) -> Dual:
        area = dual.constant(x.blocks.lr * x.blocks.steps)
        level = powered_lr(x.blocks, zeta)
        return relaxed(x.blocks, level, area, kappa, rho)

    shapes = (NOISE_POWER, KERNEL_RATE, KERNEL_POWER)
    return factor(shapes, evaluate, named("n", shapes))


def relaxing_noise() -> Factor:
    """The state n that follows u**zeta at the rate kappa * LR a step."""

    def evaluate(x: Points, zeta: Dual, kappa: Dual) -> Dual:
        fade = dual.exp(kappa * (x.blocks.lr * -x.blocks.steps))
        level = powered_lr(x.blocks, zeta)
        return x.blocks.recur(fade, (1.0 - fade) * level)[x.blocks.ends]

    shapes = (NOISE_POWER, CLOCK_RATE)
    return factor(shapes, evaluate, named("n", shapes))
