"""Files dropped on the page: what they are, and a study made of them.

Nothing of a file is run, and no file but those that were dropped is read: a study that names
another path is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cptlaw import toml_text
from cptlaw.errors import DataError
from cptlaw.explorer import exports
from cptlaw.fitting.result import Fit
from cptlaw.output import store
from cptlaw.studies import logs as readers
from cptlaw.studies import study_file
from cptlaw.studies.faults import faults_of
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.draft import draft

MOST_FILES = 64
LARGEST = 64 * 2**20
"""Bytes of all files of one drop."""
LARGEST_STUDY = 2**20
STUDY = "study.toml"
Kind = Literal["fit", "state", "logs"]


@dataclass(frozen=True)
class Column:
    """One loss column of the dropped logs, and the role that it was given."""

    name: str
    role: str
    points: int
    low: float
    high: float


@dataclass(frozen=True)
class Seen:
    """One log that was recognised: its file, its format, and what was found on the way."""

    file: str
    format: str
    steps: int
    columns: tuple[str, ...]
    has_lr: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Dropped:
    """What was dropped.

    Args:
        kind: a stored fit, a state of the page, or logs (with or without their study).
        fit: the stored fit.
        query: of the state; of a study that the page wrote, the run in it.
        study: text of the study file, to be looked over.
        seen: the logs.
        columns: their loss columns.
        notes: what was guessed, each a sentence.
        asks: names of runs of which it must be said what they go on from.
    """

    kind: Kind
    fit: Fit | None = None
    query: str = ""
    study: str = ""
    seen: tuple[Seen, ...] = ()
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()


def save(folder: Path, files: Sequence[tuple[str, bytes]]) -> list[str]:
    """Lay dropped files into a folder under harmless names; returns these, from the folder.

    Args:
        folder: an empty one.
        files: name (with the folders that were dropped) and bytes.

    Raises:
        DataError: no file, or too many, or two of one name.
    """
    if not files:
        raise DataError("no file came along. Drop logs, a study with its logs, or a fit.")
    if len(files) > MOST_FILES:
        raise DataError(f"{len(files)} files at once; drop at most {MOST_FILES}.")
    names: list[str] = []
    for given, content in files:
        name = harmless(given)
        if name in names:
            raise DataError(f"two files are named '{name}'. Rename one, or drop their folder.")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        names.append(name)
    return names


def harmless(name: str) -> str:
    """A relative path of letters that no file system, study or page takes for anything else."""
    parts = [part for part in re.split(r"[/\\]+", name) if part not in ("", ".", "..")]
    clean = [re.sub(r"[^\w.+-]+", "_", part)[:80].lstrip(".") or "_" for part in parts[-6:]]
    return "/".join(clean) or "_"


def recognise(folder: Path, names: Sequence[str]) -> Dropped:
    """What the files of a folder are.

    Args:
        folder: where they lie.
        names: as `save` returned them.

    Raises:
        DataError: they are of no use, in words.
    """
    studies = [name for name in names if name.lower().endswith(".toml")]
    if len(studies) > 1:
        raise DataError(f"several study files ({', '.join(studies)}); drop one with its logs.")
    if studies:
        return _with_study(folder, studies[0], names)
    if len(names) == 1 and names[0].lower().endswith(".json"):
        text = (folder / names[0]).read_text(encoding="utf-8", errors="replace")
        query = exports.state_of(text)
        if query is not None:
            return Dropped("state", query=query)
        if '"cptlaw"' in text[:200]:
            return Dropped("fit", fit=_unbound(store.from_json(text, Fit, names[0])))
    return drafted(folder, names)


def drafted(
    folder: Path, names: Sequence[str], unknown: str = "", pt: str = "", cpt: str = ""
) -> Dropped:
    """A first study of dropped logs.

    Args:
        folder: where they lie.
        names: of the logs, from the folder.
        unknown: name of the open model that they go on from, "" for none.
        pt: column of the D_pt loss, "" for a guess.
        cpt: column of the D_cpt loss, "" for a guess.

    Raises:
        DataError: a file that is no log, or no study can be made of them.
    """
    sure = [column for column in (pt, cpt) if column]
    paths = _logs(folder, names)
    runs = [readers.read(folder / path, surely=sure) for path in paths]
    made = draft(runs, paths, unknown=unknown or None, pt=pt or None, cpt=cpt or None)
    roles = {column: role for role, column in _domains(made.text).items()}
    seen = tuple(_seen(path, run) for path, run in zip(paths, runs, strict=True))
    return Dropped("logs", None, "", made.text, seen, _columns(runs, roles), made.notes, made.asks)


def load(folder: Path, text: str) -> Study:
    """The study of a text whose logs were dropped.

    Args:
        folder: where they lie; the study is written beside them.
        text: of the study file.

    Raises:
        DataError: it is no study, or names a file that was not dropped.
    """
    if len(text.encode()) > LARGEST_STUDY:
        raise DataError(f"the study is larger than {LARGEST_STUDY} bytes.")
    _check_paths(folder, text)
    path = folder / STUDY
    path.write_text(text, encoding="utf-8")
    return replace(study_file.load(path), origin="")


def _with_study(folder: Path, name: str, names: Sequence[str]) -> Dropped:
    """A study with its logs; they may lie in other folders than it says."""
    text = (folder / name).read_text(encoding="utf-8", errors="replace")
    if len(text) > LARGEST_STUDY:
        raise DataError(f"{name}: is larger than {LARGEST_STUDY} bytes; that is no study.")
    text, query = exports.parted(text)
    text = _relaid(folder, text, [each for each in names if each != name])
    study = load(folder, text)
    runs = [run for run in study.runs if run.curves]
    roles = {column: role for role, column in study.domains.items()}
    seen = tuple(_seen(Path(run.origin).name, run) for run in runs)
    notes = tuple(f"{run.name}: {note}" for run in runs for note in run.notes)
    return Dropped("logs", None, query, text, seen, _columns(runs, roles), notes)


def _relaid(folder: Path, text: str, names: Sequence[str]) -> str:
    """The text with each path to a dropped file as that file lies now."""
    for given in _paths(text):
        if (folder / given).is_file() and not _leaves(given):
            continue
        clean = harmless(given)
        found = [n for n in names if n == clean or n.endswith(f"/{clean}")] or [
            n for n in names if PurePosixPath(n).name == PurePosixPath(clean).name
        ]
        if len(found) == 1:
            quoted = [toml_text.value(given), f"'{given}'"]
            for old in quoted:
                text = text.replace(old, toml_text.value(found[0]))
    return text


def _check_paths(folder: Path, text: str) -> None:
    root = folder.resolve()
    for given in _paths(text):
        path, _ = readers.file_and_part(folder / given)
        if _leaves(given) or not path.resolve().is_relative_to(root) or not path.exists():
            raise DataError(
                f"the study names '{given}', which was not dropped. Drop the study and all its "
                "logs together."
            )


def _leaves(given: str) -> bool:
    """Whether a path leads out of the folder that it is named in."""
    parts = re.split(r"[/\\]+", given)
    return parts[0] in ("", "~") or ".." in parts or ":" in parts[0]


def _paths(text: str) -> list[str]:
    """Every path that a study names."""
    runs = toml_text.parse(text).get("run", [])
    tables = [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return [run[key] for run in tables for key in ("log", "lrs") if isinstance(run.get(key), str)]


def _logs(folder: Path, names: Sequence[str]) -> list[str]:
    """The files that are logs; configurations that lie beside them are not."""
    if len(names) == 1:
        return list(names)
    beside = ("config", "args", "hparams", "settings", "meta", "readme", "card")
    kept = [n for n in names if not PurePosixPath(n).stem.lower().startswith(beside)]
    kept = [n for n in kept if not n.lower().endswith((".md", ".yaml", ".yml", ".py"))]
    return kept or list(names)


def _domains(text: str) -> dict[str, str]:
    table: Mapping[str, Any] = toml_text.parse(text).get("domains", {})
    found: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= {f"{key}.{name}": column for name, column in value.items()}
        else:
            found[key] = value
    return found


def _columns(runs: Sequence[Run], roles: Mapping[str, str]) -> tuple[Column, ...]:
    found: list[Column] = []
    for name in dict.fromkeys(name for run in runs for name in run.curves):
        curves = [run.curves[name] for run in runs if name in run.curves]
        low = min(float(curve.loss.min()) for curve in curves)
        high = max(float(curve.loss.max()) for curve in curves)
        found.append(Column(name, roles.get(name, ""), sum(map(len, curves)), low, high))
    return tuple(found)


def _seen(file: str, run: Run) -> Seen:
    steps = max((int(curve.steps[-1]) for curve in run.curves.values()), default=0)
    notes = [*(f"Bad data: {fault.sentence}." for fault in faults_of(run)), *run.notes]
    has_lr = run.logged_lr is not None
    return Seen(file, run.format, steps, tuple(run.curves), has_lr, tuple(notes))


def _unbound(fit: Fit) -> Fit:
    """A fit of someone's whose study points to no file of this machine."""
    return fit if fit.study is None else replace(fit, study=replace(fit.study, origin=""))
