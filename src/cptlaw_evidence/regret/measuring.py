"""What the choices of laws cost on real runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cptlaw.errors import DataError
from cptlaw.laws.catalog import CHOSEN, paper
from cptlaw_evidence import fits
from cptlaw_evidence.laws import FIELD
from cptlaw_evidence.regret.choices import PROTOCOLS, Choice, choices_of
from cptlaw_evidence.regret.decisions import Decision, decide
from cptlaw_evidence.sources.loading import LeftOut, load
from cptlaw_evidence.sources.repeats import final_noise

_PAPERS = tuple(entry.name for entry in paper.ENTRIES if not entry.traits.paper_for)
LAWS = ("effective", *CHOSEN, *_PAPERS, *FIELD)
"""Every law that fits these curves; "paper" is the one of its laws that each study asks for."""


@dataclass(frozen=True)
class Regret:
    """What the choices of laws cost.

    Args:
        laws: as asked for.
        choices: all there were.
        decisions: of every law on every choice that it could be fitted for.
        noise: source -> domain -> how far a run's final loss lies from the mean of such runs, nats.
        left_out: what was not done.
        jobs: processes.
        seconds: it took.
    """

    laws: tuple[str, ...]
    choices: tuple[Choice, ...]
    decisions: tuple[Decision, ...]
    noise: Mapping[str, Mapping[str, float]]
    left_out: tuple[LeftOut, ...]
    jobs: int
    seconds: float


def measure(
    laws: Sequence[str] = LAWS,
    data: Path | None = None,
    *,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Regret:
    """Let laws that were fitted to a few runs choose among all that exist.

    Args:
        laws: names that `fit` takes.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        progress: is told of what is done.

    Raises:
        DataError: broken curves, or no law that could be fitted.
        FitError: a process ended on its own.
    """
    began = time.perf_counter()
    laws, loaded = tuple(dict.fromkeys(laws)), load(PROTOCOLS, data)
    protocols = sorted(loaded.protocols, key=lambda p: PROTOCOLS.index(p.name))
    choices = {p.name: choices_of(p.name, loaded.curves[p.source]) for p in protocols}
    every = tuple(choice for some in choices.values() for choice in some)
    found, failed = fits.collected(loaded, laws, data, jobs, partial(decide, choices), progress)
    if not found:
        raise DataError(f"no law could choose. {failed[0]['why']}")
    order = {choice.key: i for i, choice in enumerate(every)}
    found.sort(key=lambda d: (order[d.choice.key], laws.index(d.law)))
    noise = {name: final_noise(curves) for name, curves in loaded.curves.items()}
    left_out = (*loaded.left_out, *failed)
    seconds = time.perf_counter() - began
    return Regret(laws, every, tuple(found), noise, left_out, jobs, seconds)
