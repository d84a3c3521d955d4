"""Factors of the effective-LR law: progress and noise along the effective LR (see `weights`).

Progress is the sum of v. Noise follows v^zeta and forgets earlier values of it as
(1 + kappa * progress since)^-rho. These are this project's own forms; arXiv:2509.19189 has the
power-law memory of noise in intrinsic time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.laws import dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.compiled import recurrences
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.power_memory import nodes, relaxed
from cptlaw.laws.factors.weights import (
    GROWING,
    Weights,
    course,
    effective_lr,
)
from cptlaw.laws.law import Factor, Prior, Shape
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import ANNEALING, LEVEL

REFERENCE_LR = 1e-3  # the coefficient C is the noise of this effective LR, in nats

ALPHA = Shape("alpha", 0.02, 5.0, (0.35, 0.8), prior=Prior(0.6, 0.25, tails=2), remedy=LEVEL)
ALPHA_OF_NEW = replace(ALPHA, prior=Prior(0.6, 0.8))  # on D_cpt, where the shift takes a part
ZETA = Shape("zeta", 0.05, 3.0, (0.55, 0.95), prior=Prior(0.72, 0.14), remedy=ANNEALING)
KAPPA = Shape("kappa", 1e-3, 1e7, (10.0, 300.0), prior=Prior(50.0, 0.8), remedy=ANNEALING)
EXCESS = Shape("xi", 0.01, 5.0, (0.1, 0.6), prior=Prior(0.15, 0.7), remedy=ANNEALING)
RHO = Shape("rho", 0.15, 5.0, (0.5, 2.0), prior=Prior(1.0, 0.4), remedy=ANNEALING)


class Sums(NamedTuple):
    """Progress at n points: of both phases, of the CPT, and of the PT up to the transfer."""

    whole: Dual
    cpt: Dual
    pt: Dual


@dataclass(frozen=True)
class Clock:
    """What progress is counted by.

    Args:
        shapes: its shape parameters.
        moved: (blocks, *shapes) -> progress in every block, shape (m,).
        faster: (blocks, *shapes) -> `rows`, where they are found without `moved`.
    """

    shapes: tuple[Shape, ...]
    moved: Callable[..., Dual]
    faster: Callable[..., FloatArray] | None = None

    def rows(self, blocks: Blocks, *given: Dual) -> FloatArray:
        """Progress at the points: of both phases, of the CPT, and of the PT.

        Each is followed by its slopes in the w shape parameters, if they are wanted, so that the
        shape is (3, 1 + w, n), or (3, 1, n).
        """
        if self.faster is not None:
            return self.faster(blocks, *given)
        values = (float(one.value[0]) for one in given)
        count = len(given) if given and dual.sloped(given[0]) else 0
        moved = self.moved(blocks, *dual.variables(*values, slopes=count > 0))
        parts = moved, moved * blocks.cpt, moved * (1.0 - blocks.cpt)
        sums = [blocks.total(part)[blocks.ends] for part in parts]
        return np.array([[one.value, *one.slopes[:count]] for one in sums])

    def sums(self, blocks: Blocks, *given: Dual) -> Sums:
        """Progress at the points."""
        rows = self.rows(blocks, *given)
        if given:
            return Sums(*(dual.chained(one[0], one[1:], *given) for one in rows))
        return Sums(*(dual.constant(one[0]) for one in rows))


def along(weights: Weights) -> Clock:
    """The clock of the effective LR."""

    def moved(blocks: Blocks, *given: Dual) -> Dual:
        return effective_lr(blocks, *given, weights=weights) * blocks.steps

    def rows(blocks: Blocks, *given: Dual) -> FloatArray:
        return course(blocks, *given, weights=weights).sums

    return Clock(weights.shapes, moved, rows)


def _area(blocks: Blocks) -> Dual:
    return dual.constant(blocks.lr * blocks.steps)


EFFECTIVE = along(GROWING)
AREA = Clock((), _area)


def power_of_progress(exponent: Shape = ALPHA, weights: Weights = GROWING) -> Factor:
    """S**-alpha, S the sum of the effective LR."""

    def power(x: Points, alpha: Dual, *given: Dual) -> Dual:
        done, *slopes = course(x.blocks, *given, weights=weights).sums[0]
        log_done, exponent = np.log(done), -float(alpha.value[0])
        value = np.exp(exponent * log_done)
        bent = value / done * exponent
        return dual.chained(
            value, [-log_done * value, *(slope * bent for slope in slopes)], alpha, *given
        )

    return Factor(
        (exponent, *weights.shapes),
        power,
        "S^-<alpha>",
        "S^{-<alpha>}",
        conventional=False,
    )


def noise(weights: Weights = GROWING, excess: bool = False) -> Factor:
    """The noise n that the effective LR keeps up, with a power-law memory of its past.

    Args:
        weights: how the weights move.
        excess: whether steps on D_cpt keep up 1 + xi times the noise of others, by their share.
    """
    last = len(weights.shapes)

    def kept_up(x: Points, zeta: Dual, kappa: Dual, rho: Dual, *given: Dual) -> Dual:
        if recurrences() is not None:
            return _compiled_noise(x.blocks, weights, zeta, kappa, rho, *given)
        rate = effective_lr(x.blocks, *given[:last], weights=weights)
        level = dual.power(rate * (1.0 / REFERENCE_LR), zeta)
        for xi in given[last:]:
            level = level * (xi * x.blocks.share + 1.0)
        return relaxed(x.blocks, level, rate * x.blocks.steps, kappa, rho)

    def of_pre_training(x: Points, zeta: Dual, kappa: Dual, rho: Dual, *given: Dual) -> Dual:
        return kept_up(x, zeta, kappa, rho, *given[:last])

    arguments = "<zeta>, <kappa>, <rho>" + (", <xi>" if excess else "")
    return Factor(
        (ZETA, KAPPA, RHO, *weights.shapes, *((EXCESS,) if excess else ())),
        kept_up,
        f"n({arguments})",
        f"n({arguments})",
        hidden=of_pre_training if excess else None,
        conventional=False,
    )


def _compiled_noise(
    blocks: Blocks, weights: Weights, zeta: Dual, kappa: Dual, rho: Dual, *given: Dual
) -> Dual:
    """`noise` in one pass, from the effective LR of `weights`; a further `given` is xi."""
    last = len(weights.shapes)
    known = course(blocks, *given[:last], weights=weights)
    share = blocks.share if given[last:] else blocks.share[:0]
    numbers = [float(one.value[0]) for one in (zeta, kappa, rho, *given[last:])]
    rows = 3 + len(given) if dual.sloped(zeta) else 0
    out = np.empty((1 + rows, blocks.ends.size))
    compiled = recurrences()
    assert compiled is not None
    compiled.noise(
        *blocks.places,
        nodes(numbers[2]),
        known.rate,
        blocks.steps,
        share,
        *numbers[:2],
        numbers[-1] if given[last:] else 0.0,
        1.0 / REFERENCE_LR,
        out,
    )
    return dual.chained(out[0], out[1:], zeta, kappa, rho, *given)
