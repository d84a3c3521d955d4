"""What transformers' Trainer logs, against the losses and learning rates that it trained with."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch
import transformers

from cptlaw import logs

STEPS, EVERY = 23, 5


class Line(torch.nn.Module):
    """A model of one number, whose loss is far from constant."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([3.0]))

    def forward(self, x, labels):
        return {"loss": 0.5 + ((self.weight * x - labels) ** 2).mean()}


class Watched(transformers.Trainer):
    """Remembers the loss and the learning rate of each step."""

    def training_step(self, *given, **more):
        loss = super().training_step(*given, **more)
        self.seen.append((float(loss), self.optimizer.param_groups[0]["lr"]))
        return loss


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    arguments = transformers.TrainingArguments(
        str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=4,
        learning_rate=0.1,
        lr_scheduler_type="linear",
        warmup_steps=12,
        logging_steps=EVERY,
        logging_first_step=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    random = np.random.default_rng(0)
    rows = [
        {"x": np.float32(x), "labels": np.float32(0.3 * x)} for x in random.normal(size=4 * STEPS)
    ]
    made = Watched(model=Line(), args=arguments, train_dataset=rows)
    made.seen = []
    made.train()
    made.state.save_to_json(str(folder / "trainer_state.json"))
    (folder / "config.json").write_text(
        json.dumps({"transformers_version": transformers.__version__})
    )
    return folder, np.array(made.seen)


def test_a_logged_loss_is_the_mean_since_the_row_before(trained):
    folder, seen = trained
    curve = logs.read(folder).curves["loss"]
    assert curve.window == EVERY and curve.steps[0] == 1
    begins = np.concatenate([[0], curve.steps[:-1]])
    means = [seen[a:b, 0].mean() for a, b in zip(begins, curve.steps, strict=True)]
    assert curve.loss == pytest.approx(means, abs=1e-3)
    assert np.ptp(seen[:EVERY, 0]) > 0.01


@pytest.mark.parametrize("version_is_told", [True, False])
def test_a_logged_lr_is_of_the_step_that_it_is_taken_for(trained, version_is_told):
    folder, seen = trained
    if not version_is_told:
        (folder / "config.json").unlink()
    logged = logs.read(folder).logged_lr
    own = logged.steps + logged.offset
    assert logged.lr == pytest.approx(seen[own - 1, 1])
