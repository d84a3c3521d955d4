"""One fit for all splits that share it, here or on several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from cptlaw.errors import CptlawError, FitError, first_line
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.studies.study import Study
from cptlaw_evidence.laws.baselines import BASELINES, fit_baseline
from cptlaw_evidence.sources.loading import LeftOut, Loaded, load
from cptlaw_evidence.sources.source import Split

DEFAULT = "default"
T = TypeVar("T")
Splits: TypeAlias = Mapping[str, tuple[Split, ...]]
Found: TypeAlias = tuple[list[T], list[LeftOut]]
"""What was found, and what could not be, and why."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """One fit of a law, and the splits (protocol, index) that it serves.

    With `everything` the losses that are scored are fitted too.
    """

    law: str
    uses: tuple[tuple[str, int], ...]
    everything: bool = False

    def study(self, splits: Splits) -> Study:
        """What is fitted."""
        protocol, index = self.uses[0]
        split = splits[protocol][index]
        return split.study if self.everything else split.fitted


def tasks(splits: Splits, laws: Sequence[str], everything: bool = False) -> list[Task]:
    """A task for each law and each set of fitted losses, which protocols may share.

    Args:
        splits: of every protocol.
        laws: names.
        everything: whether the losses that are scored are fitted too.
    """
    alike: dict[str, list[tuple[str, int]]] = {}
    for protocol, some in splits.items():
        for index, split in enumerate(some):
            fitted = split.study if everything else split.fitted
            alike.setdefault(fitted.fingerprint, []).append((protocol, index))
    return [Task(law, tuple(uses), everything) for uses in alike.values() for law in laws]


def fit_of(study: Study, law: str) -> Fit:
    """A law, the default one or a baseline, fitted to a study.

    Raises:
        DataError: the law does not suit the study.
        FitError: too few points.
    """
    if law in BASELINES:
        return fit_baseline(study, law)
    return fit(study, None if law == DEFAULT else law)


def fitted(task: Task, splits: Splits) -> Fit:
    """The fit that a task asks for; raises as `fit_of`."""
    return fit_of(task.study(splits), task.law)


def reason(error: Exception) -> str:
    """Why there is no result, in words."""
    if isinstance(error, CptlawError):
        return f"does not apply: {error}"
    return f"failed, a bug: {type(error).__name__}: {first_line(error)}"


def attempted(task: Task, splits: Splits, work: Callable[[Fit], Found[T]]) -> Found[T]:
    """Fit once and work with the fit; one law's trouble must not cost the results of the others.

    Args:
        task: a law and the splits that share a fit.
        splits: of every protocol.
        work: what is done with the fit.
    """
    try:
        return work(fitted(task, splits))
    except Exception as error:
        why = reason(error)
        return [], [{"protocol": p, "law": task.law, "why": why} for p in dict(task.uses)]


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


def collected(
    loaded: Loaded,
    laws: Sequence[str],
    data: Path | None,
    jobs: int,
    work: Callable[[Task, Splits], Found[T]],
    progress: Callable[[str], None],
) -> Found[T]:
    """What the tasks of some laws give together.

    Args:
        loaded: protocols and their splits.
        laws: as asked for.
        data: folder of curves that do not come with the package.
        jobs: processes; 1 stays in this one.
        work: what is done for each task; a function of a module.
        progress: is told of what is done.

    Raises:
        FitError: a process ended on its own.
    """
    todo = tasks(loaded.splits, laws)
    progress(f"{len(todo)} fits, {jobs} at a time ...")
    found: list[T] = []
    left_out: list[LeftOut] = []
    with closing(run(todo, loaded.splits, data, jobs, work)) as results:
        for done, (some, failed) in enumerate(results, start=1):
            found += some
            left_out += failed
            if done % 10 == 0 or done == len(todo):
                progress(f"{done} of {len(todo)} fits")
    return found, left_out


def _submitted(
    pool: ProcessPoolExecutor, todo: Sequence[Task], work: Callable[[Task, Splits], Any]
) -> list[Future[Any]]:
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
