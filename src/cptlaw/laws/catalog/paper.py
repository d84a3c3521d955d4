"""The laws of arXiv:2505.07796."""

from __future__ import annotations

from dataclasses import replace

from cptlaw.errors import DataError
from cptlaw.laws import factors as f
from cptlaw.laws.catalog.entries import Entry, Facts, sign_of_shift
from cptlaw.laws.law import Factor, Term
from cptlaw.laws.remedies import ANNEALING_OF_BASE, ANNEALING_OF_CPT, SIZE, UNKNOWN_LEVEL
from cptlaw.laws.traits import Traits, Varied

PAPER = "arXiv:2505.07796"


def _base(facts: Facts) -> tuple[Term, ...]:
    return Term("L0"), Term("A", (f.power_of_area(),))


def _of_base(*factors: Factor) -> Term:
    """C1, which follows the annealing of the pre-training."""
    return Term("C1", factors, sign=-1, part="annealing", remedy=ANNEALING_OF_BASE)


def _of_cpt(*factors: Factor) -> Term:
    """C2, which follows the annealing of the CPT."""
    return Term("C2", factors, sign=-1, part="annealing", remedy=ANNEALING_OF_CPT)


def _annealing(
    facts: Facts, c1: tuple[Factor, ...] = (), c2: tuple[Factor, ...] = ()
) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        _of_base(f.annealing("pt", memory), *c1),
        _of_cpt(f.annealing("cpt", memory), *c2),
    )


def _shift(facts: Facts, *more: Factor) -> Term:
    factor = f.shift(facts.reference_area)
    return Term("B", (factor, *more), bound=sign_of_shift(facts), part="shift")


def _size_annealing(facts: Facts, *c2: Factor) -> tuple[Term, ...]:
    return _annealing(facts, (f.size_power("gamma1"),), (f.size_power("gamma2"), *c2))


_SIZE_FLOOR = Term("F", (f.size_power("gamma3", -1),), remedy=SIZE)


def _replay(facts: Facts, printed: bool = False) -> tuple[Factor, Factor]:
    """The factors of Eq. 8 on C2 and on the shift."""
    if facts.role not in ("pt", "cpt"):
        raise DataError(
            f"Eq. 8 has a form for pt and one for cpt, none for '{facts.role}'. A study with both "
            "domains, pt and cpt, fits the others as their sum (eq6)."
        )
    convex = (facts.role == "pt") != printed
    data = "pt" if facts.role == "pt" else "cpt"
    return f.exponential_share(data), f.replay_share("convex" if convex else "concave")


def _eq1(facts: Facts) -> tuple[Term, ...]:
    anneal = f.annealing("pt", f.memory(facts.longest))
    return (*_base(facts), Term("C", (anneal,), sign=-1, part="annealing"))


def _eq4(facts: Facts) -> tuple[Term, ...]:
    return (*_base(facts), *_annealing(facts), _shift(facts))


def _eq4_anchored(facts: Facts) -> tuple[Term, ...]:
    shift = Term(
        "D", (f.anchored_shift(facts.reference_area),), bound=sign_of_shift(facts), part="shift"
    )
    return (*_base(facts), *_annealing(facts), shift)


def _eq4_batch(facts: Facts) -> tuple[Term, ...]:
    shifts = [
        Term(
            f"B[{label}]",
            (f.only(facts.batches, label), f.shift(facts.reference_area, f"[{label}]")),
            bound=sign_of_shift(facts),
            part="shift",
        )
        for label in facts.batches
    ]
    return (*_base(facts), *_annealing(facts), *shifts)


def _eq7(facts: Facts) -> tuple[Term, ...]:
    return (*_base(facts), *_size_annealing(facts), _shift(facts), _SIZE_FLOOR)


def _eq8(facts: Facts, printed: bool = False) -> tuple[Term, ...]:
    on_c2, on_shift = _replay(facts, printed)
    return (*_base(facts), *_annealing(facts, (), (on_c2,)), _shift(facts, on_shift))


def _eq7_eq8(facts: Facts) -> tuple[Term, ...]:
    on_c2, on_shift = _replay(facts)
    return (
        *_base(facts),
        *_size_annealing(facts, on_c2),
        _shift(facts, on_shift),
        _SIZE_FLOOR,
    )


def _eq9(facts: Facts) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        *_base(facts),
        _of_base(f.weighted_annealing("pt", memory)),
        _of_cpt(f.weighted_annealing("cpt", memory)),
        _shift(facts),
    )


def _eq10(facts: Facts) -> tuple[Term, ...]:
    memory = f.memory(facts.longest)
    return (
        *_base(facts),
        _of_base(f.powered_annealing("pt", memory, "zeta1")),
        _of_cpt(f.powered_annealing("cpt", memory, "zeta2")),
        _shift(facts),
    )


def _unknown_pt(facts: Facts) -> tuple[Term, ...]:
    area = f.power_of_unknown_area(facts.bases or ("",), facts.reference_area)
    anneal = f.annealing("cpt", f.memory(facts.longest))
    return (
        Term("L0", remedy=UNKNOWN_LEVEL),
        Term("A", (area,), remedy=UNKNOWN_LEVEL),
        _of_cpt(anneal),
        _shift(facts),
    )


# In an endless CPT the power of the forward area is gone, and the shift is B.
_ENDLESS = {"A": 0.0, "beta": 1e9}
_LIMITED = Traits(limit=_ENDLESS)


def _chosen(*sees: Varied) -> Traits:
    """Traits of the paper's law for studies in which just this varies."""
    seen = frozenset(sees)
    return Traits(seen, forecasts="paper", limit=_ENDLESS, candidate=True, paper_for=(seen,))


ENTRIES = (
    Entry(
        "eq1",
        "annealing law",
        f"{PAPER}, Eq. 1 (arXiv:2408.11029)",
        _eq1,
        replace(_chosen(), limit={}),
    ),
    Entry("eq4", "CPT law", f"{PAPER}, Eq. 4", _eq4, _chosen("cpt")),
    Entry(
        "eq4-anchored",
        "CPT law, shift by its value and slope at a reference area",
        f"{PAPER}, Eq. 4, reparametrised",
        _eq4_anchored,
    ),
    Entry(
        "eq4-batch",
        "CPT law, a shift for each batch and sequence length",
        f"{PAPER}, Eq. 4 and appendix F",
        _eq4_batch,
        replace(_chosen("cpt", "batch"), forecasts="other"),
    ),
    Entry(
        "eq7",
        "CPT law with model size",
        f"{PAPER}, Eq. 7",
        _eq7,
        replace(
            _chosen("cpt", "size"),
            paper_for=(frozenset({"cpt", "size"}), frozenset({"size"})),
        ),
    ),
    Entry(
        "eq8",
        "CPT law with replay, factors as the data show them",
        f"{PAPER}, Eq. 8 with its two shift factors exchanged (figures 8c, 12)",
        _eq8,
        _chosen("cpt", "replay"),
    ),
    Entry(
        "eq8-printed",
        "CPT law with replay, factors as printed",
        f"{PAPER}, Eq. 8",
        lambda facts: _eq8(facts, printed=True),
        replace(_LIMITED, sees=frozenset({"cpt", "replay"})),
    ),
    Entry(
        "eq7+eq8",
        "CPT law with model size and replay",
        f"{PAPER}, Eq. 7 and 8",
        _eq7_eq8,
        _chosen("cpt", "size", "replay"),
    ),
    Entry("eq9", "CPT law, annealing weighted by the LR", f"{PAPER}, Eq. 9", _eq9, _LIMITED),
    Entry("eq10", "CPT law, powers of the annealing areas", f"{PAPER}, Eq. 10", _eq10, _LIMITED),
    Entry(
        "unknown-pt",
        "CPT law for a base of unknown PT",
        f"{PAPER}, section 6",
        _unknown_pt,
        replace(_chosen("cpt", "unknown"), forecasts="other", limit={}),
    ),
)
