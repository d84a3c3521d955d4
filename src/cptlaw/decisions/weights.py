"""How much each domain's loss counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, suggestion

_EXAMPLE = 'such as "cpt=1 pt=0.3"'


class Weights(Mapping[str, float]):
    """Domain ("pt", "cpt", "loss" or "ood.NAME") -> how much its loss counts.

    Args:
        weights: 0 or more, and one of them above 0.

    Raises:
        DataError: no weight, one below 0, or none above 0.
    """

    __slots__ = ("_weights",)

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)
        if not self._weights:
            raise DataError(f"a goal needs the weight of at least one domain, {_EXAMPLE}.")
        nothing = not any(weight > 0 for weight in self._weights.values())
        for role, weight in self._weights.items():
            if nothing or not 0 <= weight < math.inf:
                raise _not_above_0(role, weight)

    @classmethod
    def parse(cls, text: str) -> Weights:
        """Weights from text such as "cpt=1 pt=0.3".

        Args:
            text: DOMAIN=WEIGHT, separated by spaces or commas, each weight above 0.

        Raises:
            DataError: naming the part that is not of that form.
        """
        weights: dict[str, float] = {}
        for part in text.replace(",", " ").split():
            role, equals, number = part.partition("=")
            try:
                value = float(number) if equals and role else math.nan
            except ValueError:
                value = math.nan
            if math.isnan(value):
                raise DataError(f"goal '{part}': expected DOMAIN=WEIGHT, {_EXAMPLE}.")
            if role in weights:
                raise DataError(f"goal '{part}': {role} is given twice. Keep one weight.")
            if value == 0:
                raise _not_above_0(role, value)
            weights[role] = value
        return cls(weights)

    @property
    def text(self) -> str:
        """As `parse` reads them."""
        return " ".join(f"{role}={weight:.12g}" for role, weight in self.items())

    def check(self, known: Iterable[str]) -> None:
        """Whether every domain is among the known ones.

        Raises:
            DataError: naming the first that is not.
        """
        roles = list(known)
        for role in self:
            if role not in roles:
                raise DataError(f"goal: there is no domain '{role}'. {suggestion(role, roles)}")

    def total(self, losses: Mapping[str, ArrayLike]) -> FloatArray:
        """The weighted sum of losses.

        Args:
            losses: domain -> loss, nats per token, any shape, the same for all.

        Raises:
            DataError: a domain has no loss.
        """
        self.check(losses)
        parts = [w * np.asarray(losses[role], dtype=np.float64) for role, w in self.items()]
        total: FloatArray = np.sum(parts, axis=0)
        return total

    def __getitem__(self, role: str) -> float:
        return self._weights[role]

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def __repr__(self) -> str:
        return f"Weights({self._weights})"


def _not_above_0(role: str, weight: float) -> DataError:
    return DataError(
        f"goal: the weight of {role} is {weight:g}; expected a number above 0. Leave a domain out "
        "that does not count."
    )
