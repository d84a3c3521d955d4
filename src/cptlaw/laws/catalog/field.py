"""Laws of the field besides arXiv:2505.07796, each completed by this project's shift and size.

Where a law has the letters of another here, they mean the same: kappa is how fast a memory of the
past begins to fade, rho the power with which it ends, zeta a power of the LR.
"""

from __future__ import annotations

from dataclasses import replace

from cptlaw.laws.catalog.entries import Entry, Facts, Terms, sign_of_shift
from cptlaw.laws.catalog.ours import TRAITS, base_terms, completed, shift_of_cpt, size_floor
from cptlaw.laws.factors import kernels, shifts
from cptlaw.laws.factors.effective import AREA, EFFECTIVE, Clock, power_of_progress
from cptlaw.laws.factors.paper import size_power
from cptlaw.laws.factors.transfer import repetition
from cptlaw.laws.law import Factor, Prior, Term
from cptlaw.laws.traits import Traits

# What all of these see; `auto` tries some of them.
_SEEN = Traits(sees=TRAITS.sees)
_TRIED = replace(_SEEN, candidate=True)
# The base is that of the effective-LR law, and so are the choices; other shifts forecast other
# starts worse, so that only the shift that adds what repeated data cost is as sure.
_OTHER_SHIFT = replace(_SEEN, choices="effective")
_REPEATED = replace(TRAITS, sees=TRAITS.sees | {"repetition"}, candidate=False)


def _law(power: Factor, *more: Term, clock: Clock = AREA) -> Terms:
    """L0 + A * power, `more`, and what `completed` adds."""

    def terms(facts: Facts) -> tuple[Term, ...]:
        return (Term("L0"), Term("A", (power,)), *more, *completed(facts, clock))

    return terms


def _annealing(*factors: Factor, sign: int = 1) -> Term:
    return Term("C", factors, sign=sign, part="annealing")


_AREA = kernels.power_of_clock(AREA)
_POWERED = kernels.power_of_clock(kernels.POWERED_AREA)
_FADING = kernels.power_of_clock(kernels.POWERED_AREA, kernels.FADING)


def _with_shift(shift: Terms) -> Terms:
    """The effective-LR law with another shift."""

    def terms(facts: Facts) -> tuple[Term, ...]:
        return (*base_terms(), *size_floor(facts), *(shift(facts) if facts.has_cpt else ()))

    return terms


def _repetition(facts: Facts) -> tuple[Term, ...]:
    """The shift of the effective-LR law, and what passes over the same data cost."""
    return shift_of_cpt(facts, EFFECTIVE), Term("R", (repetition(),), part="shift")


def _term(facts: Facts, name: str, *factors: Factor) -> Term:
    return Term(name, factors, bound=sign_of_shift(facts), part="shift")


def _eq3(facts: Facts) -> tuple[Term, ...]:
    return (_term(facts, "B", shifts.saturating(facts.replay, facts.role)),)


def _start(facts: Facts) -> tuple[Term, ...]:
    """A shift that depends on the start and, where sizes vary, on the size."""
    sizes = (size_power("gamma4", 1, Prior(0.0, 0.1)),) if facts.sizes else ()
    return (_term(facts, "B", shifts.start_dependent(facts.replay, facts.role), *sizes),)


def _two_timescale(facts: Facts) -> tuple[Term, ...]:
    fast = shifts.exponential("fast", facts.replay, facts.role)
    slow = shifts.exponential("slow", facts.replay, facts.role)
    return _term(facts, "B1", fast), _term(facts, "B2", slow)


def _blend(facts: Facts) -> tuple[Term, ...]:
    """The hidden PT curve but for w, the hidden CPT curve for w; they have alpha in common.

    On its own domain a hidden curve has the lower floor and the lower slope: left free, the two
    differences cancel in the data and part beyond them.
    """
    weight = shifts.saturating(facts.replay, facts.role)
    return _term(facts, "B", weight), _term(facts, "D", weight, power_of_progress())


def _d_cpt(facts: Facts) -> tuple[Term, ...]:
    """CPT points follow the law; those before it a power of the steps with its own coefficients."""
    before, after = shifts.in_phase("pt"), shifts.in_phase("cpt")
    power = kernels.power_of_clock(kernels.STEPS, symbol="T")
    base = (Term("L0", (before,)), Term("A", (before, power)))
    sizes = size_floor(facts)
    if not facts.has_cpt:
        return (Term("L0"), Term("A", (power,)), *sizes)
    data = "pt" if facts.role == "pt" else "cpt"
    gained = (after, shifts.power_of_cpt_steps())
    if not facts.replay:
        return (*base, *sizes, Term("G", (after,)), Term("B", gained, bound="free", part="shift"))
    return (
        *base,
        *sizes,
        Term("G", (after,)),
        Term("B", (*gained, shifts.power_of_share(data)), bound="free", part="shift"),
        Term("C", (after, shifts.fall_with_share(data)), part="shift"),
    )


ENTRIES = (
    Entry(
        "multi-power",
        "multi-power law",
        "arXiv:2503.12811, the warm-up's rise a negative drop",
        _law(_AREA, _annealing(kernels.multi_power_drops(), sign=-1)),
        _TRIED,
    ),
    Entry(
        "functional",
        "functional scaling law",
        "after arXiv:2509.19189, with a power of the LR in the noise",
        _law(_AREA, _annealing(kernels.kernel_noise())),
        _TRIED,
    ),
    Entry(
        "clock",
        "LR drops that settle exponentially along the forward area",
        "after arXiv:2408.11029, its memory along the area instead of the steps",
        _law(_AREA, _annealing(kernels.settled_drops(), sign=-1)),
        _SEEN,
    ),
    Entry(
        "momentum",
        "forward-momentum law",
        "arXiv:2512.13705",
        _law(_AREA, _annealing(kernels.forward_momentum(), sign=-1)),
        _SEEN,
    ),
    Entry(
        "floor",
        "annealing law with the floor of the current LR",
        "this project, after arXiv:2408.11029",
        _law(_POWERED, _annealing(kernels.smoothed_lr(), _FADING)),
        _SEEN,
    ),
    Entry(
        "relaxing",
        "power laws of the LR with noise that relaxes",
        "this project, after arXiv:2509.19189",
        _law(_POWERED, _annealing(kernels.relaxing_noise(), _FADING)),
        _TRIED,
    ),
    Entry(
        "convex",
        "bound of convex optimisation for the last iterate",
        "arXiv:2501.18965",
        _law(kernels.inverse_area(), _annealing(kernels.convex_noise())),
        _SEEN,
    ),
    Entry(
        "step-power",
        "power law of the steps, blind to the LR",
        "the usual baseline",
        _law(kernels.power_of_clock(kernels.STEPS, symbol="T"), clock=kernels.STEPS),
        _SEEN,
    ),
    Entry(
        "d-cpt",
        "D-CPT law",
        "arXiv:2406.01375, along the CPT's steps; a power of the steps before",
        _d_cpt,
        _SEEN,
    ),
    Entry(
        "effective+eq3",
        "effective-LR law, shift of Eq. 3",
        "this project; arXiv:2505.07796, Eq. 3",
        _with_shift(_eq3),
        _OTHER_SHIFT,
    ),
    Entry(
        "effective+blend",
        "effective-LR law, blend of two hidden curves",
        "this project",
        _with_shift(_blend),
        _OTHER_SHIFT,
    ),
    Entry(
        "effective+start",
        "effective-LR law, shift whose exponent depends on the start, and that on the size",
        "this project; after arXiv:2510.06548",
        _with_shift(_start),
        _OTHER_SHIFT,
    ),
    Entry(
        "effective+repetition",
        "effective-LR law, repeated D_cpt data cost",
        "this project; after arXiv:2603.16177",
        _with_shift(_repetition),
        _REPEATED,
    ),
    Entry(
        "effective+two-timescale",
        "effective-LR law, a fast and a slow shift",
        "this project",
        _with_shift(_two_timescale),
        _OTHER_SHIFT,
    ),
)
