"""What trained the runs of a study, by their logs, and which files it takes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study

_CONSOLE = re.compile(r"Console text of ([^:]+):")


@dataclass(frozen=True)
class Trainer:
    """A training framework.

    Args:
        name: as people call it.
        file: the file of a schedule in its own words, if there is such a kind.
        what: what that file holds.
    """

    name: str
    file: str | None = None
    what: str = ""


TRANSFORMERS = Trainer("transformers", "schedule.hf.yaml", "the TrainingArguments")
LEVANTER = Trainer("Levanter", "schedule_optax.py", "the schedule for Optax")
MEGATRON = Trainer("Megatron-LM", "schedule.megatron.args", "the arguments")
_BY_FORMAT = {"trainer_state": TRANSFORMERS, "levanter": LEVANTER}
_BY_CONSOLE = {"Megatron-LM": MEGATRON, "transformers": TRANSFORMERS}
FILES = tuple(t.file for t in (TRANSFORMERS, LEVANTER, MEGATRON) if t.file is not None)


def trainer_of(study: Study | None) -> Trainer | None:
    """The framework that wrote the logs, CPT runs first; None where they do not tell.

    Args:
        study: that of a fit, if it has one.
    """
    runs = [] if study is None else sorted(study.runs, key=lambda run: run.data != "cpt")
    return next((trainer for run in runs if (trainer := _of_run(run)) is not None), None)


def _of_run(run: Run) -> Trainer | None:
    if run.format in _BY_FORMAT:
        return _BY_FORMAT[run.format]
    for note in run.notes:
        found = _CONSOLE.match(note)
        if found is not None:
            return _BY_CONSOLE.get(found[1], Trainer(found[1]))
    return None
