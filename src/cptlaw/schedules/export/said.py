"""A schedule in a framework's own words: which of its schedules has these learning rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cptlaw.errors import DataError
from cptlaw.schedules import frameworks
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import Segment

_CLOSE = 1e-9  # of the peak
_WSD = {"linear": "linear", "cosine": "cosine", "sqrt": "1-sqrt"}
_MEGATRON = {"linear": "linear", "cosine": "cosine", "sqrt": "minus_sqrt"}


@dataclass(frozen=True)
class Said:
    """A framework's schedule that has the learning rates of another.

    Args:
        name: as the framework calls it.
        arguments: as the framework calls them.
        is_late: whether it has them one step later, after a first step at the LR before them.
    """

    name: str
    arguments: dict[str, Any]
    is_late: bool

    @property
    def late(self) -> str:
        """A sentence on the step by which it is late; empty where it is not."""
        if not self.is_late:
            return ""
        return "Every step has the learning rate that was planned for the step before it."


@dataclass(frozen=True)
class _Parts:
    """A warm-up, a stable part and a decay, each of which may be missing."""

    steps: int
    peak: float
    warmup: int
    stable: int
    decay: Segment | None


def by_transformers(schedule: Schedule) -> Said:
    """The scheduler of transformers with these learning rates.

    Raises:
        DataError: it has none, and what to write in its place.
    """
    return _said("transformers", schedule, _of_transformers)


def by_megatron(schedule: Schedule) -> Said:
    """The decay style of Megatron-LM with these learning rates.

    Raises:
        DataError: it has none.
    """
    return _said("megatron", schedule, _of_megatron)


def by_axolotl(schedule: Schedule) -> Said:
    """The scheduler of Axolotl, its own or one of transformers, with these learning rates.

    Raises:
        DataError: it has none, and what to write in its place.
    """
    try:
        return by_transformers(schedule)
    except DataError:
        return _said("axolotl", schedule, _of_axolotl)


def _said(framework: str, schedule: Schedule, tries: Any) -> Said:
    parts = _parts(schedule)
    for name, arguments in () if parts is None else tries(parts):
        try:
            own = Schedule(frameworks.segments(framework, name, **arguments)).lr()
        except DataError:
            continue
        late = _late(schedule.lr(), own, schedule.segments[0].start)
        if late is not None:
            return Said(name, arguments, late)
    called = {"megatron": "Megatron-LM", "axolotl": "Axolotl"}.get(framework, framework)
    instead = (
        "" if framework == "megatron" else " Write it as a .py file, a LambdaLR that has them."
    )
    raise DataError(f"{called} has no schedule with the learning rates of this one.{instead}")


def _late(planned: np.ndarray[Any, Any], own: np.ndarray[Any, Any], before: float) -> bool | None:
    """Whether a framework's LRs come one step late; None where they are others."""
    if own.size != planned.size:
        return None
    off = _CLOSE * planned.max()
    if (np.abs(own - planned) <= off).all():
        return False
    is_shifted = (np.abs(own[1:] - planned[:-1]) <= off).all()
    return True if is_shifted and own[0] <= max(planned[0], before) + off else None


def _parts(schedule: Schedule) -> _Parts | None:
    """The parts of a schedule that frameworks have words for."""
    rest, warmup, stable = list(schedule.segments), 0, 0
    if len(rest) > 1 and rest[0].run_steps == 1 and rest[0].last == 0:
        rest = rest[1:]  # the first step of frameworks that begin at 0
    if rest[0].kind == "warmup":
        warmup = round(rest[0].steps - rest[0].first + 1.0)
        rest = rest[1:]
    if rest and rest[0].kind == "constant":
        stable, rest = rest[0].run_steps, rest[1:]
    if len(rest) > 1:
        return None
    decay = rest[0] if rest else None
    peak = schedule.peak if decay is None else max(schedule.peak, decay.start)
    return _Parts(schedule.steps, peak, warmup, stable, decay)


def _of_transformers(p: _Parts) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {"lr": p.peak, "num_warmup_steps": p.warmup, "num_training_steps": p.steps}
    if p.decay is None:
        if not p.warmup:
            yield "constant", {"lr": p.peak, "num_training_steps": p.steps}
        yield "constant_with_warmup", given
        return
    kind, end = p.decay.kind, p.decay.end
    if kind in _WSD and (p.stable or kind == "sqrt"):
        last = p.steps - p.warmup - p.stable
        for decay in (last, last + 1):  # one of these, by whether the first step counts
            yield (
                "warmup_stable_decay",
                {
                    **given,
                    "num_decay_steps": decay,
                    "decay_type": _WSD[kind],
                    "min_lr_ratio": end / p.peak,
                },
            )
    elif kind == "linear" and not end:
        yield "linear", given
    elif kind in ("linear", "power"):
        yield "polynomial", {**given, "lr_end": end, "power": p.decay.power}
    elif kind == "cosine" and not end:
        yield "cosine", given
    elif kind == "cosine":
        yield "cosine_with_min_lr", {**given, "min_lr": end}
    elif kind == "inverse_sqrt":
        yield "inverse_sqrt", {**given, "timescale": p.decay.timescale}


def _of_axolotl(p: _Parts) -> Iterator[tuple[str, dict[str, Any]]]:
    if p.decay is not None and p.decay.kind == "rex":
        yield (
            "rex",
            {
                "learning_rate": p.peak,
                "max_steps": p.steps,
                "warmup_steps": p.warmup,
                "cosine_min_lr_ratio": p.decay.end / p.peak,
            },
        )


def _of_megatron(p: _Parts) -> Iterator[tuple[str, dict[str, Any]]]:
    given = {"lr": p.peak, "train_iters": p.steps, "lr_warmup_iters": p.warmup}
    if p.decay is None:
        yield "constant", given
        return
    kind = p.decay.kind
    low = {"min_lr": p.decay.end}
    if kind in ("linear", "cosine") and not p.stable:
        yield kind, {**given, **low}
    if kind == "inverse_sqrt" and p.decay.timescale == p.warmup:
        yield "inverse-square-root", given
    is_half = kind == "exponential" and p.decay.ratio == 0.5
    style = "exponential" if is_half else _MEGATRON.get(kind)
    if style is not None:
        last = p.steps - p.warmup - p.stable
        for decay in (last, last + 1):
            more = {"lr_wsd_decay_iters": decay, "lr_wsd_decay_style": style}
            yield "WSD", {**given, **low, **more}
