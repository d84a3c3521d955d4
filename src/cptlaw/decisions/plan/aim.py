"""What is wanted of a run: which losses count how much, or what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.cost import COSTS
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError, suggestion

Kind: TypeAlias = Literal["sum", "worst", "cheapest"]
Measure: TypeAlias = Literal["loss", "change", "perplexity", "bits-per-byte"]
MEASURES: tuple[Measure, ...] = ("loss", "change", "perplexity", "bits-per-byte")
_WEIGHTS = (1e-6, 1e6)
_EXAMPLE = 'such as "cpt=1 pt=0.3", "worst cpt=1 pt=1" or "cheapest tokens"'


@dataclass(frozen=True)
class Aim:
    """What is made as low as can be.

    Args:
        kind: "sum" of the weighted losses, the "worst" (highest) of them, or the "cheapest" run
            that keeps the limits.
        weights: domain -> weight; empty for the cheapest.
        measure: what a weight is of: the final "loss" in nats per token, its "change" against a
            reference checkpoint (Eq. 5), its "perplexity", or "bits-per-byte".
        cost: what the cheapest run has least of, a key of COSTS.
        bytes_per_token: domain -> bytes in a token, for bits per byte.

    Raises:
        DataError: unknown words, no weight, or bytes that are missing.

    Source: arXiv:2505.07796, Eq. 5 (weighted changes) and Eq. 6 (out-of-domain sets).
    """

    kind: Kind
    weights: Mapping[str, float]
    measure: Measure = "loss"
    cost: str = "tokens"
    bytes_per_token: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise DataError(f"measure '{self.measure}': {suggestion(self.measure, MEASURES)}")
        if self.kind == "cheapest":
            if self.cost not in COSTS:
                raise DataError(f"cheapest '{self.cost}': {suggestion(self.cost, COSTS)}")
            if self.measure != "loss":
                raise DataError(
                    f"measure '{self.measure}' is of weights, and the cheapest run has none. "
                    "Limits are on losses; leave it out."
                )
        else:
            object.__setattr__(self, "weights", Weights(self.weights))
        for role, weight in self.weights.items():
            if not _WEIGHTS[0] <= weight <= _WEIGHTS[1]:
                raise DataError(
                    f"goal: the weight of {role} is {weight:g}; expected {_WEIGHTS[0]:g} to "
                    f"{_WEIGHTS[1]:g}. What counts is how large the weights are to each other."
                )
        self._check_bytes()

    def _check_bytes(self) -> None:
        known = self.bytes_per_token or {}
        if self.measure != "bits-per-byte":
            if known:
                raise DataError(
                    "bytes in a token are for bits per byte alone: measure = 'bits-per-byte' "
                    "(--measure bits-per-byte)."
                )
            return
        missing = [role for role in self.weights if not 0 < known.get(role, 0) < math.inf]
        if missing:
            raise DataError(
                f"bits per byte need the bytes in a token of {', '.join(missing)}: "
                f"bytes_per_token = {{'{missing[0]}': 4.2}} (--bytes-per-token "
                f"{missing[0]}=4.2)."
            )
        for role in known:
            if role not in self.weights:
                raise DataError(
                    f"bytes in a token of '{role}', which the goal does not weigh. "
                    f"{suggestion(role, self.weights)}"
                )

    @classmethod
    def parse(
        cls,
        text: str,
        measure: str = "loss",
        bytes_per_token: Mapping[str, float] | None = None,
    ) -> Aim:
        """An aim from text such as "cpt=1 pt=0.3", "worst cpt=1 pt=1" or "cheapest tokens".

        Raises:
            DataError: naming the part that is not of that form.
        """
        first, _, rest = text.strip().partition(" ")
        if first == "cheapest":
            cost = rest.strip().lower() or "tokens"
            return cls("cheapest", {}, cast(Measure, measure), cost, bytes_per_token)
        kind: Kind = "worst" if first == "worst" else "sum"
        weights = rest if kind == "worst" else text
        if not weights.strip():
            raise DataError(f"goal '{text}': expected DOMAIN=WEIGHT, {_EXAMPLE}.")
        return cls(
            kind, Weights.parse(weights), cast(Measure, measure), bytes_per_token=bytes_per_token
        )

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        if self.kind == "cheapest":
            return f"cheapest {self.cost}"
        worst = "worst " if self.kind == "worst" else ""
        return worst + Weights(self.weights).text

    @property
    def unit(self) -> str:
        """Of its value."""
        if self.kind == "cheapest":
            return self.cost
        units = {"loss": "nats", "change": "nats", "perplexity": "", "bits-per-byte": "bits"}
        return units[self.measure]

    def value(
        self,
        losses: Mapping[str, FloatArray],
        reference: Mapping[str, FloatArray | float],
        costs: Mapping[str, FloatArray],
    ) -> FloatArray:
        """What is made low, for n runs, shape (..., n).

        Args:
            losses: domain -> final losses, nats per token, shape (..., n).
            reference: domain -> loss that a change is against, as broadcasts to the losses.
            costs: key of COSTS -> cost of the runs, shape (n,).
        """
        if self.kind == "cheapest":
            return costs[self.cost]
        parts = self.parts(losses, reference)
        found: FloatArray = parts.sum(axis=0) if self.kind == "sum" else parts.max(axis=0)
        return found

    def parts(
        self, losses: Mapping[str, FloatArray], reference: Mapping[str, FloatArray | float]
    ) -> FloatArray:
        """What each domain that counts is worth, weighted, shape (domains, ..., n).

        Args:
            losses: domain -> final losses, nats per token, shape (..., n).
            reference: domain -> loss that a change is against, as broadcasts to the losses.
        """
        each = self.weights.items()
        return np.stack([w * self._measured(r, losses, reference) for r, w in each])

    def _measured(
        self,
        role: str,
        losses: Mapping[str, FloatArray],
        reference: Mapping[str, FloatArray | float],
    ) -> FloatArray:
        loss = np.asarray(losses[role], dtype=np.float64)
        if self.measure == "change":
            return loss - reference[role]
        if self.measure == "perplexity":
            return np.exp(np.minimum(loss, 500.0))
        if self.measure == "bits-per-byte":
            assert self.bytes_per_token is not None
            return loss / math.log(2.0) / self.bytes_per_token[role]
        return loss
