"""Axolotl: what it adds to transformers' schedulers.

Source: axolotl/utils/schedulers.py and core/trainers/mixins/scheduler.py; formulas alone.
"""

from __future__ import annotations

from cptlaw.schedules.frameworks import torch
from cptlaw.schedules.frameworks.phases import Phase, hold, laid, warm
from cptlaw.schedules.segment import Segment


def cosine(
    learning_rate: float,
    max_steps: int,
    warmup_steps: int = 0,
    cosine_min_lr_ratio: float = 0.0,
    cosine_constant_lr_ratio: float = 1.0,
    lr_quadratic_warmup: bool = False,
) -> list[Segment]:
    """`cosine`: down to a share of the LR, by a share of the steps, after a line or a square up."""
    lr = learning_rate
    low = 0.0 if lr_quadratic_warmup else lr * cosine_min_lr_ratio
    is_cut = bool(low) and cosine_constant_lr_ratio
    end = int(max_steps * cosine_constant_lr_ratio) if is_cut else max_steps
    up = warm("curve" if lr_quadratic_warmup else "linear", warmup_steps, 0.0, lr, power=2.0)
    return laid([*up, Phase("cosine", end, lr, low)], max_steps)


def rex(
    learning_rate: float, max_steps: int, warmup_steps: int = 0, cosine_min_lr_ratio: float = 0.0
) -> list[Segment]:
    """`rex`: z / (.1 + .9 z) of what is left, z; the counter is one ahead."""
    lr = learning_rate
    up = warm("linear", warmup_steps, 0.0, lr)
    down = Phase("rex", max_steps, lr, lr * cosine_min_lr_ratio, ratio=0.1)
    return laid([*up, down], max_steps, counter=1.0)


def one_cycle(
    learning_rate: float,
    max_steps: int,
    warmup_steps: int = 0,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> list[Segment]:
    """`one_cycle`: PyTorch's OneCycleLR with the warm-up as its rise."""
    return torch.one_cycle(
        learning_rate,
        max_steps,
        pct_start=warmup_steps / max_steps,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
    )


def log_sweep(num_steps: int, min_lr: float, max_lr: float) -> list[Segment]:
    """`log_sweep`: from one LR to another by equal factors."""
    return laid(
        [
            hold(min_lr, 1.0),
            Phase("exponential", num_steps - 1.0, min_lr, max_lr, shape_end=float(num_steps)),
        ],
        num_steps,
    )


NAMES = {"cosine": cosine, "rex": rex, "one_cycle": one_cycle, "log_sweep": log_sweep}
