"""Pilots as files: a study that waits for their logs, an experiment of the lab, the choice."""

from __future__ import annotations

from pathlib import Path

from cptlaw.decisions.pilot.choosing import Pilots
from cptlaw.files import check_folder, make_folder, write_atomic
from cptlaw.lab.experiment_file import experiment_text
from cptlaw.lab.records import LOG
from cptlaw.output import store
from cptlaw.studies.study_file.extend import extended

STUDY, EXPERIMENT, PILOTS = "study.toml", "experiment.toml", "pilots.json"


def check(folder: str | Path) -> None:
    """Whether the files can be written there, before the work begins.

    Raises:
        DataError: the folder is a file, or holds one of them already.
    """
    check_folder(folder, (STUDY, EXPERIMENT, PILOTS))


def write(pilots: Pilots, folder: str | Path, experiment: str | Path | None = None) -> list[Path]:
    """Write study.toml, experiment.toml and pilots.json into a folder, made if it is missing.

    Args:
        pilots: runs to do.
        folder: where to.
        experiment: an experiment file of the lab that the runs are added to; left out, the
            experiment has stand-ins for texts and model.

    Raises:
        DataError: a file is there already, the folder cannot be made, or a run that the new ones
            go on from has learning rates without a text.
    """
    check(folder)
    target = Path(folder)
    study, lab = target / STUDY, target / EXPERIMENT
    reasons = {pilot.run.name: pilot.reason for pilot in pilots.pilots}
    texts = {
        study: extended(pilots.study, pilots.runs, target, LOG, reasons),
        lab: experiment_text(pilots.runs, pilots.study, reasons, experiment),
        target / PILOTS: store.to_json(pilots),
    }
    make_folder(target)
    return [write_atomic(path, text) for path, text in texts.items()]
