"""Schedules as files: every optimiser step has the learning rate of the plan."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings

from command import run
from cptlaw.errors import DataError
from cptlaw.schedules import export
from cptlaw.schedules.export import standalone
from cptlaw.schedules.schedule import Schedule
from cptlaw.schedules.segment import KINDS, Segment
from cptlaw.studies.logs.lrs import read_lrs
from schedule_samples import PLANS, SHORT, imported
from strategies import schedules

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
TEXT = "warmup 10 to 2e-4 | linear 10 to 0"


def test_every_kind_is_tried():
    assert set(PLANS) == {*KINDS, "limit", "first", "array", "all"}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_csv_holds_every_digit_and_is_read_back(plan, tmp_path):
    path = export.write(plan, tmp_path / "lr.csv")
    assert path.read_text().startswith("step,lr\n1,")
    np.testing.assert_array_equal(read_lrs(path).lr(), plan.lr())


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_module_has_the_planned_learning_rates(plan, tmp_path):
    module = imported(export.write(plan, tmp_path / "lr.py"))
    planned = plan.lr()
    found = np.array([module.lr_at(step) for step in range(1, plan.steps + 1)])
    assert (np.abs(found - planned) <= 1e-15 * planned).all()
    assert plan.steps == module.STEPS
    assert module.lr_at(plan.steps + 5) == module.lr_at(plan.steps)
    with pytest.raises(ValueError, match="count from 1"):
        module.lr_at(0)


@given(schedules(arrays=True))
@settings(max_examples=50)
def test_the_module_agrees_with_any_schedule(tmp_path_factory, plan):
    module = imported(export.write(plan, tmp_path_factory.mktemp("any") / "lr.py"))
    found = [module.lr_at(step) for step in range(1, plan.steps + 1)]
    np.testing.assert_allclose(found, plan.lr(), rtol=1e-15, atol=0)


def test_where_the_arithmetic_would_differ_the_value_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(standalone, "lr_in", lambda *_: 1e-4)
    module = imported(export.write(PLANS["array"], tmp_path / "lr.py"))
    values = PLANS["array"].lr()
    assert dict(enumerate(values, start=1)) == module.EXACT
    assert module.lr_at(2) == values[1]


def test_the_module_says_how_it_is_used(tmp_path):
    text = export.write(SHORT, tmp_path / "my_rates.py").read_text()
    assert SHORT.text in text
    assert "max_steps=20" in text
    assert "optimizers=(optimizer, scheduler)" in text
    assert "my_rates.make_scheduler(optimizer)" in text
    assert "import cptlaw" not in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", ["lr-1.py", "1lr.py", "class.py", "lr.v2.py"])
def test_a_module_that_cannot_be_imported_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=r"as in lr\.py"):
        export.write(SHORT, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"lr\.txt: .* as \.csv, \.py, .*, not '\.txt'"):
        export.write(SHORT, tmp_path / "lr.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_new_kind_of_file_is_one_entry_of_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(export.EXPORTS, ".txt", lambda schedule, name: f"{name} {schedule.steps}")
    ended = run("schedule", TEXT, "-o", tmp_path / "lr.txt")
    assert ended.status == 0, ended.stderr
    assert (tmp_path / "lr.txt").read_text() == "lr 20"
    assert "megatron.args, .txt, .png" in run("schedule", TEXT, "-o", tmp_path / "lr.no").stderr


ALONE = """
import sys
import rates
assert "torch" not in sys.modules
print([rates.lr_at(step) for step in range(1, rates.STEPS + 1)])
try:
    import cptlaw
except ModuleNotFoundError:
    print("no cptlaw")
"""
WITH_TORCH = """
import json, pickle, torch, rates
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.7)
scheduler = rates.make_scheduler(optimizer)
used = []
for _ in range(rates.STEPS):
    used.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
pickle.loads(pickle.dumps(scheduler.lr_lambdas))
print(json.dumps(used))
"""


def alone(folder, code):
    """What code prints in a Python that sees neither the site's packages' cptlaw nor its source."""
    hide = "import sys; sys.path.insert(0, '.'); sys.modules['cptlaw'] = None\n"
    words = [sys.executable, "-I", "-c", hide + code]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_module_works_where_there_is_no_cptlaw(tmp_path):
    export.write(SHORT, tmp_path / "rates.py")
    found, last = alone(tmp_path, ALONE)
    np.testing.assert_allclose(json.loads(found), SHORT.lr(), rtol=1e-15)
    assert last == "no cptlaw"


@needs_torch
def test_the_scheduler_of_the_module_works_where_there_is_no_cptlaw(tmp_path):
    export.write(SHORT, tmp_path / "rates.py")
    (found,) = alone(tmp_path, WITH_TORCH)
    np.testing.assert_allclose(json.loads(found), SHORT.lr(), rtol=1e-15)


# --- the command -----------------------------------------------------------------------------


def test_the_command_shows_and_writes(tmp_path):
    names = ["lr.csv", "lr.py", "lr.png"]
    outputs = [word for name in names for word in ("-o", tmp_path / name)]
    ended = run("schedule", TEXT, *outputs)
    assert ended.status == 0, ended.stderr
    assert "20 steps, peak LR 0.0002, last LR 0, sum of all learning rates 0.002" in ended.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    planned = Schedule.parse(TEXT).lr()
    np.testing.assert_array_equal(read_lrs(tmp_path / "lr.csv").lr(), planned)
    assert imported(tmp_path / "lr.py").lr_at(15) == planned[14]
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_as_json():
    ended = run("schedule", "linear 4 to 0 | constant 2 to 1e-4", "--from", "4e-4", "--json")
    found = json.loads(ended.stdout)
    assert found["area"] == pytest.approx(8e-4)
    assert (found["steps"], found["final"]) == (6, 1e-4)
    assert found["peak"] == pytest.approx(3e-4)
    assert Schedule.parse(found["text"]) == Schedule(
        (Segment("linear", 4, 4e-4, 0.0), Segment("constant", 2, 1e-4, 1e-4))
    )
    spans = [(s["kind"], s["first_step"], s["last_step"]) for s in found["segments"]]
    assert spans == [("linear", 1, 4), ("constant", 5, 6)]


def test_a_start_that_is_not_used_is_told():
    assert "--from 0.0004 is not used" in run("schedule", TEXT, "--from", "4e-4").stderr
    assert "not used" not in run("schedule", "linear 4 to 0", "--from", "4e-4").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "lr.txt"], "Change the file's suffix"),
        (["-o", "lr"], "Change the file's suffix"),
        (["-o", "my-lr.py"], "as in lr.py"),
        (["-o", "nowhere/lr.csv"], "does not exist"),
        (["-o", "lr.csv", "-o", "lr.csv"], "Name two files"),
    ],
)
def test_what_cannot_be_written_ends_before_anything_is(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = run("schedule", TEXT, "-o", "good.csv", *words)
    assert ended.status == 2
    assert said in ended.stderr
    assert ended.stdout == ""
    assert list(tmp_path.iterdir()) == []
