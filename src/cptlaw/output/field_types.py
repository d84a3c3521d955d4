"""Whether what a file holds is of the types that its fields have, before a value is made of it."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import shown

_ARRAY = get_origin(FloatArray)  # np.ndarray; since NumPy 2.5 an alias that is no class
_LONGEST = 1 << 63


def check_fields(kind: type[Any], pairs: Mapping[str, Any]) -> None:
    """Compare the fields that a file gives with those of a class.

    Args:
        kind: a dataclass.
        pairs: field -> value, as JSON gives it: sequences as tuples, arrays too.

    Raises:
        TypeError: naming a field of another type, or one that the class does not have.
    """
    hints = _hints(kind)
    for name, value in pairs.items():
        if name not in hints:
            raise TypeError(f"{kind.__name__} has no field '{name}'")
        if not is_of(value, hints[name]):
            raise TypeError(f"{kind.__name__}.{name} cannot be {shown(value)}")


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def is_of(value: Any, hint: Any) -> bool:
    """Whether a value that was read from JSON suits a type.

    Args:
        value: a number, a text, a tuple, a mapping, or a dataclass that was made before.
        hint: as annotated; an array of numbers comes as a tuple of them.
    """
    origin, within = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(is_of(value, one) for one in within)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in within)
    if hint is None or hint is type(None):
        return value is None
    if origin is _ARRAY:
        return isinstance(value, tuple | np.ndarray) and all(map(_is_number, value))
    if origin is tuple:
        return isinstance(value, tuple) and _is_tuple_of(value, within)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(is_of(v, within[1]) for v in value.values())
    if origin is not None and issubclass(origin, Sequence):
        return isinstance(value, tuple) and all(is_of(v, within[0]) for v in value)
    if hint is float:
        return _is_number(value)
    if hint is int:
        return isinstance(value, int) and _is_number(value)
    if issubclass(hint, Mapping):
        return isinstance(value, Mapping)
    return isinstance(value, hint)


def _is_number(value: Any) -> bool:
    """Whether it is a number, and one that an array can hold if it is whole."""
    if isinstance(value, int):
        return not isinstance(value, bool) and -_LONGEST <= value < _LONGEST
    return isinstance(value, float | np.number)


def _is_tuple_of(value: tuple[Any, ...], within: tuple[Any, ...]) -> bool:
    if within[1:] == (...,):
        return all(is_of(v, within[0]) for v in value)
    return len(value) == len(within) and all(map(is_of, value, within))
