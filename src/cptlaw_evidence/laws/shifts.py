"""Shifts for comparison: other forms of how CPT data move the loss, under the effective LR.

S_cpt is the progress of the CPT; replay multiplies every shift as in the default law.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from cptlaw.laws import dual
from cptlaw.laws.catalog.entries import Entry, Facts, sign_of_shift
from cptlaw.laws.catalog.field import SEEN
from cptlaw.laws.catalog.growth import clock_of, weights_of
from cptlaw.laws.catalog.ours import with_shift
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors import transfer
from cptlaw.laws.factors.effective import EFFECTIVE, Clock, power_of_progress
from cptlaw.laws.factors.paper import saturated, size_power
from cptlaw.laws.factors.transfer import (
    BETA,
    REPLAY_LATEX,
    REPLAY_TEXT,
    before_transfer,
    replay_shapes,
    since_transfer,
    spared,
)
from cptlaw.laws.law import Factor, Prior, Shape, Term
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import SHIFT_RATE, SIZE_OF_CPT, START

# Without an onset E is larger and the end not to be seen: wider priors than those of `transfer`.
RATE = replace(transfer.RATE, start=(5.0, 500.0), prior=Prior(60.0, 2.0))
BEND = replace(transfer.BEND, start=(-0.5, 0.5), prior=Prior(0.0, 0.5))
# Rates lie around that of `transfer`; a power of 0.4 is usual for D_cpt, a start that changes it
# by a tenth for every factor of e in the pre-training is much.
FAST = Shape("E1", 1e-2, 1e8, (30.0, 1000.0), prior=Prior(200.0, 1.5), remedy=SHIFT_RATE)
SLOW = Shape("E2", 1e-4, 1e4, (0.3, 10.0), prior=Prior(2.0, 1.5), remedy=SHIFT_RATE)
TURN = Shape("d", -2.0, 2.0, (-0.1, 0.1), "linear", prior=Prior(0.0, 0.1), remedy=START)


def _shift(
    shapes: tuple[Shape, ...],
    written: tuple[str, str],
    replay: bool,
    role: str,
    clock: Clock,
    value: Callable[..., Dual],
) -> Factor:
    """A function of S_cpt.

    Args:
        shapes: of the shift.
        written: text and LaTeX, with X for S_cpt.
        replay: whether the strength of replay is fitted.
        role: of the domain; it decides the usual strength.
        clock: what the progress of the CPT is counted by.
        value: (points, progress in every block, S_cpt, the shapes) -> shape (m,).
    """
    count, last = len(shapes), len(shapes) + len(clock.shapes)

    def shifted(x: Points, *given: Dual) -> Dual:
        moved = clock.moved(x.blocks, *given[count:last])
        gone = since_transfer(x.blocks, moved)
        whole = value(x, moved, gone, *given[:count])[x.blocks.ends]
        return whole * spared(x.r_pt, role, given[last:])

    text = written[0].replace("X", "S_cpt") + (f"/{REPLAY_TEXT}" if replay else "")
    latex = written[1].replace("X", r"S_{\mathrm{cpt}}")
    latex += rf"\,{REPLAY_LATEX}^{{-1}}" if replay else ""
    return Factor(
        (*shapes, *clock.shapes, *(replay_shapes(role) if replay else ())),
        shifted,
        text,
        latex,
        conventional=False,
    )


def saturating(replay: bool, role: str, clock: Clock = EFFECTIVE) -> Factor:
    """1 - (1 + E*X)**-beta (Eq. 3 of arXiv:2505.07796, along any clock)."""

    def value(x: Points, moved: Dual, gone: Dual, rate: Dual, beta: Dual) -> Dual:
        return saturated(rate * gone, beta)

    written = ("(1 - (1 + <E>*X)^-<beta>)", r"\left(1 - (1 + <E>\,X)^{-<beta>}\right)")
    found = _shift((RATE, BETA), written, replay, role, clock, value)
    return replace(found, tied=(RATE.name, BETA.name))


def start_dependent(replay: bool, role: str, clock: Clock = EFFECTIVE) -> Factor:
    """((1 + E*X)**k - 1) / k with k = b + d*log(S_pt), S_pt the progress at the transfer.

    Source: after arXiv:2510.06548, where the exponent of the CPT falls with the logarithm of the
    pre-training; a bend k is an exponent -k.
    """
    bend = BEND if role != "cpt" else replace(BEND, start=(-0.8, 0.0), prior=Prior(-0.37, 0.5))

    def value(x: Points, moved: Dual, gone: Dual, rate: Dual, b: Dual, d: Dual) -> Dual:
        before = before_transfer(x.blocks, moved)
        live = before + (before.value <= 0).astype(np.float64)
        return dual.box(dual.log1p(rate * gone), b + d * dual.log(live))

    exponent = "<b> + <d>*log(S_pt)"
    latex = r"<b> + <d>\,\log S_{\mathrm{pt}}"
    written = (
        f"((1 + <E>*X)^({exponent}) - 1)/({exponent})",
        rf"\frac{{(1 + <E>\,X)^{{{latex}}} - 1}}{{{latex}}}",
    )
    found = _shift((RATE, bend, TURN), written, replay, role, clock, value)
    return replace(found, tied=(RATE.name, BEND.name))


def exponential(
    which: Literal["fast", "slow"], replay: bool, role: str, clock: Clock = EFFECTIVE
) -> Factor:
    """1 - exp(-E1*X), or the slow one with E2, along the effective LR."""
    rate = FAST if which == "fast" else SLOW

    def value(x: Points, moved: Dual, gone: Dual, rate: Dual) -> Dual:
        return -dual.expm1(-(rate * gone))

    written = (f"(1 - exp(-<{rate.name}>*X))", rf"\left(1 - e^{{-<{rate.name}>\,X}}\right)")
    return _shift((rate,), written, replay, role, clock, value)


def power_of_steps(replay: bool, role: str) -> Factor:
    """X**beta: what is forgotten grows as a power of the CPT, and has no end.

    Source: arXiv:2502.06042, where it is A D^beta / ((1 + B p) N)^alpha of the D tokens of the CPT
    and of the share p of pre-training data in them; replay is that of the other shifts here.
    """
    exponent = replace(BETA, prior=Prior(0.5, 0.5))

    def value(x: Points, moved: Dual, gone: Dual, beta: Dual) -> Dual:
        return dual.power(gone, beta)

    written = ("X^<beta>", "X^{<beta>}")
    return _shift((exponent,), written, replay, role, EFFECTIVE, value)


# --- laws ---


def _term(facts: Facts, name: str, *factors: Factor) -> Term:
    return Term(name, factors, bound=sign_of_shift(facts), part="shift")


def _eq3(facts: Facts) -> tuple[Term, ...]:
    return (_term(facts, "B", saturating(facts.replay, facts.role, clock_of(facts))),)


def _start(facts: Facts) -> tuple[Term, ...]:
    """A shift that depends on the start and, where sizes vary, on the size."""
    sizes = (size_power("gamma4", 1, Prior(0.0, 0.1), SIZE_OF_CPT),) if facts.sizes else ()
    return (_term(facts, "B", start_dependent(facts.replay, facts.role, clock_of(facts)), *sizes),)


def _power(facts: Facts) -> tuple[Term, ...]:
    """A power of the CPT and, where sizes vary, of the size."""
    sizes = (size_power("gamma4", 1, Prior(0.0, 0.1), SIZE_OF_CPT),) if facts.sizes else ()
    return (_term(facts, "B", power_of_steps(facts.replay, facts.role), *sizes),)


def _two_timescale(facts: Facts) -> tuple[Term, ...]:
    fast = exponential("fast", facts.replay, facts.role, clock_of(facts))
    slow = exponential("slow", facts.replay, facts.role, clock_of(facts))
    return _term(facts, "B1", fast), _term(facts, "B2", slow)


def _blend(facts: Facts) -> tuple[Term, ...]:
    """The hidden PT curve but for w, the hidden CPT curve for w; they have alpha in common.

    On its own domain a hidden curve has the lower floor and the lower slope: left free, the two
    differences cancel in the data and part beyond them.
    """
    weight = saturating(facts.replay, facts.role, clock_of(facts))
    other = replace(weight, tied=())  # its E and beta are judged together with B
    hidden = power_of_progress(weights=weights_of(facts))
    return _term(facts, "B", weight), _term(facts, "D", other, hidden)


# The base is that of the effective-LR law, and so are the choices; other shifts forecast other
# starts worse.
OTHER_SHIFT = replace(SEEN, choices="effective", growth=True)

ENTRIES = (
    Entry(
        "effective+eq3",
        "effective-LR law, shift of Eq. 3",
        "this project; arXiv:2505.07796, Eq. 3",
        with_shift(_eq3),
        OTHER_SHIFT,
    ),
    Entry(
        "effective+blend",
        "effective-LR law, blend of two hidden curves",
        "this project",
        with_shift(_blend),
        OTHER_SHIFT,
    ),
    Entry(
        "effective+start",
        "effective-LR law, shift whose exponent depends on the start, and that on the size",
        "this project; after arXiv:2510.06548",
        with_shift(_start),
        OTHER_SHIFT,
    ),
    Entry(
        "effective+power",
        "effective-LR law, a shift that grows as a power of the CPT",
        "this project; after arXiv:2502.06042",
        with_shift(_power),
        OTHER_SHIFT,
    ),
    Entry(
        "effective+two-timescale",
        "effective-LR law, a fast and a slow shift",
        "this project",
        with_shift(_two_timescale),
        OTHER_SHIFT,
    ),
)
