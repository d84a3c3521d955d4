"""First runs where there are no data at all: what each kind of run identifies is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.choosing import Pilot, Pilots
from cptlaw.errors import DataError
from cptlaw.page import number, typed
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.usual import rounded, usual_schedules, usual_warmup
from cptlaw.studies.runs import UNKNOWN, Data, Run

_SHORTEST = 50  # steps of a continuation, below which its curve says little
_REPLAY = 0.25
_WHY_REPLAY = (
    f"One replay share ({number(_REPLAY, 6)}) beside 0: how much it spares the old domain and "
    "costs the new one."
)


@dataclass(frozen=True)
class _Kind:
    """One of the first runs: its length in units of the base, and what it is for."""

    name: str
    share: float
    reason: str
    schedule: Callable[[float, int], Schedule]
    after: str | None = "base"
    data: Data = "cpt"
    replay: float = 0.0
    start: float = 1.0  # share of the base's steps


def _usual(kind: str, times: float = 1.0) -> Callable[[float, int], Schedule]:
    return lambda peak, steps: usual_schedules(peak, times * peak, steps)[kind]


def _warmed(kind: str, times: float = 1.0) -> Callable[[float, int], Schedule]:
    """The same from an LR of 0, where an open model ended."""
    return lambda peak, steps: usual_schedules(0.0, times * peak, steps)[kind]


def _base(peak: float, steps: int) -> Schedule:
    return Schedule.constant(peak, steps, usual_warmup(steps))


_KINDS = (
    _Kind(
        "base",
        1.0,
        "The pre-training at a constant LR: all others go on from it, and any of its checkpoints "
        "can be a start.",
        _base,
        None,
        "pt",
    ),
    _Kind(
        "annealed",
        0.2,
        "A branch of the base whose LR falls to 0: annealing shows nowhere else in the "
        "pre-training, and one smooth cosine would not tell it apart from progress.",
        Schedule.linear,
        data="pt",
        start=0.8,
    ),
    _Kind(
        "cpt-const",
        0.4,
        "CPT at a constant LR: the shift alone, without annealing.",
        _usual("const"),
    ),
    _Kind(
        "cpt-twostage",
        0.4,
        "The same start with one abrupt drop of the LR: that identifies annealing on the new data "
        "where a smooth decay does not.",
        _usual("twostage"),
    ),
    _Kind(
        "cpt-replay",
        0.4,
        _WHY_REPLAY,
        _usual("const"),
        replay=_REPLAY,
    ),
    _Kind(
        "cpt-half",
        0.4,
        "A second peak, half the first, ending at 0: two peaks identify how the loss's floor "
        "moves with the LR.",
        _usual("wsd", 0.5),
    ),
    _Kind(
        "cpt-early",
        0.4,
        "A second start, at half the base's steps: how what is forgotten and learned depends on "
        "the start.",
        _usual("const"),
        start=0.5,
    ),
)
_NEEDED = 4  # of them, in order
_AFTER_OPEN = (
    _Kind(
        "cpt-twostage",
        1.0,
        "CPT with one abrupt drop of the LR: it parts what the LR's fall brings from what the "
        "steps bring, which a smooth decay does not.",
        _warmed("twostage"),
    ),
    _Kind(
        "cpt-half",
        1.0,
        "A second peak, half the first, ending at 0: with one peak what another does is anyone's "
        "guess.",
        _warmed("wsd", 0.5),
    ),
    _Kind(
        "cpt-replay",
        1.0,
        _WHY_REPLAY,
        _warmed("wsd"),
        replay=_REPLAY,
    ),
)
_NEEDED_AFTER_OPEN = 2
_OF_PRE_TRAINING = 0.5  # the first peak of a CPT, as a share of what is usual of a pre-training


def first_pilots(
    model_size: float,
    budget: Budget | str,
    *,
    peak: float | None = None,
    batch_tokens: float | None = None,
    sequence_length: int | None = None,
    unknown: str | None = None,
) -> Pilots:
    """A first set of runs for a model: what a fit needs, within a budget.

    Of an open model nothing is pre-trained: they are CPT runs alone.

    Args:
        model_size: non-embedding parameters.
        budget: what all of them may cost together, such as "10000steps" or "4e9tokens".
        peak: peak LR of the base, or of the CPT of an open model; left out, one that is usual for
            the size.
        batch_tokens: tokens per step; needed for a budget in tokens or FLOPs.
        sequence_length: tokens per sequence.
        unknown: name of the open model that all of them go on from; None to pre-train a base.

    Raises:
        DataError: a value out of range, tokens without a batch, or a budget too small for a base,
            its annealed branch and two continuations, or for two continuations of an open model.
    """
    _check(model_size, peak)
    budget = Budget.parse(budget) if isinstance(budget, str) else budget
    one = Run(
        "base",
        schedule=Schedule.constant(1.0, 1),
        model_size=model_size,
        batch_tokens=batch_tokens,
        sequence_length=sequence_length,
    )
    total = int(budget.amount / budget.cost(one))
    every = _KINDS if unknown is None else _after(unknown)
    kinds = _affordable(total, budget, every)
    base = int(total / sum(kind.share for kind in kinds))
    notes: list[str] = []
    if peak is None:
        peak = usual_peak(model_size) * (1.0 if unknown is None else _OF_PRE_TRAINING)
        whose = "" if unknown is None else "half of "
        notes.append(
            f"The peak LR of {number(peak, 6)} is {whose}one that is usual for the size; put "
            "your own (--peak)."
        )
    notes += [] if unknown is None else _OF_OPEN
    if len(kinds) < len(every):
        left = ", ".join(kind.name for kind in every[len(kinds) :])
        notes.append(f"Left out, as the budget would make all runs too short: {left}.")
    runs: dict[str, Run] = {}
    for kind in kinds:
        runs[kind.name] = _run(kind, one, base, rounded(peak), runs)
    pilots = [Pilot(runs[kind.name], budget.cost(runs[kind.name]), kind.reason) for kind in kinds]
    return Pilots(tuple(pilots), budget, notes=tuple(notes))


def _check(model_size: float, peak: float | None) -> None:
    if not 0 < model_size < math.inf:
        raise DataError(
            f"model_size = {typed(model_size)}; expected a number of parameters above 0."
        )
    if peak is not None and not 0 < peak < 1:
        raise DataError(f"peak = {typed(peak)}; expected a learning rate between 0 and 1.")


def usual_peak(model_size: float) -> float:
    """A peak LR that is usual for a model of that many non-embedding parameters."""
    value = min(1e-3, 6e-4 * (125e6 / model_size) ** 0.4)
    digits = 1 - math.ceil(math.log10(value))
    return round(value, digits + 1)


_OF_OPEN = (
    "Evaluate before the first step too, on D_cpt and on a general text set (C4, FineWeb), which "
    "stands for the data of the pre-training: name its loss pt in the study.",
    "If the schedule of the open model's pre-training is public, make the model a run of the study "
    "with that schedule and no log, and let the others go on from it: that is better than unknown.",
)


def _after(name: str) -> tuple[_Kind, ...]:
    """Runs that go on from an open model."""
    return tuple(replace(kind, after=f"{UNKNOWN}{name}") for kind in _AFTER_OPEN)


def _affordable(total: int, budget: Budget, every: tuple[_Kind, ...]) -> tuple[_Kind, ...]:
    """As many kinds as leave every continuation long enough, the needed ones first."""
    pre_trained = every[0].after is None
    needed = _NEEDED if pre_trained else _NEEDED_AFTER_OPEN
    for count in range(len(every), needed - 1, -1):
        kinds = every[:count]
        base = int(total / sum(kind.share for kind in kinds))
        if min(int(kind.share * base) for kind in kinds) >= _SHORTEST:
            return kinds
    least = math.ceil(_SHORTEST / min(k.share for k in every[:needed]))
    steps = math.ceil(least * sum(kind.share for kind in every[:needed])) + pre_trained
    what = "a base, its annealed branch and two continuations" if pre_trained else "two CPT runs"
    raise DataError(
        f"the budget of {budget.text} is {total} steps; {what} need {steps} or more. Give more, "
        "or a smaller batch (--batch-tokens)."
    )


def _run(kind: _Kind, one: Run, length: int, peak: float, runs: Mapping[str, Run]) -> Run:
    steps, at = int(kind.share * length), int(kind.start * length)
    base = runs.get(kind.after or "")  # none of an open model
    return replace(
        one,
        name=kind.name,
        schedule=kind.schedule(peak, steps),
        data=kind.data,
        after=kind.after,
        after_step=at if base is not None and at < base.steps else None,
        replay=kind.replay,
    )
