"""Steps that a log does not hold: told by the study, a file of the run, or what is printed next."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from command import run as command
from cptlaw import logs
from cptlaw.errors import DataError
from cptlaw.studies.study_file import load
from cptlaw.studies.study_file.draft import draft
from log_files import points, told

DATA = Path(__file__).parent / "data"
EVERY, EPOCH = 10, 700  # steps from one dict to the next, and in an epoch


def printed(first_at_1=False, start=0, last=900, digits=2):
    """Printed dicts without bars and totals; evaluations at every 300th step."""
    text = ""
    for step in range(start, last + 1):
        epoch = round(step / EPOCH, digits)
        if (step % EVERY == 0 and step > start) or (first_at_1 and step == 1):
            lr = 1e-4 * (1 - step / 4000)
            text += f"{{'loss': {3 - step / 1000}, 'learning_rate': {lr}, 'epoch': {epoch}}}\n"
        if step % 300 == 0 and step > start:
            text += f"{{'eval_loss': {2.5 - step / 9000:.4f}, 'epoch': {epoch}}}\n"
    return text


@pytest.mark.parametrize("first_at_1", [False, True])
@pytest.mark.parametrize("digits", [2, 6])
def test_steps_come_from_the_epochs_and_logging_steps(log, first_at_1, digits):
    path = log(printed(first_at_1, digits=digits), "train.log")
    with pytest.raises(DataError, match=r"--logging-steps 10, logging_steps = 10 in a study"):
        logs.read(path)
    run = logs.read(path, logging_steps=EVERY)
    steps = [1] * first_at_1 + list(range(EVERY, 901, EVERY))
    assert list(points(run, "loss")) == steps
    assert list(points(run, "eval_loss")) == [300, 600, 900]
    assert told(run, "logging_steps = 10")


def test_a_run_that_goes_on_keeps_its_steps(log):
    run = logs.read(log(printed(start=1400, last=2300, digits=6), "a.log"), logging_steps=EVERY)
    assert list(points(run, "loss")) == list(range(1410, 2301, EVERY))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("training_args.json", '{"logging_steps": 10}'),
        ("llamafactory.yaml", "### train\nlogging_steps: 10\n"),
    ],
)
def test_a_file_beside_the_text_may_tell(log, name, text):
    log(text, name)
    run = logs.read(log(printed(), "train.log"))
    assert list(points(run, "loss"))[-1] == 900
    assert told(run, "logging_steps = 10, as a file beside the text says")


def test_a_study_and_the_command_line_tell(log, tmp_path, monkeypatch):
    log(printed(), "train.log")
    monkeypatch.chdir(tmp_path)
    assert command("read", "train.log").status == 2
    shown = command("read", "train.log", "--logging-steps", "10")
    assert shown.status == 0 and "10 to 900" in shown.stdout
    assert command("init", "train.log", "--unknown", "m", "--logging-steps", "10").status == 0
    assert "logging_steps = 10" in Path("study.toml").read_text()
    assert load("study.toml").runs[0].steps == 900


# --- micro-batches --------------------------------------------------------------------------------

HYPERPARAMETERS = """\
model_name: tiny
devices: {devices}
num_nodes: 1
train:
  save_interval: 1000
  log_interval: 1
  global_batch_size: 64
  micro_batch_size: 4
"""


def litgpt(folder, place, devices="2"):
    """A run's folder as LitGPT writes it, and the path of its log."""
    log = folder / "out" / "logs" / "csv" / "version_0" / "metrics.csv"
    log.parent.mkdir(parents=True)
    shutil.copy(DATA / "litgpt" / "metrics.csv", log)
    weights = folder / "out" / place
    weights.mkdir(parents=True, exist_ok=True)
    (weights / "hyperparameters.yaml").write_text(HYPERPARAMETERS.format(devices=devices))
    return log


@pytest.mark.parametrize("place", ["final", "step-00001000", "."])
def test_micro_batches_by_litgpt_s_own_file(tmp_path, place):
    path = litgpt(tmp_path, place)
    run = logs.read(path)
    assert run.micro_batches == 8
    assert told(run, "hyperparameters.yaml", "8 micro-batches are one optimiser step")
    study = tmp_path / "study.toml"
    made = draft([run], [str(path)], schedule="constant 10 to 1e-4")
    assert "micro_batches = 8" in made.text and "ASK: the log counts" not in made.text
    study.write_text(f'[domains]\nloss = "val_loss"\n[[run]]\nname = "a"\nlog = "{path}"\n')
    assert load(study).runs[0].steps == 10
    study.write_text(study.read_text() + "micro_batches = 4\n")
    assert load(study).runs[0].steps == 20


@pytest.mark.parametrize("devices", ["auto", "0", "-2", "1e400", "9" * 400, "9" * 5000, "128"])
def test_devices_that_are_not_told_leave_the_question(tmp_path, devices):
    run = logs.read(litgpt(tmp_path, "final", devices))
    assert run.micro_batches is None
    assert told(run, "does not tell on how many devices")
    assert "ASK: the log counts" in draft([run], ["a"], schedule="constant 80 to 1e-4").text


# --- OLMo-core ------------------------------------------------------------------------------------


def olmo_core(plain, interval=5, evaluated=20, last=40):
    """Console text: evaluations come before the metrics of their step."""
    text = ""
    for step in range(1, last + 1):
        if step % evaluated == 0:
            text += "INFO Finished lm evals in 3.1 seconds. Metrics:\n"
            text += f"    c4/CE loss={3 - step / 1000:.3f}\n"
            text += "INFO Evaluation speed:\n    CE loss (+variants): 3.1 sec (12 batches)\n"
        if step % interval == 0:
            text += f"INFO [step={step}/{last},epoch=1,eta=1:02:03]\n"
            text += f"    train/CE loss={4 - step / 1000:.3f}\n    optim/LR (group 0)=0.0003\n"
        elif plain:
            text += f"INFO [step={step}/{last},epoch=1]\n"
    return text


@pytest.mark.parametrize("plain", [True, False])
def test_olmo_core_prints_evaluations_before_their_step(log, plain):
    run = logs.read(log(olmo_core(plain), "train.log"))
    assert points(run, "c4/CE loss") == pytest.approx({20: 2.98, 40: 2.96})
    assert list(points(run, "train/CE loss")) == list(range(5, 41, 5))
    assert told(run, "for the step told next")


def test_an_evaluation_between_metrics_stays_with_its_step(log):
    run = logs.read(log(olmo_core(True, evaluated=17), "train.log"))
    assert list(points(run, "c4/CE loss")) == [16, 33]


def test_olmo_prints_evaluations_after_their_step(log):
    text = "".join(
        f"INFO [step={s}/1000]\n    train/CrossEntropyLoss={4 - s / 1000:.3f}\n"
        f"    eval/c4/CrossEntropyLoss={3 - s / 1000:.3f}\n"
        for s in (100, 200, 300)
    )
    run = logs.read(log(text, "train.log"))
    assert points(run, "eval/c4/CrossEntropyLoss") == pytest.approx({100: 2.9, 200: 2.8, 300: 2.7})


def test_json_of_a_log_tells_micro_batches(tmp_path, monkeypatch):
    path = litgpt(tmp_path, "final")
    found = json.loads(command("read", str(path), "--json").stdout)["logs"][0]
    assert (found["counts_micro_batches"], found["micro_batches"]) == (True, 8)
