"""A run of the page as files: a study, JSON, CSV, and schedules for training frameworks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cptlaw
from cptlaw.errors import DataError, suggestion
from cptlaw.explorer.look import run_of
from cptlaw.explorer.state import State
from cptlaw.explorer.words import Told, tell
from cptlaw.fitting.result import Fit
from cptlaw.fitting.start import Start
from cptlaw.output.json.numbers import dumped
from cptlaw.output.json.verdict import verdict_json
from cptlaw.schedules.export import EXPORTS, export_text
from cptlaw.studies.runs import Run
from cptlaw.studies.study_file.extend import extended
from cptlaw.studies.study_file.writing import run_table
from cptlaw.visible import no_formula

MARK = "cptlaw_explorer"
"""The key by which the page knows a file of its own."""
NAME = "explored"
LOG = "trainer_state.json"
_STATE = "# A run from cptlaw explore, which can open it again: "
_BESIDE = "# Put this beside the study that it goes on from: its paths begin there."


@dataclass(frozen=True)
class File:
    """A file to take home: its name and its text."""

    name: str
    text: str


def export(kind: str, fit: Fit, state: State, study: str = "") -> File:
    """The run of a state as a file.

    Args:
        kind: one of `kinds()`.
        fit: what forecasts it.
        state: of the page.
        study: text of the study that was dropped; "" where the fit says where it lies.

    Raises:
        DataError: there is no such kind, or the run cannot be.
    """
    if kind == "study":
        return _study(fit, state, study)
    if kind in _WRITERS:
        return _WRITERS[kind](fit, state)
    if kind in EXPORTS:
        _, run = run_of(fit, state.choice)
        assert run.schedule is not None
        name = f"schedule{kind}" if kind.startswith(".") else f"schedule_{kind}"
        return File(name, export_text(run.schedule, name, run.replay))
    raise DataError(f"no export '{kind}'. {suggestion(kind, kinds())}")


def kinds() -> tuple[str, ...]:
    """What a run can be written as: the page's own kinds, then suffixes of schedules."""
    return ("study", *_WRITERS, *EXPORTS)


def state_of(text: str) -> str | None:
    """The query of the state that an exported JSON holds, None where the text is none of ours."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    query = document.get(MARK) if isinstance(document, dict) else None
    return query if isinstance(query, str) else None


def _json(fit: Fit, state: State) -> File:
    told = tell(fit, state.choice)
    document = {
        MARK: state.query,
        "version": cptlaw.__version__,
        "schedule": told.look.schedule.text,
        "start": told.look.start.words,
        "replay": told.look.run.replay,
        "verdict": verdict_json(told.verdict),
        "warnings": list(told.warnings),
        "refused": told.refused or None,
        "domains": {row.role: _curve(row.role, told) for row in told.rows},
        "equations": {role: pair[1] for role, pair in told.equations.items()},
    }
    return File("run.json", dumped(document, indent=1) + "\n")


def _curve(role: str, told: Told) -> dict[str, Any]:
    curve = told.look.curves[role]
    named = ("loss", "base", "shift", "low", "high")
    lists = {name: getattr(curve, name) for name in named}
    found = {name: None if each is None else each.tolist() for name, each in lists.items()}
    return {"step": curve.step.tolist(), **found, "final": curve.final}


def _csv(fit: Fit, state: State) -> File:
    """A row a place: step, LR, then the loss of each domain and the ends of its interval."""
    told = tell(fit, state.choice)
    columns: dict[str, list[float]] = {
        "step": told.look.step.tolist(),
        "learning_rate": told.look.lr.tolist(),
    }
    for role, curve in told.look.curves.items():
        columns[role] = curve.loss.tolist()
        if curve.low is not None and curve.high is not None:
            columns[f"{role}.low"], columns[f"{role}.high"] = (
                curve.low.tolist(),
                curve.high.tolist(),
            )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(no_formula, columns))
    writer.writerows(zip(*columns.values(), strict=True))
    return File("run.csv", out.getvalue())


def _study(fit: Fit, state: State, text: str) -> File:
    """The study with the run in it, its log to come."""
    start, run = run_of(fit, state.choice)
    if start.kind == "base schedule":
        raise DataError(
            "a base that is a schedule alone is no run of a study; take the schedule instead."
        )
    study = fit.study
    folder = Path(study.origin).parent if study is not None and study.origin else Path()
    names = set() if study is None else {each.name for each in study.runs}
    free = (NAME, *(f"{NAME}-{number}" for number in range(2, len(names) + 3)))
    name = next(n for n in free if n not in names and f"{n}-start" not in names)
    runs = _runs(run, start, name)
    known = text or f"{_BESIDE}\n{extended(study, (), folder, LOG)}"
    lines = [known.rstrip("\n"), "", f"{_STATE}{state.query}"]
    for each in runs:
        lines += ["", "# Its log is to come.", *run_table(each, f"{each.name}/{LOG}")]
    return File("study.toml", "\n".join(lines) + "\n")


def parted(study: str) -> tuple[str, str]:
    """A study's text without the run that the page wrote into it, and the state that it was."""
    known, found, rest = study.partition(f"\n{_STATE}")
    return (f"{known.rstrip()}\n", rest.partition("\n")[0].strip()) if found else (study, "")


def _runs(run: Run, start: Start, name: str) -> tuple[Run, ...]:
    """The run, after the annealing of its start where it has one."""
    step = None if start.run is None else start.step
    own = replace(run, name=name, after=start.run, after_step=step)
    if start.annealed is None:
        return (own,)
    first = Run(
        f"{name}-start", schedule=start.annealed, data="pt", after=start.run, after_step=step
    )
    return first, replace(own, after=first.name, after_step=None)


_WRITERS: Mapping[str, Callable[[Fit, State], File]] = {
    "json": _json,
    "csv": _csv,
}
