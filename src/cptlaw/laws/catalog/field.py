"""Laws of the field besides arXiv:2505.07796, each completed by this project's shift and size.

Where a law has the letters of another here, they mean the same: kappa is how fast a memory of the
past begins to fade, rho the power with which it ends, zeta a power of the LR.
"""

from __future__ import annotations

from dataclasses import replace

from cptlaw.laws.catalog.entries import Entry, Facts, Terms
from cptlaw.laws.catalog.ours import TRAITS, completed
from cptlaw.laws.factors import kernels
from cptlaw.laws.factors.effective import AREA, Clock
from cptlaw.laws.law import Factor, Term
from cptlaw.laws.traits import Traits

# What all of these see; `auto` tries those that are entered here.
SEEN = Traits(sees=TRAITS.sees)
_TRIED = replace(SEEN, candidate=True)

POWER_OF_AREA = kernels.power_of_clock(AREA)
POWER_OF_POWERED_AREA = kernels.power_of_clock(kernels.POWERED_AREA)
FADING = kernels.power_of_clock(kernels.POWERED_AREA, kernels.FADING)


def law_of(power: Factor, *more: Term, clock: Clock = AREA) -> Terms:
    """L0 + A * power, `more`, and what `completed` adds."""

    def terms(facts: Facts) -> tuple[Term, ...]:
        return (Term("L0"), Term("A", (power,)), *more, *completed(facts, clock))

    return terms


def annealing_term(*factors: Factor, sign: int = 1) -> Term:
    """C times the factors: what the learning rate's past adds, or takes away."""
    return Term("C", factors, sign=sign, part="annealing")


ENTRIES = (
    Entry(
        "multi-power",
        "multi-power law",
        "arXiv:2503.12811, the warm-up's rise a negative drop",
        law_of(POWER_OF_AREA, annealing_term(kernels.multi_power_drops(), sign=-1)),
        _TRIED,
    ),
    Entry(
        "functional",
        "functional scaling law",
        "after arXiv:2509.19189, with a power of the LR in the noise",
        law_of(POWER_OF_AREA, annealing_term(kernels.kernel_noise())),
        _TRIED,
    ),
    Entry(
        "relaxing",
        "power laws of the LR with noise that relaxes",
        "this project, after arXiv:2509.19189",
        law_of(POWER_OF_POWERED_AREA, annealing_term(kernels.relaxing_noise(), FADING)),
        _TRIED,
    ),
)
