"""The protocols as a published list: which losses are handed out, which are asked for.

`protocols.json` is that list. It changes only with its version, so that results name what they
are of: `cptlaw bench task protocols --write FILE` makes it anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cptlaw_evidence.sources import rows
from cptlaw_evidence.sources.loading import Loaded
from cptlaw_evidence.sources.source import Split

VERSION = 1
FILE = Path(__file__).with_name("protocols.json")


@cache
def published() -> Mapping[str, Any]:
    """The list as it stands in the file."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def text(loaded: Loaded) -> str:
    """The list of protocols as the file has it, a split a line.

    Args:
        loaded: all protocols, with their curves.
    """
    lines = [f'{{"version": {VERSION}, "protocols": {{']
    for protocol in loaded.protocols:
        names = ("source", "unit", "fitted", "scored")
        head = json.dumps({name: getattr(protocol, name) for name in names})
        lines.append(f'"{protocol.name}": {{{head[1:-1]}, "splits": [')
        lines += [f"{json.dumps(split_json(s))}," for s in loaded.splits[protocol.name]]
        lines[-1] = lines[-1][:-1]
        lines.append("]},")
    lines[-1] = "]}"
    return "\n".join([*lines, "}}"]) + "\n"


def split_json(split: Split) -> dict[str, Any]:
    """A split: its fitted runs with the last step that is, its scored ones, and a checksum.

    The checksum is over every loss that is handed out and that is scored, so that changed or
    other curves do not pass for these.
    """
    handed, wanted = rows.fitted(split), rows.asked(split)
    scored = [row for row in wanted if row.use == "scored"]
    return {
        "name": split.name,
        "domains": [split.domain or role for role in split.study.domains],
        "fitted": _last_steps(split, handed),
        "scored": {run: split.scored[run] for run in dict.fromkeys(r.run for r in scored)},
        "points": [len(handed), len(scored)],
        "sha256": _checksum([*handed, *wanted]),
    }


def _last_steps(split: Split, handed: Sequence[rows.Row]) -> dict[str, int | None]:
    """Run -> the last step whose losses are handed out; None for all of them."""
    last: dict[str, int] = {}
    for row in handed:
        last[row.run] = max(row.step, last.get(row.run, 0))
    every = {run.name: run.curves for run in split.study.runs}
    used = list(split.study.domains.values())

    def whole(name: str) -> bool:
        return last[name] == max(int(every[name][c].steps[-1]) for c in used if c in every[name])

    return {name: None if whole(name) else step for name, step in last.items()}


def _checksum(some: Sequence[rows.Row]) -> str:
    digest = hashlib.sha256()
    for row in sorted(some, key=lambda r: (r.use, *r.place)):
        loss = "" if row.loss is None else f"{row.loss:.8g}"
        digest.update(f"{row.use},{row.role},{row.run},{row.step},{loss}\n".encode())
    return digest.hexdigest()[:16]


def fingerprint(splits: Sequence[Split]) -> str:
    """What tells a protocol on these curves from any other: over the checksums of its splits."""
    whole = ",".join(split_json(split)["sha256"] for split in splits)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def benchmark(loaded: Loaded) -> dict[str, Any]:
    """What a result is of: the version of the list, and the fingerprint of each protocol."""
    tasks = {protocol: fingerprint(splits) for protocol, splits in loaded.splits.items()}
    return {"version": VERSION, "tasks": tasks}


def changed(loaded: Loaded) -> list[str]:
    """Protocols whose splits or curves are not those of the published list."""
    known = published()["protocols"]
    return [
        protocol
        for protocol, splits in loaded.splits.items()
        if [split_json(s) for s in splits] != known.get(protocol, {}).get("splits")
    ]
