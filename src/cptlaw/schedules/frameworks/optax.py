"""Optax: its schedules; step 1 has the value of count 0.

Source: optax/schedules/_schedule.py; formulas alone. `sampled.of_function` takes any other.
"""

from __future__ import annotations

from cptlaw.errors import DataError
from cptlaw.schedules.frameworks.phases import Phase, floored, hold, laid
from cptlaw.schedules.segment import Segment


def constant_schedule(value: float, steps: int) -> list[Segment]:
    """`constant_schedule`: one value."""
    return laid([hold(value)], steps)


def linear_schedule(
    init_value: float,
    end_value: float,
    transition_steps: int,
    steps: int,
    transition_begin: int = 0,
) -> list[Segment]:
    """`linear_schedule`: a line between two values."""
    return polynomial_schedule(
        init_value, end_value, 1.0, transition_steps, steps, transition_begin
    )


def polynomial_schedule(
    init_value: float,
    end_value: float,
    power: float,
    transition_steps: int,
    steps: int,
    transition_begin: int = 0,
) -> list[Segment]:
    """`polynomial_schedule`: a power of what is left."""
    kind, end = "linear" if power == 1 else "power", transition_begin + transition_steps
    shape = Phase(kind, end, init_value, end_value, power=power)
    return laid([hold(init_value, transition_begin), shape], steps)


def cosine_decay_schedule(
    init_value: float, decay_steps: int, steps: int | None = None, alpha: float = 0.0
) -> list[Segment]:
    """`cosine_decay_schedule` of exponent 1: half a cosine to alpha times the first value."""
    shape = Phase("cosine", decay_steps, init_value, init_value * alpha)
    return laid([shape], steps or decay_steps)


def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    steps: int,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> list[Segment]:
    """`exponential_decay`: times decay_rate every transition_steps, at once or smoothly."""
    end, begin = max(steps - 1, transition_begin + 1), transition_begin
    if staircase:
        count = (end - begin) // transition_steps + 1
        phases = [
            hold(init_value * decay_rate**i, begin + (i + 1) * transition_steps, jumps=True)
            for i in range(count + 1)
        ]
    else:
        last = init_value * decay_rate ** ((end - begin) / transition_steps)
        phases = [hold(init_value, begin), Phase("exponential", end, init_value, last)]
    found = laid(phases, steps)
    return found if end_value is None or decay_rate >= 1 else floored(found, end_value)


def warmup_constant_schedule(
    init_value: float, peak_value: float, warmup_steps: int, steps: int
) -> list[Segment]:
    """`warmup_constant_schedule`: a line up, then the peak."""
    return laid([Phase("linear", warmup_steps, init_value, peak_value)], steps)


def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    steps: int | None = None,
) -> list[Segment]:
    """`warmup_cosine_decay_schedule` of exponent 1; `decay_steps` counts the warm-up."""
    up = Phase("linear", warmup_steps, init_value, peak_value)
    down = Phase("cosine", decay_steps, peak_value, end_value)
    return laid([up, down], steps or decay_steps)


def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    steps: int,
    transition_begin: int = 0,
    end_value: float | None = None,
) -> list[Segment]:
    """`warmup_exponential_decay_schedule`, smooth: a line up, then equal factors down."""
    begin = warmup_steps + transition_begin
    end = max(steps - 1, begin + 1)
    last = peak_value * decay_rate ** ((end - begin) / transition_steps)
    up = Phase("linear", warmup_steps, init_value, peak_value)
    down = Phase("exponential", end, peak_value, last)
    found = laid([up, hold(peak_value, begin), down], steps)
    return found if end_value is None else [*found[:1], *floored(found[1:], end_value)]


def piecewise_constant_schedule(
    init_value: float, boundaries: tuple[int, ...], scales: tuple[float, ...], steps: int
) -> list[Segment]:
    """`piecewise_constant_schedule`: times a scale from each boundary on."""
    if len(boundaries) != len(scales):
        raise DataError(
            f"{len(boundaries)} boundaries for {len(scales)} scales; give one for each."
        )
    phases, value = list[Phase](), init_value
    for boundary, scale in zip(boundaries, scales, strict=True):
        phases.append(hold(value, boundary, jumps=True))
        value *= scale
    return laid([*phases, hold(value)], steps)


def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> list[Segment]:
    """`cosine_onecycle_schedule`: half a cosine up, half a cosine down."""
    low = peak_value / div_factor
    up = Phase("cosine", int(pct_start * transition_steps), low, peak_value)
    down = Phase(
        "cosine", transition_steps, peak_value, peak_value / (div_factor * final_div_factor)
    )
    return laid([up, down], transition_steps)


def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> list[Segment]:
    """`linear_onecycle_schedule`: a line up, a line back, a line to the last value."""
    low = peak_value / div_factor
    up = Phase("linear", int(pct_start * transition_steps), low, peak_value)
    back = Phase("linear", int(pct_final * transition_steps), peak_value, low)
    last = Phase("linear", transition_steps, low, low / final_div_factor)
    return laid([up, back, last], transition_steps)


NAMES = {
    "constant_schedule": constant_schedule,
    "linear_schedule": linear_schedule,
    "polynomial_schedule": polynomial_schedule,
    "cosine_decay_schedule": cosine_decay_schedule,
    "exponential_decay": exponential_decay,
    "warmup_constant_schedule": warmup_constant_schedule,
    "warmup_cosine_decay_schedule": warmup_cosine_decay_schedule,
    "warmup_exponential_decay_schedule": warmup_exponential_decay_schedule,
    "piecewise_constant_schedule": piecewise_constant_schedule,
    "cosine_onecycle_schedule": cosine_onecycle_schedule,
    "linear_onecycle_schedule": linear_onecycle_schedule,
}
