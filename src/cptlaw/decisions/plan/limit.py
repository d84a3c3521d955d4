"""The most that a run may cost or lose."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.cost import COSTS
from cptlaw.errors import DataError


@dataclass(frozen=True)
class Limit:
    """The most that a run may cost or lose.

    Args:
        quantity: a domain (its final loss) or a key of COSTS.
        most: the bound.
        kind: "absolute"; or of a loss, "nats" or "share" above that of the reference checkpoint.

    Raises:
        DataError: no finite number, or a cost against a reference.
    """

    quantity: str
    most: float
    kind: Literal["absolute", "nats", "share"] = "absolute"

    def __post_init__(self) -> None:
        if not math.isfinite(self.most):
            raise DataError(
                f"limit on {self.quantity}: {self.most:g}; expected a finite number. Leave it out "
                "where there is no limit."
            )
        if self.is_cost and self.kind != "absolute":
            raise DataError(
                f"limit on {self.quantity}: {self.quantity} has no reference; give a plain number."
            )

    @classmethod
    def parse(cls, text: str) -> Limit:
        """A limit from text such as "pt<=+1%", "pt<=+0.02", "cpt<=2.6" or "tokens<=5e9".

        A sign makes it a change against the reference checkpoint, in nats or, with %, a share.

        Raises:
            DataError: it is not of that form, or a cost with a sign.
        """
        match = re.fullmatch(
            r"\s*([\w.\-]+)\s*<=?\s*([+-]?)\s*([\d._]+(?:[eE][+-]?\d+)?)\s*(%?)\s*", text
        )
        try:
            number = float(match[3].replace("_", "")) if match else math.nan
        except ValueError:
            number = math.nan
        if match is None or math.isnan(number):
            raise DataError(
                f"limit '{text}': expected QUANTITY<=NUMBER, such as pt<=+1%, cpt<=2.6 or "
                "tokens<=5e9."
            )
        name = match[1].lower() if match[1].lower() in COSTS else match[1]
        signed, percent = bool(match[2]), bool(match[4])
        if (signed or percent) and name in COSTS:
            raise DataError(f"limit '{text}': {name} has no reference; give a plain number.")
        if percent and not signed:
            raise DataError(f"limit '{text}': a share is of a change; write {name}<=+{match[3]}%.")
        most = -number if match[2] == "-" else number
        if percent:
            return cls(name, most / 100.0, "share")
        return cls(name, most, "nats" if signed else "absolute")

    @property
    def is_cost(self) -> bool:
        """Whether it is on what the run costs, not on a loss."""
        return self.quantity in COSTS

    @property
    def text(self) -> str:
        """As `parse` reads it."""
        if self.kind == "share":
            return f"{self.quantity}<={100 * self.most:+.12g}%"
        return f"{self.quantity}<={self.most:{'+' if self.kind == 'nats' else ''}.12g}"

    def bound(self, reference: Mapping[str, FloatArray | float]) -> FloatArray | float:
        """The highest loss, nats per token, or cost that it allows."""
        if self.kind == "absolute":
            return self.most
        own = reference[self.quantity]
        return own + self.most if self.kind == "nats" else own * (1.0 + self.most)

    def excess(
        self,
        losses: Mapping[str, FloatArray],
        reference: Mapping[str, FloatArray | float],
        costs: Mapping[str, FloatArray],
    ) -> FloatArray:
        """By which share of itself each of n runs breaks it, 0 or less where it does not."""
        has = costs[self.quantity] if self.is_cost else losses[self.quantity]
        bound = self.bound(reference)
        found: FloatArray = (has - bound) / np.maximum(np.abs(bound), 1e-12)
        return found
