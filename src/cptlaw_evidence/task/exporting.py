"""A folder of the tasks, for those who fit their law elsewhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from cptlaw.errors import MissingExtra
from cptlaw.files import check_folder, make_folder, write_atomic
from cptlaw_evidence.sources import listed
from cptlaw_evidence.sources.loading import SOURCES, Loaded
from cptlaw_evidence.sources.repeats import noise
from cptlaw_evidence.sources.source import Protocol, Split
from cptlaw_evidence.task import tables

Format: TypeAlias = Literal["csv", "jsonl", "parquet"]
INDEX = "benchmark.json"


def export(folder: Path, loaded: Loaded, form: Format = "csv") -> list[Path]:
    """Write what is handed out of each task; the losses that are asked for stay out.

    Args:
        folder: where to; new, or without a benchmark in it.
        loaded: protocols with their curves.
        form: of the tables.

    Returns:
        the folders of the tasks.

    Raises:
        DataError: the folder cannot be written to, or has a benchmark already.
        MissingExtra: Parquet is asked for and pyarrow is not installed.
    """
    check_folder(folder, [INDEX])
    _check_format(form)
    made: list[Path] = []
    runs: dict[str, dict[str, dict[str, Any]]] = {source: {} for source in loaded.curves}
    for protocol in loaded.protocols:
        splits = loaded.splits[protocol.name]
        given = [tables.of_split(split, n) for n, split in enumerate(splits, start=1)]
        place = make_folder(folder / protocol.name)
        columns = (*tables.PLACE, *tables.FEATURES)
        _write(place / "train", (*columns, tables.LOSS), [r for g in given for r in g.train], form)
        _write(place / "test", columns, [r for g in given for r in g.test], form)
        write_atomic(place / "description.md", description(protocol, splits, loaded))
        for number, one in enumerate(given, start=1):
            _collect(runs[protocol.source], one, f"{protocol.name}:{number}")
        made.append(place)
    for source, known in runs.items():
        _write_runs(make_folder(folder / "runs") / f"{source}.jsonl", known)
    write_atomic(folder / INDEX, json.dumps(index(loaded), indent=1) + "\n")
    write_atomic(folder / "README.md", _README)
    return made


def index(loaded: Loaded) -> dict[str, Any]:
    """What tasks there are: version, fingerprints, noise, and where the curves are from."""
    tasks = listed.benchmark(loaded)["tasks"]
    names = ("source", "unit", "fitted", "scored")
    return {
        "benchmark": "cptlaw",
        "version": listed.VERSION,
        "features": tables.FEATURES,
        "tasks": {
            p.name: {
                **{name: getattr(p, name) for name in names},
                "splits": [split.name for split in loaded.splits[p.name]],
                "fingerprint": tasks[p.name],
            }
            for p in loaded.protocols
        },
        "sources": {name: source_json(name) for name in loaded.curves},
        "noise": {name: noise(curves) for name, curves in loaded.curves.items()},
    }


def source_json(name: str) -> dict[str, Any]:
    """What a source is, and where its curves are from."""
    (source,) = (one for one in SOURCES if one.name == name)
    origin = source.origin
    told = {"title": source.title, "bundled": source.bundled}
    if origin is None:
        return told
    return {
        **told,
        "address": origin.address,
        "licence": origin.licence,
        "layout": origin.layout,
    }


def description(protocol: Protocol, splits: Sequence[Split], loaded: Loaded) -> str:
    """A page on one task."""
    known = noise(loaded.curves[protocol.source])
    floor = ", ".join(f"{value:.4f} nats ({domain})" for domain, value in known.items())
    told = source_json(protocol.source)
    unit = "mean relative error" if protocol.unit == "mape" else "mean absolute error, nats"
    numbered = [
        f"{n}. {', '.join(filter(None, (split.name, split.domain)))}"
        for n, split in enumerate(splits, start=1)
    ]
    lines = [
        f"# {protocol.name}",
        f"Curves: {told['title']}.",
        f"Fitted: {protocol.fitted}.",
        f"Asked for: {protocol.scored}.",
        f"Main figure: {unit}.",
        f"Noise floor: {floor or 'not known, as no run was repeated'}.",
        "Splits, each a task by itself (fit on its own rows of `train` alone):",
        "\n".join(numbered),
        "Columns:",
        "\n".join(f"- `{name}`: {words}" for name, words in tables.FEATURES.items()),
    ]
    return "\n\n".join(lines) + "\n"


def _check_format(form: Format) -> None:
    if form != "parquet":
        return
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise MissingExtra("pyarrow", "parquet", "Writing Parquet") from None


def _write(
    path: Path, columns: Sequence[str], some: Sequence[Mapping[str, Any]], form: Format
) -> None:
    file = path.with_name(f"{path.name}.{form}")
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(some)
        write_atomic(file, out.getvalue())
    elif form == "jsonl":
        write_atomic(file, "".join(f"{json.dumps(row)}\n" for row in some))
    else:
        import pyarrow
        from pyarrow import parquet

        table = pyarrow.table({name: [row[name] for row in some] for name in columns})
        sink = pyarrow.BufferOutputStream()
        parquet.write_table(table, sink)
        write_atomic(file, sink.getvalue().to_pybytes())


def _collect(known: dict[str, dict[str, Any]], given: tables.Tables, split: str) -> None:
    """Enter the runs of a split; those that are alike in several are written once."""
    for name, told in given.runs.items():
        text = json.dumps([name, told])
        known.setdefault(text, {"run": name, "splits": [], **told})["splits"].append(split)


def _write_runs(path: Path, known: Mapping[str, Mapping[str, Any]]) -> None:
    write_atomic(path, "".join(f"{json.dumps(run)}\n" for run in known.values()))


_README = """\
# The cptlaw benchmark

Tell the losses of training runs from those of other runs. Each folder is a task: `description.md`,
`train` (with losses) and `test` (without). `runs/SOURCE.jsonl` has, for each run, what it goes on
from and the learning rate of every step; `splits` names the TASK:SPLIT that it belongs to.

- Each split is a task by itself: fit on its rows of `train` alone. What is handed out in one is
  asked for in another.
- Put a column `loss` to the rows of `test`, in nats, and save it as TASK.csv in a folder of yours.
- Score it: `cptlaw bench task score FOLDER --name NAME -o NAME.json`. The losses that are asked for
  are not in these files: the curves that come with cptlaw, and those in --data, have them.
- Rows of `test` at step 0, or at the end of a run of which nothing else is asked, are not scored by
  themselves: they tell to which side a loss turns, and which run a law would choose.
"""
