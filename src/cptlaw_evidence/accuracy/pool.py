"""One fit for all splits that share it, here or on several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cptlaw.errors import CptlawError, FitError, first_line
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.studies.study import Study
from cptlaw_evidence.accuracy.judging import judge
from cptlaw_evidence.accuracy.metrics import Outcome
from cptlaw_evidence.accuracy.protocol import Split
from cptlaw_evidence.accuracy.rooms import load
from cptlaw_evidence.laws.baselines import BASELINES, fit_baseline

DEFAULT = "default"
T = TypeVar("T")
Splits: TypeAlias = Mapping[str, tuple[Split, ...]]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """One fit of a law, and the splits (protocol, index) that it serves."""

    law: str
    uses: tuple[tuple[str, int], ...]


def tasks(splits: Splits, laws: Sequence[str]) -> list[Task]:
    """A task for each law and each set of fitted losses, which protocols may share."""
    alike: dict[str, list[tuple[str, int]]] = {}
    for protocol, some in splits.items():
        for index, split in enumerate(some):
            alike.setdefault(split.fitted.fingerprint, []).append((protocol, index))
    return [Task(law, tuple(uses)) for uses in alike.values() for law in laws]


def do(task: Task, splits: Splits) -> tuple[Outcome, ...]:
    """Fit once and judge on every split of the task; what goes wrong is said in the outcomes."""
    protocol, index = task.uses[0]
    began = time.perf_counter()
    try:
        fitted = _fitted(splits[protocol][index].fitted, task.law)
    except Exception as error:  # one law's trouble must not cost the results of the others
        return tuple(_outcome(task, splits, use, why=_reason(error)) for use in task.uses)
    seconds = time.perf_counter() - began
    names = ", ".join(dict.fromkeys(domain.law.name for domain in fitted.domains.values()))
    out: list[Outcome] = []
    for use in task.uses:
        found: dict[str, Any] = {"chosen": names, "seconds": seconds}
        try:
            errors, forecasts = judge(splits[use[0]][use[1]], fitted)
            found |= {"errors": errors, "forecasts": forecasts}
        except Exception as error:
            found |= {"why": _reason(error)}
        out.append(_outcome(task, splits, use, **found))
    return tuple(out)


def _fitted(study: Study, law: str) -> Fit:
    if law in BASELINES:
        return fit_baseline(study, law)
    return fit(study, None if law == DEFAULT else law)


def _reason(error: Exception) -> str:
    if isinstance(error, CptlawError):
        return f"does not apply: {error}"
    return f"failed, a bug: {type(error).__name__}: {first_line(error)}"


def _outcome(task: Task, splits: Splits, use: tuple[str, int], **found: Any) -> Outcome:
    protocol, index = use
    return Outcome(protocol, index, splits[protocol][index].name, task.law, **found)


def run(
    todo: Sequence[Task],
    splits: Splits,
    data: Path | None,
    jobs: int,
    work: Callable[[Task, Splits], T],
) -> Generator[T]:
    """What each task gives, in the order in which they end.

    Args:
        todo: the tasks.
        splits: of every protocol.
        data: folder of curves, which each process reads for itself.
        jobs: processes; 1 stays in this one.
        work: what is done for each task, such as `do`; a function of a module.

    Raises:
        FitError: a process ended on its own.
    """
    if jobs == 1:
        yield from (work(task, splits) for task in todo)
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        jobs, multiprocessing.get_context("spawn"), _begin, (tuple(splits), data)
    )
    try:
        for future in as_completed(_submitted(pool, todo, work)):
            yield future.result()
    except BaseException as error:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            said = "a process ended on its own; out of memory? Try fewer: --jobs 1."
            raise FitError(said) from None
        raise
    pool.shutdown()


def _submitted(
    pool: ProcessPoolExecutor, todo: Sequence[Task], work: Callable[[Task, Splits], Any]
) -> list[Any]:
    """Futures; the processes that this starts take one thread each for their linear algebra."""
    given = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update({name: value or "1" for name, value in given.items()})
    try:
        return [pool.submit(_work, work, task) for task in todo]
    finally:
        for name, value in given.items():
            if value is None:
                del os.environ[name]


_splits: dict[str, tuple[Split, ...]] = {}


def _begin(protocols: tuple[str, ...], data: Path | None) -> None:
    """Read, in a process of the pool, what its tasks will need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    _splits.update(load(protocols, data).splits)


def _end_with_the_first() -> None:
    """Nobody would stop this process if the first were killed."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        os._exit(1)


def _work(work: Callable[[Task, Splits], T], task: Task) -> T:
    return work(task, _splits)
