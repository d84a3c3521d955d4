"""Files that lie beside a log and say how it was trained: whole ones, and how each is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from cptlaw import logs
from cptlaw.errors import CptlawError
from cptlaw.studies import study_file
from cptlaw.studies.study_file.draft import draft
from input_mutations import json_values
from log_mutations import mutated

_DRAFTED = 10  # a study is made of one in so many
_LITGPT = (
    "devices: 2\nnum_nodes: 1\ntrain:\n  log_interval: 1\n  global_batch_size: 64\n"
    "  micro_batch_size: 4\noptimizer:\n  class_path: torch.optim.AdamW\n  weight_decay: 0.1\n"
)
_WANDB = (
    "optim:\n  desc: null\n  value: adamw_torch\nweight_decay:\n  value: 0.05\n"
    "initializer_range:\n  value: '0.02'  # of the model\nlogging_steps:\n  value: 10\n"
)
_ROWS = "".join(f"0,{4 * s},1e-4,{3 - s / 100},{4 * s - 1},{3 - s / 90},\n" for s in range(1, 41))
_DICTS = "".join(f"{{'loss': {3 - s / 100}, 'epoch': {s / 4}}}\n" for s in range(1, 9))


def of_json() -> dict[str, bytes]:
    """Configurations as JSON."""
    said = [
        {"optim": "adamw_torch", "weight_decay": 0.1, "logging_steps": 10},
        {"optimizer": {"type": "Adam", "params": {"weight_decay": 0.1}}, "initializer_range": 0.02},
        {"args": ["--optim=lion_8bit", "--weight-decay", "0.3", "--logging-steps", "5"]},
    ]
    return {str(i): json.dumps(each).encode() for i, each in enumerate(said)}


def of_yaml() -> dict[str, bytes]:
    """Configurations as YAML."""
    return {"litgpt": _LITGPT.encode(), "wandb": _WANDB.encode()}


def beside() -> Mapping[str, bytes]:
    """The logs that they lie beside."""
    table = f"epoch,iter,learning_rate,loss,step,val_loss,val_ppl\n{_ROWS}"
    return {"log.csv": table.encode(), "train.log": _DICTS.encode()}


def mutate(rng: Random, data: bytes) -> bytes:
    """Other values in JSON, else the damage of text."""
    return json_values(rng, data) if data.startswith(b"{") else mutated(rng, data)[1]


_used = 0


def use(path: Path) -> dict[str, Any]:
    """Read both logs; of one in ten make a study too."""
    global _used
    _used += 1
    run = logs.read(path.parent / "log.csv")
    wrong = "" if run.curves["val_loss"].steps.size == 40 else "rows are lost"
    if _used % _DRAFTED == 0:
        study = path.parent / "made.toml"
        study.write_text(draft([run], ["log.csv"], unknown="m").text)
        if not study_file.load(study).runs[0].curves:
            wrong = "no curve in the study"
    with suppress(CptlawError):  # where no file says how many steps lie between the dicts
        logs.read(path.parent / "train.log")
    return {"wrong": wrong}
