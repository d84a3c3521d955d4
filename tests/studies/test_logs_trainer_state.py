"""The Trainer's state: one file, a checkpoint, an output directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cptlaw import logs
from cptlaw.studies.runs import Curve
from log_files import losses, one_folder, points, rates, state, told

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
