"""Schedules in PyTorch and transformers: every step has the learning rate of the plan."""

import copy
import importlib.util
import io
import pickle
import re
import warnings
from pathlib import Path

import pytest

from cptlaw.errors import DataError, MissingExtra
from cptlaw.schedules import export
from cptlaw.schedules.export import lambda_lr
from cptlaw.schedules.schedule import Schedule
from schedule_samples import PLANS, SHORT, imported

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
needs_trainer = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers", "accelerate")),
    reason="transformers is not installed",
)
PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"


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
    found = re.findall(
        r"<!-- needs: torch -->\n```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL
    )
    assert len(found) == 2
    names = {}
    for code in found:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR steps with an epoch, as PyTorch warns
            exec(compile(code, PAGE.name, "exec"), names)
    assert names["optimizer"].param_groups[0]["lr"] == 2e-5
    assert names["schedule"].steps == 400


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

    rates = imported(export.write(SHORT, tmp_path / "rates.py"))
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
