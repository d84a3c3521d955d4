"""Reading of large logs, timed against other libraries."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from cptlaw import logs
from cptlaw.cli import cli
from cptlaw_evidence import log_speed


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl", "log.parquet", "events.out.tfevents.1"])
def test_the_files_that_are_read_are_logs(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    run = logs.read(log_speed._write(tmp_path / name, 600))
    steps, loss = next((c.steps, c.loss) for n, c in run.curves.items() if "eval" in n)
    assert len(steps) == (200 if "events" in name else 600)
    assert np.isfinite(loss).all()
    assert run.logged_lr is not None


@pytest.mark.parametrize("reader", log_speed._TABLES)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_other_libraries_read_every_row(tmp_path, kind, reader):
    pytest.importorskip("pyarrow")
    pytest.importorskip(reader)
    path = log_speed._write(tmp_path / f"log.{kind}", 600)
    assert log_speed.READERS[reader](str(path)).shape == (600, 4)


def test_each_reader_is_timed_and_set_against_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(log_speed, "ROUNDS", 1)
    monkeypatch.setattr(log_speed, "find_spec", lambda name: name == "pyarrow" or None)
    pytest.importorskip("pyarrow")
    rows = log_speed._measured(tmp_path, "log.csv", (500,), ("pyarrow", "polars"), lambda _: None)
    assert [(row["rows"], set(row["readers"])) for row in rows] == [(500, {"cptlaw", "pyarrow"})]
    assert all(each["seconds"] > 0 for each in rows[0]["readers"].values())
    text = log_speed.log_speed_text({"rounds": 1, "files": rows})
    assert "ours / theirs" in text
    assert "pyarrow" in text


def test_the_command(monkeypatch):
    found = {"cptlaw": {"seconds": 2.0, "megabytes": 10.0}, "x": {"seconds": 4.0, "megabytes": 0.0}}
    result = {"rounds": 3, "files": [{"file": "log.csv", "rows": 1000, "readers": found}]}
    monkeypatch.setattr(log_speed, "log_speed", lambda large, progress: result)
    assert "0.50" in CliRunner().invoke(cli, ["bench", "readers"]).output
    assert json.loads(CliRunner().invoke(cli, ["bench", "readers", "--json"]).output) == result
