"""What a source of real curves is, and its protocols: what is fitted there, what is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from cptlaw.studies.study import Study

Unit: TypeAlias = Literal["mape", "mae"]


@dataclass(frozen=True)
class Curves:
    """The curves of a source, as they were read.

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
        splits: the splits of the curves; a figure of the protocol is their mean.
        unit: which error is its main figure.
        apart: whether its splits are also shown one by one.
    """

    name: str
    source: str
    fitted: str
    scored: str
    splits: Callable[[Curves], tuple[Split, ...]]
    unit: Unit = "mape"
    apart: bool = False


@dataclass(frozen=True)
class Origin:
    """Where curves that do not come with the package are from, and how their folder is laid out.

    Args:
        address: of what their authors published.
        licence: of that.
        layout: the files of the folder, in words.
    """

    address: str
    licence: str
    layout: str


@dataclass(frozen=True)
class Source:
    """A source before it is read, with its protocols.

    Args:
        name: of the source.
        title: what it is, in words.
        load: reads it, given its folder; one that comes with the package needs none.
        protocols: what is measured on it.
        bundled: whether it comes with the package.
        origin: where the curves are from, if they do not.
    """

    name: str
    title: str
    load: Callable[[Path], Curves]
    protocols: tuple[Protocol, ...]
    bundled: bool = False
    origin: Origin | None = None
