"""What is known of a model before anyone has trained it further."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError
from cptlaw.page import typed

USUAL_BATCH = 4e6
"""Tokens per step of the runs of arXiv:2505.07796 and of many larger models."""


@dataclass(frozen=True)
class PriorOptions:
    """What is known of a model before anyone has trained it further.

    Args:
        model_size: non-embedding parameters.
        domain_tokens: distinct tokens of D_cpt data.
        goal: weights of the final losses on "pt" and "cpt".
        batch_tokens: tokens per step of the CPT.
        pt_peak: peak LR of its pre-training; left out, one that is usual for the size.
        losses: "pt" and "cpt" -> the checkpoint's loss, nats per token, where it was measured.

    Raises:
        DataError: a value out of range, or a goal or loss of another domain.
    """

    model_size: float
    domain_tokens: float
    goal: Weights = field(default_factory=lambda: Weights.parse("cpt=1 pt=0.3"))
    batch_tokens: float = USUAL_BATCH
    pt_peak: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "losses", MappingProxyType(dict(self.losses)))
        for name in ("model_size", "domain_tokens", "batch_tokens"):
            if not 0 < getattr(self, name) < math.inf:
                raise DataError(
                    f"{name} = {typed(getattr(self, name))}: expected a number above 0."
                )
        if self.pt_peak is not None and not 0 < self.pt_peak < 1:
            raise DataError(f"pt_peak = {typed(self.pt_peak)}: expected an LR between 0 and 1.")
        for role in (*self.goal, *self.losses):
            if role not in ("pt", "cpt"):
                raise DataError(f"'{role}': without runs only pt and cpt are known of.")
        for role, loss in self.losses.items():
            if not 0 < loss < 12.5:
                raise DataError(
                    f"loss {role} = {typed(loss)}: expected nats per token, below 12.5."
                )

    @property
    def pass_steps(self) -> float:
        """Steps in which the D_cpt data are seen once, without replay."""
        return self.domain_tokens / self.batch_tokens
