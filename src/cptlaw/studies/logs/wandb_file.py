"""W&B's own file of a run, `run-ID.wandb`: one, or a folder such as `wandb/` with several.

Its records are protobuf messages: history = 2 (item = 1, step = 2), config = 5 (update = 1),
run = 17 (run_id = 1, config = 4, display_name = 8). An item has a key = 1 or a nested_key = 2 and
a value_json = 16.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.logs import protobuf
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.history_rows import HistoryRows, laid_out
from cptlaw.studies.logs.leveldb_log import MAGIC, Reading
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.protobuf import BYTES, VARINT, Field, Malformed
from cptlaw.studies.logs.source import Format, Source, open_source, picked
from cptlaw.studies.logs.table import Table

_HISTORY, _CONFIG, _RUN = 2, 5, 17
_PATTERNS = ("*.wandb", "*/*.wandb", "wandb/*/*.wandb")
_NESTED = "."
_VALUE = b"\x82\x01"  # field 16, bytes
_SHORTEST = 5


@dataclass
class _Contents:
    """What a file holds.

    Args:
        path: of the file.
        rows: of its history.
        config: what the run was configured with.
        run_id: W&B's own name of the run.
        name: what people call it.
        notes: what could not be read.
        known: keys by their bytes.
    """

    path: Path
    rows: HistoryRows = field(default_factory=HistoryRows)
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    run_id: str = ""
    name: str = ""
    notes: list[str] = field(default_factory=list[str])
    known: dict[bytes, str] = field(default_factory=dict[bytes, str])


def _claims(source: Source) -> bool:
    if source.is_directory:
        return bool(_files(source.path))
    return source.data.startswith(MAGIC)


def _read(source: Source) -> Table:
    parts = _in_folder(source) if source.is_directory else [_contents(source.path, source.data)]
    if source.part and not source.is_directory:
        raise DataError(f"{source.given}: one run's file; leave out '::{source.part}'.")
    notes = [note for part in parts for note in part.notes]
    if len(parts) > 1:
        notes.append(
            f"{len(parts)} files of one run, which was resumed, were read in the order of their "
            "dates."
        )
    if not any(part.rows.count for part in parts):
        raise DataError(
            f"{source.given}: a W&B run without a row of history; nothing was logged yet. "
            f"{' '.join(notes)}".rstrip()
        )
    return _table(source, parts, notes)


def _table(source: Source, parts: Sequence[_Contents], notes: list[str]) -> Table:
    laid = laid_out([part.rows for part in parts], source.given)
    if laid.no_numbers:
        notes.append(f"Left out, holding no numbers: {quoted(laid.no_numbers)}.")
    known = habit(laid.columns)
    columns, told = known.without_summaries(laid.columns)
    config = {key: value for part in parts for key, value in part.config.items()}

    def place(row: int) -> str:
        part = int(np.searchsorted(laid.starts, row, side="right")) - 1
        return f"{parts[part].path}, history row {row - int(laid.starts[part]) + 1}"

    return Table(
        source.given,
        source.part or parts[-1].name or source.stem,
        "wandb",
        columns,
        place,
        habit=known,
        notes=(*notes, *told),
        settings={key: value for key, value in config.items() if key != "_wandb"},
        lies_at=parts[-1].path,
    )


# --- folders -----------------------------------------------------------------------------------


def _files(folder: Path) -> list[Path]:
    """The runs' files in a folder, each once, the oldest first by the dates in their names."""
    found: dict[Path, Path] = {}
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            if path.is_file():
                found.setdefault(path.resolve(), path.resolve())
    return sorted(
        found.values(), key=lambda path: (path.parent.name.removeprefix("offline-"), path)
    )


def _in_folder(source: Source) -> list[_Contents]:
    """The files of the one run that is wanted."""
    parts: list[_Contents] = []
    for path in _files(source.path):
        with suppress(DataError):  # an empty file: nothing was logged
            opened = open_source(path)
            parts.append(_contents(path, opened.data, names_only=True))
    names = {part.run_id or part.path.stem: part.name for part in parts}
    if not names:
        raise DataError(f"{source.given}: its .wandb files are empty; nothing was logged yet.")
    wanted = picked(source, names)
    chosen = [part.path for part in parts if (part.run_id or part.path.stem) == wanted]
    return [_contents(path, open_source(path).data) for path in chosen]


# --- records -----------------------------------------------------------------------------------


def _contents(path: Path, data: bytes, names_only: bool = False) -> _Contents:
    """What a file holds; or only what comes before its history."""
    found, reading, bad = _Contents(path), Reading(data), 0
    for record in reading.records():
        try:
            kind = _add(found, record, names_only)
        except Malformed:
            bad += 1
            continue
        if names_only and kind == _HISTORY:
            break
    if reading.damage or bad:
        found.notes.append(
            f"{path.name} is damaged in {len(reading.damage) + bad} places, the first near byte "
            f"{(reading.damage or [0])[0]}; what could not be read was left out. History rows "
            f"read: {found.rows.count}."
        )
    if reading.cut:
        found.notes.append(
            f"{path.name} ends in the middle of a record, as after a kill. History rows before it, "
            f"which were read: {found.rows.count}."
        )
    return found


def _add(found: _Contents, record: bytes, names_only: bool) -> int:
    """Add one record; what it was."""
    for each in protobuf.fields(record, 0, len(record)):
        if each.kind != BYTES:
            continue
        if each.number == _HISTORY:
            if not names_only:
                _add_history(found, record, each)
            return _HISTORY
        if each.number == _CONFIG:
            found.config.update(_config(record, each))
        elif each.number == _RUN:
            _add_run(found, record, each)
    return 0


def _add_run(found: _Contents, record: bytes, run: Field) -> None:
    for each in protobuf.fields(record, run.start, run.end):
        if each.kind != BYTES:
            continue
        if each.number == 1:
            found.run_id = protobuf.text(record, each)
        elif each.number == 4:
            found.config.update(_config(record, each))
        elif each.number == 8:
            found.name = protobuf.text(record, each)


def _config(record: bytes, config: Field) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in protobuf.fields(record, config.start, config.end):
        if each.number == 1 and each.kind == BYTES:
            key, value = _item(record, each)
            with suppress(ValueError, RecursionError):
                found[key] = json.loads(value)
    return found


def _add_history(found: _Contents, record: bytes, history: Field) -> None:
    """One row: its items, and its step where no item says it."""
    step = None
    for each in protobuf.fields(record, history.start, history.end):
        if each.number == 1 and each.kind == BYTES:
            key, value = _short_item(record, each, found.known)
            try:
                found.rows.add(key, float(value))
            except ValueError:
                _add_other(found.rows, key, value)
        elif each.number == 2 and each.kind == BYTES:
            step = _step(record, each)
    if step is not None and not found.rows.holds("_step"):
        found.rows.add("_step", step)
    found.rows.count += 1


def _step(record: bytes, step: Field) -> float:
    numbers = [f.start for f in protobuf.fields(record, step.start, step.end) if f.kind == VARINT]
    return float(protobuf.signed(numbers[-1])) if numbers else 0.0


def _short_item(record: bytes, item: Field, known: dict[bytes, str]) -> tuple[str, bytes]:
    """The same as `_item`: the bytes of a key that came before are looked up, not taken apart."""
    data = record[item.start : item.end]
    if len(data) < _SHORTEST:
        return _item(record, item)
    size = data[1]
    head, rest = data[: size + 4], data[size + 4 :]
    if not rest or rest[0] != len(rest) - 1 or rest[0] >= 0x80:
        return _item(record, item)
    key = known.get(head)
    if key is not None:
        return key, rest[1:]
    key, value = _item(record, item)
    if value == rest[1:] and head.endswith(_VALUE):
        known[head] = key
    return key, value


def _item(record: bytes, item: Field) -> tuple[str, bytes]:
    """The key and the JSON of an item."""
    keys: list[str] = []
    value = b""
    for each in protobuf.fields(record, item.start, item.end):
        if each.kind != BYTES:
            continue
        if each.number in (1, 2):
            keys.append(protobuf.text(record, each))
        elif each.number == 16:
            value = record[each.start : each.end]
    return _NESTED.join(keys), value


def _add_other(rows: HistoryRows, key: str, text: bytes) -> None:
    """A value that is not a plain number."""
    with suppress(ValueError, RecursionError):
        rows.add_value(key, json.loads(text))


FORMAT = Format("wandb", _claims, _read, (".wandb",), several=True)
