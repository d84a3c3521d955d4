"""Megatron-LM: `--lr-decay-style`; iteration 1 has the LR of 0 iterations done.

Source: megatron/core/optimizer_param_scheduler.py; formulas alone.
"""

from __future__ import annotations

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, floored, hold, laid, warm
from cptlaw.schedules.segment import Segment

_WSD = {
    "linear": ("linear", 0.0),
    "cosine": ("cosine", 0.0),
    "exponential": ("exponential", 0.5),
    "minus_sqrt": ("sqrt", 0.0),
}


def constant(
    lr: float, train_iters: int, lr_warmup_iters: int = 0, lr_warmup_init: float = 0.0
) -> list[Segment]:
    """`constant`: a line up, then the LR throughout."""
    up = warm("linear", lr_warmup_iters, lr_warmup_init, lr)
    return laid([*up, hold(lr)], train_iters)


def linear(
    lr: float,
    train_iters: int,
    min_lr: float = 0.0,
    lr_warmup_iters: int = 0,
    lr_decay_iters: int | None = None,
    lr_warmup_init: float = 0.0,
) -> list[Segment]:
    """`linear`: a line up, a line down to `min_lr`."""
    up = warm("linear", lr_warmup_iters, lr_warmup_init, lr)
    down = Phase("linear", lr_decay_iters or train_iters, lr, min_lr)
    return laid([*up, down], train_iters)


def cosine(
    lr: float,
    train_iters: int,
    min_lr: float = 0.0,
    lr_warmup_iters: int = 0,
    lr_decay_iters: int | None = None,
    lr_warmup_init: float = 0.0,
) -> list[Segment]:
    """`cosine`: a line up, half a cosine to `min_lr`."""
    up = warm("linear", lr_warmup_iters, lr_warmup_init, lr)
    down = Phase("cosine", lr_decay_iters or train_iters, lr, min_lr)
    return laid([*up, down], train_iters)


def inverse_square_root(
    lr: float,
    train_iters: int,
    min_lr: float = 0.0,
    lr_warmup_iters: int = 0,
    lr_decay_iters: int | None = None,
    lr_warmup_init: float = 0.0,
) -> list[Segment]:
    """`inverse-square-root`: a line up, then lr sqrt(warm-up / iterations), not below `min_lr`."""
    end = lr_decay_iters or train_iters
    scale = max(lr_warmup_iters, 1)
    up = warm("linear", lr_warmup_iters, lr_warmup_init, lr) or [hold(lr, 1.0)]
    down = Phase("inverse_sqrt", end, lr, lr, timescale=scale)
    run = laid([*up, down], min(end + 1, train_iters))
    low = hold(min_lr)
    tail = laid([low], train_iters - end - 1) if train_iters > end + 1 else []
    return [*floored(run, min_lr), *tail]


def wsd(
    lr: float,
    train_iters: int,
    lr_wsd_decay_iters: int,
    min_lr: float = 0.0,
    lr_warmup_iters: int = 0,
    lr_decay_iters: int | None = None,
    lr_wsd_decay_style: str = "exponential",
    lr_warmup_init: float = 0.0,
) -> list[Segment]:
    """`WSD`: a line up, hold, and a decay to `min_lr` in the last `lr_wsd_decay_iters`."""
    if lr_wsd_decay_style not in _WSD:
        raise DataError(f"lr_wsd_decay_style = '{lr_wsd_decay_style}': expected {', '.join(_WSD)}.")
    end = lr_decay_iters or train_iters
    kind, ratio = _WSD[lr_wsd_decay_style]
    up = warm("linear", lr_warmup_iters, lr_warmup_init, lr)
    stable = hold(lr, end - lr_wsd_decay_iters)
    return laid([*up, stable, Phase(kind, end, lr, min_lr, ratio=ratio)], train_iters)


NAMES = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "inverse-square-root": inverse_square_root,
    "WSD": wsd,
}
