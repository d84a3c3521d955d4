"""A small whole log of each format, from which damaged ones are made."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import console_texts
import databases
import event_files
import wandb_files
from cptlaw.studies.logs import tfrecords
from log_files import state

STEPS = range(10, 130, 10)
HF = [{"step": s, "loss": 3 - s / 1000, "learning_rate": 1e-4, "grad_norm": 0.5} for s in STEPS]
EVAL = [{"step": s, "eval_loss": 2.5 - s / 1000, "eval_runtime": 1.5} for s in STEPS]


@dataclass(frozen=True)
class Seed:
    """A log that is read as it is.

    Args:
        format: what it is a log of; several seeds may be of one.
        files: contents by path below the log's folder.
        log: what is read: one of the files, or "" for the folder.
        target: the file that is damaged.
        ends: where a record of a binary log ends; one that is cut there is whole.
    """

    format: str
    files: Mapping[str, bytes] = field(repr=False)
    log: str
    target: str
    ends: frozenset[int] = frozenset()

    def put(self, folder: Path, data: bytes) -> Path:
        """Write the log with other bytes in its target; the path to read."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if name == self.target else content)
        return folder / self.log


def _file(kind: str, name: str, content: str | bytes, ends: frozenset[int] = frozenset()) -> Seed:
    data = content if isinstance(content, bytes) else content.encode()
    return Seed(kind, {name: data}, name, name, ends)


def _made(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.db"
        write(path)
        return path.read_bytes()


def _csv(delimiter: str = ",", quote: str = "") -> str:
    rows = [("step", "lr", "loss", "eval_loss", "note")]
    rows += [(s, 1e-4, 3 - s / 1000, 2.5 - s / 1000 if s % 20 else "", "ok") for s in STEPS]
    return "".join(delimiter.join(f"{quote}{c}{quote}" for c in row) + "\n" for row in rows)


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    out = io.BytesIO()
    columns = {"step": list(STEPS), "lr": [1e-4] * 12, "loss": [3 - s / 1000 for s in STEPS]}
    columns["note"] = ["ok"] * 12
    parquet.write_table(pa.table(columns), out, row_group_size=5)
    return out.getvalue()


def _lines(shift: float = 0.0) -> str:
    return "".join(f"{1_700_000_000_000 + s} {3 - s / 1000 - shift} {s}\n" for s in STEPS)


def _levanter() -> str:
    each = {"tracker": "json_logger", "event": "log"}
    metrics = [{"train/loss": 3 - s / 1000, "optim": {"learning_rate": 1e-4}} for s in STEPS]
    rows = [{**each, "step": s, "metrics": m} for s, m in zip(STEPS, metrics, strict=True)]
    return "".join(f"2025-02-03 - INFO :: {json.dumps(row)}\n" for row in rows)


def _long() -> str:
    rows = [f"a,{name},{s},{3 - s / 1000}\n" for s in STEPS for name in ("loss", "eval_loss")]
    return "run_id,metric,step,value\n" + "".join(rows)


def _chart() -> str:
    names = ("train/global_step", *(f"high - eval/loss{end}" for end in ("", "__MIN", "__MAX")))
    rows = [(s, *[2.5 - s / 1000] * 3) for s in STEPS]
    return "".join(",".join(f'"{c}"' for c in row) + "\n" for row in (names, *rows))


def _trainer_text() -> str:
    lines = ["***** Running training *****", "  Num Epochs = 3", "  Total optimization steps = 120"]
    for s in STEPS:
        lines.append(f"{s * 100 // 120:3d}%|###   | {s}/120 [00:{s % 60:02d}<01:00, 2.00it/s]")
        lines.append(str({"loss": 3 - s / 1000, "learning_rate": 1e-4, "epoch": s / 40}))
    return "\n".join(lines) + "\n"


def _ends_of_events(data: bytes) -> frozenset[int]:
    found = tfrecords.records(data)
    return frozenset((found.starts + found.sizes + 4).tolist())


def _ends_of_wandb(data: bytes) -> frozenset[int]:
    at, ends = 7, set[int]()
    while at < len(data):
        at += 7 + int.from_bytes(data[at + 4 : at + 6], "little")
        ends.add(at)
    return frozenset(ends)


def _events() -> bytes:
    points = [(s, "train/loss", 3 - s / 1000) for s in STEPS]
    points += [(s, "eval/loss", 2.5 - s / 1000) for s in STEPS]
    return event_files.events(points)


def _wandb() -> bytes:
    rows = [{"train/loss": 3 - s / 1000, "train/global_step": s} for s in STEPS]
    return wandb_files.rows(*rows, optim="adamw")


def _databases() -> list[Seed]:
    values = [(s, "loss", 3 - s / 1000) for s in STEPS]
    rows = [{"train/loss": 3 - s / 1000, "train/global_step": s} for s in STEPS]
    mlflow = _made(lambda path: databases.mlflow(path, {"mine": values}))
    trackio = _made(lambda path: databases.trackio(path, {"mine": rows}))
    return [
        _file("mlflow database", "mlflow.db", mlflow),
        _file("trackio", "project.db", trackio),
    ]


def _folders() -> list[Seed]:
    run = "mlruns/0/abc"
    metrics = {f"{run}/metrics/loss": _lines().encode()}
    metrics |= {f"{run}/metrics/eval/loss": _lines(0.5).encode(), f"{run}/params/optim": b"adamw"}
    metrics |= {f"{run}/meta.yaml": b"run_name: mine\n"}
    states = {
        f"out/checkpoint-{n}/trainer_state.json": state(*HF[: n // 10], *EVAL[: n // 10]).encode()
        for n in (60, 120)
    }
    newest = "out/checkpoint-120/trainer_state.json"
    wandb = "wandb/run-20260101_000000-a/run-a.wandb"
    return [
        Seed("mlflow folder", metrics, "mlruns", f"{run}/metrics/loss"),
        Seed("mlflow folder", metrics, "mlruns", f"{run}/meta.yaml"),
        Seed("trainer_state", states, "out", newest),
        Seed(
            "tensorboard",
            {"runs/events.out.tfevents.1": _events()},
            "runs",
            "runs/events.out.tfevents.1",
            _ends_of_events(_events()),
        ),
        Seed("wandb", {wandb: _wandb()}, "wandb", wandb, _ends_of_wandb(_wandb())),
    ]


def _console() -> list[Seed]:
    names = [name for name in vars(console_texts) if name.isupper() and name not in ("BAR",)]
    seeds = [_file(f"console {name}", "train.log", getattr(console_texts, name)) for name in names]
    return [*seeds, _file("console TRAINER", "train.log", _trainer_text())]


def seeds() -> list[Seed]:
    """One seed or more of each format."""
    lines = "".join(json.dumps(row) + "\n" for row in (*HF, *EVAL))
    factory = [
        {"current_steps": s, "total_steps": 120, "loss": 3 - s / 1000, "lr": 1e-4} for s in STEPS
    ]
    return [
        _file("trainer_state", "trainer_state.json", state(*HF, *EVAL)),
        _file("tensorboard", "events.out.tfevents.1", _events(), _ends_of_events(_events())),
        _file("wandb", "run-a.wandb", _wandb(), _ends_of_wandb(_wandb())),
        _file("wandb chart", "chart.csv", _chart()),
        _file("mlflow metric", "loss", _lines()),
        *_databases(),
        *_folders(),
        _file("parquet", "log.parquet", _parquet()),
        _file("levanter", "levanter.log", _levanter()),
        _file("jsonl", "log.jsonl", lines),
        _file("jsonl", "trainer_log.jsonl", "".join(json.dumps(row) + "\n" for row in factory)),
        _file("json", "log.json", json.dumps([*HF, *EVAL])),
        _file("csv", "log.csv", _csv()),
        _file("csv", "log.tsv", _csv("\t")),
        _file("csv", "log.csv", _csv(quote='"')),
        _file("csv", "log.csv", _long()),
        _file("gzip", "log.csv.gz", gzip.compress(_csv().encode(), mtime=0)),
        *_console(),
    ]
