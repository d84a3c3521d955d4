"""Pilots as files: what is written is read back, whatever is in a name."""

import tomllib

from cptlaw import Curve, Run, Schedule, Study, store
from cptlaw.decisions.pilot.budget import Budget
from cptlaw.decisions.pilot.choosing import Pilot, Pilots
from cptlaw.output import pilot_files
from cptlaw.studies.study_file.extend import extended

SLY = 'x"\n[[run]]\nname = "y"\nschedule = "constant 9 to 1"\r# \x7f'
SCHEDULE = Schedule.parse("warmup 10 to 1e-3 | constant 90")


def test_a_name_or_reason_with_line_breaks_adds_no_run(tmp_path):
    run = Run(SLY, schedule=SCHEDULE)
    after = Run("next", schedule=SCHEDULE, data="cpt", after=SLY)
    pilots = Pilots(
        (Pilot(run, 100.0, f"First of {SLY}"), Pilot(after, 100.0, f"After {SLY}.")),
        Budget(200.0),
    )
    *written, stored = pilot_files.write(pilots, tmp_path)
    for path in written:
        runs = tomllib.loads(path.read_text())["run"]
        assert [run["name"] for run in runs] == [SLY, "next"]
        assert runs[1]["after"] == SLY
    assert store.load(stored) == pilots


def test_roles_with_line_breaks_stay_one_key(tmp_path):
    curves = {"a": Curve([0, 50], [3.0, 2.0]), "b": Curve([0, 50], [3.0, 2.0])}
    run = Run("r", schedule=SCHEDULE, curves=curves)
    text = extended(Study({"pt": "a", f"ood.{SLY}": "b"}, (run,)), [], tmp_path, "log.csv")
    assert tomllib.loads(text) == {"domains": {"pt": "a", "ood": {SLY: "b"}}}
