"""What an entry of the catalogue is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cptlaw.laws.law import Bound, Term
from cptlaw.laws.traits import Traits
from cptlaw.studies.optimization import NOT_SAID, Growth, Optimization


@dataclass(frozen=True)
class Facts:
    """What a law needs to know of a study before it is fitted; stored with the fit.

    Args:
        role: "pt", "cpt", "loss" or "ood.NAME"; it decides the sign of the shift.
        reference_area: largest S1cpt, or largest S1 without CPT: the scale of searches, and
            where an anchored shift is stated.
        longest: steps of the longest phase.
        bases: names of the unknown bases.
        batches: labels of the (batch tokens, sequence length) of the CPT runs.
        has_cpt: whether any run goes on with CPT.
        replay: whether the replay share differs between CPT runs.
        sizes: whether the model size differs between runs.
        pt: what is said of how the pre-training moves its weights.
        cpt: the same of the CPT.
        growth: whether weights grow, where that was chosen by the data.
        peak_lr: the highest LR of the fitted runs.
    """

    role: str
    reference_area: float = 1.0
    longest: int = 10_000
    bases: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    has_cpt: bool = True
    replay: bool = False
    sizes: bool = False
    pt: Optimization = NOT_SAID
    cpt: Optimization = NOT_SAID
    growth: Growth | None = None
    peak_lr: float = 1e-3


Terms = Callable[[Facts], tuple[Term, ...]]


@dataclass(frozen=True)
class Entry:
    """One law of the catalogue.

    Args:
        name: what it is called on the command line.
        title: a few words.
        source: paper and equation.
        terms: its terms, for the facts of a study.
        traits: what other code needs to know of it.
    """

    name: str
    title: str
    source: str
    terms: Terms
    traits: Traits = field(default_factory=Traits)


def sign_of_shift(facts: Facts) -> Bound:
    """The D_pt loss shifts up, the D_cpt loss down; elsewhere nobody knows."""
    return {"pt": "nonnegative", "cpt": "nonpositive"}.get(facts.role, "free")  # type: ignore[return-value]
