"""nanochat: the multiplier of every group's LR, warm-up one step ahead.

Source: scripts/base_train.py of karpathy/nanochat; formula alone.
"""

from __future__ import annotations

from cptlaw.schedules.frameworks.phases import Phase, hold, laid
from cptlaw.schedules.segment import Segment


def base_train(
    num_iterations: int,
    lr: float = 1.0,
    warmup_steps: int = 40,
    warmdown_ratio: float = 0.65,
    final_lr_frac: float = 0.05,
) -> list[Segment]:
    """`base_train`: a line up, hold, a line down to `final_lr_frac`, which the last step nears."""
    down = num_iterations - round(warmdown_ratio * num_iterations)
    up = [Phase("linear", warmup_steps - 1, 0.0, lr, begin=-1.0)] if warmup_steps else []
    falling = Phase("linear", num_iterations, lr, lr * final_lr_frac)
    return laid([*up, hold(lr, down), falling], num_iterations)


NAMES = {"base_train": base_train}
