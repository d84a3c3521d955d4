"""torchtitan: warm-up, stable, decay; its counter is one ahead, and a step is added at the end.

Source: torchtitan/components/optimizer/lr_scheduler.py (since the virtual last step); formula
alone.
"""

from __future__ import annotations

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, hold, laid, warm
from cptlaw.schedules.segment import Segment

_DECAYS = ("linear", "sqrt", "cosine")


def warmup_stable_decay(
    lr: float,
    steps: int,
    warmup_steps: int = 200,
    decay_ratio: float | None = None,
    decay_type: str = "linear",
    min_lr_factor: float = 0.0,
    total_steps: int | None = None,
) -> list[Segment]:
    """Up to `lr`, hold, and down in the last `decay_ratio` of the steps.

    The decay ends one step after the run, so that no step has the last value.
    """
    if decay_type not in _DECAYS:
        raise DataError(f"decay_type = '{decay_type}': expected {', '.join(_DECAYS)}.")
    total = total_steps or steps
    up = min(warmup_steps, total)
    decay = total - up if decay_ratio is None else min(round(total * decay_ratio), total - up)
    low = lr * min_lr_factor
    phases = [*warm("linear", up, 0.0, lr), hold(lr, total + 1 - decay)]
    return laid([*phases, Phase(decay_type, total + 1, lr, low)], steps, counter=1.0)


NAMES = {"warmup_stable_decay": warmup_stable_decay}
