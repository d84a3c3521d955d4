"""A study file with more runs than there are, their logs to come."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cptlaw import toml_text
from cptlaw.errors import at
from cptlaw.files import read_text
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw.studies.study_file.writing import NO_REMARKS, domains_table, run_table

_PATHS = re.compile(r'^(\s*(?:log|lrs)\s*=\s*)("(?:[^"\\]|\\.)*"|\'[^\']*\')', re.MULTILINE)
_FIRST = {"pt": "eval_pt_loss", "cpt": "eval_cpt_loss"}


def extended(
    study: Study | None,
    runs: Sequence[Run],
    folder: Path,
    log: str,
    reasons: Mapping[str, str] = NO_REMARKS,
) -> str:
    """The text of a study file with all runs of a study, and new ones.

    Args:
        study: what there is; None for a first study.
        runs: what is added.
        folder: where the new file will lie; the logs that there are stay where they are.
        log: the name of a new run's log, in a folder of the run's name.
        reasons: name of a new run -> what it is for.

    Raises:
        DataError: the file of the study cannot be read, or a schedule has no text.
    """
    lines = [_known(study, folder).rstrip("\n")]
    for run in runs:
        reason = toml_text.comment(reasons[run.name]) if run.name in reasons else []
        lines += [
            "",
            *reason,
            "# Its log is to come.",
            *run_table(_called(run, study), f"{run.name}/{log}"),
        ]
    return "\n".join(lines) + "\n"


def _called(run: Run, study: Study | None) -> Run:
    """The run with its start as the log of its base calls it."""
    base = run.after if run.after_step is not None and study is not None else None
    if study is None or base is None or not study.has_run(base):
        return run
    return replace(run, after_step=(run.after_step or 0) + study.run(base).first_step)


def _known(study: Study | None, folder: Path) -> str:
    if study is None:
        return "\n".join(["# First runs", "", *domains_table(_FIRST)])
    origin = Path(study.origin)
    if not study.origin or not origin.is_file():
        note = "# The study that the fit was made of is not at hand: put its tables here."
        return "\n".join([note, "", *domains_table(study.domains)])
    with at(str(origin)):
        text = read_text(origin, "Put the study file back.")
    return _moved(text, origin.resolve().parent, folder.resolve())


def _moved(text: str, old: Path, new: Path) -> str:
    """A study's text whose relative paths start from another folder."""

    def path_from_new(match: re.Match[str]) -> str:
        path = toml_text.parse(f"path = {match[2]}")["path"]
        if not Path(path).is_absolute():
            path = Path(os.path.relpath(old / path, new)).as_posix()
        return match[1] + toml_text.value(path)

    return _PATHS.sub(path_from_new, text)
