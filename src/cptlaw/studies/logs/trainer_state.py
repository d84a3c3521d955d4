"""Hugging Face `trainer_state.json`: one file, or an output directory with its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError
from cptlaw.studies.logs import json_rows
from cptlaw.studies.logs.habits import TRAINER
from cptlaw.studies.logs.source import Format, Source, open_source
from cptlaw.studies.logs.table import Table

_FILE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-\d+")


@dataclass(frozen=True)
class _Row:
    """One entry of a log_history and where it stands."""

    place: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class _State:
    """One trainer_state.json."""

    given: str
    global_step: int
    rows: list[_Row]


def _claims(source: Source) -> bool:
    if source.is_directory:
        return bool(_files(source.path))
    return source.first_character == "{" and b'"log_history"' in source.data


def _files(directory: Path) -> list[Path]:
    """The state files of an output directory, its own one last."""
    try:
        inside = [entry / _FILE for entry in directory.iterdir() if _is_checkpoint(entry)]
    except OSError as error:
        raise DataError(f"{directory}: cannot be listed ({error.strerror}).") from None
    return [file for file in (*sorted(inside), directory / _FILE) if file.is_file()]


def _is_checkpoint(path: Path) -> bool:
    return _CHECKPOINT.fullmatch(path.name) is not None


def _read(source: Source) -> Table:
    if source.is_directory:
        states = [_state(open_source(file)) for file in _files(source.path)]
    else:
        states = [_state(source)]
    newest_last = sorted(states, key=lambda state: state.global_step)
    rows, notes = _merged(newest_last)
    rows, told = _without_summary(rows)
    columns, nested = json_rows.columns_of([row.values for row in rows])
    if not columns:
        raise DataError(f"{source.given}: its log_history is empty; nothing was logged yet.")
    return Table(
        source.given,
        _name(source),
        "trainer_state",
        columns,
        lambda row: rows[row].place,
        habit=TRAINER,
        notes=(*notes, *told, *nested),
    )


def _name(source: Source) -> str:
    """The output directory's name; a renamed file's own."""
    if not source.is_directory and source.path.name != _FILE:
        return source.stem
    path = source.path.resolve()
    if not source.is_directory:
        path = path.parent
    if _is_checkpoint(path):
        path = path.parent
    return path.name or "run"


def _state(source: Source) -> _State:
    value = json_rows.load(source)
    history = value.get("log_history") if isinstance(value, dict) else None
    if not isinstance(history, list):
        raise DataError(f"{source.given}: expected a list 'log_history', as transformers writes.")
    rows: list[_Row] = []
    for number, entry in enumerate(history, start=1):
        place = f"{source.given}, log_history entry {number}"
        if not isinstance(entry, dict):
            raise DataError(f"{place}: expected an object such as {{'step': 10, 'loss': 3.2}}.")
        rows.append(_Row(place, entry))
    step = value.get("global_step")
    return _State(source.given, step if isinstance(step, int) else 0, rows)


def _merged(states: list[_State]) -> tuple[list[_Row], list[str]]:
    """The rows of the last state, with what only the older ones hold."""
    newest, older = states[-1], states[-2::-1]
    if not older:
        return newest.rows, []
    known = _cells(newest.rows)
    filled: list[_Row] = []
    differing: list[tuple[Any, str]] = []
    for state in older:
        for row in state.rows:
            step, cells = _step(row), row.values.items()
            fresh = {key: value for key, value in cells if (step, key) not in known}
            differing += [
                (step, key) for key, value in cells if not _agrees(known, step, key, value)
            ]
            if fresh:
                filled.append(_Row(row.place, {**fresh, "step": row.values.get("step")}))
        known = {**_cells(state.rows), **known}
    rows = sorted([*filled, *newest.rows], key=_order) if filled else newest.rows
    return rows, _notes_on_merge(states, filled, differing)


def _notes_on_merge(
    states: list[_State], filled: list[_Row], differing: list[tuple[Any, str]]
) -> list[str]:
    newest = states[-1]
    notes = [
        f"{len(states)} files were read; the newest, {newest.given} (step {newest.global_step}), "
        f"counts. Rows that only older ones hold: {len(filled)}."
    ]
    if differing:
        step, key = differing[0]
        notes.append(
            f"Values of older files that differ from the newest: {len(differing)}, such as "
            f"'{key}' at step {step}; the newest counts."
        )
    return notes


def _agrees(known: Mapping[tuple[Any, str], Any], step: Any, key: str, value: Any) -> bool:
    newer = known.get((step, key), value)
    return newer == value or (newer != newer and value != value)  # two NaNs agree


def _cells(rows: list[_Row]) -> dict[tuple[Any, str], Any]:
    return {(_step(row), key): value for row in rows for key, value in row.values.items()}


def _step(row: _Row) -> Any:
    """The step if it can be a key of a dict, else None."""
    step = row.values.get("step")
    return step if isinstance(step, int | float | str) else None


def _order(row: _Row) -> float:
    step = _step(row)
    return step if isinstance(step, int | float) and step == step else -1


def _without_summary(rows: list[_Row]) -> tuple[list[_Row], list[str]]:
    """Leave out the rows that sum up a whole training."""
    summaries = [row for row in rows if _is_summary(row)]
    if not summaries:
        return rows, []
    steps = ", ".join(str(row.values.get("step")) for row in summaries)
    note = f"The summary of the whole training, logged at step {steps}, is not a point of a curve."
    return [row for row in rows if not _is_summary(row)], [note]


def _is_summary(row: _Row) -> bool:
    return "loss" not in row.values and bool({"train_loss", "train_runtime"} & row.values.keys())


FORMAT = Format("trainer_state", _claims, _read)
