"""TOML as text: whatever is written reads back as it was, and a comment stays a comment."""

from __future__ import annotations

import json
import math
import re
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from cptlaw.errors import DataError
from cptlaw.visible import visible

Value: TypeAlias = "str | bool | int | float | Sequence[Value] | Mapping[str, Value]"
Key: TypeAlias = str | tuple[str, ...]  # several names are joined with dots: ("ood", "code")
K = TypeVar("K", bound=str | tuple[str, ...])

_WIDTH = 96  # columns of a comment, without its "# "


def parse(text: str, hint: str = "") -> dict[str, Any]:
    """What a text holds.

    Args:
        text: of a file.
        hint: a sentence for those whose text is no TOML.

    Raises:
        DataError: it is not TOML; the caller names the file.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(" ".join(filter(None, [f"is not valid TOML: {error}.", hint]))) from None


def key(name: Key) -> str:
    """A key, in quotes where TOML asks for them."""
    names = (name,) if isinstance(name, str) else name
    return ".".join(n if re.fullmatch(r"[A-Za-z0-9_-]+", n) else _text(n) for n in names)


def value(given: Value) -> str:
    """A text, truth value, number, list or inline table; whole numbers have no decimal point.

    Raises:
        DataError: a text with half a surrogate pair, which no TOML file can hold.
    """
    if isinstance(given, str):
        return _text(given)
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return _number(given)
    if isinstance(given, Mapping):
        inside = ", ".join(pairs(given))
        return f"{{ {inside} }}" if inside else "{}"
    return f"[{', '.join(map(value, given))}]"


def pairs(values: Mapping[K, Value | None]) -> list[str]:
    """A line `key = value` for each; None is left out."""
    return [f"{key(k)} = {value(v)}" for k, v in values.items() if v is not None]


def header(*names: str, many: bool = False) -> str:
    """The line that begins a table.

    Args:
        names: of the table; several are joined with dots.
        many: whether it is one of a list of tables, as in [[run]].
    """
    inside = key(names)
    return f"[[{inside}]]" if many else f"[{inside}]"


def remark(text: str) -> str:
    """A comment of one line, whatever is in the text; it may follow a value."""
    plain = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
    return f"# {plain}"


def comment(text: str) -> list[str]:
    """The lines of a comment, each short enough to read."""
    lines = textwrap.wrap(remark(text)[2:], _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in lines]


def _text(given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise DataError(f"{given!r}: a TOML file cannot hold this text. Rename it.") from None
    return "".join(map(_spelled, json.dumps(given, ensure_ascii=False)))


def _spelled(letter: str) -> str:
    """A letter, or the escape of one that is not seen, such as a mark that turns text round."""
    if visible(letter) == letter:
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _number(given: float) -> str:
    if isinstance(given, float) and given.is_integer() and abs(given) < 1e15:
        return "-0.0" if not given and math.copysign(1, given) < 0 else str(int(given))
    return repr(given)
