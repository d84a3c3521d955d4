"""Learning rates that a scheduler will give, looked up without moving it."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import numpy as np
import torch
import transformers
from torch.optim import lr_scheduler as schedulers

from cptlaw.live.rates import rates_ahead

STEPS = 60
NAMES = {
    "linear": {},
    "cosine": {},
    "cosine_with_restarts": {"num_cycles": 3},
    "polynomial": {"power": 2.0},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {},
    "cosine_with_min_lr": {"min_lr": 1e-5},
    "warmup_stable_decay": {"num_decay_steps": 20},
}


def optimizer():
    weight = torch.nn.Parameter(torch.zeros(3))
    return torch.optim.AdamW([{"params": [weight], "lr": 1e-3}])


def really(made, scheduler, steps):
    """The learning rates that steps really have."""
    found = []
    for _ in range(steps):
        found.append(made.param_groups[0]["lr"])
        made.step()
        scheduler.step()
    return np.array(found)


@pytest.mark.parametrize("name", NAMES)
def test_the_trainers_schedules_are_known_before_the_first_step(name):
    made = optimizer()
    given = {"num_warmup_steps": 10, "num_training_steps": STEPS}
    scheduler = transformers.get_scheduler(
        name, made, **given, scheduler_specific_kwargs=NAMES[name]
    )
    ahead = rates_ahead(scheduler, STEPS)
    np.testing.assert_allclose(ahead, really(made, scheduler, STEPS), rtol=1e-12)


def cosine(made):
    return schedulers.CosineAnnealingLR(made, STEPS, 1e-5)


def composed(made):
    warm = schedulers.LinearLR(made, 0.1, total_iters=10)
    return schedulers.SequentialLR(made, [warm, cosine(made)], [10])


def one_cycle(made):
    return schedulers.OneCycleLR(made, 1e-2, total_steps=STEPS + 1)


@pytest.mark.parametrize("make", [cosine, composed, one_cycle])
def test_schedulers_of_pytorch_are_gone_through_in_a_copy(make):
    made = optimizer()
    scheduler = make(made)
    before = scheduler.state_dict()["last_epoch"], made.param_groups[0]["lr"]
    ahead = rates_ahead(scheduler, STEPS)
    assert (scheduler.state_dict()["last_epoch"], made.param_groups[0]["lr"]) == before
    np.testing.assert_allclose(ahead, really(made, scheduler, STEPS), rtol=1e-12)


def by_lambda(made):
    return schedulers.LambdaLR(made, lambda step: 1 / (1 + step))


@pytest.mark.parametrize("make", [by_lambda, cosine, one_cycle])
def test_a_run_that_goes_on_is_known_from_its_first_step(make):
    made = optimizer()
    scheduler = make(made)
    ahead = really(made, scheduler, 30)
    np.testing.assert_allclose(rates_ahead(scheduler, STEPS)[:30], ahead, rtol=1e-12)


def test_what_hangs_on_losses_to_come_or_lies_behind_is_not_known():
    made = optimizer()
    assert rates_ahead(schedulers.ReduceLROnPlateau(made), STEPS) is None
    begun = composed(made)
    really(made, begun, 3)
    assert rates_ahead(begun, STEPS) is None
    assert rates_ahead(None, STEPS) is None


def test_the_rates_of_more_steps_than_a_run_can_have_are_not_looked_up():
    scheduler = transformers.get_cosine_schedule_with_warmup(optimizer(), 1000, 100_000)
    for steps in (20_000_001, 10**12):
        assert rates_ahead(scheduler, steps) is None


def test_long_runs_are_looked_up_at_some_steps():
    made = optimizer()
    scheduler = transformers.get_cosine_schedule_with_warmup(made, 1000, 100_000)
    ahead = rates_ahead(scheduler, 100_000)
    exact = [1e-3 * scheduler.lr_lambdas[0](step) for step in (0, 517, 1000, 77_777, 99_999)]
    np.testing.assert_allclose(ahead[[0, 517, 1000, 77_777, 99_999]], exact, rtol=1e-3, atol=1e-12)
