"""Factors of the field's shifts: how CPT data move the loss.

S_cpt is the progress of the CPT; replay multiplies every shift as in `transfer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from cptlaw.laws import dual
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors.effective import EFFECTIVE, REFERENCE_LR, Clock
from cptlaw.laws.factors.transfer import (
    BEND,
    BETA,
    RATE,
    REPLAY_LATEX,
    REPLAY_TEXT,
    before_transfer,
    replay_factor,
    replay_shape,
    replay_strength,
    since_transfer,
)
from cptlaw.laws.law import Factor, Prior, Shape, Valued
from cptlaw.laws.points import Points

# Rates lie around that of `transfer`; a power of 0.4 is usual for D_cpt, a start that changes it
# by a tenth for every factor of e in the pre-training is much.
FAST = Shape("E1", 1e-2, 1e8, (30.0, 1000.0), prior=Prior(200.0, 1.5))
SLOW = Shape("E2", 1e-4, 1e4, (0.3, 10.0), prior=Prior(2.0, 1.5))
TURN = Shape("d", -2.0, 2.0, (-0.1, 0.1), "linear", prior=Prior(0.0, 0.1))
SHARE_POWER = Shape("zeta", 0.01, 5.0, (0.2, 1.0), prior=Prior(0.5, 1.0))
SHARE_FALL = Shape("rho", 0.01, 10.0, (0.2, 1.0), prior=Prior(0.5, 1.0))
SHARE_FLOOR = Shape("epsilon", 1e-3, 1.0, (0.05, 0.3), prior=Prior(0.1, 1.0))

Role = Literal["pt", "cpt"]


def _shift(
    shapes: tuple[Shape, ...],
    written: tuple[str, str],
    replay: bool,
    role: str,
    clock: Clock,
    value: Callable[..., Dual],
) -> Factor:
    """A function of E * S_cpt; the first shape is E.

    Args:
        shapes: of the shift.
        written: text and LaTeX, with X for S_cpt.
        replay: whether the strength h of replay is fitted.
        role: of the domain; it decides the usual strength.
        clock: what the progress of the CPT is counted by.
        value: (points, progress in every block, E * S_cpt, the other shapes) -> shape (m,).
    """
    count, last = len(shapes), len(shapes) + len(clock.shapes)

    def evaluate(x: Points, *given: Dual) -> Dual:
        rate = given[0]
        moved = clock.moved(x.blocks, rate, *given[count:last])
        gone = since_transfer(x.blocks, moved)
        h = replay_strength(role, replay, given[last] if replay else None)
        whole = value(x, moved, rate * gone, *given[1:count])[x.blocks.ends]
        return whole * replay_factor(x.r_pt, h)

    text = written[0].replace("X", "S_cpt") + (f"/{REPLAY_TEXT}" if replay else "")
    latex = written[1].replace("X", r"S_{\mathrm{cpt}}")
    latex += rf"\,{REPLAY_LATEX}^{{-1}}" if replay else ""
    return Factor(
        (*shapes, *clock.shapes, *((replay_shape(role),) if replay else ())),
        dual.differentiated(evaluate),
        text,
        latex,
        conventional=False,
    )


def saturating(replay: bool, role: str, clock: Clock = EFFECTIVE) -> Factor:
    """1 - (1 + E*X)**-beta (Eq. 3 of arXiv:2505.07796, along any clock)."""

    def value(x: Points, moved: Dual, grown: Dual, beta: Dual) -> Dual:
        return -dual.expm1(dual.log1p(grown) * -beta)

    written = ("(1 - (1 + <E>*X)^-<beta>)", r"\left(1 - (1 + <E>\,X)^{-<beta>}\right)")
    return _shift((RATE, BETA), written, replay, role, clock, value)


def start_dependent(replay: bool, role: str, clock: Clock = EFFECTIVE) -> Factor:
    """((1 + E*X)**k - 1) / k with k = b + d*log(S_pt), S_pt the progress at the transfer.

    Source: after arXiv:2510.06548, where the exponent of the CPT falls with the logarithm of the
    pre-training; a bend k is an exponent -k.
    """
    bend = BEND if role != "cpt" else replace(BEND, start=(-0.8, 0.0), prior=Prior(-0.37, 0.5))

    def value(x: Points, moved: Dual, grown: Dual, b: Dual, d: Dual) -> Dual:
        before = before_transfer(x.blocks, moved)
        live = before + (before.value <= 0).astype(np.float64)
        return dual.box(dual.log1p(grown), b + d * dual.log(live))

    exponent = "<b> + <d>*log(S_pt)"
    latex = r"<b> + <d>\,\log S_{\mathrm{pt}}"
    written = (
        f"((1 + <E>*X)^({exponent}) - 1)/({exponent})",
        rf"\frac{{(1 + <E>\,X)^{{{latex}}} - 1}}{{{latex}}}",
    )
    return _shift((RATE, bend, TURN), written, replay, role, clock, value)


def exponential(which: Literal["fast", "slow"], replay: bool, role: str) -> Factor:
    """1 - exp(-E1*X), or the slow one with E2, along the effective LR."""
    rate = FAST if which == "fast" else SLOW

    def value(x: Points, moved: Dual, grown: Dual) -> Dual:
        return -dual.expm1(-grown)

    written = (f"(1 - exp(-<{rate.name}>*X))", rf"\left(1 - e^{{-<{rate.name}>\,X}}\right)")
    return _shift((rate,), written, replay, role, EFFECTIVE, value)


# --- a law of shares and steps ----------------------------------------------------------------


def in_phase(phase: Role) -> Factor:
    """1 at the points of one phase, 0 at the others."""

    def evaluate(x: Points) -> Valued:
        return (x.is_cpt == (phase == "cpt")).astype(np.float64), ()

    latex = rf"[\mathrm{{{phase}}}]"
    return Factor((), evaluate, f"[{phase}]", latex, conventional=False)


def power_of_cpt_steps() -> Factor:
    """(CPT steps / 1000)**-beta, 1 before the CPT."""

    def evaluate(x: Points, beta: float) -> Valued:
        log_steps = np.log(np.where(x.is_cpt, x.cpt_step * REFERENCE_LR, 1.0))
        value = np.exp(-beta * log_steps)
        return value, (-log_steps * value,)

    return Factor((BETA,), evaluate, "T_cpt^-<beta>", r"T_{\mathrm{cpt}}^{-<beta>}", None, False)


def power_of_share(data: Role) -> Factor:
    """r**zeta, r the share of one domain's data; 0 where there is none."""

    def evaluate(x: Points, zeta: float) -> Valued:
        share = x.r_pt if data == "pt" else x.r_cpt
        log_share = np.log(np.where(share > 0, share, 1.0))
        value = np.where(share > 0, np.exp(zeta * log_share), 0.0)
        return value, (log_share * value,)

    latex = rf"r_{{\mathrm{{{data}}}}}^{{<zeta>}}"
    return Factor((SHARE_POWER,), evaluate, f"r_{data}^<zeta>", latex, None, False)


def fall_with_share(data: Role) -> Factor:
    """(r + epsilon)**-rho, r the share of one domain's data."""

    def evaluate(x: Points, epsilon: float, rho: float) -> Valued:
        floored = (x.r_pt if data == "pt" else x.r_cpt) + epsilon
        value = floored**-rho
        return value, (-rho * value / floored, -np.log(floored) * value)

    return Factor(
        (SHARE_FLOOR, SHARE_FALL),
        evaluate,
        f"(r_{data} + <epsilon>)^-<rho>",
        rf"(r_{{\mathrm{{{data}}}}} + <epsilon>)^{{-<rho>}}",
        None,
        False,
    )
