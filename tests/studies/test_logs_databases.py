"""MLflow and Trackio: databases, folders, exports; and what is known but not read."""

from __future__ import annotations

import gzip
import math
import sqlite3
from pathlib import Path

import pytest

import databases
from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.logs import sqlite
from log_files import points, rates, told

VALUES = [
    (step, name, value)
    for step in range(10, 60, 10)
    for name, value in (
        ("loss", 3 - step / 100),
        ("learning_rate", 2.0**-step),
        ("epoch", step / 50),
        ("eval/c4/loss", 3.5 - step / 100),
    )
]
EXPECTED = {step: 3 - step / 100 for step in range(10, 60, 10)}


def test_a_database_of_mlflow(tmp_path: Path) -> None:
    run = logs.read(databases.mlflow(tmp_path / "any.db", {"mine": VALUES}))
    assert (run.format, run.name, run.optimizer) == ("mlflow", "mine", "adamw")
    assert points(run, "loss") == EXPECTED
    assert len(run.curves["eval/c4/loss"]) == 5
    assert rates(run) == {s: 2.0**-s for s in range(10, 60, 10)}
    assert run.curves["loss"].window == 10


def test_several_runs_of_mlflow_and_one_deleted(tmp_path: Path) -> None:
    path = databases.mlflow(tmp_path / "mlflow.db", {"high": VALUES, "low": VALUES[:8]})
    for place in (path, tmp_path):
        with pytest.raises(DataError, match=r"several runs in one \w+: 'high', 'low'.*::high'"):
            logs.read(place)
        assert len(logs.read(f"{place}::low").curves["loss"]) == 2
        assert len(logs.read(f"{place}::id-high").curves["loss"]) == 5
    with sqlite3.connect(path) as database:
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'low'")
    assert logs.read(path).name == "high"


def test_where_all_runs_of_mlflow_are_deleted_there_is_none(tmp_path: Path) -> None:
    path = databases.mlflow(tmp_path / "mlflow.db", {"a": VALUES}, stage="deleted")
    with pytest.raises(DataError, match="without a metric of any run"):
        logs.read(path)


def test_values_of_mlflow_that_are_no_numbers(tmp_path: Path) -> None:
    values = [(1, "loss", 2.0), (2, "loss", math.nan), (3, "loss", 1.7976931348623157e308)]
    path = databases.mlflow(tmp_path / "mlflow.db", {"a": values})
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO metrics VALUES ('loss', 'x', 9, 'id-a', 4, 0)")
    run = logs.read(path)
    assert points(run, "loss") == {1: 2.0}
    assert told(run, "2 rows dropped")
    assert told(run, "no numbers left out: 1")


def test_metrics_logged_without_a_step(tmp_path: Path) -> None:
    values = [(0, "loss", 2.0), (0, "loss", 1.5)]
    with pytest.raises(DataError, match=r"all logged at step 0. Give log_metric"):
        logs.read(databases.mlflow(tmp_path / "mlflow.db", {"a": values}))


def test_a_run_of_mlflow_that_was_resumed(tmp_path: Path) -> None:
    again = [(s, "loss", 1.0) for s in (30, 40, 50, 60)]
    path = databases.mlflow(tmp_path / "m.db", {"a": [*VALUES, *again]})
    run = logs.read(path)
    assert points(run, "loss") == {10: 2.9, 20: 2.8, 30: 1, 40: 1, 50: 1, 60: 1}
    assert told(run, "as after a restart")


# --- folders and exports of MLflow -------------------------------------------------------------


def _run(folder: Path, run_name: str = "mine", **metrics: str) -> Path:
    for name, lines in metrics.items():
        path = folder / "metrics" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines)
    (folder / "params").mkdir()
    (folder / "params" / "optim").write_text("adamw_torch")
    (folder / "meta.yaml").write_text(f"run_id: x\nrun_name: {run_name}\nstatus: 3\n")
    return folder


def _lines(**kept: float) -> str:
    start = 1700000000000
    return "".join(f"{start + i} {v} {k[1:]}\n" for i, (k, v) in enumerate(kept.items()))


def test_the_older_folder_of_mlflow(tmp_path: Path) -> None:
    folder = tmp_path / "mlruns" / "0" / "abc"
    _run(folder, loss=_lines(_10=3.0, _20=2.5), eval__c4__loss=_lines(_20=2.75), empty="")
    for place in (folder, tmp_path / "mlruns" / "0", tmp_path / "mlruns", tmp_path):
        run = logs.read(place)
        assert points(run, "loss") == {10: 3.0, 20: 2.5}
        assert points(run, "eval/c4/loss") == {20: 2.75}
        assert (run.name, run.optimizer) == ("mine", "adamw")
    _run(tmp_path / "mlruns" / "0" / "def", "other", loss=_lines(_10=1.0, _20=0.5))
    with pytest.raises(DataError, match="several runs in one folder: 'mine', 'other'"):
        logs.read(tmp_path / "mlruns")
    assert points(logs.read(f"{tmp_path}::other"), "loss") == {10: 1.0, 20: 0.5}


def test_one_metric_of_mlflow(tmp_path: Path, log) -> None:
    run = logs.read(log(_lines(_10=3.0, _20=math.inf, _30=2.5), "mlflow_loss"))
    assert points(run, "loss") == {10: 3.0, 30: 2.5}
    _run(tmp_path / "abc", eval__c4__loss=_lines(_20=2.75, _30=2.5), loss=_lines(_20=2.0))
    run = logs.read(tmp_path / "abc" / "metrics" / "eval" / "c4" / "loss")
    assert set(run.curves) == {"eval/c4/loss"}
    assert run.name == "mine"
    assert told(run, "Only this metric was read", str(tmp_path / "abc"))


def test_a_metric_cut_by_a_kill_and_a_damaged_one(log) -> None:
    whole = _lines(_10=3.0, _20=2.5, _30=2.25)
    run = logs.read(log(whole + "1700000000004 2.1", "loss"))
    assert len(run.curves["loss"]) == 3
    assert told(run, "last line of 'loss' is cut short")
    with pytest.raises(DataError, match="loss, line 4: expected a time, a value and a step"):
        logs.read(log(whole + "nonsense\n" + whole, "loss"))


def test_the_export_of_a_metric_of_mlflow(log) -> None:
    text = "run_id,key,value,step,timestamp\n" + "".join(
        f"{run},loss,{3 - step / 100},{step},{1700000000000 + step}\n"
        for run in ("a1", "b2")
        for step in (10, 20)
    )
    path = log(text)
    with pytest.raises(DataError, match="several runs in one file: 'a1', 'b2'"):
        logs.read(path)
    assert points(logs.read(f"{path}::b2"), "loss") == {10: 2.9, 20: 2.8}
    with pytest.raises(DataError, match=r"list of runs.*only the last value"):
        logs.read(log("Start Time,Duration,Run ID,Name,loss\n2026,1s,a,b,2.0\n"))


# --- Trackio -----------------------------------------------------------------------------------

ROWS = [{"train/loss": 3 - s / 100, "train/global_step": s, "x": "NaN"} for s in range(10, 60, 10)]


@pytest.mark.parametrize("ids", [True, False])
def test_a_database_of_trackio(tmp_path: Path, ids: bool) -> None:
    path = databases.trackio(tmp_path / "cpt.db", {"high": ROWS, "low": ROWS[:2]}, ids)
    with pytest.raises(DataError, match="several runs in one file: 'high', 'low'"):
        logs.read(path)
    run = logs.read(f"{path}::high")
    assert points(run, "train/loss") == EXPECTED
    assert (run.format, run.name, run.optimizer) == ("trackio", "high", "lion")
    assert len(logs.read(f"{path}::low").curves["train/loss"]) == 2


def test_rows_of_trackio_that_cannot_be_read(tmp_path: Path) -> None:
    path = databases.trackio(tmp_path / "cpt.db", {"a": [{"loss": 2.0}, {"loss": 1.5}]}, ids=False)
    with sqlite3.connect(path) as database:
        database.execute("INSERT INTO metrics VALUES (NULL, 'now', 'a', 2, '{cut')")
    run = logs.read(path)
    assert points(run, "loss") == {0: 2.0, 1: 1.5}
    assert told(run, "'_step'", "log calls")
    assert told(run, "no JSON objects left out: 1")


def test_a_project_of_trackio_without_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a Trackio project without a row; nothing was logged"):
        logs.read(databases.trackio(tmp_path / "empty.db", {}))
    path = databases.trackio(tmp_path / "odd.db", {"a": [[1, 2], "text"]})
    with pytest.raises(DataError, match="no row of the run 'a' can be read"):
        logs.read(path)


def test_two_runs_of_trackio_of_one_name(tmp_path: Path) -> None:
    path = databases.trackio(tmp_path / "cpt.db", {"a": ROWS, "b": ROWS[:2]})
    with sqlite3.connect(path) as database:
        database.execute("UPDATE metrics SET run_name = 'mine'")
    with pytest.raises(DataError, match="2 runs are called that: 'id-a', 'id-b'"):
        logs.read(f"{path}::mine")
    assert len(logs.read(f"{path}::id-b").curves["train/loss"]) == 2


def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch) -> None:
    path = databases.trackio(tmp_path / "cpt.db", {"a": ROWS}, ids=False)
    many = [("now", "a", step, "{}") for step in range(200_000)]
    with sqlite3.connect(path) as database:
        into = "INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)"
        database.executemany(into, many)
    assert len(logs.read(path).curves["train/loss"]) == len(ROWS)
    monkeypatch.setattr(sqlite, "_MOST_STEPS", 500_000)
    assert told(logs.read(path), "more than 500,000 steps was stopped", "before were read")


def test_rows_that_still_lie_in_the_file_beside_the_database(tmp_path: Path) -> None:
    path = databases.trackio(tmp_path / "cpt.db", {"a": [{"loss": 2.0}]}, ids=False)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("INSERT INTO metrics VALUES (NULL, 'now', 'a', 1, '{\"loss\": 1.5}')")
    database.commit()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert points(logs.read(path), "loss") == {0: 2.0, 1: 1.5}
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    database.close()


# --- damage, and what is not read --------------------------------------------------------------


def test_a_damaged_database(tmp_path: Path) -> None:
    path = databases.mlflow(tmp_path / "mlflow.db", {"a": VALUES})
    data = path.read_bytes()
    for bad in (data[:100], data[:5000], data[:60] + bytes(900) + data[960:]):
        path.write_bytes(bad)
        with pytest.raises(DataError, match=r"mlflow.db"):
            logs.read(path)


def test_a_database_damaged_behind_some_rows(tmp_path: Path) -> None:
    rows = [{"loss": 2.0 + i / 1000, "text": "x" * 300} for i in range(100)]
    path = databases.trackio(tmp_path / "cpt.db", {"a": rows}, ids=False)
    data = bytearray(path.read_bytes())
    at = data.rindex(b'{"loss": 2.08')
    data[at - at % 4096 : at - at % 4096 + 8] = b"\xff" * 8
    path.write_bytes(bytes(data))
    run = logs.read(path)
    assert 50 < len(run.curves["loss"]) < 100
    assert told(run, "The database is damaged", "rows before were read")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x89HDF\r\n\x1a\nrest", "HDF5.*CSV or Parquet"),
        (b"\x80\x04\x95rest", "pickle, and those can run code"),
        (b"\x28\xb5\x2f\xfdrest", "unzstd"),
        (b"ARROW1\0\0rest", "Feather.*Parquet"),
        (b"BZh9rest", "bunzip2"),
        (b"\xfd7zXZ\0rest", "unxz"),
    ],
)
def test_known_files_that_are_not_read(log, content, words) -> None:
    with pytest.raises(DataError, match=f"log.csv: .*{words}"):
        logs.read(log(content))


def test_another_database_and_an_aim_repository(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as database:
        database.execute("CREATE TABLE other (a INTEGER)")
    with pytest.raises(DataError, match="neither MLflow nor Trackio"):
        logs.read(tmp_path / "x.db")
    (tmp_path / ".aim").mkdir()
    with pytest.raises(DataError, match=r"an Aim repository.*to_csv"):
        logs.read(tmp_path)


def test_a_packed_file_that_grows_without_end(log, monkeypatch) -> None:
    monkeypatch.setattr("cptlaw.studies.logs.source.LARGEST", 1 << 20)
    path = log(gzip.compress(b"step,loss\n" + b"1,2\n" * 300_000), "bomb.csv.gz")
    with pytest.raises(DataError, match=r"bomb.csv.gz: it unpacks to more than .*the most"):
        logs.read(path)


# --- real writers ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # of its own libraries
@pytest.mark.parametrize("store", ["sqlite:///mlflow.db", "file:./mlruns"])
def test_what_the_mlflow_that_is_installed_writes(tmp_path: Path, monkeypatch, store) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(store)
    with mlflow.start_run(run_name="mine"):
        mlflow.log_param("optim", "lion")
        for step, name, value in VALUES:
            mlflow.log_metric(name, value, step=step)
    run = logs.read(tmp_path)
    assert points(run, "loss") == EXPECTED
    assert (run.name, run.optimizer) == ("mine", "lion")


def test_what_the_trackio_that_is_installed_writes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trackio = pytest.importorskip("trackio")
    trackio.init(project="cpt", name="mine", config={"optim": "lion"})
    for row in ROWS:
        trackio.log(row)
    trackio.finish()
    run = logs.read(tmp_path / "cpt.db")
    assert points(run, "train/loss") == EXPECTED
    assert (run.name, run.optimizer) == ("mine", "lion")
