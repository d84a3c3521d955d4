"""Schedules of every kind, and written modules imported again."""

import importlib.util

import numpy as np
import pytest

from cptlaw.schedules.schedule import Schedule

OF_EACH_KIND = {
    "warmup": "warmup 30 to 2e-4",
    "constant": "constant 7 to 1e-4",
    "linear": "linear 400 to 0 from=3e-4",
    "cosine": "cosine 999 to 0 from=3e-4 until=990",
    "sqrt": "sqrt 37 to 1e-5 from=3e-4",
    "exponential": "exponential 3000 to 1e-8 from=3e-4",
    "power": "power 3000 to 0 from=3e-4 power=1.7",
    "inverse_sqrt": "inverse_sqrt 50 from=3e-4 timescale=7.5",
    "inverse": "inverse 500 to 1e-5 from=3e-4 timescale=100.0 power=0.51",
    "curve": "curve 300 to 3e-4 from=0 power=2",
    "log": "log 900 to 3e-4 from=1e-6",
    "rex": "rex 1000 to 0 from=3e-4",
}

PLANS = {kind: Schedule.parse(text) for kind, text in OF_EACH_KIND.items()}
PLANS["limit"] = Schedule.parse("exponential 800 to 0 from=3e-4 ratio=0.5")
PLANS["first"] = Schedule.parse("cosine 333.25 to 0 from=3e-4 first=0.5 until=333")
PLANS["array"] = Schedule.from_array([3e-4, 1e-4 / 3, 0.0, 2e-5])
PLANS["all"] = PLANS["warmup"].join(*PLANS.values())
SHORT = Schedule.parse("warmup 5 to 3e-3 | constant 6 | cosine 9 to 0")


def imported(path):
    """A written module, imported."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
needs_transformers = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")),
    reason="transformers is not installed",
)
needs_optax = pytest.mark.skipif(
    importlib.util.find_spec("optax") is None, reason="optax is not installed"
)


def rates_of(make, lr=3e-4, steps=400):
    """The LR of every step that a scheduler of PyTorch gives an optimizer."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(found)
