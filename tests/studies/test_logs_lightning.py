"""Lightning's and LitGPT's metrics.csv, written by the real loggers."""

from __future__ import annotations

from pathlib import Path

import pytest

import event_files
import wandb_files
from cptlaw import logs
from log_files import points, rates, told

DATA = Path(__file__).parent / "data"


def test_rows_are_sparse_and_the_epoch_does_not_restart_them() -> None:
    run = logs.read(DATA / "lightning" / "metrics.csv")  # lightning 2.6.6
    assert list(points(run, "train_loss_step")) == list(range(4, 60, 5))
    assert list(points(run, "val_loss")) == [19, 39, 59]
    assert list(rates(run)) == list(range(4, 60, 5))
    assert run.curves["train_loss_epoch"].window == 20
    assert run.curves["train_loss_step"].window == 1


def test_litgpt_logs_micro_batches_as_steps() -> None:
    run = logs.read(DATA / "litgpt" / "metrics.csv")  # its metrics by lightning 2.6.6
    assert points(run, "val_loss")[16] == 3.084
    assert run.counts_micro_batches
    assert told(run, "LitGPT", "micro_batches")
    assert run.in_steps(8).steps == 10
    assert list(points(run.in_steps(8), "val_loss")) == [2, 4, 6, 8, 10]
    assert run.curves["loss"].window == 1


def _fine_tuning() -> list[tuple[int, dict[str, float]]]:
    """What LitGPT's fine-tuning logs, at which micro-batch; 8 of them are a step."""
    rows: list[tuple[int, dict[str, float]]] = []
    for batch in range(1, 81):
        row = {"loss": 3 - batch / 1000, "iter": batch, "step": batch // 8, "epoch": 0}
        row |= {"iter_time": 0.1, "tokens": batch * 512, "total_tokens": batch * 512}
        rows.append((batch, {**row, "learning_rate": 1e-4 * (1 - batch // 8 / 10)}))
        if batch % 40 == 0:
            rows.append((batch, {"val_loss": 2.9 - batch / 1000, "val_ppl": 18.1}))
    return rows


def _as_csv(rows: list[tuple[int, dict[str, float]]]) -> bytes:
    names = sorted({name for _, row in rows for name in row})
    lines = [",".join(names)]
    for batch, row in rows:
        cells = {**row, "step": batch}
        lines.append(",".join(str(cells.get(name, "")) for name in names))
    return "\n".join(lines).encode() + b"\n"


@pytest.mark.parametrize("kind", ["metrics.csv", "events.out.tfevents.1", "run-a.wandb"])
def test_litgpt_fine_tuning_counts_micro_batches_too(log, kind: str) -> None:
    rows = _fine_tuning()
    if kind == "metrics.csv":
        data = _as_csv(rows)
    elif kind == "run-a.wandb":
        data = wandb_files.rows(*({**row, "trainer/global_step": batch} for batch, row in rows))
    else:
        data = event_files.events([(at, name, x) for at, row in rows for name, x in row.items()])
    run = logs.read(log(data, kind))
    assert run.counts_micro_batches
    assert told(run, "counts micro-batches", "LitGPT")
    assert set(points(run, "val_loss")) == {40, 80}
    assert set(points(run.in_steps(8), "val_loss")) == {5, 10}
    assert run.logged_lr is not None and run.logged_lr.offset == 1


def test_the_real_logger_still_writes_them_so(tmp_path: Path) -> None:
    loggers = pytest.importorskip("lightning.fabric.loggers")
    logger = loggers.CSVLogger(tmp_path, name="a", flush_logs_every_n_steps=1)
    for batch in range(4, 44, 4):
        row = {"loss": 3 - batch / 1000, "iter": batch, "step": batch // 8, "learning_rate": 1e-4}
        logger.log_metrics(row, step=batch - 1)
    logger.finalize("ok")
    run = logs.read(next(tmp_path.rglob("metrics.csv")))
    assert list(points(run, "loss")) == list(range(4, 44, 4))
    assert run.counts_micro_batches
