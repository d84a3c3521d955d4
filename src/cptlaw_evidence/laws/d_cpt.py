"""The D-CPT law: final losses by steps and shares of the data.

Source: arXiv:2406.01375.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cptlaw.laws import dual
from cptlaw.laws.catalog.entries import Entry, Facts
from cptlaw.laws.catalog.field import SEEN
from cptlaw.laws.catalog.ours import size_floor
from cptlaw.laws.dual import Dual
from cptlaw.laws.factors import kernels
from cptlaw.laws.factors.effective import REFERENCE_LR
from cptlaw.laws.factors.transfer import BETA
from cptlaw.laws.law import Factor, Prior, Shape, Term
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import REPLAY, SHIFT
from cptlaw_evidence.laws.annealing import STEPS

SHARE_POWER = Shape("zeta", 0.01, 5.0, (0.2, 1.0), prior=Prior(0.5, 1.0), remedy=REPLAY)
SHARE_FALL = Shape("rho", 0.01, 10.0, (0.2, 1.0), prior=Prior(0.5, 1.0), remedy=REPLAY)
SHARE_FLOOR = Shape("epsilon", 1e-3, 1.0, (0.05, 0.3), prior=Prior(0.1, 1.0), remedy=REPLAY)

Role = Literal["pt", "cpt"]


def in_phase(phase: Role) -> Factor:
    """1 at the points of one phase, 0 at the others."""

    def indicator(x: Points) -> Dual:
        return dual.constant((x.is_cpt == (phase == "cpt")).astype(np.float64))

    latex = rf"[\mathrm{{{phase}}}]"
    return Factor((), indicator, f"[{phase}]", latex, conventional=False)


def power_of_cpt_steps() -> Factor:
    """(CPT steps / 1000)**-beta, 1 before the CPT."""

    def power(x: Points, beta: Dual) -> Dual:
        return dual.exp(-beta * np.log(np.where(x.is_cpt, x.cpt_step * REFERENCE_LR, 1.0)))

    latex = r"T_{\mathrm{cpt}}^{-<beta>}"
    return Factor((BETA,), power, "T_cpt^-<beta>", latex, conventional=False, tied=(BETA.name,))


def power_of_share(data: Role) -> Factor:
    """r**zeta, r the share of one domain's data; 0 where there is none."""

    def power(x: Points, zeta: Dual) -> Dual:
        return dual.power(x.r_pt if data == "pt" else x.r_cpt, zeta)

    latex = rf"r_{{\mathrm{{{data}}}}}^{{<zeta>}}"
    return Factor((SHARE_POWER,), power, f"r_{data}^<zeta>", latex, None, False)


def fall_with_share(data: Role) -> Factor:
    """(r + epsilon)**-rho, r the share of one domain's data."""

    def power(x: Points, epsilon: Dual, rho: Dual) -> Dual:
        return dual.exp(dual.log(epsilon + (x.r_pt if data == "pt" else x.r_cpt)) * -rho)

    return Factor(
        (SHARE_FLOOR, SHARE_FALL),
        power,
        f"(r_{data} + <epsilon>)^-<rho>",
        rf"(r_{{\mathrm{{{data}}}}} + <epsilon>)^{{-<rho>}}",
        None,
        False,
    )


def _d_cpt(facts: Facts) -> tuple[Term, ...]:
    """CPT points follow the law; those before it a power of the steps with its own coefficients."""
    before, after = in_phase("pt"), in_phase("cpt")
    power = kernels.power_of_clock(STEPS, symbol="T")
    base = (Term("L0", (before,)), Term("A", (before, power)))
    sizes = size_floor(facts)
    if not facts.has_cpt:
        return (Term("L0"), Term("A", (power,)), *sizes)
    data = "pt" if facts.role == "pt" else "cpt"
    floor, gained = Term("G", (after,), remedy=SHIFT), (after, power_of_cpt_steps())
    if not facts.replay:
        return (
            *base,
            *sizes,
            floor,
            Term("B", gained, bound="free", part="shift"),
        )
    return (
        *base,
        *sizes,
        floor,
        Term("B", (*gained, power_of_share(data)), bound="free", part="shift"),
        Term("C", (after, fall_with_share(data)), part="shift", remedy=REPLAY),
    )


ENTRIES = (
    Entry(
        "d-cpt",
        "D-CPT law",
        "arXiv:2406.01375, along the CPT's steps; a power of the steps before",
        _d_cpt,
        SEEN,
    ),
)
