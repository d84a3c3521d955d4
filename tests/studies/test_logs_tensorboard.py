"""TensorBoard event files, and folders of them."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.logs.events import read_events
from event_files import event, events, field, frame, long_file, simple, tensor
from log_files import points, rates, told

DATA = Path(__file__).parent / "data" / "tensorboard"
NAME = "events.out.tfevents.1700000000.host.1.0"
HF = [
    (step, tag, value)
    for step in range(10, 60, 10)
    for tag, value in (
        ("train/loss", 3 - step / 100),
        ("train/learning_rate", 2.0**-step),
        ("train/epoch", step / 50),
        ("train/grad_norm", 0.5),
    )
]


def test_scalars_become_columns_by_tag(log) -> None:
    run = logs.read(log(events([*HF, (50, "eval/loss", 2.75)]), f"mine/{NAME}"))
    assert (run.format, run.name) == ("tensorboard", "mine")
    assert points(run, "train/loss") == pytest.approx({s: 3 - s / 100 for s in range(10, 60, 10)})
    assert points(run, "eval/loss") == {50: 2.75}
    assert rates(run) == {s: 2.0**-s for s in range(10, 60, 10)}
    assert run.curves["train/loss"].window == 10
    assert told(run, "Ignored columns", "train/grad_norm")


def test_step_zero_which_is_left_unsaid_and_large_steps(log) -> None:
    run = logs.read(log(events([(0, "val/loss", 4.0), (10**9, "val/loss", 3.0)]), NAME))
    assert points(run, "val/loss") == {0: 4.0, 10**9: 3.0}


def _shape(*dims: int) -> bytes:
    return field(2, b"".join(field(2, field(1, size)) for size in dims))


@pytest.mark.parametrize(
    "content",
    [
        field(1, 1) + field(2, b"") + field(5, struct.pack("<f", 2.5)),
        field(1, 1) + field(2, b"") + field(5, 2.5, "<f"),
        field(1, 1) + field(2, b"") + field(4, struct.pack("<f", 2.5)),
        field(1, 1) + _shape(1) + field(4, struct.pack("<f", 2.5)),
        field(1, 2) + field(2, b"") + field(6, struct.pack("<d", 2.5)),
        field(1, 2) + field(2, b"") + field(4, struct.pack("<d", 2.5)),
        field(1, 19) + field(13, int.from_bytes(np.float16(2.5).tobytes(), "little")),
        field(1, 19) + field(4, np.float16(2.5).tobytes()),
        field(1, 14) + field(4, struct.pack("<f", 2.5)[2:]),
    ],
)
@pytest.mark.parametrize("last", [b"", field(9, field(1, field(1, b"scalars")))])
def test_numbers_kept_as_tensors(log, content, last) -> None:
    rows = [event(s, tensor("val/loss", content, last)) for s in (1, 2, 3)]
    assert points(logs.read(log(b"".join(rows), NAME)), "val/loss") == {1: 2.5, 2: 2.5, 3: 2.5}


def test_whole_numbers_kept_as_tensors() -> None:
    kinds = [field(1, 3) + field(7, 7), field(1, 9) + field(10, b"\x07"), field(1, 1)]
    found = read_events(b"".join(event(1, tensor(f"t{i}", each)) for i, each in enumerate(kinds)))
    assert found.values.tolist() == [7, 7, 0]


def test_tensors_of_many_numbers_and_texts_are_no_scalars(log) -> None:
    many = field(1, 1) + _shape(2) + field(4, struct.pack("<ff", 1, 2))
    text = field(1, 7) + _shape(1) + field(8, b'{"optim": "adamw_torch", "weight_decay": 0.1}')
    rows = event(0, tensor("args/text_summary", text)) + event(1, tensor("val/loss2", many))
    run = logs.read(log(rows + events([(1, "val/loss", 2.0)]), NAME))
    assert set(run.curves) == {"val/loss"}
    assert (run.optimizer, run.weight_decay) == ("adamw", 0.1)
    assert told(run, "The configuration in the log says: adamw, weight decay 0.1")


def test_several_values_in_one_event(log) -> None:
    rows = [event(s, simple("lm loss", 3.0 - s), simple("lm loss validation", 3.5)) for s in (1, 2)]
    run = logs.read(log(b"".join(rows), NAME))
    assert points(run, "lm loss") == {1: 2.0, 2: 1.0}
    assert points(run, "lm loss validation") == {1: 3.5, 2: 3.5}


def test_series_by_samples_are_left_out(log) -> None:
    rows = [(10, "lm loss", 3.0), (1280, "lm loss vs samples", 3.0), (10, "learning-rate", 1e-4)]
    run = logs.read(log(events(rows), NAME))
    assert set(run.curves) == {"lm loss"}
    assert told(run, "count samples: 'lm loss vs samples'")
    assert told(run, "that of the next step (as Megatron-LM logs it)")
    assert run.logged_lr.offset == 1


def test_gpt_neox_logs_the_lr_of_the_next_step(log) -> None:
    tags = {"train/lm_loss": 3.0, "train/learning_rate": 1e-4, "runtime/samples_per_sec": 9.0}
    rows = [(s, tag, value) for s in range(1, 6) for tag, value in tags.items()]
    run = logs.read(log(events([*rows, (5, "validation/lm_loss", 2.75)]), NAME))
    assert (run.logged_lr.offset, run.curves["train/lm_loss"].window) == (1, 1)
    assert points(run, "validation/lm_loss") == {5: 2.75}


def test_a_value_logged_twice_at_a_step_is_told(log) -> None:
    run = logs.read(log(events([(1, "val/loss", 3.0), (1, "val/loss", 2.0)]), NAME))
    assert points(run, "val/loss") == {1: 2.0}
    assert told(run, "logged again once")


# --- damage ------------------------------------------------------------------------------------


def test_a_file_cut_by_a_kill_keeps_what_was_whole(log) -> None:
    data = events([(s, "val/loss", 3.0) for s in range(1, 11)])
    run = logs.read(log(data[:-5], NAME))
    assert len(run.curves["val/loss"]) == 9
    assert told(run, "cut or damaged from byte", "10 records", "9 values")


def test_zeros_at_the_end_and_a_wrong_length_stop_the_reading(log) -> None:
    data = events([(s, "val/loss", 3.0) for s in range(1, 4)])
    for tail in (bytes(100), struct.pack("<Q", 5) + bytes(50), data[:3]):
        run = logs.read(log(data + tail, NAME))
        assert len(run.curves["val/loss"]) == 3
        assert told(run, f"from byte {len(data)} of {len(data) + len(tail)} on")


def test_a_wrong_byte_costs_its_record(log) -> None:
    data = bytearray(events([(s, "val/loss", 3.0) for s in range(1, 4)]))
    data[-5] ^= 0x55  # the last byte of the last value
    run = logs.read(log(bytes(data), NAME))
    assert points(run, "val/loss") == {1: 3.0, 2: 3.0}
    assert told(run, "wrong checksum or content left out: 1")


def test_a_record_that_is_no_event_is_left_out(log) -> None:
    data = events([(1, "val/loss", 3.0)]) + frame(b"\x09\x10\xff\xff") + frame(b"")
    assert told(logs.read(log(data, NAME)), "wrong checksum or content left out: 1")


def test_events_without_scalars(log) -> None:
    with pytest.raises(DataError, match="without a single scalar"):
        logs.read(log(events([]), NAME))
    with pytest.raises(DataError, match="one event file"):
        logs.read(f"{log(events(HF), NAME)}::other")


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255), st.integers(0, 200))
def test_any_damage_is_an_error_or_told(at: int, flip: int, cut: int) -> None:
    data = bytearray(events(HF[:12]))
    data[at % len(data)] ^= flip
    found = read_events(bytes(data[: len(data) - cut]))
    tags = [tag for _, tag, _ in HF[:12]]
    assert found.notes or found.tags == tags[: len(found.tags)]
    assert len(found.tags) < 12 if cut else (found.notes or len(found.tags) == 12)


# --- folders -----------------------------------------------------------------------------------


def _file(folder: Path, rows, start: float = 1.7e9, name: str = NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{start:.0f}").write_bytes(events(rows, start))
    return folder


def _losses(*steps: int, value: float = 3.0, tag: str = "val/loss"):
    return [(step, tag, value) for step in steps]


def test_files_of_one_folder_are_one_run_and_the_later_counts(tmp_path: Path) -> None:
    _file(tmp_path, _losses(1, 2, 3, 4), start=2000, name="b")
    _file(tmp_path, _losses(3, 4, 5, value=2.0), start=3000, name="a")
    for old in tmp_path.iterdir():
        old.rename(tmp_path / f"events.out.tfevents.{old.name}")
    run = logs.read(tmp_path)
    assert points(run, "val/loss") == {1: 3, 2: 3, 3: 2, 4: 2, 5: 2}
    assert told(run, "2 event files of one folder", "the later file counts")
    assert told(run, "as after a restart")


def test_files_written_at_the_same_time_are_refused(tmp_path: Path) -> None:
    _file(tmp_path, _losses(1, 2, 3, 4), start=2000)
    _file(tmp_path, _losses(1, 2, 3, 4), start=2001)
    with pytest.raises(DataError, match=r"(?s)written at the same time.*Name one of the files"):
        logs.read(tmp_path)


def test_one_folder_below_is_read(tmp_path: Path) -> None:
    _file(tmp_path / "out" / "runs" / "Nov27_12-00-00_host", HF)
    (tmp_path / "out" / "runs" / "Nov27_12-00-00_host" / "hparams.yaml").write_text("optim: lion\n")
    run = logs.read(tmp_path / "out")
    assert len(run.curves["train/loss"]) == 5
    assert told(run, "Read from the folder runs/Nov27_12-00-00_host")
    assert run.optimizer == "lion"
    alone = logs.read(next((tmp_path / "out" / "runs").glob("*/events*")))
    assert alone.name == "out"


def test_dated_folders_of_one_resumed_run(tmp_path: Path) -> None:
    _file(tmp_path / "runs" / "Dec01_10-00-00_h", _losses(30, 40, 50, value=2.0), start=9000)
    _file(tmp_path / "runs" / "Nov30_10-00-00_h", _losses(10, 20, 30, 40), start=2000)
    run = logs.read(tmp_path)
    assert points(run, "val/loss") == {10: 3, 20: 3, 30: 2, 40: 2, 50: 2}
    assert told(run, "2 folders were read as one run")


def test_several_runs_are_refused_by_name_and_can_be_picked(tmp_path: Path) -> None:
    _file(tmp_path / "high", _losses(1, 2))
    _file(tmp_path / "low", _losses(1, 2, value=2.0))
    with pytest.raises(DataError, match=r"several runs in one folder: 'high', 'low'.*::high'"):
        logs.read(tmp_path)
    with pytest.raises(DataError, match=r"no such run. Did you mean 'low'"):
        logs.read(f"{tmp_path}::lov")
    run = logs.read(f"{tmp_path}::low")
    assert run.name == "low"
    assert points(run, "val/loss") == {1: 2.0, 2: 2.0}


def test_runs_that_both_begin_anew_are_not_one(tmp_path: Path) -> None:
    _file(tmp_path / "Nov30_10-00-00_h", _losses(10, 20), start=2000)
    _file(tmp_path / "Dec01_10-00-00_h", _losses(10, 20), start=9000)
    with pytest.raises(DataError, match="several runs"):
        logs.read(tmp_path)


def test_folders_train_and_validation_are_one_run(tmp_path: Path) -> None:
    _file(tmp_path / "train", _losses(1, 2, tag="epoch_loss"))
    _file(tmp_path / "validation", _losses(2, tag="epoch_loss", value=3.5))
    run = logs.read(tmp_path)
    assert points(run, "train/epoch_loss") == {1: 3, 2: 3}
    assert points(run, "validation/epoch_loss") == {2: 3.5}
    _file(tmp_path, _losses(1, 2))
    _file(tmp_path / "profile", _losses(1))
    assert told(logs.read(tmp_path), "these folders were left out: 'profile'")


def test_a_damaged_or_empty_file_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    with pytest.raises(DataError, match="event files are empty"):
        logs.read(tmp_path)
    (tmp_path / "events.out.tfevents.2").write_bytes(b"not events at all")
    with pytest.raises(DataError, match=r"tfevents.2: named as TensorBoard events, but damaged"):
        logs.read(tmp_path)


# --- real writers ------------------------------------------------------------------------------


def test_a_file_of_the_hugging_face_callback() -> None:
    run = logs.read(DATA / "hf-run")
    assert points(run, "train/loss") == pytest.approx({s: 2 + 1 / s for s in range(10, 101, 10)})
    assert set(points(run, "eval/loss")) == {50, 100}
    assert set(run.curves) == {"train/loss", "eval/loss"}
    assert run.curves["train/loss"].window == 10
    assert (run.name, run.optimizer, run.weight_decay) == ("hf-run", "adamw", 0.1)


def test_a_file_of_lightning() -> None:
    run = logs.read(DATA / "lightning")
    assert set(points(run, "train_loss_step")) == set(range(49, 500, 50))
    assert set(points(run, "val_loss")) == set(range(99, 500, 100))
    assert rates(run) == pytest.approx(dict.fromkeys(range(49, 500, 50), 1e-4))
    assert (run.optimizer, run.weight_decay) == ("adamw", 0.1)


def test_a_file_of_torch() -> None:
    run = logs.read(DATA / "torch-run")
    expected = {s: 3.1 - s / 200 for s in range(0, 200, 20)}
    assert points(run, "val/loss") == pytest.approx(expected)
    assert points(run, "val/loss64") == expected
    assert set(run.curves) >= {"Loss/train", "both_train/both", "both_val/both"}
    assert told(run, "folders were left out", "'17957")


def test_a_file_of_tensorboardx() -> None:
    assert len(logs.read(DATA / "tbx").curves["train/loss"]) == 10


def test_every_point_is_kept_and_as_tensorboard_reads_it(tmp_path: Path) -> None:
    """Fast enough is told by a ratio, on this machine, to the reader that people know."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    path = tmp_path / NAME
    long_file(path, 60_000)
    start = time.process_time()
    theirs = accumulator.EventAccumulator(str(path), size_guidance={"scalars": 0})
    theirs.Reload()
    between = time.process_time()
    run = logs.read(path)
    ours = time.process_time() - between
    assert points(run, "train/loss") == {p.step: p.value for p in theirs.Scalars("train/loss")}
    assert len(run.curves["train/loss"]) == 20_000
    assert 4 * ours < between - start


def test_sixty_thousand_points(tmp_path: Path) -> None:
    path = tmp_path / NAME
    long_file(path, 60_000)
    run = logs.read(path)
    assert len(run.curves["train/loss"]) == 20_000
    assert run.logged_lr is not None and run.logged_lr.steps.size == 20_000
