"""The tables of a TOML file: each key known, each value of its kind.

Study and experiment files are checked here, and here alone are the errors of pydantic turned into
ours. Import it where a file is read: it takes a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from cptlaw.errors import DataError, at, shown, suggestion

T = TypeVar("T", bound="Table")
V = TypeVar("V")
_UNKNOWN = "extra_forbidden"  # pydantic's word for a key that a table does not have


def _whole(value: object) -> object:
    """6e6 is the whole number 6000000; True is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_MOST = 10**15  # steps or tokens; no run has as many
Whole = Annotated[int, BeforeValidator(_whole), Strict(), Field(ge=-_MOST, le=_MOST)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[Whole, Field(ge=1)]
Share = Annotated[Number, Field(ge=0, le=1)]
Words = Annotated[str, Strict(), Field(min_length=1, pattern=r"\S")]
Several = Annotated[tuple[V, ...], Field(min_length=1)]


class Table(BaseModel):
    """A table of a file: no key but its own, and what each is to hold in its description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_table(kind: type[T], table: object, place: str = "") -> T:
    """A table of a file as a checked value.

    Args:
        kind: which table.
        table: what the file holds.
        place: how the table is named in errors; the file itself needs none.

    Raises:
        DataError: naming the place and the key, what was expected and the mend.
    """
    with at(place) if place else nullcontext():
        if not isinstance(table, dict):
            raise DataError(f"expected a table, not {shown(table)}.")
        try:
            return kind.model_validate(table)
        except ValidationError as error:
            raise DataError(_plain(kind, cast(dict[str, Any], table), error)) from None


def _plain(kind: type[Table], table: Mapping[str, Any], error: ValidationError) -> str:
    """What is wrong with a table, in a sentence; an unknown key first, as it may be a typo."""
    expected = {f.alias or key: f.description for key, f in kind.model_fields.items()}
    found = error.errors(include_url=False, include_context=False, include_input=False)
    found.sort(key=lambda each: each["type"] != _UNKNOWN)
    key = str(found[0]["loc"][0])
    if found[0]["type"] == _UNKNOWN:
        return f"key '{key}' is unknown. {suggestion(key, expected)}"
    if key not in table:
        return f"it has no {key}; add {key} = {expected[key]}."
    return f"{key} = {shown(table[key])}; expected {expected[key]}."


def list_of_tables(value: object) -> list[dict[str, Any]]:
    """What a file holds under `run`.

    Raises:
        DataError: anything but tables [[run]].
    """
    tables = cast(list[Any], value)
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in tables):
        raise DataError("each run is a table [[run]], in two pairs of brackets.")
    return tables


def run_place(number: int, table: Mapping[str, Any]) -> str:
    """How a [[run]] is named in errors: by its name, or its place in the file, from 1."""
    name = table.get("name")
    named = isinstance(name, str) and name.strip()
    return f"run '{name}'" if named else f"[[run]] number {number}"
