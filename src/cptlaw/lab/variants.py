"""From [[run]] tables with lists to one choice of each list, and what each goes on from."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cptlaw.errors import DataError, at, suggestion
from cptlaw.lab.tables import RunTable, check_names
from cptlaw.studies.bases import bases_first
from cptlaw.studies.keys import list_of_tables, read_table, run_place

_SHORT = {
    "replay": "replay",
    "seed": "seed",
    "after_step": "at",
    "batch_sequences": "batch",
    "sequence_length": "length",
}
_OWN = ("after", "after_step")


@dataclass(frozen=True)
class Variant:
    """One choice of every list of a [[run]]: its values, and its labels in the lists' keys."""

    name: str
    run: str
    values: Mapping[str, Any]
    labels: Mapping[str, str]
    base: str | None = None

    @property
    def place(self) -> str:
        """How it is named in errors."""
        return f"run '{self.name}'"


def variants_of(tables: object) -> list[Variant]:
    """One for every choice of every list, each after the one it goes on from.

    Args:
        tables: what the file holds under `run`.

    Raises:
        DataError: naming the run, what was expected and the mend.
    """
    written = _read(tables)
    _check_unique([run.name for run, _ in written])
    found = [variant for run, order in written for variant in _variants(run, order)]
    _check_unique([variant.name for variant in found])
    by_name = {variant.name: replace(variant, base=_base(variant, found)) for variant in found}
    after = {variant.name: variant.base for variant in by_name.values()}
    return [by_name[name] for name in bases_first(after)]


def _check_unique(names: list[str]) -> None:
    """Refuse equal names; those that differ in case alone are one folder on some machines."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other == name and names.count(name) > 1:
            raise DataError(f"two runs are named '{name}'; every run needs its own name.")
        if other != name:
            raise DataError(
                f"runs '{other}' and '{name}' differ in capital letters alone, which is one folder "
                "on some machines. Rename one of them."
            )
        if name.lower() == "data" or name.lower().endswith(".toml"):
            raise DataError(
                f"run '{name}': a file or folder beside the runs has that name. Take another."
            )


# --- lists to variants ------------------------------------------------------------------------


def _read(tables: object) -> list[tuple[RunTable, list[str]]]:
    """Every [[run]], and its keys in the order of the file."""
    return [
        (read_table(RunTable, table, run_place(number, table)), list(table))
        for number, table in enumerate(list_of_tables(tables), start=1)
    ]


def _variants(table: RunTable, order: list[str]) -> list[Variant]:
    """One for each choice of all lists, the last list changing fastest."""
    with at(f"run '{table.name}'"):
        check_names([table.name], "name")
        given = {key: getattr(table, key) for key in order if key != "name"}
        axes = [
            [(key, label, value) for label, value in _choices(key, values)]
            for key, values in given.items()
            if isinstance(values, tuple | dict)
        ]
        found: list[Variant] = []
        for chosen in itertools.product(*axes):
            name = "-".join([table.name, *(_SHORT.get(k, "") + label for k, label, _ in chosen)])
            values = given | {key: value for key, _, value in chosen}
            labels = {key: label for key, label, _ in chosen}
            found.append(Variant(name, table.name, values, labels))
        check_names([variant.name for variant in found], "the expanded name")
    return found


def _choices(key: str, values: Any) -> list[tuple[str, Any]]:
    """A label and a value for each of a list."""
    if isinstance(values, dict):
        return list(values.items())
    return [(_label(value), value) for value in values]


def _label(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- after ------------------------------------------------------------------------------------


def _base(variant: Variant, variants: list[Variant]) -> str | None:
    """The name of the variant that a variant goes on from."""
    after = variant.values.get("after")
    names = [other.name for other in variants]
    if after is None or after in names:
        return after
    candidates = [other for other in variants if other.run == after]
    place = f'{variant.place}: after = "{after}"'
    if not candidates:
        known = dict.fromkeys([*(other.run for other in variants), *names])
        raise DataError(f"{place}: there is no such run. {suggestion(after, known)}")
    fitting = [other.name for other in candidates if _fits(other, variant)]
    if len(fitting) == 1:
        return fitting[0]
    keys = ", ".join(key for key in candidates[0].labels if key not in _OWN)
    which = (
        f"none of its variants has this run's {keys}"
        if not fitting
        else (f"{len(fitting)} of its variants fit")
    )
    raise DataError(
        f"{place}: {which}. Name one, or a list of them: "
        f"{', '.join(fitting or [other.name for other in candidates])}."
    )


def _fits(base: Variant, variant: Variant) -> bool:
    """Whether a base has the values of all lists that this run names a value for."""
    for key, label in base.labels.items():
        if key in _OWN or key not in variant.values:
            continue
        if key == "schedule" and key not in variant.labels:
            continue
        if variant.labels.get(key, _label(variant.values[key])) != label:
            return False
    return True
