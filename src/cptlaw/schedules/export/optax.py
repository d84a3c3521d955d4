"""A schedule as a Python module for Optax that needs no cptlaw."""

from __future__ import annotations

from cptlaw.schedules.export.python import fields_of
from cptlaw.schedules.schedule import Schedule

_MODULE = '''\
"""The learning rates of a training run of {steps} optimiser steps, planned with cptlaw.

{words}

The highest is {peak:g}, the last {final:g}. With Optax:

    import {name}

    optimizer = optax.adamw({name}.schedule)

`schedule(count)` is the learning rate of the first step at count 0; past the last step it is held.
JAX works in 32 bits, where it has 7 digits, unless jax_enable_x64 is set.
"""

import jax.numpy as jnp
import optax

# last step, kind, steps of the whole shape, LR before it, LR at its end,
# power or time scale or ratio or the LR of every step, steps of the shape that are left out
SEGMENTS = (
{segments}
)
STEPS = SEGMENTS[-1][0]


def share(p, kind, steps, more):
    """Which share of the way from the start to the end is done at a share p of the steps."""
    if kind == "cosine":
        return 0.5 * (1.0 - jnp.cos(jnp.pi * p))
    if kind == "sqrt":
        return jnp.sqrt(p)
    if kind == "power":
        return 1.0 - (1.0 - p) ** more
    if kind == "curve":
        return p**more
    if kind == "exponential":
        return (1.0 - more**p) / (1.0 - more)
    if kind == "log":
        return jnp.log(p * steps) / jnp.log(1.0 * steps)
    if kind == "rex":
        return 1.0 - (1.0 - p) / (more + (1.0 - more) * (1.0 - p))
    return p


def piece(steps_run, kind, steps, start, end, more, shift):
    """The learning rate of one segment by its own count from 0."""

    def rate(count):
        k = jnp.clip(count + 1.0, 1.0, steps_run) + shift
        p = k / steps
        if kind == "constant":
            return jnp.full_like(p, end)
        if kind == "array":
            return jnp.asarray(more)[jnp.round(k).astype(int) - 1]
        if kind == "inverse_sqrt":
            return start / jnp.sqrt(1.0 + k / more)
        if kind == "inverse":
            return end + (start - end) * (1.0 + k / more[0]) ** -more[1]
        if kind == "exponential" and not more:
            return start * (end / start) ** p
        value = start + (end - start) * share(jnp.minimum(p, 1.0), kind, steps, more)
        return jnp.where(p >= 1.0, end, value)

    return rate


ENDS = [segment[0] for segment in SEGMENTS]
LENGTHS = [last - first for first, last in zip([0, *ENDS], ENDS)]
schedule = optax.join_schedules(
    [piece(length, *segment[1:]) for length, segment in zip(LENGTHS, SEGMENTS)], ENDS[:-1]
)
'''


def optax_text(schedule: Schedule, name: str) -> str:
    """A Python module with `schedule`, a function of the count that Optax takes for an LR.

    Args:
        schedule: what to write.
        name: of the module.

    Raises:
        DataError: a name that cannot be imported.
    """
    return _MODULE.format(**fields_of(schedule, name))
