"""Refits that a fit keeps, so that they are made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, floats

_DIGITS = 5  # of a move: a refit's loss is right to a hundred-thousandth of what it moves


@dataclass(frozen=True, eq=False)
class Refits:
    """By how much refits of a fit move its parameters.

    Args:
        made_of: fingerprint of what they are refits of; those of a fit that was changed since are
            made anew.
        count: of refits.
        moves: role -> of each law that a domain's fit is made of, shape (count, m + k).
    """

    made_of: str
    count: int
    moves: Mapping[str, tuple[FloatArray, ...]]

    def __post_init__(self) -> None:
        def table(values: ArrayLike) -> FloatArray:
            flat = floats(np.ravel(values))
            return flat.reshape(self.count, flat.size // self.count)

        moves = {role: tuple(map(table, some)) for role, some in self.moves.items()}
        object.__setattr__(self, "moves", MappingProxyType(moves))


def rounded(moves: FloatArray) -> FloatArray:
    """Moves to five significant digits, which is what a file holds of them."""
    found = [float(f"{value:.{_DIGITS}g}") for value in moves.ravel().tolist()]
    return np.array(found).reshape(moves.shape)
