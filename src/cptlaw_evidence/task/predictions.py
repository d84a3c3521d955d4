"""Files of predicted losses."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cptlaw.errors import DataError
from cptlaw.files import read_text

COLUMNS = ("task", "split", "domain", "run", "step", "loss")
_MISSING = "Name a file of predictions, or a folder of TASK.csv (docs/benchmark.md)."


class Prediction(NamedTuple):
    """A predicted loss, nats per token, and the row of a task that it is for."""

    task: str
    split: int
    domain: str
    run: str
    step: int
    loss: float


def to_csv(some: Iterable[Prediction]) -> str:
    """The text of a file that `read` understands."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((*p[:-1], f"{p.loss:.10g}") for p in some)
    return out.getvalue()


def read(paths: Sequence[str | Path]) -> list[Prediction]:
    """The predictions of some files, .csv or .jsonl, or of folders of them.

    A file whose rows have no column `task` is of the task that it is named after.

    Raises:
        DataError: naming the file and the row that cannot be read.
    """
    found: list[Prediction] = []
    for path in map(Path, paths):
        files = sorted(p for p in path.iterdir() if _is_table(p)) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path}: holds no .csv and no .jsonl. {_MISSING}")
        for file in files:
            found += _of_file(file)
    places: set[tuple[Any, ...]] = set()
    for one in found:
        if one[:-1] in places:
            raise DataError(f"{told(one)} is predicted twice.")
        places.add(one[:-1])
    return found


def told(one: Prediction) -> str:
    """Which row a prediction is for, in words."""
    return f"{one.task}, split {one.split}, {one.domain}, run '{one.run}', step {one.step}"


def _is_table(path: Path) -> bool:
    return path.suffix in (".csv", ".jsonl")


def _of_file(path: Path) -> list[Prediction]:
    if not _is_table(path):
        raise DataError(f"{path}: is no .csv and no .jsonl. {_MISSING}")
    try:
        text = read_text(path, _MISSING)
        rows = _csv_rows(text) if path.suffix == ".csv" else _json_rows(text)
        return [_prediction(row, number, path.stem) for number, row in rows]
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _csv_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"line {reader.line_num}: {error}.") from None


def _json_rows(text: str) -> list[tuple[int, Mapping[str, Any]]]:
    found: list[tuple[int, Mapping[str, Any]]] = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(f"line {number}: no JSON object.")
        found.append((number, row))
    return found


def _prediction(row: Mapping[str, Any], number: int, stem: str) -> Prediction:
    lacking = [name for name in COLUMNS[1:] if row.get(name) in (None, "")]
    if lacking:
        raise DataError(f"line {number}: no {lacking[0]}; expected {', '.join(COLUMNS)}.")
    try:
        split, step, loss = int(row["split"]), int(row["step"]), float(row["loss"])
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"line {number}: split, step and loss must be numbers.") from None
    if not (math.isfinite(loss) and loss > 0):
        raise DataError(f"line {number}: loss = {row['loss']}; expected finite and above 0.")
    task = str(row.get("task") or stem)
    return Prediction(task, split, str(row["domain"]), str(row["run"]), step, loss)
