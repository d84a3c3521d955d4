"""Files of version 0.1.0: their plain values in the layout of today."""

from __future__ import annotations

from typing import Any, cast

_RENAMED = {"Option": "Outcome", "Sureness": "Stability"}
_FIELDS = {"Plan": {"sure": "stability"}}


def modern(plain: Any) -> Any:
    """A plain value in the layout of today.

    Args:
        plain: what a file holds, as `json` reads it.
    """
    if isinstance(plain, list):
        return [modern(each) for each in cast(list[Any], plain)]
    if not isinstance(plain, dict):
        return plain
    pairs = {key: modern(value) for key, value in cast(dict[str, Any], plain).items()}
    kind = pairs.get("type")
    if not isinstance(kind, str):
        return pairs
    names = _FIELDS.get(kind, {})
    found = {names.get(key, key): value for key, value in pairs.items()}
    return {**found, "type": _RENAMED.get(kind, kind)}
