"""A study file and its logs -> Study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cptlaw import toml_text
from cptlaw.errors import DataError, at, shown, suggestion
from cptlaw.files import read_text
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import logs
from cptlaw.studies.bases import bases_first
from cptlaw.studies.history import MOST_STEPS
from cptlaw.studies.runs import UNKNOWN, Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.logged_lr import learning_rate
from cptlaw.studies.study_file.means import with_means
from cptlaw.studies.study_file.numbering import Placed, place
from cptlaw.studies.study_file.starting import starting_step
from cptlaw.studies.study_file.units import in_nats

if TYPE_CHECKING:
    from cptlaw.studies.study_file.entry import Entry, StudyFile

_FOUND = ("optimizer", "weight_decay", "init_std")  # keys that files beside a log may tell
_OWN = (
    "model_size",
    "batch_tokens",
    "sequence_length",
    "domain_tokens",
    *_FOUND,
    "optimizer_reset",
)


def load(path: str | Path, progress: Callable[[str], None] = lambda _: None) -> Study:
    """Read a study file and the logs that it names.

    The notes of a run tell how its steps and its learning rate were found; those of the study
    tell which columns are missing where.

    Args:
        path: a TOML file; the paths in it are relative to its folder.
        progress: is told of every log before it is read.

    Raises:
        DataError: naming the file, the run and the key, what was expected and the mend.
    """
    from cptlaw.studies.study_file.entry import domains_of

    file = Path(path)
    with at(str(file)):
        document = _document(file)
        domains = domains_of(document.domains)
        entries = _entries(document.run)
        placed: dict[str, Placed] = {}
        order = bases_first({entry.name: entry.base for entry in entries.values()})
        for number, name in enumerate(order, 1):
            progress(f"reading {name} ({number} of {len(order)}) ...")
            entry = entries[name]
            with at(entry.place):
                log = _read_log(entry, file.parent, frozenset(domains.values()))
                placed[name] = _place(entry, file.parent, log, placed.get(entry.base or ""))
        runs = tuple(placed[name].run for name in entries)
        return Study(domains, runs, str(file), _missing_columns(domains, runs))


# --- the file ---------------------------------------------------------------------------------


def _document(file: Path) -> StudyFile:
    from cptlaw.studies.keys import read_table
    from cptlaw.studies.study_file.entry import EXAMPLE, StudyFile

    if file.is_dir():
        inside = file / "study.toml"
        mend = f"name the file, {inside}." if inside.is_file() else "name the study file in it."
        raise DataError(f"is a directory; {mend} {_not_a_study(file)}".rstrip())
    text = read_text(file, "Write a first study with: cptlaw init LOG ...")
    document = toml_text.parse(text, _not_a_study(file))
    if not document:
        raise DataError(f"the study is empty. It needs {EXAMPLE}; cptlaw init writes a first one.")
    return read_table(StudyFile, document)


def _not_a_study(file: Path) -> str:
    """A hint for those who name a log instead of a study."""
    if file.suffix.lower() == ".toml":
        return ""
    return f"If it is a log, write a first study with: cptlaw init {file} -o study.toml"


def _entries(tables: Any) -> dict[str, Entry]:
    """Every [[run]] by its name, in the order of the file."""
    from cptlaw.studies.keys import list_of_tables, read_table, run_place
    from cptlaw.studies.study_file.entry import EXAMPLE, Entry

    if not tables:
        raise DataError(f"there is no [[run]]. A study needs {EXAMPLE}.")
    entries: dict[str, Entry] = {}
    for number, table in enumerate(list_of_tables(tables), start=1):
        entry = read_table(Entry, table, run_place(number, table))
        if entry.name in entries:
            raise DataError(f"two runs are named '{entry.name}'; every run needs its own name.")
        entries[entry.name] = entry
    for entry in entries.values():
        if entry.base is not None and entry.base not in entries:
            raise DataError(
                f"{entry.place}: after = '{entry.base}': the study has no such run. "
                f'{suggestion(entry.base, entries)} An open model is after = "{UNKNOWN}NAME".'
            )
    return entries


# --- the runs ---------------------------------------------------------------------------------


def _place(entry: Entry, folder: Path, log: Run, base: Placed | None) -> Placed:
    """Describe a run, count its steps from its own start and find its learning rates."""
    run = _described(entry, log)
    start, base_lr = 0, None
    if base is not None:
        start, run = starting_step(entry.after_step, run, base)
        assert base.run.schedule is not None
        base_lr = float(base.run.schedule.lr([start])[0])
    exact = _exact(entry, folder, base_lr)
    placed = place(run, base, start, exact.steps if exact else None, entry.first_step)
    run = placed.run
    schedule, notes = learning_rate(run, exact, entry.lr_from or "log", base_lr)
    if schedule is None:
        raise DataError(_without_lr(run))
    return replace(placed, run=replace(run, schedule=schedule, notes=(*run.notes, *notes)))


def _without_lr(run: Run) -> str:
    """What is to be done where a log gives no learning rate."""
    if run.lr_groups:
        of = ", ".join(f"'{name}'" for name in run.lr_groups)
        return f"its log has different learning rates, of {of}. {logs.choose_lr(run.lr_groups)}"
    return 'its log has no learning rate. Give schedule = "..." or lrs = "FILE" in the study.'


def _described(entry: Entry, log: Run) -> Run:
    """The log with what the study says of the run."""
    given = {key: value for key in _OWN if (value := getattr(entry, key)) is not None}
    if entry.after is not None:
        log = replace(log, init_std=None)
    curves, told = with_means(log.curves, entry.window, entry.ema)
    logged = log.logged_lr
    if logged is not None and entry.lr_offset is not None:
        logged = replace(logged, offset=entry.lr_offset)
    return replace(
        log,
        logged_lr=logged,
        name=entry.name,
        curves=curves,
        notes=(*log.notes, *_contradicted(entry, log), *told),
        data=entry.data or ("pt" if entry.after is None else "cpt"),
        after=entry.after,
        after_step=entry.after_step,
        replay=entry.replay,
        keep=entry.keep,
        **given,
    )


def _contradicted(entry: Entry, log: Run) -> list[str]:
    """Where the study says another thing than the files beside the log."""
    said = Run("said", **{key: getattr(entry, key) for key in _FOUND})
    return [
        f"{key} = {shown(mine)}, as the study says, not the {shown(theirs)} of the files beside "
        "the log."
        for key in _FOUND
        if (mine := getattr(said, key)) is not None
        and (theirs := getattr(log, key)) is not None
        and mine != theirs
    ]


def _read_log(entry: Entry, folder: Path, columns: frozenset[str]) -> Run:
    """The log, in optimiser steps and nats per token; the domains' columns are losses for sure."""
    if entry.log is None:
        return Run(entry.name)
    with at(f"log = {shown(entry.log)}"):
        run = logs.read(
            _existing(folder / entry.log),
            surely=columns,
            lr_column=entry.lr_column,
            logging_steps=entry.logging_steps,
        )
    return in_nats(
        run.in_steps(entry.micro_batches or run.micro_batches or 1), entry.bytes_per_token
    )


def _existing(named: Path) -> Path:
    path, _ = logs.file_and_part(named)
    try:
        is_there = path.exists()
    except OSError as error:  # such as a name too long
        raise DataError(
            f"{path}: {error.strerror}. Paths are relative to the study file."
        ) from None
    if not is_there:
        near = ""
        if path.parent.is_dir():
            near = " " + suggestion(path.name, sorted(p.name for p in path.parent.iterdir())[:20])
        raise DataError(f"there is no file {path}. Paths are relative to the study file.{near}")
    return named


def _exact(entry: Entry, folder: Path, base_lr: float | None) -> Schedule | None:
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


def _missing_columns(domains: Mapping[str, str], runs: tuple[Run, ...]) -> tuple[str, ...]:
    """A sentence for every domain that some of the logs lack."""
    logged = [run for run in runs if run.curves]
    notes: list[str] = []
    for role, column in domains.items():
        lacking = [run.name for run in logged if column not in run.curves]
        if lacking and len(lacking) < len(logged):
            notes.append(f"Domain '{role}': no column '{column}' in {', '.join(lacking)}.")
    return tuple(notes)
