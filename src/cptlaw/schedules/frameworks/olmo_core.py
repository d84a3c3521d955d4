"""OLMo-core: the classes of `olmo_core.optim.scheduler`; step 1 has the LR of 1.

Source: src/olmo_core/optim/scheduler.py; formulas alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, hold, warm
from cptlaw.schedules.frameworks.phases import laid as _laid
from cptlaw.schedules.segment import Segment


def constant(lr: float, t_max: int) -> list[Segment]:
    """`ConstantScheduler`: the LR throughout."""
    return laid([hold(lr)], t_max)


def constant_with_warmup(
    lr: float, t_max: int, warmup: int, warmup_min_lr: float = 0.0
) -> list[Segment]:
    """`ConstantWithWarmup`: a line up, then the LR throughout."""
    return laid([*warm("linear", warmup, warmup_min_lr, lr), hold(lr)], t_max)


def linear_with_warmup(
    lr: float, t_max: int, warmup: int, alpha_f: float = 0.1, warmup_min_lr: float = 0.0
) -> list[Segment]:
    """`LinearWithWarmup`: a line up, a line down to a share of the LR."""
    up = warm("linear", warmup, warmup_min_lr, lr)
    return laid([*up, Phase("linear", t_max, lr, lr * alpha_f)], t_max)


def cos_with_warmup(
    lr: float, t_max: int, warmup: int, alpha_f: float = 0.1, warmup_min_lr: float = 0.0
) -> list[Segment]:
    """`CosWithWarmup`: a line up, half a cosine to a share of the LR."""
    up = warm("linear", warmup, warmup_min_lr, lr)
    return laid([*up, Phase("cosine", t_max, lr, lr * alpha_f)], t_max)


def _cut(t_max: int, decay: int | None, decay_fraction: float) -> int:
    """The step at which the last line begins."""
    return t_max - (round(t_max * decay_fraction) if decay is None else decay)


def half_cos_with_warmup(
    lr: float, t_max: int, warmup: int, alpha_f: float = 0.1, warmup_min_lr: float = 0.0
) -> list[Segment]:
    """`HalfCosWithWarmup`: a line up to the middle of a cosine, then its second half."""
    low = lr * alpha_f
    up = warm("linear", warmup, warmup_min_lr, low + (lr - low) / 2.0)
    down = Phase("cosine", t_max, lr, low, begin=2.0 * warmup - t_max)
    return laid([*up, down], t_max)


def cos_with_warmup_and_linear_decay(
    lr: float,
    t_max: int,
    warmup: int,
    decay: int | None = None,
    decay_fraction: float = 0.1,
    alpha_f: float = 0.1,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
) -> list[Segment]:
    """`CosWithWarmupAndLinearDecay`: a cosine that a line to `decay_min_lr` cuts short."""
    cut = _cut(t_max, decay, decay_fraction)
    low = lr * alpha_f
    share = (cut - warmup) / (t_max - warmup)
    there = low + (lr - low) * (1.0 + math.cos(math.pi * share)) / 2.0
    up = warm("linear", warmup, warmup_min_lr, lr)
    wave = Phase("cosine", cut, lr, low, begin=float(warmup), shape_end=float(t_max))
    return laid([*up, wave, Phase("linear", t_max, there, decay_min_lr)], t_max)


def inv_sqrt_with_warmup(
    lr: float, t_max: int, warmup: int, alpha_f: float = 0.1, warmup_min_lr: float = 0.0
) -> list[Segment]:
    """`InvSqrtWithWarmup`: a line up, then sqrt(warmup / step) towards a share of the LR."""
    up = warm("linear", warmup, warmup_min_lr, lr)
    down = Phase("inverse", math.inf, lr, lr * alpha_f, power=0.5, timescale=float(warmup))
    return laid([*up, down], t_max)


def power_lr(
    lr: float,
    t_max: int,
    warmup: int,
    b: float = -0.51,
    decay: int | None = None,
    decay_fraction: float = 0.1,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
) -> list[Segment]:
    """`PowerLR`: a line up, (step / warmup)**b, a line down to `decay_min_lr`."""
    cut = _cut(t_max, decay, decay_fraction)
    up = warm("linear", warmup, warmup_min_lr, lr)
    down = Phase("inverse", cut, lr, 0.0, power=-b, timescale=float(warmup))
    return laid([*up, down, Phase("linear", t_max, lr * (cut / warmup) ** b, decay_min_lr)], t_max)


def wsd(
    lr: float,
    t_max: int,
    warmup: int,
    decay: int | None = None,
    decay_fraction: float = 0.1,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
) -> list[Segment]:
    """`WSD`: a line up, hold, a line down."""
    cut = _cut(t_max, decay, decay_fraction)
    up = warm("linear", warmup, warmup_min_lr, lr)
    return laid([*up, hold(lr, cut), Phase("linear", t_max, lr, decay_min_lr)], t_max)


def wsds(
    lr: float,
    period_lengths: tuple[int, ...],
    warmup: int,
    decay: int | None = None,
    decay_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
) -> list[Segment]:
    """`WSDS`: hold and a line down, period after period, after one warm-up."""
    if (decay is None) == (decay_fraction is None):
        raise DataError("WSDS needs one of decay and decay_fraction.")
    phases, end = warm("linear", warmup, warmup_min_lr, lr), 0
    for length in period_lengths:
        falling = round(length * (decay_fraction or 0.0)) if decay is None else decay
        end += length
        phases += [hold(lr, end - falling), Phase("linear", end, lr, decay_min_lr)]
    return laid(phases, end)


def exponential(lr: float, t_max: int, lr_min: float = 1e-9) -> list[Segment]:
    """`ExponentialScheduler`: from `lr_min` up to the LR by equal factors."""
    return laid([Phase("exponential", t_max, lr_min, lr)], t_max)


def laid(phases: Sequence[Phase], steps: int) -> list[Segment]:
    """Phases on a counter that is 1 at the first step."""
    return _laid(phases, steps, counter=1.0)


NAMES = {
    "ConstantScheduler": constant,
    "ConstantWithWarmup": constant_with_warmup,
    "LinearWithWarmup": linear_with_warmup,
    "CosWithWarmup": cos_with_warmup,
    "HalfCosWithWarmup": half_cos_with_warmup,
    "CosWithWarmupAndLinearDecay": cos_with_warmup_and_linear_decay,
    "InvSqrtWithWarmup": inv_sqrt_with_warmup,
    "PowerLR": power_lr,
    "WSD": wsd,
    "WSDS": wsds,
    "ExponentialScheduler": exponential,
}
