"""TensorBoard event files: one, or a folder of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.studies.logs import tfrecords
from cptlaw.studies.logs.events import Events, read_events
from cptlaw.studies.logs.habits import habit
from cptlaw.studies.logs.names import quoted
from cptlaw.studies.logs.points import Points, numbered, rows_of
from cptlaw.studies.logs.source import Format, Source, open_source, picked
from cptlaw.studies.logs.table import Table

_FILE = "*tfevents*"
_DEPTH = 4  # levels of folders that are looked into
_MOST_FOLDERS = 5000  # on one level
_SPLITS = re.compile(r"(.*[^a-z])?(train|training|val|valid|validation|eval|evaluation|test|dev)")
_DATED = re.compile(r"[A-Z][a-z]{2}\d{2}_\d\d-\d\d-\d\d_.*")  # as transformers and torch name them
_NOT_NAMES = re.compile(r"runs|logs?|tensorboard|tb|tb_logs|events")
_SAMPLES = " vs samples"  # Megatron's twins, whose step counts samples


@dataclass(frozen=True)
class _File:
    """One event file that was read.

    Args:
        path: where it lies.
        prefix: what its tags are told apart by, "" for none.
        events: its scalars.
    """

    path: Path
    prefix: str
    events: Events

    @property
    def given(self) -> str:
        return str(self.path)

    @property
    def names(self) -> list[str]:
        return [f"{self.prefix}{tag}" for tag in self.events.tags]


def _claims(source: Source) -> bool:
    if source.is_directory:
        return bool(_folders(source.path))
    return tfrecords.starts_as_records(source.data)


def _read(source: Source) -> Table:
    notes: list[str] = []
    if source.is_directory:
        files = _in_folder(source, notes)
    elif source.part:
        raise DataError(f"{source.given}: one event file; leave out '::{source.part}'.")
    else:
        files = [_File(source.path, "", read_events(source.data))]
    many = len(files) > 1
    for file in files:
        notes += [f"{file.given}: {note}" if many else note for note in file.events.notes]
    files = [file for file in files if file.events.tags]
    if not files:
        raise DataError(
            f"{source.given}: TensorBoard events without a single scalar; nothing was logged yet, "
            f"or only texts, images and histograms. {' '.join(notes)}".rstrip()
        )
    return _table(source, files, notes)


def _table(source: Source, files: Sequence[_File], notes: list[str]) -> Table:
    names, which = numbered([name for file in files for name in file.names])
    known = habit(names)
    out = _by_samples(names, notes)
    points = Points(
        names,
        which,
        np.concatenate([file.events.steps for file in files]),
        np.concatenate([file.events.values for file in files]),
    )
    records = np.concatenate([file.events.records for file in files])
    ends = np.cumsum([len(file.events.tags) for file in files])
    rows = rows_of(points.without(out), source.given)
    kept = np.flatnonzero(~np.isin(which, out))
    columns, told = known.without_summaries(rows.columns)

    def place(row: int) -> str:
        point = int(kept[rows.first[row]])
        file = files[int(np.searchsorted(ends, point, side="right"))]
        return f"{file.given}, record {records[point] + 1}"

    return Table(
        source.given,
        _name(source),
        "tensorboard",
        columns,
        place,
        habit=known,
        notes=(*notes, *told),
        settings=_settings(files),
        lies_at=files[-1].path,
    )


def _by_samples(names: list[str], notes: list[str]) -> list[int]:
    """Which names are of series that do not count steps."""
    twins = [name for name in names if name.endswith(_SAMPLES)]
    if twins:
        notes.append(f"Left out, since their steps count samples: {quoted(twins)}.")
    return [i for i, name in enumerate(names) if name in twins]


def _name(source: Source) -> str:
    """The run's name: the folder's, where that says more than when it was."""
    path = source.path.resolve()
    folder = path if source.is_directory else path.parent
    if source.part:
        return source.part
    while folder.name and (_DATED.fullmatch(folder.name) or _NOT_NAMES.fullmatch(folder.name)):
        folder = folder.parent
    return folder.name or "run"


def _settings(files: Sequence[_File]) -> Mapping[str, Any]:
    """The configuration that the trainer logged as text, as transformers does."""
    for file in reversed(files):
        for tag in ("args/text_summary", "args"):
            with suppress(ValueError, RecursionError):
                found = json.loads(file.events.texts.get(tag, ""))
                if isinstance(found, dict):
                    return found
    return {}


# --- folders -----------------------------------------------------------------------------------


def _folders(top: Path) -> dict[str, list[Path]]:
    """The event files of a folder and of those in it, by the folder's path from there."""
    found: dict[str, list[Path]] = {}
    level = [top]
    for _ in range(_DEPTH):
        below: list[Path] = []
        for folder in level[:_MOST_FOLDERS]:
            try:
                entries = sorted(folder.iterdir())
            except OSError:
                continue
            files = [entry for entry in entries if entry.match(_FILE) and entry.is_file()]
            if files:
                found[folder.relative_to(top).as_posix()] = files
            below += [e for e in entries if e.is_dir() and not e.name.startswith(".")]
        level = below
    return found


def _in_folder(source: Source, notes: list[str]) -> list[_File]:
    """The files of the one run in a folder, in the order in which they were written."""
    folders = _folders(source.path)
    own = folders.get(".")
    splits = {name: files for name, files in folders.items() if _SPLITS.fullmatch(name.lower())}
    if not source.part and (own or len(splits) == len(folders)):
        return _with_splits(source, own or [], splits, folders, notes)
    if not source.part and (resumed := _resumed(source, folders, notes)):
        return resumed
    name = picked(source, {name: name.rsplit("/", 1)[-1] for name in folders})
    if len(folders) > 1 or name != ".":
        notes.append(f"Read from the folder {name}.")
    return _in_order(source, folders[name], notes)


def _with_splits(
    source: Source,
    own: list[Path],
    splits: Mapping[str, list[Path]],
    folders: Mapping[str, list[Path]],
    notes: list[str],
) -> list[_File]:
    """A folder's own files and those of its folders train, validation and the like."""
    files = _in_order(source, own, notes) if own else []
    for name, paths in splits.items():
        files += _in_order(source, paths, notes, f"{name}/")
    others = [name for name in folders if name != "." and name not in splits]
    if others:
        notes.append(f"Event files of these folders were left out: {quoted(others)}.")
    return files


def _resumed(
    source: Source, folders: Mapping[str, list[Path]], notes: list[str]
) -> list[_File] | None:
    """The files of folders that one run wrote one after the other, None if they are not so."""
    if not all(_DATED.fullmatch(name.rsplit("/", 1)[-1]) for name in folders):
        return None
    scratch: list[str] = []
    parts = [_in_order(source, files, scratch) for files in folders.values()]
    parts = sorted((p for p in parts if p[0].events.tags), key=lambda p: p[0].events.began)
    begins = [min(int(file.events.steps.min()) for file in part) for part in parts]
    if len(parts) < 2 or min(begins[1:]) <= begins[0]:
        return None
    notes += scratch
    notes.append(
        f"{len(parts)} folders were read as one run: each later one goes on from a later step "
        "than the first, as after a restart. The later value of a step counts."
    )
    return [file for part in parts for file in part]


def _in_order(
    source: Source, paths: Sequence[Path], notes: list[str], prefix: str = ""
) -> list[_File]:
    """The files of one folder, the first written first."""
    files = [_opened(path, prefix) for path in paths]
    files = sorted(
        (file for file in files if file is not None),
        key=lambda file: (file.events.began, file.given),
    )
    if not files:
        raise DataError(f"{source.given}: its event files are empty; nothing was logged yet.")
    _refuse_together(source, [file for file in files if file.events.tags])
    if len(files) > 1:
        notes.append(
            f"{len(files)} event files of one folder were read in the order of their times; "
            "where they log the same step, the later file counts."
        )
    return files


def _opened(path: Path, prefix: str) -> _File | None:
    if not path.stat().st_size:
        return None
    data = open_source(path).data
    if not tfrecords.starts_as_records(data):
        raise DataError(f"{path}: named as TensorBoard events, but damaged from its start on.")
    return _File(path, prefix, read_events(data))


def _refuse_together(source: Source, files: Sequence[_File]) -> None:
    """Refuse files that several processes wrote at the same time, each with the same series."""
    for i, one in enumerate(files):
        for other in files[i + 1 :]:
            at_once = 0 < other.events.began < one.events.ended
            shared = sorted(set(one.events.tags) & set(other.events.tags))
            if at_once and shared and np.intersect1d(one.events.steps, other.events.steps).size:
                raise DataError(
                    f"{source.given}: two files were written at the same time and both hold "
                    f"{quoted(shared)}, as when each rank logs or two runs share a folder: "
                    f"{one.given} and {other.given}. Name one of the files."
                )


FORMAT = Format("tensorboard", _claims, _read, several=True)
