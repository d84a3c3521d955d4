"""This project's laws: the effective learning rate, a shift that remembers.

Any law of the pre-training becomes a law of the CPT by `completed`.
"""

from __future__ import annotations

from cptlaw import factors as f
from cptlaw.catalog.entries import Entry, Facts, sign_of_shift
from cptlaw.law import Prior, Term


def _effective(facts: Facts) -> tuple[Term, ...]:
    noise = Term("C", (f.noise(),), part="annealing")
    return (Term("L0"), Term("A", (f.power_of_progress(),)), noise, *completed(facts, f.EFFECTIVE))


def completed(facts: Facts, clock: f.Clock) -> tuple[Term, ...]:
    """What a law of the pre-training still lacks: the shift of the CPT, the size."""
    size = Term("F", (f.size_power("gamma3", -1, Prior(0.3, 0.15)),))
    sizes = (size,) if facts.sizes else ()
    if not facts.has_cpt:
        return sizes
    if facts.role == "cpt":
        shift = Term("D", (f.learning(facts.replay, clock),), part="shift")
    else:
        forgetting = f.forgetting(facts.replay, clock)
        shift = Term("B", (forgetting,), bound=sign_of_shift(facts), part="shift")
    return (*sizes, shift)


ENTRIES = (
    Entry(
        "effective",
        "effective-LR law",
        "this project; see docs/laws.md",
        _effective,
        ("cpt", "replay", "size"),
    ),
)
