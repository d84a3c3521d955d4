"""A log that grows, followed from outside: what of it is new, and where it stands in its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cptlaw import toml_text
from cptlaw.errors import CptlawError, DataError
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import checkpoint
from cptlaw.fitting.windows import middles
from cptlaw.live.telling import role_of
from cptlaw.studies import logs, study_file
from cptlaw.studies.runs import UNKNOWN, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.numbering import Placed, logged_steps, place

_MOST_FILES = 5000  # of a folder that are looked at


@dataclass(frozen=True)
class Evaluation:
    """Losses of one step, by role; the learning rate of the step where it was logged."""

    step: int
    losses: Mapping[str, float]
    lr: float | None = None


@dataclass(frozen=True)
class Look:
    """What a look at a log found.

    Args:
        evaluations: of all the log, in the order of their steps.
        replaced: whether the log no longer begins as it did: another run's, or one started anew.
        reached: the last step of which anything was logged.
        trouble: why it could not be read; empty where it could. A log that is being written may
            be read the next time.
    """

    evaluations: tuple[Evaluation, ...] = ()
    replaced: bool = False
    reached: int = 0
    trouble: str = ""


class Follower:
    """Looks at a log again and again.

    Args:
        path: a log, whatever `logs.read` reads: a file, or a folder.
        columns: role -> column of the log; empty for what its columns say themselves.
        base: the run that it goes on from, and where, so that its steps are counted from its own
            start; None where they are.
        length: steps of the run, if they are known.
        study: the study that has the log as one of its runs; its name there.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Mapping[str, str],
        base: tuple[Placed, int] | None = None,
        length: int | None = None,
        study: tuple[Path, str] | None = None,
    ) -> None:
        self.path, self.columns = Path(path), dict(columns)
        self.base, self.length, self.study = base, length, study
        self._seen: object = None
        self._known: tuple[Evaluation, ...] = ()

    def look(self) -> Look | None:
        """What the log holds now; None where nothing has changed since the last look."""
        seen = _signature(self.path)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            run = self._read()
        except CptlawError as error:
            self._seen = None  # it may have been caught half-written
            return Look(self._known, trouble=str(error))
        found = evaluations(run, self.columns or roles_of(run))
        first = self._known[0] if self._known else None
        replaced = first is not None and (not found or found[0] != first)
        self._known = found
        reached = int(logged_steps(run).max(initial=0))
        return Look(found, replaced, reached)

    def _read(self) -> Run:
        if self.study is not None:
            return study_file.load(self.study[0]).run(self.study[1])
        run = logs.read(self.path, surely=self.columns.values())
        base, at = self.base or (None, 0)
        return place(run, base, at, self.length).run


def evaluations(run: Run, columns: Mapping[str, str]) -> tuple[Evaluation, ...]:
    """The losses of a run step by step.

    Args:
        run: steps counted from its own start.
        columns: role -> column.
    """
    rates: dict[int, float] = {}
    if run.logged_lr is not None:
        pairs = zip(run.logged_lr.steps.tolist(), run.logged_lr.lr.tolist(), strict=True)
        rates = dict(pairs)
    found: dict[int, dict[str, float]] = {}
    for role, column in columns.items():
        curve = run.curves.get(column)
        if curve is None:
            continue
        for step, loss in zip(middles(curve).tolist(), curve.loss.tolist(), strict=True):
            found.setdefault(step, {})[role] = loss
    if run.diverged is not None and run.diverged not in found:
        found[run.diverged] = dict.fromkeys(columns, float("nan"))
    return tuple(Evaluation(step, found[step], rates.get(step)) for step in sorted(found))


def roles_of(run: Run) -> dict[str, str]:
    """Role -> column, from the names of validation losses; of a training loss where none is.

    Raises:
        DataError: the log has no loss.
    """
    named = {role: name for name in run.curves if (role := role_of(name)) is not None}
    if named:
        return named
    measured = [n for n, curve in run.curves.items() if curve.source == "validation"]
    every = measured or list(run.curves)
    if not every:
        raise DataError("the log has no loss yet.")
    return {"loss": every[0]}


def run_of(log: Path, file: Path, study: Study) -> Run | None:
    """The run of a study whose log this is; None for none."""
    named = {
        str(table.get("name")): (file.parent / str(table["log"])).resolve()
        for table in _tables(file)
        if "log" in table
    }
    mine = [name for name, place_ in named.items() if place_ == log.resolve()]
    return study.run(mine[0]) if mine and study.has_run(mine[0]) else None


def has_schedule(file: Path, run: str) -> bool:
    """Whether a study file itself tells a run's learning rates to its end."""
    mine = [table for table in _tables(file) if str(table.get("name")) == run]
    return any("schedule" in table or "lrs" in table for table in mine)


def base_of(known: Fit | Study | None, after: str | None) -> tuple[Placed, int] | None:
    """The run that one goes on from, and the step it is left at; None where nobody knows."""
    study = known.study if isinstance(known, Fit) else known
    if study is None or after is None or after.startswith(UNKNOWN):
        return None
    start = checkpoint(study, after)
    run = study.run(str(start.run))
    at = run.steps if start.step is None else start.step
    return Placed(run, run.first_step, study.before(run).steps), at


def _tables(file: Path) -> list[dict[str, object]]:
    runs = toml_text.parse(file.read_text(encoding="utf-8")).get("run", [])
    return [table for table in runs if isinstance(table, dict)]


def _signature(path: Path) -> object:
    """What changes when a log does; None where there is none."""
    path, _ = logs.file_and_part(path)
    try:
        files = [path] if path.is_file() else sorted(path.rglob("*"))[:_MOST_FILES]
        stats = [(str(f), s.st_size, s.st_mtime_ns, s.st_ino) for f in files if (s := f.stat())]
    except OSError:
        return object()  # it is being changed: look at it
    return tuple(stats) if path.exists() else None
