"""MLflow's older store: `mlruns/EXPERIMENT/RUN/metrics/NAME`, lines of time, value and step."""

from __future__ import annotations

import re
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.studies.logs.mlflow.metrics import Metrics, table
from cptlaw.studies.logs.source import Format, Source, open_source, picked
from cptlaw.studies.logs.table import Table

_LINE = re.compile(rb"\d{9,17} [-+\w.]+ -?\d+( [^\n]*)?\r?")
_METRICS = "metrics"
_PATTERNS = (_METRICS, f"*/{_METRICS}", f"*/*/{_METRICS}", f"mlruns/*/*/{_METRICS}")
_NAMED = re.compile(r"^run_name: *(['\"]?)(.*?)\1 *$", re.MULTILINE)
_MOST_TEXT = 100_000


# --- one run's folder, or a folder of many --------------------------------------------------------


def _claims_runs(source: Source) -> bool:
    return source.is_directory and bool(_runs(source.path))


def _runs(folder: Path) -> list[Path]:
    """The folders of runs in a folder, or itself."""
    for pattern in _PATTERNS:
        found = [path.parent for path in sorted(folder.glob(pattern)) if _files(path)]
        if found:
            return found
    return []


def _files(folder: Path) -> list[Path]:
    """The files of metrics in a run's folder `metrics`, none if they are something else."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return files if files and all(map(_is_metric, files)) else []


def _is_metric(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.readline(_MOST_TEXT)
    except OSError:
        return False
    return not start or _LINE.fullmatch(start.rstrip(b"\n")) is not None


def _read_runs(source: Source) -> Table:
    runs = {path.name: path for path in _runs(source.path)}
    run = runs[picked(source, {name: _called(path) for name, path in runs.items()})]
    metrics, notes = Metrics(), list[str]()
    for path in _files(run / _METRICS):
        name = path.relative_to(run / _METRICS).as_posix()
        if path.stat().st_size:
            notes += _add(metrics, name, open_source(path))
        else:
            notes.append(f"'{name}' holds nothing and was left out.")
    settings = {path.name: _text(path) for path in (run / "params").glob("*") if path.is_file()}
    return table(source, _called(run) or run.name, metrics, notes, settings, run)


def _called(run: Path) -> str:
    """What people call a run, "" if that is not written anywhere."""
    tag = _text(run / "tags" / "mlflow.runName").strip()
    named = _NAMED.search(_text(run / "meta.yaml"))
    return tag or (named[2] if named else "")


def _text(path: Path) -> str:
    """The start of a file that may not be there."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""


# --- one metric's file -------------------------------------------------------------------------


def _claims_metric(source: Source) -> bool:
    lines = source.data[:_MOST_TEXT].split(b"\n", 3)[:3]
    return _LINE.fullmatch(lines[0]) is not None and not source.is_directory


def _read_metric(source: Source) -> Table:
    """One metric: its name is that of its file, and of the folders up to `metrics`."""
    path, metrics = source.path, Metrics()
    parts = path.absolute().parts
    inside = _METRICS in parts[:-1]
    first = len(parts) - parts[::-1].index(_METRICS) if inside else len(parts) - 1
    name = re.sub(r"^mlflow[_-]", "", "/".join(parts[first:]))
    notes = _add(metrics, name, source)
    run = Path(*parts[: first - 1]) if inside else None
    if run is not None:
        notes.append(f"Only this metric was read; all of its run are in {run}.")
    return table(source, (_called(run) if run else "") or source.stem, metrics, notes)


def _add(metrics: Metrics, name: str, source: Source) -> list[str]:
    """Add one file's values; a sentence on a line that was not written to its end."""
    source.refuse_many_lines()
    lines = source.data.split(b"\n")
    for i, line in enumerate(lines):
        fields = line.split()
        if not fields:
            continue
        if len(fields) < 3 or i == len(lines) - 1:  # MLflow ends each line
            if i < len(lines) - 1:
                raise DataError(
                    f"{source.given}, line {i + 1}: expected a time, a value and a step, as MLflow "
                    "writes them. Mend or delete the line."
                )
            told = f"The last line of '{name}' is cut short and was left out."
            return [f"{told} Values before it, which were read: {i}."]
        metrics.add(name, fields[2], fields[0], fields[1])
    return []


RUNS = Format("mlflow", _claims_runs, _read_runs, several=True)
METRIC = Format("mlflow", _claims_metric, _read_metric)
