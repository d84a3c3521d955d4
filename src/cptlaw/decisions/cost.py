"""What runs cost: steps, tokens, FLOPs, GPU hours, money, passes over their data.

A new cost is a row of COSTS; what it must be told is a field of `Prices` with a row of PRICES.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.page import typed

FLOPS_PER_TOKEN = 6.0
"""And parameter, forward and backward."""

PRICES = {
    "tokens_per_second": "Tokens that one GPU trains in a second; tells the hours.",
    "price": "Price of a GPU hour; tells the money.",
    "domain_tokens": "Different tokens of the new data; tells the passes over them.",
}
"""Field of `Prices` -> what it is, in words."""


@dataclass(frozen=True)
class Prices:
    """What it takes to say what a run costs.

    Args:
        tokens_per_second: of one GPU.
        price: of a GPU hour, in any currency.
        domain_tokens: distinct tokens of D_cpt data.

    Raises:
        DataError: a number that is not above 0.
    """

    tokens_per_second: float | None = None
    price: float | None = None
    domain_tokens: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < math.inf:
                raise DataError(f"{field.name} = {typed(value)}: expected a number above 0.")


@dataclass(frozen=True)
class Work:
    """What n runs train; None where one of them does not say it.

    Args:
        steps: optimiser steps, shape (n,).
        batch_tokens: tokens per step, shape (n,).
        model_size: non-embedding parameters, shape (n,).
        domain_share: share of D_cpt tokens in the data, shape (n,); None for D_pt training.
    """

    steps: FloatArray
    batch_tokens: FloatArray | None = None
    model_size: FloatArray | None = None
    domain_share: FloatArray | None = None

    @property
    def tokens(self) -> FloatArray | None:
        """Tokens trained on, shape (n,)."""
        return None if self.batch_tokens is None else self.steps * self.batch_tokens


def _flops(work: Work, prices: Prices) -> FloatArray | None:
    if work.tokens is None or work.model_size is None:
        return None
    return FLOPS_PER_TOKEN * work.model_size * work.tokens


def _hours(work: Work, prices: Prices) -> FloatArray | None:
    if work.tokens is None or prices.tokens_per_second is None:
        return None
    return work.tokens / prices.tokens_per_second / 3600.0


def _money(work: Work, prices: Prices) -> FloatArray | None:
    hours = _hours(work, prices)
    return None if hours is None or prices.price is None else hours * prices.price


def _passes(work: Work, prices: Prices) -> FloatArray | None:
    if work.tokens is None or work.domain_share is None or prices.domain_tokens is None:
        return None
    return work.tokens * work.domain_share / prices.domain_tokens


@dataclass(frozen=True)
class Cost:
    """One thing that runs cost.

    Args:
        words: what it is.
        needs: what must be given for it to be known.
        of: what n runs cost, shape (n,); None where that cannot be worked out.
    """

    words: str
    needs: str
    of: Callable[[Work, Prices], FloatArray | None]


COSTS: Mapping[str, Cost] = {
    "steps": Cost("optimiser steps", "", lambda work, prices: work.steps),
    "tokens": Cost(
        "tokens trained on",
        "the tokens per step (--batch-tokens, or batch_tokens in the study)",
        lambda work, prices: work.tokens,
    ),
    "flops": Cost(
        "6 * parameters * tokens",
        "the tokens per step and the model size (model_size in the study, or --model-size)",
        _flops,
    ),
    "hours": Cost(
        "GPU hours",
        "the tokens a GPU trains a second (--tokens-per-second) and per step (--batch-tokens)",
        _hours,
    ),
    "money": Cost(
        "GPU hours times their price",
        "the price of a GPU hour (--price) and the throughput (--tokens-per-second)",
        _money,
    ),
    "passes": Cost(
        "times the D_cpt data are seen",
        "the distinct tokens of D_cpt data (--domain-tokens) and those per step",
        _passes,
    ),
}
"""What runs cost, by the name that limits use."""


def costs_of(work: Work, prices: Prices | None = None) -> dict[str, FloatArray]:
    """Key of COSTS -> what n runs cost, shape (n,), of all that can be worked out."""
    given = prices or Prices()
    every = {name: cost.of(work, given) for name, cost in COSTS.items()}
    return {name: np.asarray(cost) for name, cost in every.items() if cost is not None}
