"""LLaMA-Factory's output folder, where the Trainer left no `trainer_state.json` in it."""

from __future__ import annotations

from dataclasses import replace

from cptlaw.studies.logs import json_rows
from cptlaw.studies.logs.source import Format, Source, open_source
from cptlaw.studies.logs.table import Table

_FILE = "trainer_log.jsonl"


def _claims(source: Source) -> bool:
    return source.is_directory and (source.path / _FILE).is_file()


def _read(source: Source) -> Table:
    table = json_rows.LINES.read(open_source(source.path / _FILE))
    name = source.path.resolve().name or table.name
    note = f"No trainer_state.json is in the folder; its {_FILE} was read."
    return replace(table, origin=source.given, name=name, notes=(note, *table.notes))


FORMAT = Format("trainer_log", _claims, _read)
