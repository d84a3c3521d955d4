"""Array types, read-only arrays, and equality of values that hold arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]


def floats(values: ArrayLike) -> FloatArray:
    """A read-only copy as float64, shape (n,)."""
    array = np.array(values, dtype=np.float64).reshape(-1)
    array.setflags(write=False)
    return array


def integers(values: ArrayLike) -> IntArray:
    """A read-only copy as int64, shape (n,)."""
    array = np.array(values, dtype=np.int64).reshape(-1)
    array.setflags(write=False)
    return array


def same_values(one: Any, other: Any) -> bool:
    """Whether two dataclass values of one class are equal, arrays compared element by element."""
    if type(one) is not type(other):
        return False
    names = [f.name for f in fields(one)]
    return all(_same(getattr(one, name), getattr(other, name)) for name in names)


def _same(a: Any, b: Any) -> bool:
    arrays = isinstance(a, np.ndarray) or isinstance(b, np.ndarray)
    return np.array_equal(a, b, equal_nan=True) if arrays else bool(a == b)
