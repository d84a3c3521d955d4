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
_START = b'{"tracker"'
_SEEN = 1 << 16


def _claims(source: Source) -> bool:
    head = source.data[:_SEEN]
    return b'"tracker"' in head and _EVENT.search(head) is not None


def _read(source: Source) -> Table:
    records: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    data, broken, number, before = source.data, 0, 1, 0
    at = data.find(_START)
    while at >= 0:
        number, before = number + data.count(b"\n", before, at), at
        end = data.find(b"\n", at)
        line = data[at:] if end < 0 else data[at:end]
        at = data.find(_START, at + len(line))
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            broken += 1
            continue
        metrics = record.get("metrics")
        step = record.get("step")
        if record.get("event") == "log" and isinstance(metrics, dict) and step is not None:
            records.append({"step": step, **dict(flat(cast("dict[str, Any]", metrics)))})
            numbers.append(number)
    last = data[data.rfind(b"\n") + 1 :]
    broken += bool(last.strip()) and _START not in last  # cut before its record began
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
