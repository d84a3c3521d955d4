"""What decision is at stake: which losses count how much, and which runs there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError, suggestion
from cptlaw.studies.runs import Run

_EXAMPLE = 'such as "cpt=1 pt=0.3"'


@dataclass(frozen=True)
class Goal:
    """To choose the run whose weighted final loss is lowest.

    Args:
        weights: domain ("pt", "cpt", "loss" or "ood.NAME") -> weight of its final loss, above 0.
        targets: the runs there are to choose from, losses or none; left out, those that a
            question is asked about.

    Raises:
        DataError: no weight, or one that is not above 0, or two targets of one name.
    """

    weights: Mapping[str, float]
    targets: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))
        object.__setattr__(self, "targets", tuple(self.targets))
        if not self.weights:
            raise DataError(f"a goal needs the weight of at least one domain, {_EXAMPLE}.")
        for role, weight in self.weights.items():
            if not 0 < weight < math.inf:
                raise DataError(
                    f"goal: the weight of {role} is {weight:g}; expected a number above 0. Leave "
                    "a domain out that does not count."
                )
        names = [run.name for run in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"goal: two targets are named '{twice[0]}'; each needs its own name.")

    @classmethod
    def parse(cls, text: str, targets: Iterable[Run] = ()) -> Goal:
        """A goal from text such as "cpt=1 pt=0.3".

        Args:
            text: DOMAIN=WEIGHT, separated by spaces or commas.
            targets: the runs there are to choose from.

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
            weights[role] = value
        return cls(weights, tuple(targets))

    @property
    def text(self) -> str:
        """The weights as `parse` reads them."""
        return " ".join(f"{role}={weight:.12g}" for role, weight in self.weights.items())

    def check(self, known: Iterable[str]) -> None:
        """Whether every domain that counts is among the known ones.

        Raises:
            DataError: naming the first that is not.
        """
        roles = list(known)
        for role in self.weights:
            if role not in roles:
                raise DataError(f"goal: there is no domain '{role}'. {suggestion(role, roles)}")

    def value(self, losses: Mapping[str, ArrayLike]) -> FloatArray:
        """The weighted sum of final losses.

        Args:
            losses: domain -> final loss, nats per token, any shape, the same for all.

        Raises:
            DataError: a domain that counts has no loss.
        """
        self.check(losses)
        parts = [w * np.asarray(losses[role], dtype=np.float64) for role, w in self.weights.items()]
        total: FloatArray = np.sum(parts, axis=0)
        return total
