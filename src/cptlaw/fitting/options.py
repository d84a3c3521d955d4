"""How a law is fitted: one value, passed whole to whatever fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.objective import DELTA, PRIOR_WEIGHT
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import BY_CROSS_VALIDATION

Target: TypeAlias = Literal["any", "run", "horizon", "peak", "start"]
TARGETS: tuple[Target, ...] = ("any", "run", "horizon", "peak", "start")


@dataclass(frozen=True)
class FitOptions:
    """How laws are fitted, whichever they are.

    A fit keeps its options, with the convention that was found best: `fit(study, law, options)`
    makes it again, and `backtest` and `compare` take them too.

    Args:
        convention: how areas are counted and which points are fitted; left out, both ways to
            count the initial warm-up are fitted and the one with the lower objective is kept.
        fixed: shape parameters that keep a value, such as {"lambda": 0.999}. lambda is fitted
            like the others unless it is given here, but the published 0.999 is kept as long as
            the data do not speak clearly against it; the summary says which.
        ood_law: of the out-of-domain sets: "eq6" (a weighted sum of the fitted D_pt and D_cpt
            losses), "loss-to-loss" (that and a constant), "auto" (eq6, unless the other forecasts
            left-out runs clearly better, for each set by itself), or a law of the catalogue.
        target: what is to be forecast, by which "auto" and "average" judge laws: "run" (a new run
            like the fitted ones), "horizon" (longer ones), "peak" (another peak LR), "start"
            (another start of the CPT); "any" for runs and horizons alike.
        delta: where the Huber objective turns linear, in log loss.
        seed: 0 searches from a fixed set of starts; any other number adds as many of its own,
            to see that they do not matter.
        prior_weight: how strongly shape parameters are drawn to what other runs have shown
            (docs/laws.md); 0 for not at all.
        weigh: whether points of dense logs count for less (`fitting/weighing.py`); left out, for
            laws with priors, since the paper's are fitted as the paper does it.
        keep: runs that are fitted whatever looks wrong with their data (`studies.faults`).

    Raises:
        DataError: delta is not above 0, prior_weight is below 0, or there is no such target.

    Source: arXiv:2505.07796, section 3.3 (objective), Eq. 6 (out-of-domain sets).
    """

    convention: Convention = field(default_factory=lambda: Convention(warmup="auto"))
    fixed: Mapping[str, float] = field(default_factory=dict[str, float])
    ood_law: str = BY_CROSS_VALIDATION
    target: Target = "any"
    delta: float = DELTA
    seed: int = 0
    prior_weight: float = PRIOR_WEIGHT
    weigh: bool | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixed", MappingProxyType(dict(self.fixed)))
        if self.target not in TARGETS:
            raise DataError(f"target '{self.target}': {suggestion(self.target, TARGETS)}")
        if not self.delta > 0:
            raise DataError(f"delta = {self.delta:g} must be above 0.")
        if not self.prior_weight >= 0:
            raise DataError(f"prior_weight = {self.prior_weight:g} must be 0 or above.")
