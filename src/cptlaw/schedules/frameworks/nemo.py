"""NeMo: the policies of `nemo.core.optim.lr_scheduler`; the warm-up has one step more.

Source: nemo/core/optim/lr_scheduler.py; formulas alone.
"""

from __future__ import annotations

import math

from cptlaw.schedules.frameworks.phases import Phase, after, floored, hold, laid, level, warm
from cptlaw.schedules.segment import Segment


def warmup_policy(lr: float, max_steps: int, warmup_steps: int = 0) -> list[Segment]:
    """`WarmupPolicy` and `WarmupHoldPolicy`: a line up, then the LR throughout."""
    return laid([*_up(lr, warmup_steps), hold(lr)], max_steps)


def cosine_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0, constant_steps: int = 0, min_lr: float = 0.0
) -> list[Segment]:
    """`CosineAnnealing`: up, half a cosine to `min_lr`, which may be held at the end."""
    end = max_steps - constant_steps
    up = warm("linear", warmup_steps, 0.0, lr) if constant_steps else _up(lr, warmup_steps)
    return laid([*up, Phase("cosine", end, lr, min_lr, begin=float(warmup_steps))], max_steps)


def square_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 1e-5
) -> list[Segment]:
    """`SquareAnnealing`: the square of what is left, not below `min_lr`."""
    down = Phase("power", max_steps, lr, 0.0, begin=float(warmup_steps), power=2.0)
    return floored(laid([*_up(lr, warmup_steps), down], max_steps), min_lr)


def square_root_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 0.0
) -> list[Segment]:
    """`SquareRootAnnealing`: the root of what is left of all steps, the warm-up's too."""
    down = Phase("power", max_steps, lr, 0.0, begin=0.0, power=0.5)
    return floored(laid([*_up(lr, warmup_steps), down], max_steps), min_lr)


def warmup_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 0.0
) -> list[Segment]:
    """`WarmupAnnealing`: a line up, a line down to `min_lr`."""
    down = Phase("linear", max_steps, lr, min_lr, begin=float(warmup_steps))
    return laid([*_up(lr, warmup_steps), down], max_steps)


def polynomial_decay_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0, min_lr: float = 0.0, power: float = 1.0
) -> list[Segment]:
    """`PolynomialDecayAnnealing`: a power of what is left, down to `min_lr`."""
    return polynomial_hold_decay_annealing(lr, max_steps, warmup_steps, 0, min_lr, power)


def polynomial_hold_decay_annealing(
    lr: float,
    max_steps: int,
    warmup_steps: int = 0,
    hold_steps: int = 0,
    min_lr: float = 0.0,
    power: float = 1.0,
) -> list[Segment]:
    """`PolynomialHoldDecayAnnealing`: up, hold, a power of what is left down to `min_lr`."""
    begin = float(warmup_steps + hold_steps)
    kind = "linear" if power == 1 else "power"
    down = Phase(kind, max_steps, lr, min_lr, begin=begin, power=power)
    return laid([*_up(lr, warmup_steps), hold(lr, begin), down], max_steps)


def inverse_square_root_annealing(
    lr: float, max_steps: int, warmup_steps: int = 0
) -> list[Segment]:
    """`InverseSquareRootAnnealing`: a line up, then sqrt((warmup + 1) / (step + 1))."""
    scale, begin = warmup_steps + 1.0, float(warmup_steps)
    down = Phase("inverse_sqrt", math.inf, lr, lr, begin=begin, timescale=scale)
    return laid([*_up(lr, warmup_steps), down], max_steps)


def noam_annealing(
    lr: float, max_steps: int, d_model: int, warmup_steps: int, min_lr: float = 0.0
) -> list[Segment]:
    """`NoamAnnealing`: lr / sqrt(d_model) times the smaller of its line and its inverse root."""
    peak = lr * d_model**-0.5 * warmup_steps**-0.5
    up = Phase("linear", warmup_steps, 0.0, peak, begin=0.0)
    down = Phase("inverse_sqrt", math.inf, peak, peak, timescale=float(warmup_steps))
    once = peak / warmup_steps  # its step is 1 at the first two steps of the run
    head = [level(1, once)]
    return [*head, *floored(after(laid([up, down], max_steps), 1), min_lr)]


def noam_hold_annealing(
    lr: float,
    max_steps: int,
    warmup_steps: int,
    hold_steps: int = 0,
    decay_rate: float = 0.5,
    min_lr: float = 0.0,
) -> list[Segment]:
    """`NoamHoldAnnealing`: up, hold, (warmup / (step - hold))**decay_rate, not below `min_lr`."""
    begin, scale = float(warmup_steps + hold_steps), float(warmup_steps)
    down = Phase("inverse", math.inf, lr, 0.0, begin=begin, power=decay_rate, timescale=scale)
    return floored(laid([*_up(lr, warmup_steps), hold(lr, begin), down], max_steps), min_lr)


def _up(lr: float, steps: int) -> list[Phase]:
    """(step + 1) / (warmup + 1), which is 1 at the step of its end."""
    return [Phase("linear", steps, 0.0, lr, begin=-1.0)] if steps else []


NAMES = {
    "WarmupPolicy": warmup_policy,
    "CosineAnnealing": cosine_annealing,
    "SquareAnnealing": square_annealing,
    "SquareRootAnnealing": square_root_annealing,
    "WarmupAnnealing": warmup_annealing,
    "PolynomialDecayAnnealing": polynomial_decay_annealing,
    "PolynomialHoldDecayAnnealing": polynomial_hold_decay_annealing,
    "InverseSquareRootAnnealing": inverse_square_root_annealing,
    "NoamAnnealing": noam_annealing,
    "NoamHoldAnnealing": noam_hold_annealing,
}
