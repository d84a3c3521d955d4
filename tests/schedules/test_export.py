"""Schedules into training runs: every optimiser step has the learning rate of the plan."""

import copy
import importlib.util
import io
import json
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from command import run
from cptlaw.errors import DataError, MissingExtra
from cptlaw.schedules.export import lambda_lr, standalone, write_csv, write_python
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import KINDS, Segment
from cptlaw.studies.logs.lrs import read_lrs
from strategies import schedules

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
needs_trainer = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "accelerate")),
    reason="transformers is not installed",
)
PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"
OF_EACH_KIND = {
    "warmup": "warmup 30 to 2e-4",
    "constant": "constant 7 to 1e-4",
    "linear": "linear 400 to 0 from=3e-4",
    "cosine": "cosine 999 to 0 from=3e-4 until=990",
    "sqrt": "sqrt 37 to 1e-5 from=3e-4",
    "exponential": "exponential 3000 to 1e-8 from=3e-4",
    "power": "power 3000 to 0 from=3e-4 power=1.7",
    "inverse_sqrt": "inverse_sqrt 50 from=3e-4 timescale=7.5",
}
PLANS = {kind: Schedule.parse(text) for kind, text in OF_EACH_KIND.items()}
PLANS["array"] = Schedule.from_array([3e-4, 1e-4 / 3, 0.0, 2e-5])
PLANS["all"] = PLANS["warmup"].join(*PLANS.values())
SHORT = Schedule.parse("warmup 5 to 3e-3 | constant 6 | cosine 9 to 0")


def test_every_kind_is_tried():
    assert set(PLANS) == {*KINDS, "array", "all"}


def imported(path):
    """A written module, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_csv_holds_every_digit_and_is_read_back(plan, tmp_path):
    path = write_csv(plan, tmp_path / "lr.csv")
    assert path.read_text().startswith("step,lr\n1,")
    np.testing.assert_array_equal(read_lrs(path).lr(), plan.lr())


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_module_has_the_planned_learning_rates(plan, tmp_path):
    module = imported(write_python(plan, tmp_path / "lr.py"))
    planned = plan.lr()
    found = np.array([module.lr_at(step) for step in range(1, plan.steps + 1)])
    assert (np.abs(found - planned) <= 1e-15 * planned).all()
    assert plan.steps == module.STEPS
    assert module.lr_at(plan.steps + 5) == module.lr_at(plan.steps)
    with pytest.raises(ValueError, match="count from 1"):
        module.lr_at(0)


@given(schedules(arrays=True))
@settings(max_examples=50)
def test_the_module_agrees_with_any_schedule(tmp_path_factory, plan):
    module = imported(write_python(plan, tmp_path_factory.mktemp("any") / "lr.py"))
    found = [module.lr_at(step) for step in range(1, plan.steps + 1)]
    np.testing.assert_allclose(found, plan.lr(), rtol=1e-15, atol=0)


def test_where_the_arithmetic_would_differ_the_value_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(standalone, "lr_in", lambda *_: 1e-4)
    module = imported(write_python(PLANS["array"], tmp_path / "lr.py"))
    values = PLANS["array"].lr()
    assert dict(enumerate(values, start=1)) == module.EXACT
    assert module.lr_at(2) == values[1]


def test_the_module_says_how_it_is_used(tmp_path):
    text = write_python(SHORT, tmp_path / "my_rates.py").read_text()
    assert SHORT.text in text
    assert "max_steps=20" in text
    assert "optimizers=(optimizer, scheduler)" in text
    assert "my_rates.make_scheduler(optimizer)" in text
    assert "import cptlaw" not in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", ["lr-1.py", "1lr.py", "class.py", "lr.txt", "lr.v2.py"])
def test_a_module_that_cannot_be_imported_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=r"as in lr\.py"):
        write_python(SHORT, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


ALONE = """
import sys
import rates
assert "torch" not in sys.modules
print([rates.lr_at(step) for step in range(1, rates.STEPS + 1)])
try:
    import cptlaw
except ModuleNotFoundError:
    print("no cptlaw")
"""
WITH_TORCH = """
import json, pickle, torch, rates
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.7)
scheduler = rates.make_scheduler(optimizer)
used = []
for _ in range(rates.STEPS):
    used.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
pickle.loads(pickle.dumps(scheduler.lr_lambdas))
print(json.dumps(used))
"""


def alone(folder, code):
    """What code prints in a Python that sees neither the site's packages' cptlaw nor its source."""
    hide = "import sys; sys.path.insert(0, '.'); sys.modules['cptlaw'] = None\n"
    words = [sys.executable, "-I", "-c", hide + code]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_module_works_where_there_is_no_cptlaw(tmp_path):
    write_python(SHORT, tmp_path / "rates.py")
    found, last = alone(tmp_path, ALONE)
    np.testing.assert_allclose(json.loads(found), SHORT.lr(), rtol=1e-15)
    assert last == "no cptlaw"


@needs_torch
def test_the_scheduler_of_the_module_works_where_there_is_no_cptlaw(tmp_path):
    write_python(SHORT, tmp_path / "rates.py")
    (found,) = alone(tmp_path, WITH_TORCH)
    np.testing.assert_allclose(json.loads(found), SHORT.lr(), rtol=1e-15)


# --- torch -----------------------------------------------------------------------------------


def optimizer_of(*lrs):
    """A plain SGD with a parameter group for each lr."""
    import torch

    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups)


def used(optimizer, scheduler, steps):
    """The learning rates of the first group at every step."""
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@needs_torch
@pytest.mark.parametrize("lr", [1.0, 0.37, 1e-5, 0.0])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_step_has_exactly_the_planned_learning_rate(plan, lr):
    optimizer = optimizer_of(lr)
    assert used(optimizer, lambda_lr(optimizer, plan), plan.steps) == plan.lr().tolist()


@needs_torch
def test_a_schedule_may_be_text():
    optimizer = optimizer_of(1.0)
    lambda_lr(optimizer, "warmup 10 to 1e-3")
    assert optimizer.param_groups[0]["lr"] == 1e-4


@needs_torch
def test_groups_keep_their_ratio_to_the_first():
    optimizer = optimizer_of(0.5, 0.125, 2.0, 0.0)
    scheduler = lambda_lr(optimizer, SHORT)
    for lr in SHORT.lr():
        found = [group["lr"] for group in optimizer.param_groups]
        assert found == [lr, lr * 0.25, lr * 4.0, 0.0]
        optimizer.step()
        scheduler.step()


@needs_torch
def test_the_optimizer_keeps_its_own_initial_lr_for_a_later_scheduler():
    optimizer = optimizer_of(0.5, 0.25)
    first = lambda_lr(optimizer, SHORT)
    used(optimizer, first, SHORT.steps)
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    lambda_lr(optimizer, "constant 10 to 1e-3")
    assert [group["lr"] for group in optimizer.param_groups] == [1e-3, 5e-4]


@needs_torch
def test_a_first_group_without_lr_has_no_ratio():
    optimizer = optimizer_of(0.0, 0.1)
    with pytest.raises(DataError, match="Give the first group an lr above 0"):
        lambda_lr(optimizer, SHORT)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.1]


@needs_torch
def test_past_the_end_the_last_is_held_with_one_warning():
    optimizer = optimizer_of(1.0, 0.1)
    scheduler = lambda_lr(optimizer, "warmup 4 to 1e-3")
    used(optimizer, scheduler, 4)  # warnings are errors: the run's own steps give none
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert used(optimizer, scheduler, 5) == [1e-3] * 5
    assert [str(w.message).partition(":")[0] for w in told] == [
        "the schedule ends at step 4, but step 5 has been taken"
    ]


@needs_torch
def test_a_run_resumed_past_the_end_is_told():
    optimizer = optimizer_of(1.0)
    scheduler = lambda_lr(optimizer, "warmup 400 to 1e-3")
    used(optimizer, scheduler, 30)
    state = scheduler.state_dict()
    fresh = optimizer_of(1.0)
    scheduler = lambda_lr(fresh, "warmup 4 to 1e-3")
    scheduler.load_state_dict(state)
    fresh.step()
    with pytest.warns(UserWarning, match="ends at step 4, but step 31 has been taken"):
        scheduler.step()


@needs_torch
@pytest.mark.parametrize("plan", [SHORT, PLANS["array"]], ids=["text", "array"])
def test_state_goes_through_a_checkpoint(plan):
    import torch

    planned, cut = plan.lr().tolist(), plan.steps // 2
    optimizer = optimizer_of(1.0, 0.5)
    scheduler = lambda_lr(optimizer, plan)
    assert used(optimizer, scheduler, cut) == planned[:cut]
    file = io.BytesIO()
    torch.save([optimizer.state_dict(), scheduler.state_dict()], file)
    file.seek(0)
    states = torch.load(file, weights_only=True)
    fresh = optimizer_of(7.0, 3.5)
    resumed = lambda_lr(fresh, plan)
    fresh.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    assert fresh.param_groups[1]["lr"] == planned[cut] / 2
    assert used(fresh, resumed, plan.steps - cut) == planned[cut:]


@needs_torch
def test_a_resumed_run_follows_the_schedule_it_is_given():
    optimizer = optimizer_of(1.0)
    stable = lambda_lr(optimizer, "constant 20 to 1e-3")
    used(optimizer, stable, 10)
    fresh = optimizer_of(1.0)
    decay = Schedule.parse("constant 11 to 1e-3 | linear 9 to 0")
    scheduler = lambda_lr(fresh, decay)
    fresh.load_state_dict(optimizer.state_dict())
    scheduler.load_state_dict(stable.state_dict())
    assert used(fresh, scheduler, 10) == decay.lr()[10:].tolist()


@needs_torch
@pytest.mark.parametrize("copied", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_a_scheduler_can_be_copied(copied):
    optimizer = optimizer_of(1.0)
    scheduler = lambda_lr(optimizer, SHORT)
    used(optimizer, scheduler, 5)
    factor = copied(scheduler.lr_lambdas)[0]
    assert [factor(done) for done in range(SHORT.steps)] == SHORT.lr().tolist()


def test_without_torch_it_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else real(name)
    )
    with pytest.raises(MissingExtra, match=r"pip install 'cptlaw\[lab\]'"):
        lambda_lr(None, SHORT)


@needs_torch
def test_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"```python torch\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(found) == 1
    for code in found:
        names = {}
        exec(compile(code, PAGE.name, "exec"), names)
        assert names["optimizer"].param_groups[0]["lr"] == 2e-5


# --- transformers' Trainer -------------------------------------------------------------------


def tiny_model():
    """A model of 2 parameters that the Trainer takes."""
    import torch

    class Line(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(1, 1)

        def forward(self, x, labels):
            out = self.line(x)
            return {"loss": ((out - labels) ** 2).mean(), "logits": out}

    return Line()


def tiny_trainer(folder, optimizers=(None, None), model=None, **changes):
    """A Trainer that logs every step."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    settings = {
        "output_dir": str(folder),
        "max_steps": SHORT.steps,
        "learning_rate": 0.123,
        "lr_scheduler_type": "polynomial",
        "warmup_steps": 3,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2,
    }
    rows = [{"x": [float(i)], "labels": [2.0 * i]} for i in range(8)]
    trainer = Trainer(
        model=model or tiny_model(),
        args=TrainingArguments(**{**settings, **changes}),
        train_dataset=rows,
        optimizers=optimizers,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def logged(trainer):
    """Logged learning rate by step."""
    return {row["step"]: row["learning_rate"] for row in trainer.state.log_history if "loss" in row}


PLANNED = dict(enumerate(SHORT.lr().tolist(), start=1))


@needs_trainer
def test_the_trainer_follows_the_plan(tmp_path):
    import torch

    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters())
    trainer = tiny_trainer(tmp_path, (optimizer, lambda_lr(optimizer, SHORT)), model)
    trainer.train()
    assert logged(trainer) == PLANNED


@needs_trainer
def test_the_trainer_follows_a_written_module(tmp_path):
    import torch

    rates = imported(write_python(SHORT, tmp_path / "rates.py"))
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters())
    trainer = tiny_trainer(tmp_path, (optimizer, rates.make_scheduler(optimizer)), model)
    trainer.train()
    assert logged(trainer) == pytest.approx(PLANNED, rel=1e-15, abs=0)


@needs_trainer
def test_the_trainers_own_optimizer_follows_the_plan_and_resumes_it(tmp_path):
    trainer = tiny_trainer(tmp_path, save_strategy="steps", save_steps=8)
    trainer.lr_scheduler = lambda_lr(trainer.create_optimizer(), SHORT)
    trainer.train()
    assert len(trainer.optimizer.param_groups) == 2
    assert logged(trainer) == PLANNED
    again = tiny_trainer(tmp_path)
    again.lr_scheduler = lambda_lr(again.create_optimizer(), SHORT)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-8"))
    assert logged(again) == PLANNED
    assert again.state.log_history[8] | {"grad_norm": 0} == (
        trainer.state.log_history[8] | {"grad_norm": 0}
    )


# --- the command -----------------------------------------------------------------------------

TEXT = "warmup 10 to 2e-4 | linear 10 to 0"


def test_the_command_shows_and_writes(tmp_path):
    names = ["lr.csv", "lr.py", "lr.png"]
    outputs = [word for name in names for word in ("-o", tmp_path / name)]
    ended = run("schedule", TEXT, *outputs)
    assert ended.status == 0, ended.stderr
    assert "20 steps, peak 0.0002, final LR 0, area 0.002 (" in ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    planned = Schedule.parse(TEXT).lr()
    np.testing.assert_array_equal(read_lrs(tmp_path / "lr.csv").lr(), planned)
    assert imported(tmp_path / "lr.py").lr_at(15) == planned[14]
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_as_json():
    ended = run("schedule", "linear 4 to 0 | constant 2 to 1e-4", "--from", "4e-4", "--json")
    found = json.loads(ended.stdout)
    assert found["area"] == pytest.approx(8e-4)
    assert (found["steps"], found["final"]) == (6, 1e-4)
    assert found["peak"] == pytest.approx(3e-4)
    assert Schedule.parse(found["text"]) == Schedule(
        (Segment("linear", 4, 4e-4, 0.0), Segment("constant", 2, 1e-4, 1e-4))
    )
    spans = [(s["kind"], s["first_step"], s["last_step"]) for s in found["segments"]]
    assert spans == [("linear", 1, 4), ("constant", 5, 6)]


def test_a_start_that_is_not_used_is_told():
    assert "--from 0.0004 is not used" in run("schedule", TEXT, "--from", "4e-4").stderr
    assert "not used" not in run("schedule", "linear 4 to 0", "--from", "4e-4").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "lr.txt"], "Change the file's suffix"),
        (["-o", "lr"], "Change the file's suffix"),
        (["-o", "my-lr.py"], "as in lr.py"),
        (["-o", "nowhere/lr.csv"], "does not exist"),
        (["-o", "lr.csv", "-o", "lr.csv"], "Name two files"),
    ],
)
def test_what_cannot_be_written_ends_before_anything_is(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("schedule", TEXT, "-o", "good.csv", *words)
    assert ended.status == 2
    assert said in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []
