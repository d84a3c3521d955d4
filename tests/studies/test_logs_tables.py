"""Tables of every format as runs."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cptlaw import logs
from cptlaw.errors import DataError, MissingExtra
from log_files import TINY, points, rates, told


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
        gzip.compress(TINY.encode(), mtime=0),
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


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"step": [], "loss": []}, "columns 'step', 'loss' but no rows"),
        ({"step": [1], "loss": [2.0], " loss": [3.0]}, "two columns are named 'loss'"),
    ],
)
def test_parquet_that_cannot_be_a_log(tmp_path: Path, columns, message) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    path = tmp_path / "log.parquet"
    parquet.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=message):
        logs.read(path)


def test_parquet_of_repeated_numbers(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    rates = pa.array([1e-3, 1e-3, None, 5e-4]).dictionary_encode()
    table = pa.table({"step": [1, 2, 3, 4], "lr": rates, "loss": [4.0, 3.0, 2.5, 2.2]})
    parquet.write_table(table, tmp_path / "log.parquet")
    run = logs.read(tmp_path / "log.parquet")
    assert run.logged_lr is not None
    assert run.logged_lr.lr.tolist() == [1e-3, 1e-3, 5e-4]


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
        {"step": 10, "loss": 3.5, "lr": 1e-3, "extra": [1, 2]},
        {"step": 10, "val": 3.6, "done": True},
    ]
    run = logs.read(log("\n".join(map(json.dumps, lines))))
    assert points(run, "val") == {0: 4.0, 10: 3.6}
    assert points(run, "loss") == {10: 3.5}
    assert told(run, "Nested", "'extra'")
    assert told(run, "'done'", "text")
    assert not told(run, "again")


FACTORY = {
    "current_steps": 10,
    "total_steps": 1000,
    "loss": 2.3,
    "lr": 5e-05,
    "epoch": 0.1,
    "percentage": 1.0,
    "elapsed_time": "0:00:10",
}


def test_an_output_folder_of_llama_factory_without_a_trainer_state(tmp_path) -> None:
    folder = tmp_path / "pilot"
    folder.mkdir()
    (folder / "all_results.json").write_text('{"train_loss": 2.2}')
    (folder / "trainer_log.jsonl").write_text(json.dumps(FACTORY) + "\n")
    run = logs.read(folder)
    assert (run.name, points(run, "loss")) == ("pilot", {10: 2.3})
    assert told(run, "No trainer_state.json is in the folder", "trainer_log.jsonl was read")
    state = {"global_step": 10, "log_history": [{"step": 10, "eval_web_loss": 2.5}]}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    assert list(logs.read(folder).curves) == ["eval_web_loss"]


def test_llama_factory_log(log) -> None:
    run = logs.read(log(json.dumps(FACTORY) + "\n", "trainer_log.jsonl"))
    assert list(run.curves) == ["loss"]
    assert rates(run) == {10: 5e-5}
    assert told(run, "'current_steps'", "optimiser steps")
