"""Every law on every protocol, as one value for JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError
from cptlaw_evidence import fits
from cptlaw_evidence.accuracy.errors import judge
from cptlaw_evidence.accuracy.rows import Outcome, rows_of
from cptlaw_evidence.laws import FIELD
from cptlaw_evidence.laws.baselines import BASELINES
from cptlaw_evidence.sources import listed
from cptlaw_evidence.sources.loading import SOURCES, Loaded, load
from cptlaw_evidence.sources.repeats import noise
from cptlaw_evidence.sources.source import Protocol

LAWS = ("effective", "auto", "average", "paper", *FIELD, *BASELINES)
"""What is compared where nothing is named."""


def measure(
    laws: Sequence[str] = LAWS,
    protocols: Sequence[str] = (),
    data: Path | None = None,
    *,
    jobs: int = 1,
    floor: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Fit laws on parts of real curves and score their forecasts of the rest.

    Args:
        laws: names that `fit` takes; "default" is what it takes when none is given.
        protocols: names; none for all.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        floor: fit to the scored losses too, so that the errors are those that the form of a law
            leaves.
        progress: is told of every protocol and law that is done.

    Raises:
        DataError: an unknown protocol, broken curves, nothing to measure, or no law that applies.
        FitError: a process ended on its own.
    """
    began = time.perf_counter()
    laws, loaded = list(dict.fromkeys(laws)), load(protocols, data)
    todo = fits.tasks(loaded.splits, laws, floor)
    progress(f"{len(todo)} fits, {jobs} at a time ...")
    found = _measured(loaded, todo, data, jobs, progress)
    rows = [row for p in loaded.protocols for law in laws for row in found[p.name, law]]
    if all(row["domain"] is None for row in rows):
        raise DataError(f"no law could be scored on any protocol. {rows[0]['why']}")
    return {
        "rows": rows,
        "protocols": [_protocol_json(p, loaded) for p in loaded.protocols],
        "left_out": [dict(one) for one in loaded.left_out],
        "noise": {name: noise(curves) for name, curves in loaded.curves.items()},
        "sources": {s.name: s.title for s in SOURCES if s.name in loaded.curves},
        "laws": laws,
        "benchmark": listed.benchmark(loaded),
        "of_form": floor,
        "jobs": jobs,
        "seconds": time.perf_counter() - began,
    }


def outcomes_of(task: fits.Task, splits: fits.Splits) -> tuple[Outcome, ...]:
    """Fit once and judge on every split of the task; what goes wrong is said in the outcomes."""
    began = time.perf_counter()
    try:
        fitted = fits.fitted(task, splits)
    except Exception as error:  # one law's trouble must not cost the results of the others
        return tuple(_outcome(task, splits, use, why=fits.reason(error)) for use in task.uses)
    seconds = time.perf_counter() - began
    names = ", ".join(dict.fromkeys(domain.law.name for domain in fitted.domains.values()))
    out: list[Outcome] = []
    for use in task.uses:
        found: dict[str, Any] = {"chosen": names, "seconds": seconds}
        try:
            errors, forecasts = judge(splits[use[0]][use[1]], fitted)
            found |= {"errors": errors, "forecasts": forecasts}
        except Exception as error:
            found |= {"why": fits.reason(error)}
        out.append(_outcome(task, splits, use, **found))
    return tuple(out)


def _outcome(task: fits.Task, splits: fits.Splits, use: tuple[str, int], **found: Any) -> Outcome:
    protocol, index = use
    return Outcome(protocol, index, splits[protocol][index].name, task.law, **found)


def _measured(
    loaded: Loaded,
    todo: Sequence[fits.Task],
    data: Path | None,
    jobs: int,
    progress: Callable[[str], None],
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(protocol, law) -> its rows."""
    noises = {name: noise(curves) for name, curves in loaded.curves.items()}
    waiting = _Waiting(loaded, todo)
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with closing(fits.run(todo, loaded.splits, data, jobs, outcomes_of)) as results:
        for outcomes in results:
            for protocol, law, found in waiting.take(outcomes):
                made = rows_of(protocol, law, found, noises[protocol.source])
                rows[protocol.name, law] = made
                progress(f"{len(rows)} of {waiting.count}: {_said(made)}")
    return rows


class _Waiting:
    """Outcomes, until a protocol is complete for a law."""

    def __init__(self, loaded: Loaded, todo: Sequence[fits.Task]) -> None:
        self._protocols = {p.name: p for p in loaded.protocols}
        self._found: dict[tuple[str, str], list[Outcome]] = {
            (protocol, task.law): [] for task in todo for protocol, _ in task.uses
        }
        self._splits = {name: len(splits) for name, splits in loaded.splits.items()}

    @property
    def count(self) -> int:
        """Protocols times laws."""
        return len(self._found)

    def take(self, outcomes: Sequence[Outcome]) -> Iterator[tuple[Protocol, str, list[Outcome]]]:
        """What these complete."""
        for outcome in outcomes:
            found = self._found[outcome.protocol, outcome.law]
            found.append(outcome)
            if len(found) == self._splits[outcome.protocol]:
                yield self._protocols[outcome.protocol], outcome.law, found


def _protocol_json(protocol: Protocol, loaded: Loaded) -> dict[str, Any]:
    names = ("name", "source", "fitted", "scored", "unit", "apart")
    splits = len(loaded.splits[protocol.name])
    return {**{name: getattr(protocol, name) for name in names}, "splits": splits}


def _said(rows: Sequence[Mapping[str, Any]]) -> str:
    first = rows[0]
    head = f"{first['protocol']}, {first['law']}"
    if first["domain"] is None:
        return f"{head}: {first['why']}"
    known = ", ".join(f"{row['domain']} {100 * row['mape']:.2f} %" for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{head}: MAPE {known}{more}"
