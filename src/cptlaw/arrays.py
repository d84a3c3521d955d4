"""Array types, read-only arrays, and equality of values that hold arrays."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cptlaw.errors import DataError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
_LARGEST = 2.0**63
_Number = TypeVar("_Number", np.float64, np.int64)


def floats(values: ArrayLike) -> FloatArray:
    """A read-only copy as float64, shape (n,); what is read-only already is taken as it is."""
    if _is_kept(values, np.float64):
        return values
    array = np.array(values, dtype=np.float64)
    return read_only(array if array.ndim == 1 else array.reshape(-1))


def integers(values: ArrayLike) -> IntArray:
    """A read-only copy as int64, shape (n,); what is read-only already is taken as it is.

    Raises:
        DataError: a number that is not whole.
    """
    if _is_kept(values, np.int64):
        return values
    return read_only(whole(values).flatten())


def read_only(array: NDArray[_Number]) -> NDArray[_Number]:
    """An array that nobody else writes to, made read-only."""
    array.setflags(write=False)
    return array


def _is_kept(values: ArrayLike, kind: type[_Number]) -> TypeGuard[NDArray[_Number]]:
    """Whether values are an array of a kind, shape (n,), that cannot change under whoever has it.

    A view of another array can, however read-only it is.
    """
    if not isinstance(values, np.ndarray) or values.dtype != kind or values.ndim != 1:
        return False
    return not values.flags.writeable and values.base is None


def grouped(label: IntArray, count: int) -> list[IntArray]:
    """Which of n values have each of the labels 0 to `count` - 1, in their order."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.searchsorted(label[order], np.arange(1, count)))


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
        large = given[np.abs(given) >= _LARGEST]
        if large.size:
            raise DataError(f"{large.flat[0]:g} is too large for a number of steps.")
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
