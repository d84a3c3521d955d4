"""PyTorch: `torch.optim.lr_scheduler`; step 1 has the LR of epoch 0.

Source: torch/optim/lr_scheduler.py; formulas alone. `sampled.of_torch` takes compositions.
"""

from __future__ import annotations

import itertools
import math

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, hold, laid
from cptlaw.schedules.segment import Segment


def constant_lr(
    lr: float, steps: int, factor: float = 1 / 3, total_iters: int = 5
) -> list[Segment]:
    """`ConstantLR`: a share of the LR for `total_iters` steps, then the LR."""
    return laid([hold(lr * factor, total_iters, jumps=True), hold(lr)], steps)


def linear_lr(
    lr: float,
    steps: int,
    start_factor: float = 1 / 3,
    end_factor: float = 1.0,
    total_iters: int = 5,
) -> list[Segment]:
    """`LinearLR`: a line between two shares of the LR."""
    line = Phase("linear", total_iters, lr * start_factor, lr * end_factor)
    return laid([line], steps)


def exponential_lr(lr: float, steps: int, gamma: float) -> list[Segment]:
    """`ExponentialLR`: the LR times gamma at every step."""
    end = max(steps - 1, 1)
    return laid([Phase("exponential", end, lr, lr * gamma**end)], steps)


def step_lr(lr: float, steps: int, step_size: int, gamma: float = 0.1) -> list[Segment]:
    """`StepLR`: the LR times gamma every `step_size` steps."""
    return multi_step_lr(lr, steps, tuple(range(step_size, steps, step_size)), gamma)


def multi_step_lr(
    lr: float, steps: int, milestones: tuple[int, ...], gamma: float = 0.1
) -> list[Segment]:
    """`MultiStepLR`: the LR times gamma at every milestone."""
    ends = [*sorted(milestones), math.inf]
    flat = [hold(lr * gamma**i, end, jumps=True) for i, end in enumerate(ends)]
    return laid(flat, steps)


def polynomial_lr(lr: float, steps: int, total_iters: int = 5, power: float = 1.0) -> list[Segment]:
    """`PolynomialLR`: a power of what is left down to 0."""
    kind = "linear" if power == 1 else "power"
    return laid([Phase(kind, total_iters, lr, 0.0, power=power)], steps)


def cosine_annealing_lr(lr: float, steps: int, T_max: int, eta_min: float = 0.0) -> list[Segment]:
    """`CosineAnnealingLR`: half a cosine down in T_max steps, and up again after it."""
    ends = range(T_max, steps + T_max, T_max)
    turns = itertools.cycle([(lr, eta_min), (eta_min, lr)])
    waves = (Phase("cosine", end, *turn) for end, turn in zip(ends, turns, strict=False))
    return laid(list(waves), steps)


def cosine_annealing_warm_restarts(
    lr: float, steps: int, T_0: int, T_mult: int = 1, eta_min: float = 0.0
) -> list[Segment]:
    """`CosineAnnealingWarmRestarts`: half a cosine down, again and again, T_mult times longer."""
    phases, end, length = list[Phase](), 0, T_0
    while end < steps:
        end, length = end + length, length * T_mult
        phases.append(Phase("cosine", end, lr, eta_min, jumps=True))
    return laid(phases, steps)


def one_cycle(
    max_lr: float,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: str = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> list[Segment]:
    """`OneCycleLR`: up from max_lr/div_factor, down to that/final_div_factor."""
    kinds = {"cos": "cosine", "linear": "linear"}
    if anneal_strategy not in kinds:
        raise DataError(f"anneal_strategy = '{anneal_strategy}': expected cos or linear.")
    kind, low = kinds[anneal_strategy], max_lr / div_factor
    last, up = total_steps - 1.0, pct_start * total_steps - 1.0
    phases = [Phase(kind, up, low, max_lr)] if up > 0 else []
    begin = up if up <= 0 else None  # without a rise the descent begins before the first step
    if three_phase:
        phases.append(Phase(kind, 2 * pct_start * total_steps - 2.0, max_lr, low, begin=begin))
        begin, max_lr = None, low
    phases.append(Phase(kind, last, max_lr, low / final_div_factor, begin=begin))
    return laid(phases, total_steps)


def cyclic_lr(
    base_lr: float,
    max_lr: float,
    steps: int,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: str = "triangular",
) -> list[Segment]:
    """`CyclicLR`: up and down again and again, in `triangular2` half as high each time."""
    if mode not in ("triangular", "triangular2"):
        raise DataError(f"mode = '{mode}': expected triangular or triangular2.")
    down = step_size_down or step_size_up
    phases, end, height = list[Phase](), 0, max_lr - base_lr
    while end < steps:
        top = base_lr + height
        phases.append(Phase("linear", end + step_size_up, base_lr, top))
        end += step_size_up + down
        phases.append(Phase("linear", end, top, base_lr))
        height *= 0.5 if mode == "triangular2" else 1.0
    return laid(phases, steps)


NAMES = {
    "ConstantLR": constant_lr,
    "LinearLR": linear_lr,
    "ExponentialLR": exponential_lr,
    "StepLR": step_lr,
    "MultiStepLR": multi_step_lr,
    "PolynomialLR": polynomial_lr,
    "CosineAnnealingLR": cosine_annealing_lr,
    "CosineAnnealingWarmRestarts": cosine_annealing_warm_restarts,
    "OneCycleLR": one_cycle,
    "CyclicLR": cyclic_lr,
}
