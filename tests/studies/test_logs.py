"""The log readers: what they read, what they say about it, and what they refuse."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.errors import DataError, MissingExtra
from cptlaw.studies.runs import Curve, LoggedLR, Run

TINY = "step,lr,eval_loss\n10,1e-3,3.5\n20,5e-4,3.25\n"
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def log(tmp_path: Path):
    """Writes a file and gives its path."""

    def write(content: str | bytes, name: str = "log.csv") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def points(run: Run, column: str) -> dict[int, float]:
    curve = run.curves[column]
    return dict(zip(curve.steps.tolist(), curve.loss.tolist(), strict=True))


def rates(run: Run) -> dict[int, float]:
    assert run.logged_lr is not None
    return dict(zip(run.logged_lr.steps.tolist(), run.logged_lr.lr.tolist(), strict=True))


def told(run: Run, *words: str) -> bool:
    """Whether one note holds all the words."""
    return any(all(word in note for word in words) for note in run.notes)


# --- tables ------------------------------------------------------------------------------------


def test_a_table_becomes_a_run(log) -> None:
    path = log(TINY, "base.csv")
    run = logs.read(path)
    assert (run.name, run.origin, run.format) == ("base", str(path), "csv")
    assert points(run, "eval_loss") == {10: 3.5, 20: 3.25}
    assert rates(run) == {10: 1e-3, 20: 5e-4}
    assert run.schedule is None
    assert run.notes == ()
    assert logs.read(str(path)).curves == run.curves


@pytest.mark.parametrize(
    "content",
    [
        TINY.replace(",", "\t"),
        TINY.replace(",", ";"),
        TINY.replace(",", ", "),
        TINY.replace("\n", "\r\n"),
        "\ufeff" + TINY,
        TINY.encode("utf-16"),
        gzip.compress(TINY.encode()),
        TINY.replace("step,lr,eval_loss", '"step","lr","eval_loss"'),
        TINY + "\n\n  \n",
        "# a comment\n" + TINY.replace("20,", "#20,9,9\n20,"),
        TINY.replace("step,lr", "Step,learning_rate"),
        TINY.replace("10,", "10.0,"),
        TINY.rstrip(),
        TINY.replace("eval_loss\n", "eval_loss,\n").replace("5\n", "5,\n"),
        '{"step":10,"lr":1e-3}\n\n{"step":10,"eval_loss":3.5}\n{"step":20,"lr":"5e-4","eval_loss":3.25}',
        '[{"step":10,"lr":1e-3,"eval_loss":3.5},{"step":20,"lr":5e-4,"eval_loss":3.25}]',
    ],
)
def test_the_same_log_in_other_clothes(log, content) -> None:
    run = logs.read(log(content, "log.of.unknown.kind"))
    assert points(run, "eval_loss" if "eval_loss" in run.curves else "") == {10: 3.5, 20: 3.25}
    assert rates(run) == {10: 1e-3, 20: 5e-4}


@pytest.mark.parametrize(
    "name, stem", [("a.csv.gz", "a"), ("lr0.001_T5.csv", "lr0.001_T5"), ("plain", "plain")]
)
def test_the_name_is_the_file_stem(log, name, stem) -> None:
    content = gzip.compress(TINY.encode()) if name.endswith("gz") else TINY
    assert logs.read(log(content, name)).name == stem


def test_formats_are_named(log) -> None:
    assert logs.read(log(TINY.replace(",", "\t"), "a.csv")).format == "tsv"
    assert logs.read(log('{"step":1,"loss":2}\n', "a.csv")).format == "jsonl"


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    table = pa.table(
        {
            "step": pa.array([0, 10, 20], pa.int32()),
            "lr": pa.array([None, 1e-3, 5e-4]),
            "val": pa.array([4.0, None, 3.0], pa.float32()),
            "nest": [[1], [2], [3]],
            "flag": [True, False, True],
        }
    )
    path = tmp_path / "log.csv"
    parquet.write_table(table, path)
    run = logs.read(path)
    assert run.format == "parquet"
    assert points(run, "val") == {0: 4.0, 20: 3.0}
    assert rates(run) == {10: 1e-3, 20: 5e-4}
    assert told(run, "'nest', 'flag'", "Left out")


def test_parquet_without_pyarrow_says_what_to_install(log, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'cptlaw\[parquet\]'"):
        logs.read(log(b"PAR1 and so on"))


def test_importing_the_readers_is_light() -> None:
    heavy = "print([m for m in ('pyarrow', 'pandas') if m in sys.modules])"
    code = f"import sys, cptlaw.studies.logs; {heavy}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sparse_json_lines(log) -> None:
    lines = [
        {"step": 0, "val": 4.0},
        {"step": 10, "loss": 3.5, "lr": 1e-3, "extra": {"a": 1}},
        {"step": 10, "val": 3.6, "done": True},
    ]
    run = logs.read(log("\n".join(map(json.dumps, lines))))
    assert points(run, "val") == {0: 4.0, 10: 3.6}
    assert points(run, "loss") == {10: 3.5}
    assert told(run, "Nested", "'extra'")
    assert told(run, "'done'", "text")
    assert not told(run, "again")


def test_llama_factory_log(log) -> None:
    line = {
        "current_steps": 10,
        "total_steps": 1000,
        "loss": 2.3,
        "lr": 5e-05,
        "epoch": 0.1,
        "percentage": 1.0,
        "elapsed_time": "0:00:10",
    }
    run = logs.read(log(json.dumps(line) + "\n", "trainer_log.jsonl"))
    assert list(run.curves) == ["loss"]
    assert rates(run) == {10: 5e-5}
    assert told(run, "'current_steps'", "optimiser steps")


# --- columns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["STEP", "steps", "global_step", "trainer/global_step", "current_steps", "Iteration"]
)
def test_step_columns(log, name) -> None:
    run = logs.read(log(f"{name},loss\n1,2\n"))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, f"'{name}'") == (name != "STEP")


def test_step_is_preferred_to_iter(log) -> None:
    run = logs.read(log("iter,step,loss\n8,1,3\n16,2,2\n"))
    assert points(run, "loss") == {1: 3.0, 2: 2.0}
    assert told(run, "Left out", "'iter'")


@pytest.mark.parametrize(
    "name",
    listed(
        """
        LR, learning_rate, train/learning_rate, learning-rate, optim/LR (group 0),
        lr-AdamW, lr/Adam, optim/learning_rate_group0, learning rate
        """
    ),
)
def test_learning_rate_columns(log, name) -> None:
    run = logs.read(log(f"step,{name},loss\n1,1e-3,2\n"))
    assert rates(run) == {1: 1e-3}
    assert list(run.curves) == ["loss"]


def test_the_learning_rate_is_no_setting_and_the_first_is_told(log) -> None:
    run = logs.read(log("step,peak_lr,lr-A,lr-B,lr_scale,loss\n1,9,1e-3,2e-3,1,2\n"))
    assert rates(run) == {1: 1e-3}
    assert told(run, "'lr-A'", "'lr-B'")
    assert told(run, "'peak_lr'")
    assert list(run.curves) == ["loss"]


@pytest.mark.parametrize("content", ["step,loss\n1,2\n", "step,lr,loss\n1,,2\n"])
def test_no_learning_rate_is_told(log, content) -> None:
    run = logs.read(log(content))
    assert run.logged_lr is None
    assert told(run, "needs schedule or lrs")


@pytest.mark.parametrize(
    "name",
    listed(
        """
        epoch, train/epoch, grad_norm, grad norm, eval_runtime, tokens, num_tokens,
        eval_samples_per_second, tokens_per_sec, iter/s, total_flos, time, Wall time,
        throughput, memory_gib, eval_accuracy, mean_token_accuracy, val_ppl, mfu,
        eval_mmlu_acc, loss_scale, loss scale, total_steps, _step, Unnamed: 0, seed,
        num_input_tokens_seen, warmup_steps, entropy, global batch size
        """
    ),
)
def test_columns_that_are_no_losses_by_name(log, name) -> None:
    run = logs.read(log(f"step,lr,{name},loss\n1,1e-3,7,2\n"))
    assert list(run.curves) == ["loss"]
    assert told(run, "Left out", name)


@pytest.mark.parametrize(
    "name",
    listed(
        """
        pt, docs, gcide, man, py, c4_en, m2d2_s2orc, wikitext_103, eval_law_loss,
        loss_per_token, eval/c4/CrossEntropyLoss, cross_entropy, val_bpb, lm loss val,
        legal, eval_general, time_series_loss, eval_base, target, bits_per_byte
        """
    ),
)
def test_any_other_column_of_positive_numbers_is_a_curve(log, name) -> None:
    run = logs.read(log(f"step,lr,{name}\n1,1e-3,2\n"))
    assert points(run, name) == {1: 2.0}
    assert run.curves[name].source == "validation"


@pytest.mark.parametrize("name", ["loss", "train_loss", "train/loss", "lm loss", "training loss"])
def test_training_losses(log, name) -> None:
    run = logs.read(log(f"step,lr,{name}\n1,1e-3,2\n"))
    assert run.curves[name].source == "training"
    assert run.curves[name].window == 1
    assert told(run, name, "window")


def test_asked_columns(log) -> None:
    path = log("step,lr,loss,perplexity,note\n1,1e-3,2,7.4,abc\n2,1e-3,1,2.7,1\n")
    assert list(logs.read(path, ["perplexity"]).curves) == ["perplexity"]
    assert list(logs.read(path, "loss").curves) == ["loss"]
    with pytest.raises(DataError, match=r"no loss column 'los'.*Did you mean 'loss'"):
        logs.read(path, ["los"])


def test_columns_without_numbers_are_left_out_and_told(log) -> None:
    run = logs.read(log("step,lr,loss,host,void,delta\n1,1e-3,2,a,,-1\n2,1e-3,2,b,,-2\n"))
    assert list(run.curves) == ["loss"]
    assert told(run, "'host'", "text, such as 'a'")
    assert told(run, "'void'", "empty")
    assert told(run, "'delta'", "not above 0")


@pytest.mark.parametrize("missing", ["", "NaN", "nan", "None", "null", "NA", " "])
def test_missing_cells(log, missing) -> None:
    run = logs.read(log(f"step,lr,loss\n1,1e-3,2\n2,1e-3,{missing}\n3,{missing},1\n"))
    assert points(run, "loss") == {1: 2.0, 3: 1.0}
    assert rates(run) == {1: 1e-3, 2: 1e-3}
    assert told(run, "'loss'", "1 row dropped", "step 2") == (missing.lower() == "nan")


@pytest.mark.parametrize("value", ["inf", "-inf", "0", "-1.5", "Infinity", "nan"])
def test_impossible_losses_are_dropped_and_told(log, value) -> None:
    run = logs.read(
        log(f"step,lr,a,b\n30,1e-3,{value},2\n20,1e-3,{value},2\n10,1e-3,3,2\n5,1,4,1\n")
    )
    assert points(run, "a") == {10: 3.0, 5: 4.0}
    assert points(run, "b") == {30: 2.0, 20: 2.0, 10: 2.0, 5: 1.0}
    assert told(run, "'a': 2 rows dropped", "at step 20")


# --- steps that repeat, go back, or are unsorted -----------------------------------------------


def csv_of(*rows: tuple[int, float]) -> str:
    return "step,lr,loss\n" + "".join(f"{step},1e-3,{loss}\n" for step, loss in rows)


def test_a_restart_replaces_what_it_abandons(log) -> None:
    before = [(s, 1.0) for s in (100, 200, 250, 300)]
    after = [(s, 2.0) for s in (200, 300, 400)]
    run = logs.read(log(csv_of(*before, *after)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 300: 2.0, 400: 2.0}
    assert rates(run).keys() == {100, 200, 300, 400}
    assert told(run, "once", "from step 300 to 200", "line 6", "dropped: 3,", "first step 200")


def test_two_restarts(log) -> None:
    first = [(s, 1.0) for s in (100, 200, 300, 400)]
    second = [(s, 2.0) for s in (200, 300)]
    third = [(s, 3.0) for s in (250, 300, 400, 500)]
    run = logs.read(log(csv_of(*first, *second, *third)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 250: 3.0, 300: 3.0, 400: 3.0, 500: 3.0}
    assert told(run, "2 times, first from step 400 to 200", "dropped: 4,")


def test_a_second_restart_from_further_back(log) -> None:
    first = [(s, 1.0) for s in (100, 200, 250, 300, 400)]
    second = [(s, 2.0) for s in (300, 400)]
    third = [(s, 3.0) for s in (200, 300, 400)]
    run = logs.read(log(csv_of(*first, *second, *third)))
    assert points(run, "loss") == {100: 1.0, 200: 3.0, 300: 3.0, 400: 3.0}


def test_a_restart_that_ends_early_keeps_what_it_does_not_repeat(log) -> None:
    rows = [(100, 1.0), (200, 1.0), (300, 1.0), (400, 1.0), (200, 2.0), (300, 2.0)]
    run = logs.read(log(csv_of(*rows)))
    assert points(run, "loss") == {100: 1.0, 200: 2.0, 300: 2.0, 400: 1.0}
    assert told(run, "from step 400 to 200", "line 6", "never")
    assert not told(run, "sorted")
    assert told(run, "'loss'", "again 2 times", "step 200")


def test_a_restart_reaches_evaluations_that_are_not_repeated(log) -> None:
    lines = ["step,loss,val", "10,3,", "20,3,", "25,,9", "30,3,", "20,2,", "30,2,", "40,2,1"]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "val") == {40: 1.0}
    assert points(run, "loss") == {10: 3.0, 20: 2.0, 30: 2.0, 40: 2.0}


@pytest.mark.parametrize("after", [[], ["40,2,"]])
def test_evaluations_done_again_leave_the_rest_alone(log, after) -> None:
    lines = ["step,loss,val", "10,3,9", "20,3,9", "30,3,9", "10,,1", "30,,1", *after]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "loss") == {10: 3.0, 20: 3.0, 30: 3.0, **({40: 2.0} if after else {})}
    assert points(run, "val") == {10: 1.0, 20: 9.0, 30: 1.0}
    assert told(run, "'val'", "again 2 times")


def test_a_few_points_measured_again_are_no_restart(log) -> None:
    rows = [(step, 3.0) for step in range(10, 110, 10)]
    run = logs.read(log(csv_of(*rows, (10, 2.0), (50, 2.0), (100, 2.0))))
    assert points(run, "loss") == {**dict(rows), 10: 2.0, 50: 2.0, 100: 2.0}
    assert told(run, "not in the order")


def test_a_column_that_ends_before_a_restart_is_kept(log) -> None:
    lines = ["step,loss,val", "10,3,9", "20,3,9", "10,2,", "20,2,"]
    run = logs.read(log("\n".join(lines)))
    assert points(run, "val") == {10: 9.0, 20: 9.0}
    assert points(run, "loss") == {10: 2.0, 20: 2.0}


def test_repeated_steps_without_a_restart(log) -> None:
    run = logs.read(log(csv_of((1, 3.0), (2, 2.5), (2, 2.25), (3, 2.0))))
    assert points(run, "loss") == {1: 3.0, 2: 2.25, 3: 2.0}
    assert told(run, "'loss'", "again once", "first step 2", "later row")


def test_train_and_evaluation_rows_of_a_step_complement_each_other(log) -> None:
    run = logs.read(log("step,lr,loss,val\n10,1e-3,3,\n10,,,4\n5,,,5\n20,1e-3,2,\n"))
    assert points(run, "val") == {5: 5.0, 10: 4.0}
    assert points(run, "loss") == {10: 3.0, 20: 2.0}
    assert not told(run, "again")


def test_unsorted_rows_are_sorted_and_told(log) -> None:
    run = logs.read(log(csv_of((1000, 1.0), (200, 3.0), (300, 2.0), (100, 4.0))))
    assert points(run, "loss") == {100: 4.0, 200: 3.0, 300: 2.0, 1000: 1.0}
    assert run.curves["loss"].steps.tolist() == [100, 200, 300, 1000]
    assert told(run, "not in the order", "line 3", "sorted")


def test_one_repeated_step_in_a_shuffled_file_loses_one_row(log) -> None:
    rows = [(step, float(step)) for step in range(1, 200)]
    random.Random(0).shuffle(rows)
    run = logs.read(log(csv_of(*rows, (50, 1.5))))
    assert points(run, "loss") == {**dict(rows), 50: 1.5}


def test_a_header_written_again_at_a_restart(log) -> None:
    run = logs.read(log(TINY + "step,lr,eval_loss\n20,5e-4,3.0\n30,5e-4,2.5\n"))
    assert points(run, "eval_loss") == {10: 3.5, 20: 3.0, 30: 2.5}
    assert told(run, "header comes again", "line 4")


def test_rows_without_a_step_are_left_out(log) -> None:
    run = logs.read(log('{"config": "x"}\n{"step":1,"loss":2}\n'))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, "1 row without a step", "line 1")


@pytest.mark.parametrize(
    "content, line",
    [("step,lr,loss\n1,1e-3,2\n2,1e-3", 3), ('{"step":1,"loss":2}\n{"step":2,"lo', 2)],
)
def test_a_last_line_cut_while_it_was_written(log, content, line) -> None:
    run = logs.read(log(content))
    assert points(run, "loss") == {1: 2.0}
    assert told(run, f"last line, {line}", "cut short")


# --- trainer_state.json ------------------------------------------------------------------------


def state(*rows: dict[str, Any], step: int | None = None) -> str:
    last = max((row.get("step", 0) for row in rows), default=0) if step is None else step
    return json.dumps({"epoch": 1.0, "global_step": last, "log_history": list(rows)}, indent=2)


HISTORY: tuple[dict[str, Any], ...] = (
    {"step": 1, "loss": 9.0, "learning_rate": 1e-4, "epoch": 0.01, "grad_norm": 2.0},
    {"step": 5, "loss": 4.0, "learning_rate": "8e-4", "epoch": 0.1, "grad_norm": 0.79},
    {"step": 10, "loss": 3.5, "learning_rate": 9e-4, "epoch": 0.2, "grad_norm": 0.7},
    {"step": 10, "eval_general_loss": 4.1, "eval_general_runtime": 1.0, "epoch": 0.2},
    {"step": 10, "eval_law_loss": 5.1, "eval_law_samples_per_second": 9.0, "epoch": 0.2},
    {"step": 15, "loss": 3.25, "learning_rate": 1e-3, "epoch": 0.3, "grad_norm": 0.7},
)
SUMMARY = {"step": 15, "train_loss": 3.6, "total_flos": 1e9, "train_runtime": 10.0, "epoch": 1.0}


def test_trainer_state(log) -> None:
    run = logs.read(log(state(*HISTORY, SUMMARY), "my-run/trainer_state.json"))
    assert (run.name, run.format) == ("my-run", "trainer_state")
    assert list(run.curves) == ["loss", "eval_general_loss", "eval_law_loss"]
    assert points(run, "loss") == {1: 9.0, 5: 4.0, 10: 3.5, 15: 3.25}
    assert run.curves["loss"].window == 5
    assert run.curves["loss"].source == "training"
    assert run.curves["eval_law_loss"] == Curve([10], [5.1])
    assert rates(run) == {1: 1e-4, 5: 8e-4, 10: 9e-4, 15: 1e-3}
    assert told(run, "'loss'", "window = 5")
    assert told(run, "4.50", "lr_offset = 1")
    assert told(run, "summary", "step 15")
    assert not told(run, "again")


@pytest.mark.parametrize("folder", ["out", "out/checkpoint-15"])
def test_a_checkpoint_directory_is_named_after_the_output_directory(log, folder) -> None:
    path = log(state(*HISTORY), f"{folder}/trainer_state.json")
    assert logs.read(path).name == "out"
    assert logs.read(path.parent).name == "out"
    assert logs.read(path.parent).curves == logs.read(path).curves
    renamed = path.rename(path.with_name("renamed.json"))
    assert logs.read(renamed).name == "renamed"


def test_an_output_directory_merges_its_checkpoints(log, tmp_path: Path) -> None:
    log(
        state({"step": 5, "loss": 8.0}, {"step": 10, "loss": 3.5}),
        "out/checkpoint-10/trainer_state.json",
    )
    log(
        state({"step": 10, "loss": 3.75}, {"step": 15, "loss": 3.25}, step=15),
        "out/checkpoint-15/trainer_state.json",
    )
    log(
        state({"step": 5, "loss": 9.0}, {"step": 5, "eval_x_loss": 7.0}, step=5),
        "out/checkpoint-5/trainer_state.json",
    )
    log("{", "out/other/trainer_state.json")
    run = logs.read(tmp_path / "out")
    assert points(run, "loss") == {5: 8.0, 10: 3.75, 15: 3.25}
    assert points(run, "eval_x_loss") == {5: 7.0}
    assert run.origin == str(tmp_path / "out")
    assert told(run, "3 files", "checkpoint-15", "only older ones hold: 2.")
    assert told(run, "differ from the newest: 2,", "'loss' at step 10")


def test_the_output_directorys_own_state_counts_at_the_same_step(log, tmp_path: Path) -> None:
    log(state({"step": 10, "loss": 3.5}), "out/checkpoint-10/trainer_state.json")
    log(state({"step": 10, "loss": 3.0}), "out/trainer_state.json")
    assert points(logs.read(tmp_path / "out"), "loss") == {10: 3.0}


def test_one_logged_loss_is_the_mean_of_all_steps_before(log) -> None:
    run = logs.read(log(state({"step": 10, "loss": 3.5}), "trainer_state.json"))
    assert run.curves["loss"].window == 10


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("# only\n", "no lines but comments"),
        ("step,lr,loss\n", "header .*no rows"),
        ("time,loss\n1,2\n", r"no column counts steps.*'time', 'loss'.*Rename"),
        ("1,2,3\n2,3,4\n", "first line holds numbers.*Add a header"),
        ("step,loss\n1,2\n2,abc\n", r"log.csv, line 3: column 'loss' holds 'abc'.*number"),
        ("# c\nstep,loss\n\n1,2\nx,3\n", r"line 5: column 'step' holds 'x'"),
        ("step,lr,loss\n1,fast,2\n", r"line 2: column 'lr' holds 'fast'"),
        ("step,lr,loss\n1,-1,2\n", r"line 2: column 'lr' holds the learning rate -1"),
        ("step,loss\n1,2\n2.5,2\n", r"line 3: column 'step' holds 2.5 .*whole number"),
        ("step,loss\n-1,2\n", r"line 2: column 'step' holds -1"),
        ("step,loss\ninf,2\n", r"line 2: column 'step' holds inf"),
        ("step,loss\n1e300,2\n", r"line 2: column 'step' holds 1e\+300"),
        ("step,loss\n,2\n", "no row has a step"),
        ("step,loss\n1,2,3\n", r"line 2: 3 cells, but the header has 2"),
        ("step,loss\n1\n2,3\n", r"line 2: 1 cells, but the header has 2"),
        ("step,loss,loss\n1,2,3\n", "two columns are named 'loss'"),
        ("step,lr\n1,1e-3\n", "no column holds a loss.*'step', 'lr'"),
        ("step,lr,loss\n1,1e-3,nan\n2,1e-3,\n", "no column holds a loss.*no finite number"),
        ("step,lr,a,b\n1,1e-3,x,\n", "'a' left out: it holds text.*'b' left out: it is empty"),
        ("step;loss\n1;3,5\n", "no column holds a loss.*'3,5'"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text log"),
        (b"step,loss\n1,2\n\0", "zero bytes"),
        (b"step,lo\xff\n1,2\n", "byte 8 is not UTF-8"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
        (gzip.compress(TINY.encode(), mtime=0)[:-9], "damaged gzip"),
        (b"PAR1 and more PAR1", "damaged Parquet"),
        ('{"step":1,"loss":2}\n{"step":2,"loss":}\n', "line 2: malformed JSON"),
        ('{"step":1,"loss":2}\n[1]\n', "line 2: a JSON value that is no object"),
        ('{\n"step": 1\n}\n', "line 1: malformed JSON.*one object a line"),
        ("{}\n{}\n", "hold no values"),
        ("[0.1, 0.2]", "a list of numbers.*lrs"),
        ('[{"step":1,"loss":2}, 3]', "entry 2: expected an object"),
        ("[]", "hold no values"),
        ("[1,\n2", "line 2: malformed JSON"),
        ('{"log_history": [}', "line 1: malformed JSON"),
        ('{"log_history": {}}', "expected a list 'log_history'"),
        ('{"log_history": []}', "log_history is empty"),
        ('{"log_history": [1]}', "log_history entry 1: expected an object"),
        ('{"log_history": [{"step": 1, "loss": 2}, {"step": -1}]}', "log_history entry 2"),
        ("[" * 100_000, "log.csv"),
        ("run,step,loss\na,1,2\na,2,2\nb,1,3\n", r"several series.*'run' \('a', 'b'\)"),
        ('{"step":1,"split":"t","loss":2}\n{"step":1,"split":"v","loss":3}', "'split'"),
    ],
)
def test_bad_logs_say_where_and_what(log, content, message) -> None:
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        logs.read(log(content))
    assert "log.csv" in str(caught.value)


def test_a_missing_file(log, tmp_path: Path) -> None:
    log(TINY, "base.csv")
    with pytest.raises(DataError, match=r"no such file.*Did you mean .*base.csv"):
        logs.read(tmp_path / "bse.csv")
    with pytest.raises(DataError, match=r"no such file.*Nor is there a directory"):
        logs.read(tmp_path / "nowhere" / "base.csv")


def test_a_new_format_is_one_entry_of_the_table(log, tmp_path: Path, monkeypatch) -> None:
    def rows(source: logs.Source) -> logs.Table:
        step, loss = source.text.split("@")[1:]
        columns = {"step": [step], "eval_loss": [loss]}
        return logs.Table(source.given, source.stem, "mine", columns, lambda row: source.given)

    mine = logs.Format("mine", lambda source: source.data.startswith(b"@"), rows, (".mine",))
    monkeypatch.setattr(logs, "FORMATS", (mine, *logs.FORMATS))
    run = logs.read(log("@10@3.5", "run.mine"))
    assert (run.format, run.curves["eval_loss"].loss.tolist()) == ("mine", [3.5])
    with pytest.raises(DataError, match=r"Name one file, such as .*run\.mine"):
        logs.read(tmp_path)


def test_a_directory_without_logs(log, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected trainer_state.json .*Name the log file"):
        logs.read(tmp_path)
    log(TINY, "base.csv")
    with pytest.raises(DataError, match=r"such as '.*base.csv'"):
        logs.read(tmp_path)


def test_a_file_that_may_not_be_read(log, monkeypatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    path = log(TINY)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match="not permitted"):
        logs.read(path)


# --- learning rates of every step --------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "[0.1, 0.2, 0]",
        '{"lrs": [0.1, 0.2, 0], "note": "x"}',
        "lr\n0.1\n0.2\n0\n",
        "0.1\n0.2\n0\n",
        "step,lr\n1,0.1\n2,0.2\n3,0\n",
        "step\tloss\tlearning_rate\n2\t5\t0.2\n1\t5\t0.1\n3\t5\t0\n",
    ],
)
def test_read_lrs(log, content) -> None:
    assert logs.read_lrs(log(content)).lr().tolist() == [0.1, 0.2, 0.0]


@pytest.mark.parametrize(
    "content, message",
    [
        ("[]", "empty"),
        ('{"rates": [1]}', "JSON list of numbers"),
        ("[0.1, null]", "step 2: None is no learning rate"),
        ("[0.1, true]", "step 2: True"),
        ("[0.1, -0.1]", "step 2 must be"),
        ("[0.1, NaN]", "step 2 must be"),
        ("[0.1,\n", "line 2: malformed"),
        ("lr\n0.1\n\nx\n", "line 4.*'x'"),
        ("lr\n", "empty"),
        ("step,lr\n1,0.1\n3,0.1\n", "found 3 where step 2 should be"),
        ("step,lr\n0,0.1\n1,0.1\n", "found 0 where step 1"),
        ("step,lr\n1,\n", "line 2: 'lr' column holds ''"),
        ("a,b\n1,2\n", "columns step and lr; found 'a', 'b'"),
        (b"\xff\xfe\xff", "not a text log"),
    ],
)
def test_bad_files_of_learning_rates(log, content, message) -> None:
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        logs.read_lrs(log(content))
    assert "log.csv" in str(caught.value)


def test_read_lrs_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a directory"):
        logs.read_lrs(tmp_path)


# --- writing -----------------------------------------------------------------------------------


def test_write_csv_is_tidy(tmp_path: Path) -> None:
    curves = {"val": Curve([0, 20], [4.0, 3.0]), "a,b": Curve([10], [0.1])}
    path = tmp_path / "out.csv"
    logs.write_csv(Run("r", curves, LoggedLR([10, 20], [1e-3, 0.0])), path)
    assert path.read_text() == 'step,lr,val,"a,b"\n0,,4.0,\n10,0.001,,0.1\n20,0.0,3.0,\n'
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_write_csv_leaves_the_old_file_when_it_fails(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(DataError, match="No space left"):
        logs.write_csv(Run("r", {"val": Curve([1], [2.0])}), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("curves", [{}, {"lr": Curve([1], [2.0])}, {" a": Curve([1], [2.0])}])
def test_write_csv_refuses_what_it_cannot_write(tmp_path: Path, curves) -> None:
    with pytest.raises(DataError, match="run 'r'"):
        logs.write_csv(Run("r", curves), tmp_path / "out.csv")


def test_write_csv_into_no_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        logs.write_csv(Run("r", {"val": Curve([1], [2.0])}), tmp_path / "no" / "out.csv")


# --- properties --------------------------------------------------------------------------------

losses = st.floats(1e-300, 1e300)
learning_rates = st.floats(0, 1e3)
step_sets = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=30, unique=True).map(sorted)
column_names = st.sampled_from(["loss", "train_loss", "pt", "eval_a_loss", "c4, en", 'q"uo;te'])


@st.composite
def runs(draw: st.DrawFn) -> Run:
    curves: dict[str, Curve] = {}
    for name in draw(st.lists(column_names, min_size=1, max_size=4, unique=True)):
        steps = draw(step_sets)
        size = len(steps)
        curves[name] = Curve(steps, draw(st.lists(losses, min_size=size, max_size=size)))
    lr = None
    if draw(st.booleans()):
        steps = draw(step_sets)
        size = len(steps)
        lr = LoggedLR(steps, draw(st.lists(learning_rates, min_size=size, max_size=size)))
    return Run("r", curves, lr)


def same_points(one: Run, other: Run) -> None:
    assert list(one.curves) == list(other.curves)
    for name, curve in one.curves.items():
        assert np.array_equal(curve.steps, other.curves[name].steps)
        assert np.array_equal(curve.loss, other.curves[name].loss)
    assert one.logged_lr == other.logged_lr


@one_folder
@given(run=runs())
def test_what_is_written_is_read_back(tmp_path: Path, run: Run) -> None:
    logs.write_csv(run, tmp_path / "r.csv")
    same_points(run, logs.read(tmp_path / "r.csv"))


@one_folder
@given(run=runs(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(tmp_path: Path, run: Run, seed: int) -> None:
    path = tmp_path / "r.csv"
    logs.write_csv(run, path)
    header, *rows = path.read_text().splitlines()
    random.Random(seed).shuffle(rows)
    path.write_text("\n".join([header, *rows]) + "\n")
    same_points(run, logs.read(path))


@one_folder
@given(run=runs(), seed=st.integers(0, 99))
def test_json_lines_one_cell_a_line_in_any_order(tmp_path: Path, run: Run, seed: int) -> None:
    lines = [
        json.dumps({"step": step, name: loss})
        for name, curve in run.curves.items()
        for step, loss in zip(curve.steps.tolist(), curve.loss.tolist(), strict=True)
    ]
    random.Random(seed).shuffle(lines)
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(lines))
    read = logs.read(path)
    assert {name: points(read, name) for name in read.curves} == {
        name: points(run, name) for name in run.curves
    }


@one_folder
@given(
    start=st.integers(1, 8),
    length=st.integers(9, 20),
    back=st.integers(1, 8),
    more=st.integers(0, 9),
)
def test_after_any_restart_the_later_branch_counts(
    tmp_path: Path, start: int, length: int, back: int, more: int
) -> None:
    end = start + length
    first = dict.fromkeys(range(start, end + 1), 1.0)
    second = dict.fromkeys(range(end - back + 1, end + more + 1), 2.0)
    path = tmp_path / "r.csv"
    path.write_text(csv_of(*first.items(), *second.items()))
    assert points(logs.read(path), "loss") == {**first, **second}


cells = st.one_of(
    st.sampled_from(["", "nan", "inf", "-1", "0", "1", "2", "3.5", "1e999", "step", "lr", "loss"]),
    st.text(max_size=4),
    st.integers().map(str),
)
csv_texts = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=6).map(
    lambda rows: "step,lr,loss\n" + "\n".join(",".join(row) for row in rows)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["step", "loss", "lr", "log_history", "global_step", "x"]), inner
        )
    ),
    max_leaves=12,
)
histories = st.lists(
    st.dictionaries(st.sampled_from(["step", "loss", "learning_rate"]), json_values), max_size=4
)
json_texts = st.one_of(
    json_values.map(json.dumps),
    st.lists(json_values.map(json.dumps), max_size=4).map("\n".join),
    histories.map(lambda rows: json.dumps({"log_history": rows, "global_step": 3})),
    histories.map(lambda rows: "\n".join(map(json.dumps, rows))),
)
starts = st.sampled_from([b"", b"PAR1", b"\x1f\x8b\x08", b"\xff\xfe", b'{"log_history": ['])
byte_strings = st.tuples(starts, st.binary(max_size=60)).map(b"".join)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@settings(one_folder, max_examples=400)
@given(
    data=st.one_of(
        byte_strings, csv_texts.map(encoded), json_texts.map(encoded), st.text().map(encoded)
    )
)
@example(data=b'{"step": ' + b"9" * 5000 + b"}")
@example(data=b'{"step": 1, "loss": ' + b"9" * 400 + b"}")
@example(data=b'step,loss\n1,"' + b"9" * 200_000)
@example(data=b'{"step": 1, "loss": 2, "\\ud800": 1}')
def test_any_file_is_read_or_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    for reader in (logs.read, logs.read_lrs):
        try:
            reader(path)
        except DataError as error:
            assert "any" in str(error)


@one_folder
@given(
    older=st.dictionaries(st.integers(1, 5), losses),
    newer=st.dictionaries(st.integers(1, 9), losses, min_size=1),
)
def test_of_any_two_checkpoints_the_newest_counts(tmp_path: Path, older, newer) -> None:
    for number, loss_at in enumerate((older, newer), start=1):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir(exist_ok=True)
        rows = [{"step": step, "loss": loss} for step, loss in loss_at.items()]
        (folder / "trainer_state.json").write_text(state(*rows, step=number))
    assert points(logs.read(tmp_path), "loss") == {**older, **newer}
