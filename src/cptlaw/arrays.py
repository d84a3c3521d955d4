"""Array types, read-only arrays, and equality of values that hold arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cptlaw.errors import DataError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


def floats(values: ArrayLike) -> FloatArray:
    """A read-only copy as float64, shape (n,)."""
    array = np.array(values, dtype=np.float64).reshape(-1)
    array.setflags(write=False)
    return array


def integers(values: ArrayLike) -> IntArray:
    """A read-only copy as int64, shape (n,).

    Raises:
        DataError: a number that is not whole.
    """
    array = whole(values).reshape(-1).copy()
    array.setflags(write=False)
    return array


def whole(values: ArrayLike) -> IntArray:
    """The values as int64, any shape.

    Raises:
        DataError: a number that is not whole.
    """
    given = np.asarray(values)
    if given.dtype.kind == "f":
        broken = given[~(np.isfinite(given) & (np.trunc(given) == given))]
        if broken.size:
            raise DataError(f"expected whole numbers of steps, but one is {broken.flat[0]:g}.")
    return given.astype(np.int64, copy=False)


def same_values(one: Any, other: Any) -> bool:
    """Whether two dataclass values of one class are equal, arrays compared element by element."""
    if type(one) is not type(other):
        return False
    names = [f.name for f in fields(one)]
    return all(_same(getattr(one, name), getattr(other, name)) for name in names)


def _same(a: Any, b: Any) -> bool:
    if any(isinstance(value, np.ndarray) for value in (a, b)):
        return bool(np.array_equal(a, b, equal_nan=True))
    return bool(a == b)
