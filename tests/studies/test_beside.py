"""What configurations beside a log say of the optimizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cptlaw import load_study
from cptlaw.errors import DataError
from cptlaw.studies.logs import read
from cptlaw.studies.optimization import Optimization
from cptlaw.studies.study_file.draft import draft

WANDB = """wandb_version: 1

_wandb:
  desc: null
  value:
    python_version: 3.11
optim:
  desc: null
  value: adamw_torch
weight_decay:
  value: 0.05   # of the run
betas:
  value:
  - 0.9
  - 0.95
"""
AXOLOTL = """base_model: some/model
datasets:
  - path: a
    type: completion
optimizer: "paged_adamw_8bit"
weight_decay: 0.0
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "log.csv"
    path.parent.mkdir()
    path.write_text("step,eval_loss,lr\n50,3,1e-3\n100,2.9,1e-3\n")
    return path


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("config.json", {"initializer_range": 0.006}, Optimization(init_std=0.006)),
        ("training_args.json", {"optim": "adafactor", "weight_decay": 0}, ("adafactor", 0.0)),
        (
            "ds_config.json",
            {"optimizer": {"type": "Adam", "params": {"weight_decay": 0.1}}},
            ("adam", 0.1),
        ),
        (
            "hparams.json",
            {"optimizer": {"_target_": "torch.optim.AdamW", "weight_decay": 0.2}},
            ("adamw", 0.2),
        ),
        (
            "wandb-metadata.json",
            {"args": ["--optim=lion_8bit", "--weight-decay", "0.3", "--bf16"]},
            ("lion", 0.3),
        ),
        ("config.yaml", WANDB, ("adamw", 0.05)),
        ("axolotl_config.yaml", AXOLOTL, ("adamw", 0.0)),
    ],
)
def test_a_configuration_is_read(log: Path, name: str, content: Any, found: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (log.parent / name).write_text(text)
    run = read(log)
    wanted = found if isinstance(found, Optimization) else Optimization(*found)
    assert run.optimization == wanted
    assert any(note.startswith(f"{name} beside the log says: ") for note in run.notes)


def test_the_more_telling_file_counts(log: Path) -> None:
    (log.parent / "training_args.json").write_text('{"optim": "adamw_torch"}')
    (log.parent / "config.json").write_text('{"optimizer": "sgd", "initializer_range": 0.02}')
    assert read(log).optimization == Optimization("adamw", None, 0.02)


HUGE = '{"weight_decay": 1' + "0" * 400 + ', "logging_steps": 1' + "0" * 400 + "}"


@pytest.mark.parametrize("content", ["[1]", "{", '{"optim": 3}', '{"weight_decay": NaN}', HUGE])
def test_a_damaged_configuration_harms_nothing(log: Path, content: str) -> None:
    (log.parent / "training_args.json").write_text(content)
    run = read(log)
    assert run.optimization == Optimization()
    assert bool(run.notes) == (content in ("[1]", "{"))


def test_steps_between_dicts_beyond_all_are_not_told(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text("".join(f"{{'loss': {3 - s / 9}, 'epoch': {s / 4}}}\n" for s in (1, 2, 3)))
    (tmp_path / "training_args.json").write_text(HUGE)
    with pytest.raises(DataError, match="which does not print the step"):
        read(path)


def test_a_configuration_that_says_two_things_is_not_used_for_them(log: Path) -> None:
    (log.parent / "config.yaml").write_text("a:\n  wd: 0.1\nb:\n  wd: 0.2\noptim: adamw\n")
    run = read(log)
    assert run.optimization == Optimization("adamw")
    assert any("a.wd = 0.1, b.wd = 0.2" in note for note in run.notes)


def test_a_checkpoint_looks_in_the_folder_above(tmp_path: Path) -> None:
    state = {"global_step": 2, "log_history": [{"step": 2, "eval_loss": 3.0}]}
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / "trainer_state.json").write_text(json.dumps(state))
    (tmp_path / "config.json").write_text('{"initializer_range": 0.01}')
    assert read(tmp_path / "checkpoint-2" / "trainer_state.json").init_std == 0.01
    assert read(tmp_path / "checkpoint-2").init_std == 0.01


def test_the_study_counts_before_the_files(log: Path) -> None:
    (log.parent / "training_args.json").write_text('{"optim": "adamw", "weight_decay": 0.1}')
    study = log.parent / "study.toml"
    study.write_text(
        '[domains]\nloss = "eval_loss"\n[[run]]\nname = "a"\nlog = "log.csv"\nweight_decay = 0.0\n'
    )
    run = load_study(study).run("a")
    assert run.optimization == Optimization("adamw", 0.0)
    assert any("weight_decay = 0.0, as the study says, not the 0.1" in n for n in run.notes)


def test_init_writes_what_it_found_and_where(log: Path) -> None:
    (log.parent / "training_args.json").write_text('{"optim": "adamw", "weight_decay": 0.1}')
    (log.parent / "config.json").write_text('{"initializer_range": 0.02}')
    made = draft([read(log)], [log.name])
    assert "# training_args.json beside the log says: adamw, weight decay 0.1." in made.text
    assert 'optimizer = "adamw"\nweight_decay = 0.1\ninit_std = 0.02' in made.text
    assert any("config.json beside the log" in note for note in made.notes)
