"""What decision is at stake: which losses count how much, and which runs there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.decisions.weights import Weights
from cptlaw.errors import DataError
from cptlaw.studies.runs import Run


@dataclass(frozen=True)
class Goal:
    """To choose the run whose weighted final loss is lowest.

    Args:
        weights: domain -> weight of its final loss; any mapping of that kind will do.
        targets: the runs there are to choose from, losses or none; left out, those that a
            question is asked about.

    Raises:
        DataError: no weight above 0, or two targets of one name.
    """

    weights: Weights
    targets: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", Weights(self.weights))
        object.__setattr__(self, "targets", tuple(self.targets))
        names = [run.name for run in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"goal: two targets are named '{twice[0]}'; each needs its own name.")

    @classmethod
    def parse(cls, text: str, targets: Iterable[Run] = ()) -> Goal:
        """A goal from the text of its weights, such as "cpt=1 pt=0.3".

        Args:
            text: as `Weights.parse` reads it.
            targets: the runs there are to choose from.

        Raises:
            DataError: naming the part that is not of that form.
        """
        return cls(Weights.parse(text), tuple(targets))

    def value(self, losses: Mapping[str, ArrayLike]) -> FloatArray:
        """The weighted sum of final losses.

        Args:
            losses: domain -> final loss, nats per token, any shape, the same for all.

        Raises:
            DataError: a domain that counts has no loss.
        """
        return self.weights.total(losses)
