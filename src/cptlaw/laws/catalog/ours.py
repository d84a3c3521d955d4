"""This project's laws: the effective learning rate, a shift that remembers.

Any law of the pre-training becomes a law of the CPT by `completed`.
"""

from __future__ import annotations

from dataclasses import replace

from cptlaw.laws import factors as f
from cptlaw.laws.catalog.entries import Entry, Facts, Terms, sign_of_shift
from cptlaw.laws.catalog.growth import clock_of, weights_of
from cptlaw.laws.factors.transfer import RATE
from cptlaw.laws.factors.weights import GROWN
from cptlaw.laws.law import Factor, Prior, Term
from cptlaw.laws.remedies import REPETITION, SIZE, SIZE_OF_CPT, UNKNOWN_LEVEL
from cptlaw.laws.traits import Traits

# Fits of .03M to 20M models: the larger gain a little more by annealing and forget a little less.
GAIN_WITH_SIZE = Prior(0.05, 0.1)
LOSS_WITH_SIZE = Prior(-0.05, 0.05)
# Fits of .15M to 124M models: A .3 to .72. One short CPT does not tell it.
USUAL_FALL = Prior(0.5, 0.2)
# Nats at an effective LR of 1e-3: mean and spread over sources whose LR falls (.18 to .79).
USUAL_NOISE = Prior(0.45, 0.2)
# The learning rates of open models are ten to a hundred times lower than those of the models that
# the usual rate is from.
RATE_OF_OPEN = replace(RATE, prior=Prior(7.0, 1.5))


def _effective(facts: Facts) -> tuple[Term, ...]:
    return (*base_terms(facts), *completed(facts, clock_of(facts)))


def with_shift(shift: Terms) -> Terms:
    """The effective-LR law with another shift."""

    def terms(facts: Facts) -> tuple[Term, ...]:
        return (*base_terms(facts), *size_floor(facts), *(shift(facts) if facts.has_cpt else ()))

    return terms


def _repetition(facts: Facts) -> tuple[Term, ...]:
    """The shift of the effective-LR law, and what passes over the same data cost."""
    overfitted = Term("R", (f.repetition(),), part="shift", remedy=REPETITION)
    return shift_of_cpt(facts, clock_of(facts)), overfitted


def _unknown(facts: Facts) -> tuple[Term, ...]:
    """The effective-LR law after a pre-training that nobody knows."""
    weights = replace(weights_of(facts), grown=None)
    if weights.sigma is not None:
        weights = replace(weights, grown=GROWN)
    open_ = f.OpenModels(facts.bases or ("",), weights, facts.peak_lr)
    exponent = f.ALPHA_OF_NEW if facts.role == "cpt" else f.ALPHA
    noise = f.noise_after(open_, excess=facts.role == "pt")
    return (
        *_levels(open_.names),
        Term("A", (f.power_of_both(open_, exponent),), prior=USUAL_FALL, remedy=UNKNOWN_LEVEL),
        Term(
            "C",
            (noise, *_sized(facts, "gamma1", GAIN_WITH_SIZE)),
            part="annealing",
            prior=USUAL_NOISE,
        ),
        _shift_after(facts, open_),
    )


def _unknown_and_repetition(facts: Facts) -> tuple[Term, ...]:
    """The same where passes over the same data cost."""
    return (*_unknown(facts), Term("R", (f.repetition(),), part="shift", remedy=REPETITION))


def _levels(names: tuple[str, ...]) -> tuple[Term, ...]:
    """L0, of each open model its own, so that each starts where it was measured."""
    if len(names) < 2:
        return (Term("L0", remedy=UNKNOWN_LEVEL),)
    return tuple(
        Term(f"L0[{name}]", (f.of_base(names, name),), remedy=UNKNOWN_LEVEL) for name in names
    )


def _shift_after(facts: Facts, open_: f.OpenModels) -> Term:
    """The shift of a CPT that goes on from an open model."""
    if facts.role == "cpt":
        return Term("D", (f.learning_after(open_),), part="shift")
    forgetting = f.forgetting(True, open_.clock, RATE_OF_OPEN)
    sized = _sized(facts, "gamma4", LOSS_WITH_SIZE)
    return Term("B", (forgetting, *sized), bound=sign_of_shift(facts), part="shift")


def base_terms(facts: Facts) -> tuple[Term, ...]:
    """The effective-LR law of the pre-training; D_pt is shaken more by steps on D_cpt."""
    weights = weights_of(facts)
    noise = f.noise(weights, excess=facts.has_cpt and facts.role == "pt")
    exponent = f.ALPHA_OF_NEW if facts.role == "cpt" else f.ALPHA
    return (
        Term("L0"),
        Term("A", (f.power_of_progress(exponent, weights),)),
        Term(
            "C",
            (noise, *_sized(facts, "gamma1", GAIN_WITH_SIZE)),
            part="annealing",
            prior=USUAL_NOISE,
        ),
    )


def completed(facts: Facts, clock: f.Clock) -> tuple[Term, ...]:
    """What a law of the pre-training still lacks: the size and the shift of the CPT."""
    return (*size_floor(facts), *((shift_of_cpt(facts, clock),) if facts.has_cpt else ()))


def size_floor(facts: Facts) -> tuple[Term, ...]:
    """F * N^-gamma3 where the size varies."""
    if not facts.sizes:
        return ()
    return (Term("F", (f.size_power("gamma3", -1, Prior(0.3, 0.15)),), remedy=SIZE),)


def shift_of_cpt(facts: Facts, clock: f.Clock) -> Term:
    """What is learnt of D_cpt, or forgotten elsewhere."""
    if facts.role == "cpt":
        return Term("D", (f.learning(facts.replay, clock),), part="shift")
    forgetting = f.forgetting(facts.replay, clock)
    sized = _sized(facts, "gamma4", LOSS_WITH_SIZE)
    return Term("B", (forgetting, *sized), bound=sign_of_shift(facts), part="shift")


def _sized(facts: Facts, name: str, prior: Prior) -> tuple[Factor, ...]:
    """N^name where the size varies."""
    return (f.size_power(name, 1, prior, SIZE_OF_CPT),) if facts.sizes else ()


TRAITS = Traits(
    sees=frozenset({"cpt", "replay", "size"}),
    forecasts="effective",
    choices="effective",
    candidate=True,
    growth=True,
)
OPEN_TRAITS = replace(TRAITS, sees=TRAITS.sees | {"unknown"}, forecasts="open", growth=False)
ENTRIES = (
    Entry(
        "effective",
        "effective-LR law",
        "this project; see docs/laws.md",
        _effective,
        TRAITS,
    ),
    Entry(
        "effective+repetition",
        "effective-LR law, repeated D_cpt data cost",
        "this project; after arXiv:2603.16177",
        with_shift(_repetition),
        replace(TRAITS, sees=TRAITS.sees | {"repetition"}, candidate=False),
    ),
    Entry(
        "effective+unknown",
        "effective-LR law after an open model",
        "this project; see docs/laws.md",
        _unknown,
        OPEN_TRAITS,
    ),
    Entry(
        "effective+unknown+repetition",
        "effective-LR law after an open model, repeated D_cpt data cost",
        "this project; after arXiv:2603.16177",
        _unknown_and_repetition,
        replace(OPEN_TRAITS, sees=OPEN_TRAITS.sees | {"repetition"}, candidate=False),
    ),
)
