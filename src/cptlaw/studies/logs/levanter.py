"""levanter's JSON tracker: one JSON object a line, often behind a logger's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from cptlaw.errors import DataError
from cptlaw.studies.logs.json_rows import columns_of, flat
from cptlaw.studies.logs.source import Format, Source
from cptlaw.studies.logs.table import Table, count_of_rows

_EVENT = re.compile(rb'"event": ?"(?:log|hparams)"')
_SEEN = 1 << 16


def _claims(source: Source) -> bool:
    head = source.data[:_SEEN]
    return b'"tracker"' in head and _EVENT.search(head) is not None


def _read(source: Source) -> Table:
    records: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    broken, lines = 0, source.data.split(b"\n")
    for number, line in enumerate(lines, start=1):
        at = line.find(b'{"tracker"')
        if at < 0:
            broken += bool(number == len(lines) and line.strip())  # cut before its record began
            continue
        try:
            record = json.loads(line[at:])
        except (ValueError, RecursionError):
            broken += 1
            continue
        metrics = record.get("metrics")
        step = record.get("step")
        if record.get("event") == "log" and isinstance(metrics, dict) and step is not None:
            records.append({"step": step, **dict(flat(cast("dict[str, Any]", metrics)))})
            numbers.append(number)
    if not records:
        raise DataError(f"{source.given}: a log of levanter's JSON tracker without a logged step.")
    columns, nested = columns_of(records)
    told = f"Text of levanter's JSON tracker: {count_of_rows(len(records))} read."
    notes = [f"Lines that are cut or damaged, left out: {broken}."] if broken else []
    return Table(
        source.given,
        source.stem,
        "levanter",
        columns,
        lambda row: f"{source.given}, line {numbers[row]}",
        notes=(told, *notes, *nested),
    )


FORMAT = Format("levanter", _claims, _read, (".jsonl", ".log"))
