"""What Weights & Biases leaves: its file of a run, folders of them, charts and histories."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.errors import DataError
from log_files import points, rates, told
from wandb_files import BLOCK, history, rows, run, wandb_file

DATA = Path(__file__).parent / "data" / "wandb"
HF = [
    {
        "train/loss": 3 - step / 100,
        "train/learning_rate": 2.0**-step,
        "train/epoch": step / 50,
        "train/global_step": step,
    }
    for step in range(10, 60, 10)
]


def test_history_rows_become_rows(log) -> None:
    data = rows(*HF, {"eval/loss": 2.5, "train/global_step": 50}, optim="adamw_torch")
    read = logs.read(log(data, "run-1.wandb"))
    assert (read.format, read.name, read.optimizer) == ("wandb", "mine", "adamw")
    assert points(read, "train/loss") == {step: 3 - step / 100 for step in range(10, 60, 10)}
    assert points(read, "eval/loss") == {50: 2.5}
    assert rates(read) == {step: 2.0**-step for step in range(10, 60, 10)}
    assert read.curves["train/loss"].window == 10
    assert told(read, "Steps are read from 'train/global_step'")


@pytest.mark.parametrize("number", [1, 2])
def test_steps_of_the_log_calls_where_there_are_no_others(log, number) -> None:
    data = wandb_file(history({"val/loss": 3.0}, step, number) for step in (0, 10, 20))
    read = logs.read(log(data, "x.wandb"))
    assert points(read, "val/loss") == {0: 3.0, 10: 3.0, 20: 3.0}
    assert told(read, "'_step', which counts W&B's log calls")


def test_nested_tables_texts_and_infinities(log) -> None:
    row = {"val": {"loss": 2.5, "deep": {"loss": 1.5}}, "note": "x", "a\nb": 2.0, "flag": True}
    picture = {"_type": "image-file", "width": 5}
    data = rows(row, {**row, "image": picture, "inf": "Infinity"}, {**row, "huge": 10**400})
    read = logs.read(log(data, "x.wandb"), surely=["a.b"])
    assert points(read, "val.loss") == {0: 2.5, 1: 2.5, 2: 2.5}
    assert set(read.curves) == {"val.loss", "val.deep.loss", "a.b"}
    assert told(read, "holding no numbers", "'note'", "'flag'", "'image'")


def test_the_same_key_in_many_lengths_of_values(log) -> None:
    values = [2.0 + 10.0**-k for k in range(15)]
    read = logs.read(log(rows(*({"val/loss": value} for value in values)), "x.wandb"))
    assert list(points(read, "val/loss").values()) == values


def test_long_records_are_put_together_from_their_pieces(log) -> None:
    long = {f"metric_{i}/loss": 2.0 + i for i in range(3000)}
    data = rows({"val/loss": 3.0}, long, {"val/loss": 2.0})
    assert len(data) > 2 * BLOCK
    read = logs.read(log(data, "x.wandb"), ["val/loss", "metric_2999/loss"])
    assert points(read, "val/loss") == {0: 3.0, 2: 2.0}
    assert points(read, "metric_2999/loss") == {1: 3001.0}


def test_every_place_in_a_block(log) -> None:
    """Records of many sizes, so that blocks end everywhere in them."""
    made = [{"val/loss": 2.0, "x": "y" * (i % 97)} for i in range(3000)]
    assert len(logs.read(log(rows(*made), "x.wandb")).curves["val/loss"]) == 3000


# --- damage ------------------------------------------------------------------------------------


def test_a_file_cut_by_a_kill_keeps_what_was_whole(log) -> None:
    read = logs.read(log(rows(*HF)[:-9], "x.wandb"))
    assert len(read.curves["train/loss"]) == 4
    assert told(read, "ends in the middle of a record", "which were read: 4")


def test_damage_costs_the_rest_of_its_block(log) -> None:
    data = bytearray(rows(*({"val/loss": 2.0, "x": "y" * 100} for _ in range(3000))))
    data[BLOCK + 5000] ^= 0xFF
    read = logs.read(log(bytes(data), "x.wandb"))
    assert 2700 < len(read.curves["val/loss"]) < 2990
    assert told(read, "damaged in 1 places", "History rows read: 2")


def test_a_file_without_history(log) -> None:
    with pytest.raises(DataError, match="without a row of history"):
        logs.read(log(wandb_file([run("a", "b")]), "x.wandb"))
    with pytest.raises(DataError, match="one run's file"):
        logs.read(f"{log(rows(*HF), 'x.wandb')}::other")


@settings(deadline=None)
@given(st.integers(7, 1500), st.integers(1, 255), st.integers(0, 300))
def test_any_damage_is_an_error_or_told(tmp_path_factory, at: int, flip: int, cut: int) -> None:
    path = tmp_path_factory.mktemp("wandb") / "x.wandb"
    data = bytearray(rows(*HF))
    data[at % len(data)] ^= flip
    path.write_bytes(bytes(data[: len(data) - cut]))
    try:
        read = logs.read(path)
    except DataError as error:
        assert "x.wandb" in str(error)
    else:
        assert told(read, "ends in the middle") or told(read, "damaged") or at % len(data) < 7


# --- folders -----------------------------------------------------------------------------------


def _put(folder: Path, name: str, data: bytes) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / f"run-{name[-1]}.wandb").write_bytes(data)


def test_a_folder_with_one_run_and_its_link(tmp_path: Path) -> None:
    _put(tmp_path / "wandb", "run-20260101_000000-a", rows(*HF))
    (tmp_path / "wandb" / "latest-run").symlink_to("run-20260101_000000-a")
    files = tmp_path / "wandb" / "latest-run" / "files"
    files.mkdir()
    (files / "config.yaml").write_text("optim:\n  value: lion\n")
    for folder in (tmp_path, tmp_path / "wandb", tmp_path / "wandb" / "run-20260101_000000-a"):
        read = logs.read(folder)
        assert len(read.curves["train/loss"]) == 5
        assert read.optimizer == "lion"


def test_several_runs_are_refused_by_name_and_can_be_picked(tmp_path: Path) -> None:
    _put(tmp_path, "run-20260101_000000-a", rows(*HF, name="high"))
    _put(tmp_path, "offline-run-20260102_000000-b", rows(*HF[:3], name="low"))
    with pytest.raises(DataError, match="several runs in one folder: 'high', 'low'"):
        logs.read(tmp_path)
    for called in ("low", "id-low"):
        assert len(logs.read(f"{tmp_path}::{called}").curves["train/loss"]) == 3


def test_a_resumed_run_has_a_file_for_each_start(tmp_path: Path) -> None:
    _put(tmp_path, "run-20260101_000000-a", rows(*HF[:3]))
    _put(tmp_path, "offline-run-20260102_000000-a", rows(*HF[2:]))
    read = logs.read(tmp_path)
    assert len(read.curves["train/loss"]) == 5
    assert told(read, "2 files of one run, which was resumed")


# --- charts and histories ----------------------------------------------------------------------

CHART = (
    '"train/global_step","high - eval/loss","high - eval/loss__MIN","high - eval/loss__MAX",'
    '"low - eval/loss","low - eval/loss__MIN","low - eval/loss__MAX"\n'
    '"100","2.5","2.5","2.5","","",""\n"200","2.25","2.25","2.25","2.125","2","2.5"\n'
)


def test_a_chart_of_several_runs(log) -> None:
    path = log(CHART)
    with pytest.raises(DataError, match="several runs in one file: 'high', 'low'"):
        logs.read(path)
    high, low = (logs.read(f"{path}::{name}") for name in ("high", "low"))
    assert (high.name, high.format) == ("high", "wandb_chart")
    assert points(high, "eval/loss") == {100: 2.5, 200: 2.25}
    assert points(low, "eval/loss") == {200: 2.125}
    assert told(low, "'eval/loss': in 1 rows the chart shows a mean")
    assert not told(high, "the chart shows a mean")


def test_a_chart_of_one_run_and_several_metrics(log) -> None:
    one = CHART.replace("low - eval/loss", "high - train/loss")
    read = logs.read(log(one))
    assert set(read.curves) == {"eval/loss", "train/loss"}
    assert read.curves["train/loss"].source == "training"


def test_a_chart_by_time(log) -> None:
    by_time = CHART.replace('"train/global_step"', '"Relative Time (Process)"')
    with pytest.raises(DataError, match=r"x axis of this W&B chart, 'Relative Time.*export it"):
        logs.read(f"{log(by_time)}::high")


def test_history_exports_take_the_training_step_where_they_have_it(log) -> None:
    both = [{"_step": i, "_timestamp": 1.7e9 + i, **row} for i, row in enumerate(HF)]
    lines = "".join(json.dumps(row) + "\n" for row in both)
    assert set(points(logs.read(log(lines)), "train/loss")) == set(range(10, 60, 10))
    alone = "_step,_runtime,val/loss\n0,1.5,3.0\n1,2.5,2.5\n"
    read = logs.read(log(alone))
    assert points(read, "val/loss") == {0: 3.0, 1: 2.5}
    assert told(read, "counts W&B's log calls")


# --- real writers ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0_15_12", "0_31_0"])
def test_a_file_of_wandb(version: str) -> None:
    read = logs.read(DATA / f"run-{version}.wandb")
    assert points(read, "train/loss") == {s: 2 + 1 / s for s in range(10, 101, 10)}
    assert points(read, "eval/loss") == {s: 2.1 + 1 / s for s in (50, 100)}
    assert rates(read) == {s: 1e-4 * (1 - s / 100) for s in range(10, 101, 10)}
    assert (read.name, read.optimizer, read.weight_decay) == ("cpt-lr1e-5", "adamw", 0.1)
    assert read.init_std == 0.02
    nested = logs.read(DATA / f"run-{version}.wandb", ["nested.loss"])
    assert points(nested, "nested.loss") == {100: 3.0}


def test_an_offline_run_of_the_wandb_that_is_installed(tmp_path: Path, monkeypatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    writer = wandb.init(mode="offline", name="mine", dir=str(tmp_path), config={"optim": "lion"})
    for row in HF:
        writer.log(row)
    writer.finish()
    written = next(tmp_path.glob("wandb/*/*.wandb"))
    for _ in range(100):  # a process of its own writes the end, some time later
        if b"train/global_step" in written.read_bytes()[-1500:]:
            break
        time.sleep(0.1)
    read = logs.read(tmp_path)
    assert points(read, "train/loss") == {step: 3 - step / 100 for step in range(10, 60, 10)}
    assert (read.name, read.optimizer) == ("mine", "lion")
