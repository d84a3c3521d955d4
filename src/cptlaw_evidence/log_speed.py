"""Speed and memory of reading large logs, against the libraries that read the same files.

Each reading is done in a process of its own, one thread, the readers by turns.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cptlaw.errors import MissingExtra
from cptlaw.page import table
from cptlaw.studies import logs
from cptlaw.studies.logs import tfrecords

ROUNDS = 3
SIZES = (10_000, 100_000, 1_000_000)
LARGE = 10_000_000
EVENTS = 60_000
_AT_ONCE = 100_000  # rows that are written at the same time


# --- readers -------------------------------------------------------------------------------------


def _ours(path: str) -> object:
    return logs.read(path)


def _pyarrow(path: str) -> object:
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    pa.set_cpu_count(1)
    if path.endswith(".csv"):
        return csv.read_csv(path, csv.ReadOptions(use_threads=False))
    if path.endswith(".jsonl"):
        return json.read_json(path, json.ReadOptions(use_threads=False))
    return parquet.read_table(path, use_threads=False)


def _polars(path: str) -> object:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars  # pyright: ignore[reportMissingImports]

    if path.endswith(".csv"):
        return polars.read_csv(path)
    if path.endswith(".jsonl"):
        return polars.read_ndjson(path)
    return polars.read_parquet(path)


def _pandas(path: str) -> object:
    import pandas

    if path.endswith(".csv"):
        return pandas.read_csv(path)
    if path.endswith(".jsonl"):
        return pandas.read_json(path, lines=True)
    return pandas.read_parquet(path, engine="pyarrow", use_threads=False)


def _accumulator(path: str) -> object:
    from tensorboard.backend.event_processing import (  # pyright: ignore[reportMissingImports]
        event_accumulator,
    )

    found = event_accumulator.EventAccumulator(path, size_guidance={"scalars": 0})
    found.Reload()
    return [found.Scalars(tag) for tag in found.Tags()["scalars"]]


READERS: dict[str, Callable[[str], object]] = {
    "cptlaw": _ours,
    "pyarrow": _pyarrow,
    "polars": _polars,
    "pandas": _pandas,
    "tensorboard": _accumulator,
}


_TABLES = ("pyarrow", "polars", "pandas")


def _one(reader: str, small: str, path: str) -> tuple[float, float]:
    """Seconds of the processor, and megabytes that were needed more than for a small file."""
    READERS[reader](small)  # what is imported is not what is measured
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    kept = READERS[reader](path)
    seconds = time.process_time() - began
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held
    del kept
    return seconds, more / 1000


# --- files ---------------------------------------------------------------------------------------


def _columns(start: int, stop: int) -> dict[str, np.ndarray]:
    rng, step = np.random.default_rng(start), np.arange(start, stop)
    loss = 2.0 + 1.0 / np.sqrt(1.0 + step) + rng.normal(0.0, 0.01, step.size)
    return {"step": step, "lr": 1e-4 / (1.0 + step / 1e5), "loss": loss, "eval_loss": loss + 0.1}


def _parts(rows: int) -> list[tuple[int, int]]:
    return [(low, min(rows, low + _AT_ONCE)) for low in range(0, rows, _AT_ONCE)]


def _write(path: Path, rows: int) -> Path:
    """A log of so many rows, of the kind that its suffix names."""
    if path.suffix == ".parquet":
        return _write_parquet(path, rows)
    if path.name.startswith("events"):
        path.write_bytes(_event_file(rows // 3))
        return path
    row = '{{"step": {}, "lr": {!r}, "loss": {!r}, "eval_loss": {!r}}}\n'
    if path.suffix == ".csv":
        row = "{},{!r},{!r},{!r}\n"
    with path.open("w") as file:
        if path.suffix == ".csv":
            file.write("step,lr,loss,eval_loss\n")
        for low, high in _parts(rows):
            cells = [column.tolist() for column in _columns(low, high).values()]
            file.writelines(row.format(*each) for each in zip(*cells, strict=True))
    return path


def _write_parquet(path: Path, rows: int) -> Path:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingExtra("pyarrow", "parquet", "Writing a Parquet log") from None
    with parquet.ParquetWriter(path, pa.table(_columns(0, 1)).schema) as writer:
        for low, high in _parts(rows):
            writer.write_table(pa.table(_columns(low, high)))
    return path


def _event_file(steps: int) -> bytes:
    """TensorBoard events of three tags at each step."""
    bodies: list[bytes] = []
    for step in range(1, steps + 1):
        for tag in (b"train/loss", b"train/learning_rate", b"eval/loss"):
            value = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", 2 + 1 / step)
            summary = b"\x0a" + bytes([len(value)]) + value
            head = b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + _varint(step)
            bodies.append(head + b"\x2a" + bytes([len(summary)]) + summary)
    heads = [struct.pack("<Q", len(body)) for body in bodies]
    sums = [_sums(parts) for parts in (heads, bodies)]
    framed = zip(heads, sums[0], bodies, sums[1], strict=True)
    return b"".join(b"".join(each) for each in framed)


def _sums(parts: Sequence[bytes]) -> list[bytes]:
    sizes = np.array([len(part) for part in parts])
    found = tfrecords.checksums(b"".join(parts), np.cumsum(sizes) - sizes, sizes)
    return [struct.pack("<I", int(each)) for each in found]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


# --- measuring -----------------------------------------------------------------------------------


def log_speed(large: bool, progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Read files of several sizes by cptlaw and by what else is installed.

    Args:
        large: whether a Parquet file of ten million rows is read too.
        progress: is told what is running.
    """
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("csv", "jsonl"):
            found += _measured(Path(folder), f"log.{kind}", SIZES, _TABLES, progress)
        sizes = (*SIZES, LARGE) if large else SIZES
        found += _measured(Path(folder), "log.parquet", sizes, _TABLES, progress)
        events = "events.out.tfevents.1"
        found += _measured(Path(folder), events, (EVENTS,), ("tensorboard",), progress)
    return {"rounds": ROUNDS, "files": found}


def _measured(
    folder: Path,
    name: str,
    sizes: Sequence[int],
    others: Sequence[str],
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    readers = ["cptlaw", *(reader for reader in others if find_spec(reader) is not None)]
    (folder / "small").mkdir(exist_ok=True)
    small = str(_write(folder / "small" / name, 300))
    rows: list[dict[str, Any]] = []
    for size in sizes:
        progress(f"{name}: {size} rows ...")
        path = _write(folder / name, size)
        taken: dict[str, list[tuple[float, float]]] = {reader: [] for reader in readers}
        for _ in range(ROUNDS):
            for reader in readers:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    taken[reader].append(pool.apply(_one, (reader, small, str(path))))
        path.unlink()
        of_each = {
            reader: {
                "seconds": statistics.median(seconds for seconds, _ in each),
                "megabytes": statistics.median(megabytes for _, megabytes in each),
            }
            for reader, each in taken.items()
        }
        rows.append({"file": name, "rows": size, "readers": of_each})
    return rows


def log_speed_text(result: dict[str, Any]) -> str:
    """The measurement as a table."""
    rows: list[tuple[str, ...]] = []
    for each in result["files"]:
        ours = each["readers"]["cptlaw"]
        for reader, taken in each["readers"].items():
            of_time = ours["seconds"] / taken["seconds"] if taken["seconds"] else float("nan")
            of_memory = ours["megabytes"] / taken["megabytes"] if taken["megabytes"] else None
            rows.append(
                (
                    each["file"] if reader == "cptlaw" else "",
                    f"{each['rows']:,}" if reader == "cptlaw" else "",
                    reader,
                    f"{taken['seconds']:.3f}",
                    f"{taken['megabytes']:.0f}",
                    "" if reader == "cptlaw" else f"{of_time:.2f}",
                    "" if reader == "cptlaw" or of_memory is None else f"{of_memory:.2f}",
                )
            )
    headers = ("file", "rows", "reader", "seconds", "MB", "ours / theirs", "MB, ours / theirs")
    title = f"Reading logs: CPU seconds, one thread, median of {result['rounds']}"
    return table(headers, rows, title)
