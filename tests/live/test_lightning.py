"""A real small run of Lightning's Trainer that is followed; both of its packages have it."""

import importlib

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning")

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from cptlaw import Watching

STEPS = 120


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def package(request):
    """The package, with the callback made for it."""
    found = pytest.importorskip(request.param)
    made = importlib.import_module("cptlaw.live.lightning")
    return found, made.ForecastCallback


def module(package, make):
    """A linear model, its loss on held-out rows logged as val_loss."""

    class Model(package.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(8, 8)

        def loss(self, batch):
            return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

        def training_step(self, batch, _):
            return self.loss(batch)

        def validation_step(self, batch, _):
            self.log("val_loss", self.loss(batch))

        def configure_optimizers(self):
            made = torch.optim.AdamW(self.parameters(), lr=1e-2)
            return {"optimizer": made, "lr_scheduler": make(made)}

    return Model()


def each_step(made):
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(made, STEPS)
    return {"scheduler": cosine, "interval": "step"}


def each_epoch(made):
    return torch.optim.lr_scheduler.StepLR(made, 1, 0.5)


def fit(package, folder, callback, make=each_step, steps=STEPS, **given):
    torch.manual_seed(0)
    x = torch.randn(960, 8)
    rows = TensorDataset(x, (x @ torch.randn(8, 8)).argmax(1))
    loggers = importlib.import_module(f"{package.__name__}.loggers")
    trainer = package.Trainer(
        max_steps=steps,
        val_check_interval=5,
        callbacks=[callback],
        logger=loggers.CSVLogger(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        log_every_n_steps=5,
        default_root_dir=folder,
    )
    held_out = DataLoader(rows, batch_size=480)
    trainer.fit(module(package, make), DataLoader(rows, batch_size=16), held_out, **given)
    return trainer


@pytest.mark.filterwarnings("ignore")
def test_it_is_followed_logged_and_goes_on(package, tmp_path):
    package, callback_class = package
    callback = callback_class(watching=Watching(share=None))
    trainer = fit(package, tmp_path, callback)
    outlooks = callback.monitor.followed.outlooks
    assert [o.step for o in outlooks] == list(range(5, STEPS + 1, 5))
    assert any(o.foresees for o in outlooks)
    assert not any(o.alarms for o in outlooks)
    text = next(tmp_path.rglob("metrics.csv")).read_text()
    assert "cptlaw/final/loss" in text.splitlines()[0]
    saved = tmp_path / "saved.ckpt"
    trainer.save_checkpoint(saved)
    again = callback_class(watching=Watching(share=None))
    again.load_state_dict(callback.state_dict())
    fit(package, tmp_path, again, steps=STEPS + 10, ckpt_path=saved)
    assert [o.step for o in again.monitor.followed.outlooks][: len(outlooks)] == [
        o.step for o in outlooks
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_rule_ends_it(package, tmp_path):
    package, callback_class = package
    rules = ("stop: loss > 0.01 at 60 %",)
    callback = callback_class(watching=Watching(rules=rules, share=None))
    trainer = fit(package, tmp_path, callback)
    assert trainer.global_step < STEPS
    assert callback.monitor.now.stops


@pytest.mark.filterwarnings("ignore")
def test_a_schedule_that_moves_by_epochs_is_counted_in_steps(package, tmp_path):
    package, callback_class = package
    callback = callback_class(watching=Watching(share=None))
    fit(package, tmp_path, callback, make=each_epoch)
    rates = callback.monitor._placed.run.schedule.lr()
    np.testing.assert_allclose(rates, np.repeat([1e-2, 5e-3], 60))
