"""Logs as strangers have them: numbers, names and layouts of many styles."""

from __future__ import annotations

import json
import math

import pytest

from cptlaw import logs
from cptlaw.errors import DataError
from log_files import points, rates, told

STEPS = range(100, 700, 100)
TRAIN = {s: 3 - s / 2000 for s in STEPS}
EVAL = {s: 2.8 - s / 4000 for s in STEPS}


def _table(header: str, row: str, mark: str = ".") -> str:
    rows = [row.format(s=s, a=TRAIN[s], b=EVAL[s]).replace(".", mark) + "\n" for s in STEPS]
    return header + "\n" + "".join(rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_table("step;train_loss;val_loss", "{s};{a:.4f};{b:.4f}", ","), "Decimal commas"),
        (_table("step\ttrain_loss\tval_loss", "{s}\t{a:.4f}\t{b:.4f}", ","), "Decimal commas"),
        (_table("sep=;\nstep;train_loss;val_loss", "{s};{a:.4f};{b:.4f}"), "semicolons"),
        (_table(" step  train_loss  val_loss", "{s:5d}  {a:.4f}  {b:.4f}"), "by blanks"),
        (
            _table(
                "| Step | train_loss | val_loss |\n|---|:-:|---|", "| {s} | {a:.4f} | {b:.4f} |"
            ),
            "by bars",
        ),
        (_table("step,train_loss,val_loss", '"{s}","{a:.4f}","{b:.4f}"'), "No column holds the l"),
    ],
)
def test_tables_set_in_other_ways(log, text, words) -> None:
    run = logs.read(log(text))
    assert points(run, "train_loss") == pytest.approx(TRAIN)
    assert points(run, "val_loss") == pytest.approx(EVAL)
    assert told(run, words)


def test_the_table_of_a_model_card(log) -> None:
    head = "| Training Loss | Epoch | Step | Validation Loss |\n|:---:|:---:|:---:|:---:|\n"
    rows = "| No log | 0.5 | 100 | 2.5 |\n| 2.75 | 1.0 | 200 | 2.25 |\n| 2.5 | 1.5 | 300 | 2.0 |\n"
    run = logs.read(log(head + rows, "README.md"))
    assert points(run, "Validation Loss") == {100: 2.5, 200: 2.25, 300: 2.0}
    assert points(run, "Training Loss") == {200: 2.75, 300: 2.5}


def test_thousands(log) -> None:
    rows = "".join(f'"{s * 10:,}",{v}\n' for s, v in TRAIN.items())
    run = logs.read(log("step,loss\n900,3.5\n" + rows))
    assert points(run, "loss") == {900: 3.5, **{s * 10: v for s, v in TRAIN.items()}}
    assert told(run, "Marks between thousands, left out: 'step'")
    rows = "".join(f"{s * 10:,};{v:.4f}\n" for s, v in TRAIN.items())
    dotted = rows.translate(str.maketrans(",.", ".,"))
    assert set(points(logs.read(log("step;loss\n" + dotted)), "loss")) == {s * 10 for s in STEPS}
    whole = "".join(f"{s:.3f};{v:.4f}\n" for s, v in TRAIN.items())
    assert set(points(logs.read(log("step;loss\n" + whole)), "loss")) == set(STEPS)


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        ("loss_tr", "loss_va"),
        ("trainLoss", "valLoss"),
        ("TrainLoss", "ValidationLoss"),
        ("Training Loss", "Validation Loss"),
        ("train.ce", "holdout.ce"),
        ("loss (train)", "loss (dev)"),
        ("L_train", "L_val"),
        ("trn_loss", "tst_loss"),
    ],
)
def test_names_of_training_and_validation(log, training, validation) -> None:
    run = logs.read(log(_table(f"step,{training},{validation}", "{s},{a},{b}")))
    assert points(run, training) == TRAIN
    sources = {name: curve.source for name, curve in run.curves.items()}
    assert sources == {training: "training", validation: "validation"}


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"{{'step': {s}, 'train/loss': {v}, 'lr': 0.001}}\n" for s, v in TRAIN.items()),
        "".join(
            json.dumps({"step": s, "train": {"loss": v}, "opt": {"lr": 1e-3, "b": [1, 2]}}) + "\n"
            for s, v in TRAIN.items()
        ),
        json.dumps({"step": [*STEPS], "train/loss": [*TRAIN.values()], "lr": [1e-3] * 6}),
        json.dumps(
            {
                "config": {"lr": 1},
                "log": [{"step": s, "train/loss": v, "lr": 1e-3} for s, v in TRAIN.items()],
            },
            indent=1,
        ),
    ],
    ids=["python", "nested", "lists", "wrapped"],
)
def test_objects_of_other_shapes(log, text) -> None:
    run = logs.read(log(text, "log.json"))
    assert points(run, "train/loss") == TRAIN
    assert set(rates(run).values()) == {1e-3}


@pytest.mark.parametrize(("total", "words"), [("/600", "600 to each"), ("", "a guess")])
def test_console_steps_that_begin_anew_in_each_epoch(log, total, words) -> None:
    lines = [
        f"Epoch [{e}/3], Step [{s}{total}], Loss: {3 - (e * 600 + s) / 5000:.4f}\n"
        for e in (1, 2, 3)
        for s in STEPS
    ]
    run = logs.read(log("".join(lines), "train.log"))
    assert len(points(run, "Loss")) == 18
    assert [*points(run, "Loss")][:6] == [*STEPS]
    assert told(run, words)
    if total:
        assert [*points(run, "Loss")] == list(range(100, 1900, 100))


def test_console_steps_that_count_through_are_left_alone(log) -> None:
    lines = [f"epoch {1 + s // 400} step {s}/600 loss {v:.4f}\n" for s, v in TRAIN.items()]
    assert points(logs.read(log("".join(lines), "train.log")), "loss") == pytest.approx(TRAIN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            _table("tokens_seen,val_loss", "{s}000,{b}"),
            "counts tokens: divide it by the tokens of",
        ),
        (_table("samples,val_loss", "{s},{b}"), "counts samples: divide"),
        (_table("epoch,val_loss", "{s},{b}"), "counts epochs: multiply it by the optimiser steps"),
        (_table("step,val_ppl", "{s},{a}"), "Perplexities are no losses.*write their natural log"),
        (_table("step,val_bpb", "{s},{a}"), "bits per byte"),
        ("| epoch 1 | 100/ 900 batches | lr 20.00 | ms/batch 9.1 | loss 5.1 | ppl 9\n" * 3, "anew"),
        (
            "x | train | num_updates=100, loss=4.1, ppl=17.1\n" * 3,
            "fairseq, whose losses are in",
        ),
    ],
)
def test_what_has_no_steps_or_no_losses_is_told(log, text, words) -> None:
    with pytest.raises(DataError, match=words):
        logs.read(log(text))


def test_a_sum_over_tokens_is_asked_of_even_if_it_is_alone(log) -> None:
    run = logs.read(log(_table("step,loss_sum", "{s},{a}e6")))
    assert "above 15 nats per token" in run.doubts["loss_sum"]


def test_a_perplexity_beside_its_loss_is_none(log) -> None:
    rows = "".join(f"{s},{v},{math.exp(v)}\n" for s, v in EVAL.items())
    run = logs.read(log("step,eval_loss,eval_p\n" + rows))
    assert set(run.curves) == {"eval_loss"}
