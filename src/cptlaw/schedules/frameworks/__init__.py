"""Schedules of training frameworks by the names and arguments that they have there.

To add a framework: a module with its formulas and NAMES, entered in `FRAMEWORKS`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from cptlaw.errors import DataError, suggestion
from cptlaw.schedules.frameworks import (
    axolotl,
    deepspeed,
    levanter,
    megatron,
    nanochat,
    nemo,
    olmo_core,
    optax,
    torch,
    torchtitan,
    transformers,
)
from cptlaw.schedules.segment import Segment

Maker = Callable[..., list[Segment]]

FRAMEWORKS: dict[str, Mapping[str, Maker]] = {
    "transformers": transformers.NAMES,
    "torch": torch.NAMES,
    "optax": optax.NAMES,
    "megatron": megatron.NAMES,
    "torchtitan": torchtitan.NAMES,
    "olmo_core": olmo_core.NAMES,
    "nemo": nemo.NAMES,
    "deepspeed": deepspeed.NAMES,
    "levanter": levanter.NAMES,
    "nanochat": nanochat.NAMES,
    "axolotl": axolotl.NAMES,
}
"""Framework -> its name of a schedule -> a function of its own arguments."""

_CALL = re.compile(r"\s*([A-Za-z][\w-]*):([A-Za-z][\w-]*)((?:\s+\S+)*)\s*")
_FLAGS = {"true": True, "false": False}


def segments(framework: str, name: str, /, **arguments: Any) -> tuple[Segment, ...]:
    """The segments of a framework's schedule, with its LR at every step.

    Args:
        framework: one of `FRAMEWORKS`.
        name: as the framework calls it.
        arguments: as the framework calls them, and `steps` where it does not say how long.

    Raises:
        DataError: no such framework, schedule or argument, or one is missing.
    """
    maker = _maker(framework, name)
    try:
        inspect.signature(maker).bind(**arguments)
    except TypeError as error:
        raise DataError(f"{framework}:{name}: {error}. It takes {_takes(maker)}.") from None
    try:
        return tuple(maker(**arguments))
    except (DataError, TypeError, ZeroDivisionError, OverflowError) as error:
        raise DataError(f"{framework}:{name}: {error}") from None


def is_call(text: str) -> bool:
    """Whether a text names a framework's schedule."""
    return "|" not in text and _CALL.fullmatch(text) is not None


def segments_of_call(text: str) -> tuple[Segment, ...]:
    """The segments of `FRAMEWORK:NAME key=value ...`.

    Raises:
        DataError: what is not known or cannot be read, and what is.
    """
    found = _CALL.fullmatch(text)
    assert found is not None
    framework, name, rest = found.groups()
    maker, values = _maker(framework, name), dict[str, Any]()
    for word in rest.split():
        key, equals, value = word.partition("=")
        if not equals or key not in inspect.signature(maker).parameters:
            raise DataError(
                f"{framework}:{name}: '{word}' is not understood. It takes {_takes(maker)}, each "
                "as key=value."
            )
        values[key] = _value(maker, key, value, f"{framework}:{name}")
    return segments(framework, name, **values)


def _maker(framework: str, name: str) -> Maker:
    if framework not in FRAMEWORKS:
        raise DataError(f"no framework '{framework}' is known. {suggestion(framework, FRAMEWORKS)}")
    if framework == "transformers" and name in transformers.REACTIVE:
        raise DataError(
            f"{framework}:{name} follows the losses of the run, so its learning rates are not "
            "known beforehand. Use those that were logged."
        )
    names = FRAMEWORKS[framework]
    if name not in names:
        raise DataError(f"{framework} has no schedule '{name}'. {suggestion(name, names)}")
    return names[name]


def _takes(maker: Maker) -> str:
    """The arguments of a schedule, those that may be left out with what holds then."""
    parts = [
        key if given.default is inspect.Parameter.empty else f"{key}={given.default}"
        for key, given in inspect.signature(maker).parameters.items()
    ]
    return ", ".join(parts)


def _value(maker: Maker, key: str, word: str, place: str) -> Any:
    kind = str(inspect.signature(maker).parameters[key].annotation)
    try:
        if kind == "str":
            return word
        if kind == "bool":
            return _FLAGS[word.lower()]
        if kind.startswith("tuple"):
            each = int if "int" in kind else float
            return tuple(each(part) for part in word.split(","))
        number = float(word.replace("_", ""))
        if kind.startswith("int") and number % 1:
            raise ValueError
        return int(number) if kind.startswith("int") else number
    except (ValueError, KeyError, OverflowError):
        raise DataError(f"{place}: {key}={word} cannot be read; expected {kind}.") from None
