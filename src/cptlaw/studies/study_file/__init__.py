"""The study file: which logs belong together, study.toml -> Study."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from cptlaw.errors import DataError, at, shown, suggestion
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import logs
from cptlaw.studies.history import MOST_STEPS
from cptlaw.studies.runs import UNKNOWN, Data, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.logged_lr import learning_rate
from cptlaw.studies.study_file.numbering import Placed, place

ROLES = ("pt", "cpt", "loss", "ood.NAME")
_EXAMPLE = '[domains] with pt = "COLUMN", and a [[run]] with name = "base" and log = "FILE"'


def load(path: str | Path) -> Study:
    """Read a study file and the logs that it names.

    The notes of a run tell how its steps and its learning rate were found; those of the study
    tell which columns are missing where.

    Args:
        path: a TOML file; the paths in it are relative to its folder.

    Raises:
        DataError: naming the file, the run and the key, what was expected and the mend.
    """
    file = Path(path)
    with at(str(file)):
        document = _document(file)
        domains = _domains(document.get("domains"))
        entries = [_entry(i, table) for i, table in enumerate(_run_tables(document), start=1)]
        placed: dict[str, Placed] = {}
        for entry in _bases_first(entries):
            with at(entry.place):
                placed[entry.name] = _place(entry, file.parent, placed.get(entry.after or ""))
        runs = tuple(placed[entry.name].run for entry in entries)
        return Study(domains, runs, str(file), _missing_columns(domains, runs))


# --- the file ---------------------------------------------------------------------------------


def _document(file: Path) -> dict[str, Any]:
    if file.is_dir():
        inside = file / "study.toml"
        mend = "name the study file in it."
        if inside.is_file():
            mend = f"name the file, {inside}."
        raise DataError(f"is a directory; {mend}{_not_a_study(file)}")
    try:
        document = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise DataError(
            "there is no such file. Write a first study with: cptlaw init LOG ..."
        ) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 text, at byte {error.start + 1}.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not valid TOML: {error}.{_not_a_study(file)}") from None
    if not document:
        raise DataError(f"the study is empty. It needs {_EXAMPLE}; cptlaw init writes a first one.")
    for key in document:
        if key not in ("domains", "run"):
            raise DataError(f"key '{key}' is unknown. {suggestion(key, ('domains', 'run'))}")
    return document


def _not_a_study(file: Path) -> str:
    """A hint for those who name a log instead of a study."""
    if file.suffix.lower() == ".toml":
        return ""
    return f" If it is a log, write a first study with: cptlaw init {file} -o study.toml"


def _domains(table: Any) -> dict[str, str]:
    if table is None:
        raise DataError(f"there is no [domains] table. A study needs {_EXAMPLE}.")
    if not isinstance(table, dict) or not table:
        raise DataError('[domains]: expected lines ROLE = "COLUMN", such as pt = "eval_loss".')
    domains: dict[str, Any] = {}
    for key, value in table.items():
        if key == "ood" and isinstance(value, dict) and value:
            domains.update({f"ood.{name}": column for name, column in value.items()})
        elif key == "ood":
            raise DataError('[domains]: ood needs a name, such as ood.code = "COLUMN".')
        elif key in ROLES or key.startswith("ood."):
            domains[key] = value
        else:
            raise DataError(f"[domains]: role '{key}' is unknown. {suggestion(key, ROLES)}")
    for role, column in domains.items():
        if not isinstance(column, str) or not column:
            raise DataError(
                f"[domains]: {role} = {shown(column)}; expected the name of a column in quotes."
            )
    return domains


def _run_tables(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    tables = document.get("run")
    if not tables:
        raise DataError(f"there is no [[run]]. A study needs {_EXAMPLE}.")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DataError("each run is a table [[run]], in two pairs of brackets.")
    return tables


# --- one [[run]] ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    """One [[run]] of the file, every value of the right type."""

    name: str
    log: str | None = None
    schedule: str | None = None
    lrs: str | None = None
    lr_from: str | None = None
    lr_offset: int = 0
    after: str | None = None
    after_step: int | None = None
    data: Data | None = None
    replay: float = 0.0
    model_size: float | None = None
    batch_tokens: float | None = None
    sequence_length: int | None = None
    domain_tokens: float | None = None
    first_step: int | None = None
    window: int | None = None

    @property
    def place(self) -> str:
        return f"run '{self.name}'"

    @property
    def base(self) -> str | None:
        """The run it goes on from; None for a root or an open model."""
        return None if self.after is None or self.after.startswith(UNKNOWN) else self.after


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _number(value: object) -> float | None:
    """An integer or a float that is finite, not a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _whole(low: int) -> Callable[[object], int | None]:
    def check(value: object) -> int | None:
        number = _number(value)
        return int(number) if number is not None and number >= low and number % 1 == 0 else None

    return check


def _one_of(*known: str | int) -> Callable[[object], str | int | None]:
    def check(value: object) -> str | int | None:
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return value if value in known else None

    return check


_TEXT = "a text in quotes"
_KEYS: dict[str, tuple[str, Callable[[object], object]]] = {
    "name": (_TEXT, _text),
    "log": ("the path of a log in quotes", _text),
    "schedule": ('a schedule text, such as "warmup 500 to 2e-4 | constant 30000"', _text),
    "lrs": ("the path of a file with the LR of every step, in quotes", _text),
    "lr_from": ('"log" or "schedule"', _one_of("log", "schedule")),
    "lr_offset": ("0, or 1 if the logged LR is that of the next step", _one_of(0, 1)),
    "after": ('the name of a run in quotes, or "unknown:NAME"', _text),
    "after_step": ("a whole number of at least 1", _whole(1)),
    "data": ('"pt" or "cpt"', _one_of("pt", "cpt")),
    "replay": ("a number from 0 to 1", _number),
    "model_size": ("a number of parameters", _number),
    "batch_tokens": ("a number of tokens", _number),
    "sequence_length": ("a whole number of tokens, at least 1", _whole(1)),
    "domain_tokens": ("a number of tokens", _number),
    "first_step": ("a whole number of at least 0", _whole(0)),
    "window": ("a whole number of steps, at least 1", _whole(1)),
}
assert set(_KEYS) == {field.name for field in fields(_Entry)}


def _entry(number: int, table: Mapping[str, Any]) -> _Entry:
    name = _text(table.get("name"))
    with at(f"[[run]] number {number}" if name is None else f"run '{name}'"):
        if "name" not in table:
            raise DataError('it has no name; add name = "...".')
        values: dict[str, Any] = {}
        for key, given in table.items():
            if key not in _KEYS:
                raise DataError(f"key '{key}' is unknown. {suggestion(key, _KEYS)}")
            expected, check = _KEYS[key]
            values[key] = check(given)
            if values[key] is None:
                raise DataError(f"{key} = {shown(given)}; expected {expected}.")
        entry = _Entry(**values)
        _check_together(entry)
    return entry


def _check_together(entry: _Entry) -> None:
    """Refuse keys that make no sense next to one another."""
    exact = entry.schedule is not None or entry.lrs is not None
    if entry.log is None and not exact:
        raise DataError(
            'it has no log; add log = "PATH" (or schedule or lrs, for a run that only leads to '
            "others)."
        )
    if entry.schedule is not None and entry.lrs is not None:
        raise DataError("it has both schedule and lrs; keep one of them.")
    if entry.lr_from == "schedule" and not exact:
        raise DataError('lr_from = "schedule", but there is neither schedule nor lrs. Add one.')
    if entry.after_step is not None and entry.base is None:
        raise DataError("after_step needs after, the name of a run of this study.")
    if entry.after is not None and entry.after.strip() == UNKNOWN:
        raise DataError(f'after = "{UNKNOWN}" needs a name, such as "{UNKNOWN}llama".')


# --- putting the runs together ----------------------------------------------------------------


def _bases_first(entries: list[_Entry]) -> list[_Entry]:
    """Every run after the one it goes on from."""
    by_name: dict[str, _Entry] = {}
    for entry in entries:
        if entry.name in by_name:
            raise DataError(f"two runs are named '{entry.name}'; every run needs its own name.")
        by_name[entry.name] = entry
    ordered: dict[str, _Entry] = {}
    for entry in entries:
        chain = [entry]
        while chain[-1].base is not None:
            chain.append(_base_of(chain[-1], by_name))
            if chain[-1] in chain[:-1]:
                raise DataError(f"'after' runs in a cycle: {' -> '.join(e.name for e in chain)}.")
        ordered.update({e.name: e for e in reversed(chain) if e.name not in ordered})
    return list(ordered.values())


def _base_of(entry: _Entry, by_name: Mapping[str, _Entry]) -> _Entry:
    assert entry.base is not None
    if entry.base not in by_name:
        raise DataError(
            f"{entry.place}: after = '{entry.base}': the study has no such run. "
            f'{suggestion(entry.base, by_name)} An open model is after = "{UNKNOWN}NAME".'
        )
    return by_name[entry.base]


def _place(entry: _Entry, folder: Path, base: Placed | None) -> Placed:
    """Read a run, count its steps from its own start and find its learning rates."""
    run = _described(entry, _read_log(entry, folder))
    start, base_lr = 0, None
    if base is not None:
        start, run = _start(entry, run, base.run)
        assert base.run.schedule is not None
        base_lr = float(base.run.schedule.lr([start])[0])
    exact = _exact(entry, folder, base_lr)
    placed = place(run, base, start, exact.steps if exact else None, entry.first_step)
    run = placed.run
    schedule, notes = learning_rate(run, exact, entry.lr_offset, entry.lr_from or "log", base_lr)
    if schedule is None:
        raise DataError(
            'its log has no learning rate. Give schedule = "..." or lrs = "FILE" in the study.'
        )
    return replace(placed, run=replace(run, schedule=schedule, notes=(*run.notes, *notes)))


def _described(entry: _Entry, log: Run) -> Run:
    """The log with what the study says of the run."""
    given = {
        key: value
        for key in ("model_size", "batch_tokens", "sequence_length", "domain_tokens")
        if (value := getattr(entry, key)) is not None
    }
    curves, notes = dict(log.curves), log.notes
    if entry.window is not None:
        means = [column for column, curve in curves.items() if curve.source == "training"]
        curves.update({c: replace(curves[c], window=entry.window) for c in means})
        if not means:
            notes = (*notes, "window has no effect: the log has no training loss.")
    return replace(
        log,
        name=entry.name,
        curves=curves,
        notes=notes,
        data=entry.data or ("pt" if entry.after is None else "cpt"),
        after=entry.after,
        after_step=entry.after_step,
        replay=entry.replay,
        **given,
    )


def _read_log(entry: _Entry, folder: Path) -> Run:
    if entry.log is None:
        return Run(entry.name)
    with at(f"log = {shown(entry.log)}"):
        return logs.read(_existing(folder / entry.log))


def _existing(path: Path) -> Path:
    if not path.exists():
        near = ""
        if path.parent.is_dir():
            near = " " + suggestion(path.name, sorted(p.name for p in path.parent.iterdir())[:20])
        raise DataError(f"there is no file {path}. Paths are relative to the study file.{near}")
    return path


def _exact(entry: _Entry, folder: Path, base_lr: float | None) -> Schedule | None:
    """The learning rates that the study itself gives."""
    if entry.lrs is not None:
        with at(f"lrs = {shown(entry.lrs)}"):
            return logs.read_lrs(_existing(folder / entry.lrs))
    if entry.schedule is None:
        return None
    schedule = Schedule.parse(entry.schedule, base_lr)
    if schedule.steps > MOST_STEPS:
        raise DataError(f"schedule has {schedule.steps} steps; at most {MOST_STEPS} are read.")
    return schedule


def _start(entry: _Entry, run: Run, base: Run) -> tuple[int, Run]:
    """The step of the base that the run starts from, and a note if that is doubtful."""
    if entry.after_step is not None:
        if entry.after_step > base.steps:
            raise DataError(
                f"after_step = {entry.after_step}, but run '{base.name}' has steps 1 to "
                f"{base.steps}."
            )
        return entry.after_step, run
    ends = [int(curve.steps[-1]) for curve in base.curves.values()]
    if not ends or max(ends) == base.steps:
        return base.steps, run
    note = (
        f"after_step is left out, so it starts at the end of run '{base.name}', step {base.steps} "
        f"of its schedule; that run's log ends at step {max(ends)}."
    )
    return base.steps, replace(run, notes=(*run.notes, note))


def _missing_columns(domains: Mapping[str, str], runs: tuple[Run, ...]) -> tuple[str, ...]:
    """A sentence for every domain that some of the logs lack."""
    logged = [run for run in runs if run.curves]
    notes: list[str] = []
    for role, column in domains.items():
        lacking = [run.name for run in logged if column not in run.curves]
        if lacking and len(lacking) < len(logged):
            notes.append(f"Domain '{role}': no column '{column}' in {', '.join(lacking)}.")
    return tuple(notes)
