"""What a protocol is: on which runs a law is fitted, and on which it is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

Unit: TypeAlias = Literal["mape", "mae"]


@dataclass(frozen=True)
class Source:
    """Real curves of one place.

    Args:
        name: also the name of its folder, unless it comes with the package.
        studies: its studies by name; each holds every run.
        repeats: pairs of runs of the same schedule with other seeds or batches.
        finals: the loss after the last step by run, nats per token, where it was measured apart.
    """

    name: str
    studies: Mapping[str, Study]
    repeats: tuple[tuple[str, str], ...] = ()
    finals: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        object.__setattr__(self, "studies", MappingProxyType(dict(self.studies)))
        object.__setattr__(self, "finals", MappingProxyType(dict(self.finals)))

    @property
    def study(self) -> Study:
        """The only study."""
        (only,) = self.studies.values()
        return only


@dataclass(frozen=True)
class Candidate:
    """A run that a law may choose among others of its group.

    Args:
        run: its name.
        group: what all of the group share, in words, such as "25000 steps".
        final: its measured loss after the last step, nats per token.
    """

    run: str
    group: str
    final: float


@dataclass(frozen=True)
class Split:
    """One way to fit on a part of a study and score the rest.

    Args:
        name: what tells it from the other splits of its protocol.
        study: the runs that are fitted or scored, with their losses.
        fitted: the same with the losses that the law is fitted to.
        scored: run -> the last step, of its own, that is not scored.
        candidates: the runs to choose from; none for the scored runs of one length.
        domain: what results call the domain, where the study's role does not say it.
    """

    name: str
    study: Study
    fitted: Study
    scored: Mapping[str, int]
    candidates: tuple[Candidate, ...] = ()
    domain: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "scored", MappingProxyType(dict(self.scored)))
        for run in self.scored:
            self.study.run(run)


@dataclass(frozen=True)
class Protocol:
    """A named way to judge laws on the curves of one source.

    Args:
        name: as asked for by --protocol.
        source: name of the source.
        fitted: what the laws are fitted to, in words.
        scored: what they have to predict, in words.
        splits: the splits of the loaded source; a figure of the protocol is their mean.
        unit: which error is its main figure.
        apart: whether its splits are also shown one by one.
    """

    name: str
    source: str
    fitted: str
    scored: str
    splits: Callable[[Source], tuple[Split, ...]]
    unit: Unit = "mape"
    apart: bool = False


@dataclass(frozen=True)
class Room:
    """A source before it is read, with its protocols.

    Args:
        name: of the source.
        title: what it is, in words.
        load: reads it, given its folder; one that comes with the package needs none.
        protocols: what is measured on it.
        bundled: whether it comes with the package.
    """

    name: str
    title: str
    load: Callable[[Path], Source]
    protocols: tuple[Protocol, ...]
    bundled: bool = False


def scheduled(run: Run, name: str, schedule: Schedule) -> Run:
    """The run under that name with a schedule that must agree with its logged LR.

    One logged LR may differ: that of the step at which it jumps, or after the last.

    Args:
        run: as its log was read.
        name: its new name.
        schedule: LR of every step.

    Raises:
        DataError: more of the logged LRs are others.
    """
    logged = run.logged_lr
    if logged is not None:
        inside = (logged.steps >= 1) & (logged.steps <= schedule.steps)
        steps, lr = logged.steps[inside], logged.lr[inside]
        off = np.flatnonzero(np.abs(schedule.lr(steps) - lr) > 1e-6 * schedule.peak)
        if off.size > 1:
            raise DataError(
                f"{run.origin}: step {steps[off[0]]} has LR {lr[off[0]]:g}, but its schedule says "
                f"{schedule.lr(steps[off[0]]):g}. Is it the file {name} of that source?"
            )
    return replace(run, name=name, schedule=schedule)


def keeping(study: Study, cuts: Mapping[str, int | None]) -> Study:
    """The study with the losses of the named runs only, up to a step where one is given.

    Args:
        study: the runs.
        cuts: run -> last step, of its own, whose loss is kept; None for all.

    Raises:
        DataError: a run is unknown or has no loss before its step.
    """
    kept = study.without([run.name for run in study.runs if run.name not in cuts])
    for name, last in cuts.items():
        run = study.run(name)
        if last is None:
            continue
        curves = {
            column: curve.only(curve.steps <= last)
            for column, curve in run.curves.items()
            if curve.steps[0] <= last
        }
        if not curves:
            raise DataError(f"run '{name}' has no loss in its first {last} steps.")
        cut = replace(run, curves=curves)
        kept = replace(kept, runs=tuple(cut if r.name == name else r for r in kept.runs))
    return kept


def split(
    name: str,
    study: Study,
    fit: Iterable[str] | Mapping[str, int | None],
    score: Iterable[str] | Mapping[str, int],
    candidates: tuple[Candidate, ...] = (),
    domain: str = "",
) -> Split:
    """A split from names.

    Args:
        name: of the split.
        study: every run, with its losses.
        fit: the fitted runs; as a mapping, with the last step that is fitted.
        score: the scored runs; as a mapping, with the last step that is not scored.
        candidates: the runs to choose from.
        domain: what results call the domain.

    Raises:
        DataError: a run is unknown.
    """
    cuts = dict(fit) if isinstance(fit, Mapping) else dict.fromkeys(fit)
    after = dict(score) if isinstance(score, Mapping) else dict.fromkeys(score, 0)
    whole = keeping(study, dict.fromkeys([*cuts, *after]))
    return Split(name, whole, keeping(study, cuts), after, candidates, domain)
