"""Which framework trained the runs of a study, and what a plan says of it."""

import pytest

from cptlaw.cli.plan import _next
from cptlaw.output.trainers import FILES, trainer_of
from cptlaw.schedules.export import export_text, kind_of
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

PLANNED = Schedule.parse("warmup 10 to 1e-3 | cosine 90 to 1e-4")


def study(kind="", notes=()):
    curve = Curve([10, 20], [3.0, 2.9])
    base = Run("base", {"l": curve}, schedule=PLANNED)
    cpt = Run(
        "cpt", {"l": curve}, schedule=PLANNED, data="cpt", after="base", format=kind, notes=notes
    )
    return Study({"pt": "l"}, (base, cpt))


@pytest.mark.parametrize(
    ("kind", "notes", "name", "file"),
    [
        ("trainer_state", (), "transformers", "schedule.hf.yaml"),
        ("levanter", (), "Levanter", "schedule_optax.py"),
        (
            "console",
            ("Console text of Megatron-LM: 11 rows read.",),
            "Megatron-LM",
            "schedule.megatron.args",
        ),
        ("console", ("Console text of torchtitan: 9 rows read.",), "torchtitan", None),
    ],
)
def test_the_logs_tell_the_framework(kind, notes, name, file, tmp_path):
    found = trainer_of(study(kind, notes))
    assert found is not None and (found.name, found.file) == (name, file)
    words = _next(study(kind, notes), str(tmp_path), PLANNED)
    assert name in words and "lab" not in words
    if file is not None:
        (tmp_path / file).write_text(export_text(PLANNED, file))
        words = _next(study(kind, notes), str(tmp_path), PLANNED)
        assert words.startswith(f"{tmp_path / file} has the ") and name in words


def test_logs_that_do_not_tell_leave_the_choice(tmp_path):
    assert trainer_of(study("csv")) is None and trainer_of(None) is None
    words = _next(study("csv"), str(tmp_path), PLANNED)
    assert "PyTorch and transformers take it" in words
    assert f"cptlaw schedule '{PLANNED.text}' -o FILE, such as lr_optax.py" in words
    assert _next(None, None, PLANNED) == "add -o plan, for the schedule as CSV, as Python"


def test_every_file_is_of_a_kind():
    assert all(kind_of(file) is not None for file in FILES)
