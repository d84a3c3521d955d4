"""Schedules of frameworks against the frameworks themselves, where they are installed."""

import warnings

import numpy as np
import pytest

from cptlaw.schedules import sampled
from cptlaw.schedules.schedule import Schedule
from schedule_samples import needs_optax, needs_torch, needs_transformers, rates_of

LR, STEPS = 3e-4, 400


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15 * max(expected))


def check(text, expected):
    schedule = Schedule.parse(text)
    same(schedule.lr(), expected)
    same(Schedule.parse(schedule.text).lr(), expected)


# --- transformers -----------------------------------------------------------------------------

WSD = "num_decay_steps=90"
OF_TRANSFORMERS = [
    ("constant", ""),
    ("constant_with_warmup", ""),
    ("linear", ""),
    ("cosine", ""),
    ("cosine", "num_cycles=0.25"),
    ("cosine", "num_cycles=1.7"),
    ("cosine_with_restarts", ""),
    ("cosine_with_restarts", "num_cycles=3"),
    ("polynomial", ""),
    ("polynomial", "power=2.5 lr_end=1e-6"),
    ("inverse_sqrt", ""),
    ("inverse_sqrt", "timescale=1000"),
    ("cosine_with_min_lr", "min_lr=1e-5"),
    ("cosine_with_min_lr", "min_lr_rate=0.2 num_cycles=1.5"),
    ("cosine_warmup_with_min_lr", "min_lr_rate=0.1"),
    ("cosine_warmup_with_min_lr", "min_lr=2e-5 warmup_lr_rate=0.05"),
    ("warmup_stable_decay", WSD),
    ("warmup_stable_decay", f"{WSD} decay_type=linear min_lr_ratio=0.1"),
    ("warmup_stable_decay", f"{WSD} decay_type=1-sqrt warmup_type=1-sqrt"),
    ("warmup_stable_decay", f"{WSD} num_stable_steps=100 warmup_type=cosine min_lr_ratio=0.05"),
    ("warmup_stable_decay", f"{WSD} num_cycles=0.3"),
]


def value(word):
    try:
        return float(word) if "." in word or "e" in word else int(word)
    except ValueError:
        return word


@needs_transformers
@pytest.mark.parametrize("warmup", [0, 1, 40])
@pytest.mark.parametrize(("name", "more"), OF_TRANSFORMERS)
def test_get_scheduler(name, more, warmup):
    from transformers import get_scheduler

    kwargs = {k: value(v) for k, _, v in (word.partition("=") for word in more.split())}

    def make(optimizer):
        return get_scheduler(name, optimizer, warmup, STEPS, dict(kwargs))

    text = f"transformers:{name} lr={LR} num_training_steps={STEPS} {more}"
    needs_warmup = name != "constant"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = rates_of(make)
    check(text + (f" num_warmup_steps={warmup}" if needs_warmup else ""), expected)


@needs_transformers
def test_every_scheduler_of_transformers_is_known():
    from transformers import SchedulerType

    from cptlaw.schedules.frameworks import transformers

    known = {*transformers.NAMES, *transformers.REACTIVE}
    assert {str(kind.value) for kind in SchedulerType} <= known


# --- PyTorch ----------------------------------------------------------------------------------

OF_TORCH = [
    ("ConstantLR", {"factor": 0.5, "total_iters": 30}),
    ("LinearLR", {"start_factor": 0.1, "total_iters": 70}),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.2, "total_iters": 500}),
    ("ExponentialLR", {"gamma": 0.99}),
    ("StepLR", {"step_size": 70, "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [50, 90, 300], "gamma": 0.5}),
    ("PolynomialLR", {"total_iters": 300, "power": 2.0}),
    ("PolynomialLR", {"total_iters": 400}),
    ("CosineAnnealingLR", {"T_max": 400, "eta_min": 1e-5}),
    ("CosineAnnealingLR", {"T_max": 110}),
    ("CosineAnnealingWarmRestarts", {"T_0": 60, "T_mult": 2, "eta_min": 1e-6}),
    ("CosineAnnealingWarmRestarts", {"T_0": 77}),
    ("CyclicLR", {"base_lr": 1e-5, "max_lr": 3e-4, "step_size_up": 30, "step_size_down": 50}),
    ("CyclicLR", {"base_lr": 1e-5, "max_lr": 3e-4, "step_size_up": 33, "mode": "triangular2"}),
    ("OneCycleLR", {"max_lr": 3e-4, "total_steps": 400}),
    ("OneCycleLR", {"max_lr": 3e-4, "total_steps": 400, "pct_start": 0.123}),
    ("OneCycleLR", {"max_lr": 3e-4, "total_steps": 400, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 3e-4, "total_steps": 400, "three_phase": True}),
]


@needs_torch
@pytest.mark.parametrize(("name", "kwargs"), OF_TORCH)
def test_torch(name, kwargs):
    import torch

    more = {"cycle_momentum": False} if name in ("CyclicLR", "OneCycleLR") else {}

    def make(optimizer):
        return getattr(torch.optim.lr_scheduler, name)(optimizer, **kwargs, **more)

    # its own step counter ends at total_steps; the last step() of the loop is one past it
    words = [
        f"{key}={','.join(map(str, given)) if isinstance(given, list) else given}"
        for key, given in kwargs.items()
    ]
    own = [] if name in ("CyclicLR", "OneCycleLR") else [f"lr={LR}"]
    length = [] if name == "OneCycleLR" else [f"steps={STEPS}"]
    expected = rates_of(make, steps=STEPS)
    schedule = Schedule.parse(f"torch:{name} {' '.join([*own, *length, *words])}")
    # PyTorch works many of them out from the step before, which adds up rounding
    np.testing.assert_allclose(schedule.lr(), expected, rtol=1e-9, atol=1e-13 * LR)
    same(Schedule.parse(schedule.text).lr(), schedule.lr())


@needs_torch
@pytest.mark.parametrize("size", [40, 150])
def test_compositions_of_torch_are_sampled(size):
    from torch.optim import lr_scheduler as of

    def sequential(optimizer):
        up = of.LinearLR(optimizer, 0.01, 1.0, total_iters=size)
        down = of.CosineAnnealingLR(optimizer, T_max=STEPS - size, eta_min=1e-5)
        return of.SequentialLR(optimizer, [up, down], milestones=[size])

    def chained(optimizer):
        parts = [of.LinearLR(optimizer, 0.1, 1.0, total_iters=size)]
        return of.ChainedScheduler([*parts, of.ExponentialLR(optimizer, 0.995)])

    def by_lambda(optimizer):
        return of.LambdaLR(optimizer, lambda s: min((s + 1) / size, 1.0))

    for make in (sequential, chained, by_lambda):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SequentialLR steps with an epoch, as PyTorch warns
            expected, found = rates_of(make), sampled.of_torch(make, LR, STEPS)
        assert found.lr().tolist() == expected.tolist()


# --- optax ------------------------------------------------------------------------------------

OF_OPTAX = [
    ("constant_schedule", {"value": 3e-4}),
    ("linear_schedule", {"init_value": 0.0, "end_value": 3e-4, "transition_steps": 100}),
    (
        "polynomial_schedule",
        {
            "init_value": 3e-4,
            "end_value": 1e-5,
            "power": 1.5,
            "transition_steps": 200,
            "transition_begin": 30,
        },
    ),
    ("cosine_decay_schedule", {"init_value": 3e-4, "decay_steps": 300, "alpha": 0.1}),
    ("exponential_decay", {"init_value": 3e-4, "transition_steps": 50, "decay_rate": 0.5}),
    (
        "exponential_decay",
        {
            "init_value": 3e-4,
            "transition_steps": 50,
            "decay_rate": 0.5,
            "transition_begin": 20,
            "end_value": 2e-5,
        },
    ),
    (
        "exponential_decay",
        {"init_value": 3e-4, "transition_steps": 60, "decay_rate": 0.7, "staircase": True},
    ),
    ("warmup_constant_schedule", {"init_value": 1e-6, "peak_value": 3e-4, "warmup_steps": 50}),
    (
        "warmup_cosine_decay_schedule",
        {
            "init_value": 1e-6,
            "peak_value": 3e-4,
            "warmup_steps": 50,
            "decay_steps": 400,
            "end_value": 1e-5,
        },
    ),
    (
        "warmup_exponential_decay_schedule",
        {
            "init_value": 1e-6,
            "peak_value": 3e-4,
            "warmup_steps": 50,
            "transition_steps": 60,
            "decay_rate": 0.5,
            "end_value": 2e-5,
        },
    ),
    ("cosine_onecycle_schedule", {"transition_steps": 400, "peak_value": 3e-4}),
    ("linear_onecycle_schedule", {"transition_steps": 400, "peak_value": 3e-4}),
]


def counts_of(rate):
    import jax

    with jax.enable_x64(True):
        return np.array([float(rate(count)) for count in range(STEPS)])


@needs_optax
@pytest.mark.parametrize(("name", "kwargs"), OF_OPTAX)
def test_optax(name, kwargs):
    import jax
    import optax

    with jax.enable_x64(True):
        expected = counts_of(getattr(optax, name)(**kwargs))
    words = " ".join(f"{key}={given}" for key, given in kwargs.items())
    steps = "" if "onecycle" in name else f"steps={STEPS}"
    check(f"optax:{name} {words} {steps}", expected)


@needs_optax
def test_optax_by_boundaries():
    import jax
    import optax

    with jax.enable_x64(True):
        expected = counts_of(optax.piecewise_constant_schedule(3e-4, {50: 0.5, 200: 0.1}))
    check(
        f"optax:piecewise_constant_schedule init_value=3e-4 boundaries=50,200 scales=0.5,0.1 "
        f"steps={STEPS}",
        expected,
    )


def test_functions_are_sampled():
    found = sampled.of_function(lambda count: 3e-4 * 0.99**count, 50)
    assert found.lr().tolist() == [3e-4 * 0.99**count for count in range(50)]
    later = sampled.of_function(lambda step: step * 1e-5, 50, first=1)
    assert later.lr(1) == 1e-5
