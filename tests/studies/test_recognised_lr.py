"""The schedule of logged learning rates where logs are read and studies begun."""

import json

import numpy as np

import command
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.study_file import load

TEXT = "warmup 100 to 0.001 | cosine 900 to 0.0001"


def write_log(path, lr, first=0):
    """A log of losses and learning rates every 10 steps."""
    steps = np.arange(10, 10 * len(lr) + 1, 10)
    rows = [
        f"{first + step},{3.0 + 50.0 / (step + 20):.5f},{rate!r}"
        for step, rate in zip(steps.tolist(), lr, strict=True)
    ]
    path.write_text("step,val_loss,lr\n" + "\n".join(rows) + "\n")
    return str(path)


def run(*words):
    ended = command.run(*words)
    assert ended.status == 0, ended.stderr
    return ended.stdout


def rates(text=TEXT):
    return Schedule.parse(text).lr(np.arange(10, 1001, 10)).tolist()


def test_read_names_the_schedule(tmp_path):
    log = write_log(tmp_path / "run.csv", rates())
    assert f"schedule: {TEXT} (largest misfit" in " ".join(run("read", log).split())
    found = json.loads(run("read", log, "--json"))
    found = found["logs"][0]
    assert found["schedule"]["text"] == TEXT
    assert found["schedule"]["misfit"] < 1e-9 and found["schedule"]["start"] == 0


def test_read_says_from_where_a_late_log_counts(tmp_path):
    log = write_log(tmp_path / "run.csv", rates(), first=40_000)
    assert f"schedule, from step 40000 on: {TEXT} (" in " ".join(run("read", log).split())


def test_read_says_that_nothing_was_recognised(tmp_path):
    noise = np.random.default_rng(1).normal(0, 0.01, 100)
    log = write_log(tmp_path / "run.csv", (np.array(rates()) * (1 + noise)).tolist())
    assert "schedule: not recognised; straight lines" in " ".join(run("read", log).split())


def test_init_writes_it_as_a_comment_and_the_log_holds(tmp_path):
    log = write_log(tmp_path / "run.csv", rates("constant 505 to 0.001 | constant 495 to 0.0001"))
    study = tmp_path / "study.toml"
    run("init", log, "-o", str(study))
    text = study.read_text()
    line = '# schedule = "constant 500 to 0.001 | constant 500 to 0.0001"'
    assert line in text and "take away the # to use the schedule" in " ".join(text.split())
    assert load(study).runs[0].schedule.lr(505) < 0.001
    study.write_text(text.replace(line, line.replace("# ", "")))
    assert load(study).runs[0].schedule.lr(500) == 0.001
    assert load(study).runs[0].schedule.lr(501) == 0.0001
