"""W&B's own file of a run, `run-ID.wandb`: one, or a folder such as `wandb/` with several.

Its records are protobuf messages: history = 2 (item = 1, step = 2), config = 5 (update = 1),
run = 17 (run_id = 1, config = 4, display_name = 8). An item has a key = 1 or a nested_key = 2 and
a value_json = 16.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.logs import protobuf
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.leveldb_log import MAGIC, Reading
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.points import columns_of
from cptlaw.studies.logs.protobuf import BYTES, VARINT, Field, Malformed
from cptlaw.studies.logs.source import Format, Source, open_source, picked
from cptlaw.studies.logs.table import Table

_HISTORY, _CONFIG, _RUN = 2, 5, 17
_PATTERNS = ("*.wandb", "*/*.wandb", "wandb/*/*.wandb")
_NESTED = "."  # as W&B itself joins the keys of nested tables
_MEDIA = "._type"
_VALUE = b"\x82\x01"  # field 16, bytes
_SHORTEST = 5
_DEEPEST = 5


@dataclass
class _Contents:
    """What a file holds.

    Args:
        path: of the file.
        names: of the columns, numbered in the order of their first use.
        which: column of each value.
        row: of each value.
        values: the numbers.
        rows: how many history rows it has.
        no_numbers: keys whose value is a text, a picture or the like.
        config: what the run was configured with.
        run_id: W&B's own name of the run.
        name: what people call it.
        notes: what could not be read.
    """

    path: Path
    names: dict[str, int] = field(default_factory=dict[str, int])
    which: array[int] = field(default_factory=lambda: array("q"))
    row: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    rows: int = 0
    no_numbers: dict[str, None] = field(default_factory=dict[str, None])
    config: dict[str, Any] = field(default_factory=dict[str, Any])
    run_id: str = ""
    name: str = ""
    notes: list[str] = field(default_factory=list[str])
    known: dict[bytes, str] = field(default_factory=dict[bytes, str])  # keys by their bytes

    def add(self, name: str, value: float) -> None:
        self.which.append(self.names.setdefault(name, len(self.names)))
        self.row.append(self.rows)
        self.values.append(value)


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
    if not any(part.rows for part in parts):
        raise DataError(
            f"{source.given}: a W&B run without a row of history; nothing was logged yet. "
            f"{' '.join(notes)}".rstrip()
        )
    return _table(source, parts, notes)


def _table(source: Source, parts: Sequence[_Contents], notes: list[str]) -> Table:
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    starts = np.cumsum([0, *(part.rows for part in parts)])
    which = [np.array([names.index(n) for n in part.names], dtype=np.int64) for part in parts]
    columns = columns_of(
        names,
        np.concatenate([w[part.which] for w, part in zip(which, parts, strict=True)]),
        np.concatenate([np.array(p.row) + s for s, p in zip(starts[:-1], parts, strict=True)]),
        np.concatenate([np.array(part.values, dtype=float) for part in parts]),
        int(starts[-1]),
        source.given,
    )
    if others := _without_numbers(parts, names):
        notes.append(f"Left out, holding no numbers: {quoted(others)}.")
    known = habit(names)
    whole = [name for name in names if name in known.summaries]
    if whole:
        notes.append(f"Left out, since they sum up the whole training: {quoted(whole)}.")
    config = {key: value for part in parts for key, value in part.config.items()}

    def place(row: int) -> str:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return f"{parts[part].path}, history row {row - int(starts[part]) + 1}"

    return Table(
        source.given,
        source.part or parts[-1].name or source.stem,
        "wandb",
        {name: cells for name, cells in columns.items() if name not in whole},
        place,
        averaged=known.averaged,
        lr_note=known.lr_note,
        notes=tuple(notes),
        settings={key: value for key, value in config.items() if key != "_wandb"},
        lies_at=parts[-1].path,
    )


def _without_numbers(parts: Sequence[_Contents], names: Sequence[str]) -> list[str]:
    """The keys that hold texts, pictures and the like, these by their own name alone."""
    keys = dict.fromkeys(key for part in parts for key in part.no_numbers)
    media = [key.removesuffix(_MEDIA) for key in keys if key.endswith(_MEDIA)]
    inside = tuple(f"{name}{_NESTED}" for name in media)
    return [*media, *(key for key in keys if key not in names and not key.startswith(inside))]


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
            f"read: {found.rows}."
        )
    if reading.cut:
        found.notes.append(
            f"{path.name} ends in the middle of a record, as after a kill; the {found.rows} "
            "history rows before were read."
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
                found.add(key, float(value))
            except ValueError:
                _add_other(found, key, value)
        elif each.number == 2 and each.kind == BYTES:
            step = _step(record, each)
    if step is not None and (not found.row or not _has_step(found)):
        found.add("_step", step)
    found.rows += 1


def _has_step(found: _Contents) -> bool:
    number, at = found.names.get("_step"), len(found.row) - 1
    while at >= 0 and found.row[at] == found.rows:
        if found.which[at] == number:
            return True
        at -= 1
    return False


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


def _add_other(found: _Contents, key: str, text: bytes) -> None:
    """Numbers in a nested table, and infinities, which JSON holds as text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        found.add(key, float(value))
        return
    numbers = list(_numbers(value, key, _DEEPEST)) if isinstance(value, dict) else []
    for name, number in numbers:
        found.add(name, number)
    if not numbers and value is not None:
        found.no_numbers[key] = None


def _numbers(table: Mapping[str, Any], path: str, depth: int) -> Iterator[tuple[str, float]]:
    if "_type" in table or not depth:  # a picture, a histogram
        return
    for key, value in table.items():
        name = f"{path}{_NESTED}{key}"
        if isinstance(value, dict):
            yield from _numbers(value, name, depth - 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            with suppress(OverflowError):
                yield name, float(value)


FORMAT = Format("wandb", _claims, _read, (".wandb",), several=True)
