"""A rule without a law: a branch changes the loss as earlier branches of the same study did.

A branch goes on from a run with known losses. What it ends at is what it starts from, and the mean
change of the fitted branches of the same kind: the same data, and learning rates of the same shape
after the start. The rule knows nothing of lengths and peaks, but a law that it beats has not learnt
from the branches what they show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

Place: TypeAlias = tuple[str, str]
"""A run and the role of a domain."""
_SHARES = np.linspace(0.125, 1.0, 8)  # of a branch's steps at which shapes are compared
_ALIKE = 0.1  # of the LR at the start, by which two shapes may differ
_NEAR = 0.05  # of the base's steps, between a start and the nearest loss measured before it


@dataclass(frozen=True)
class SameChange:
    """What the rule says of the end of one run.

    Args:
        run: its name.
        role: of the domain.
        start: loss that it starts from, nats per token.
        change: mean of what the earlier branches changed it by.
        earlier: their names.
    """

    run: str
    role: str
    start: float
    change: float
    earlier: tuple[str, ...]

    @property
    def final(self) -> float:
        """The loss after the last step."""
        return self.start + self.change


def same_change(study: Study, name: str, role: str) -> SameChange | None:
    """The rule's forecast of a run's end; None where no earlier branch is alike.

    Args:
        study: with the losses that are known.
        name: of the run; its own losses after the start are not looked at.
        role: of a domain of the study.
    """
    run = study.run(name)
    start, shape = _at_start(study, run, role), _shape(study, run)
    if start is None or shape is None:
        return None
    found: dict[str, float] = {}
    for other in study.runs:
        own = _shape(study, other)
        if other.name == name or own is None or _kind(other) != _kind(run):
            continue
        change = _change(study, other, role)
        if change is not None and np.abs(own - shape).max() <= _ALIKE:
            found[other.name] = change
    if not found:
        return None
    return SameChange(name, role, start, float(np.mean(list(found.values()))), tuple(found))


def rule_errors(study: Study, part: Study) -> dict[Place, float]:
    """How far the rule is off at the ends of runs whose end a part of the study lacks.

    Args:
        study: with all losses.
        part: the same runs with those losses that are known.

    Returns:
        (run, role) -> |log forecast - log measured|, where the rule says something.
    """
    found: dict[Place, float] = {}
    for role in study.domains:
        for run in study.runs:
            measured = end_of(study, run.name, role)
            if measured is None or end_of(part, run.name, role) is not None:
                continue
            said = same_change(part, run.name, role)
            if said is not None and said.final > 0:
                found[run.name, role] = abs(float(np.log(said.final / measured)))
    return found


def compared(rule: Mapping[Place, float], law: Mapping[Place, float], name: str) -> Iterator[str]:
    """A sentence for every domain on which both have errors at ends.

    Args:
        rule: of the rule.
        law: of the law at the same ends.
        name: of the law.
    """
    for role in dict.fromkeys(role for _, role in rule):
        places = [place for place in rule if place[1] == role and place in law]
        if places:
            ends = "the end" if len(places) == 1 else f"the ends of {len(places)} runs"
            one, other = (100 * float(np.mean([e[p] for p in places])) for e in (rule, law))
            yield (
                f"{role}: the rule 'the same change as earlier branches' misses {ends} by "
                f"{one:.2g} %, {name} by {other:.2g} %."
            )


def end_of(study: Study, name: str, role: str) -> float | None:
    """The loss after a run's last step, if it was measured."""
    run = study.run(name)
    curve = run.curves.get(study.domains[role]) if role in study.domains else None
    return float(curve.loss[-1]) if curve is not None and curve.steps[-1] == run.steps else None


def _kind(run: Run) -> tuple[object, ...]:
    return run.data, run.replay, run.model_size, run.batch_tokens, run.sequence_length


def _shape(study: Study, run: Run) -> FloatArray | None:
    """LRs along a branch as shares of that before its first step; None for what is no branch."""
    if run.after is None or run.unknown_base is not None or run.schedule is None:
        return None
    before = study.before(run).last_lr
    if not before > 0:
        return None
    steps = np.maximum(np.round(_SHARES * run.steps).astype(np.int64), 1)
    return np.asarray(run.schedule.lr(steps) / before, dtype=np.float64)


def _change(study: Study, run: Run, role: str) -> float | None:
    start, end = _at_start(study, run, role), end_of(study, run.name, role)
    return None if start is None or end is None else end - start


def _at_start(study: Study, run: Run, role: str) -> float | None:
    """The loss that a run starts from: its own first one, or its base's at or just before it."""
    column = study.domains[role]
    own = run.curves.get(column)
    if own is not None and own.steps[0] == 0:
        return float(own.loss[0])
    if run.after is None or run.unknown_base is not None:
        return None
    base = study.run(run.after)
    at = base.steps if run.after_step is None else run.after_step
    curve = base.curves.get(column)
    return None if curve is None else _just_before(curve, at)


def _just_before(curve: Curve, step: int) -> float | None:
    index = int(np.searchsorted(curve.steps, step, side="right")) - 1
    if index < 0 or step - int(curve.steps[index]) > _NEAR * step:
        return None
    return float(curve.loss[index])
