"""`cptlaw watch`: a run that is followed from outside."""

import json
import threading
import time

import pytest

from command import run
from cptlaw import datasets

SCHEDULE = "cosine 800 to 1e-4"


@pytest.fixture(scope="module")
def fit_file(tmp_path_factory):
    """A quick fit of the bundled runs but one."""
    folder = tmp_path_factory.mktemp("fit")
    copied = datasets.copy("tiny-cpt", folder)
    text = (copied / "study.toml").read_text()
    head, *runs = text.split("[[run]]")
    kept = [r for r in runs if 'name = "cpt-cosine"' not in r and "mixed" not in r]
    domains = head.replace('ood.docs = "docs"', "").replace('ood.bytecode = "bytecode"', "")
    (copied / "few.toml").write_text("[[run]]".join([domains, *kept]))
    fitted = run("fit", copied / "few.toml", "-o", folder / "fit.json")
    assert fitted.status == 0, fitted.stderr
    return folder / "fit.json"


@pytest.fixture
def log(tmp_path):
    """The run's log, cut after a number of rows."""
    rows = (datasets.path("tiny-cpt") / "cpt-cosine.csv").read_text().splitlines(keepends=True)
    path = tmp_path / "log.csv"

    def write(count, torn=""):
        path.write_text("".join(rows[: count + 1]) + torn)
        return path

    write.rows, write.path = rows, path
    return write


def watch(path, fit, *words):
    given = ["--schedule", SCHEDULE, "--after", "base", "--pt", "pt", "--cpt", "code"]
    return run("watch", path, fit, *given, *words)


def test_once_tells_the_end_that_is_foreseen(log, fit_file):
    done = watch(log(24), fit_file, "--once")
    assert done.status == 0, done.stderr
    assert "step 460 of 800: on course." in done.stdout
    assert "5 earlier runs and 24 evaluations of this run" in done.stdout


def test_a_finished_run_is_told_row_by_row(log, fit_file, tmp_path):
    done = watch(log(50), fit_file, "-o", tmp_path / "out.jsonl", "--figure", tmp_path / "f.png")
    assert done.status == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 41
    assert lines[0].startswith("step 0 of 800: pt 2.95")
    assert lines[-1].endswith("; ended")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(0, 801, 20))
    assert rows[3]["domains"]["cpt"]["final_low"] < 2.79 < rows[3]["domains"]["cpt"]["final_high"]
    assert (tmp_path / "f.png").read_bytes()[:4] == b"\x89PNG"


def test_a_rule_that_stops_is_an_exit_status(log, fit_file):
    rule = ("--rule", "stop: pt > 3.0 at 90 %")
    done = watch(log(50), fit_file, "--json", *rule)
    assert done.status == 3
    (row,) = map(json.loads, done.stdout.splitlines())
    assert row["stop"]
    assert row["alarms"][0]["kind"] == "rule"
    assert "STOP: pt will end above 3" in done.stderr
    assert watch(log(10), fit_file, "--once", *rule).status == 3
    assert watch(log(10), fit_file, "--once", "--rule", "pt > 3.0 at 90 %").status == 0


def test_an_alarm_can_stop_too(log, fit_file):
    path = log(40)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    column = rows[0].index("pt")
    for row in rows[25:]:
        row[column] = str(float(row[column]) * 1.1)
    path.write_text("\n".join(",".join(row) for row in rows))
    done = watch(path, fit_file, "--stop-on", "off")
    assert done.status == 3
    assert "STOP: pt: the last 3 evaluations" in done.stdout
    assert watch(path, fit_file, "--once").status == 0


def test_a_log_that_grows_is_followed_to_its_end(log, fit_file):
    path = log(5, torn=log.rows[6][:9])

    def grow():
        for count in (12, 30, 50):
            time.sleep(0.3)
            log(count)

    writer = threading.Thread(target=grow)
    writer.start()
    done = watch(path, fit_file, "--every", "0.1")
    writer.join()
    assert done.status == 0, done.stderr
    steps = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert steps == list(range(0, 801, 20))


def test_a_run_whose_last_step_is_not_evaluated_ends_too(log, fit_file):
    rows = [line.split(",") for line in log(41).read_text().splitlines()]
    empty = [rows[0].index(name) for name in rows[0] if name not in ("step", "lr")]
    for column in empty:
        rows[-1][column] = ""
    log(0).write_text("\n".join(",".join(row) for row in rows) + "\n")
    done = watch(log.path, fit_file, "--every", "0.1")
    assert done.status == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("step 780 of 800")


def test_a_log_that_is_replaced_is_told_and_followed_anew(log, fit_file):
    path = log(12)

    def other():
        time.sleep(0.5)
        text = path.read_text().replace(log.rows[1].split(",")[3], "2.5")
        path.write_text(text)
        time.sleep(0.5)
        rows = [line.split(",") for line in log.rows]
        rows[1][3] = "2.5"
        path.write_text("".join(",".join(row) for row in rows))

    writer = threading.Thread(target=other)
    writer.start()
    done = watch(path, fit_file, "--every", "0.1")
    writer.join()
    assert "the log was replaced" in done.stderr
    assert sum(line.startswith("step 20 ") for line in done.stdout.splitlines()) == 2


def test_the_run_of_a_study_whose_log_it_is_needs_no_more_words(tmp_path):
    copied = datasets.copy("tiny-cpt", tmp_path)
    log = copied / "cpt-cosine.csv"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:12]))
    done = run("watch", log, copied / "study.toml", "--once", "--json")
    assert done.status == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["run"], row["step"], row["steps"]) == ("cpt-cosine", 200, 800)
    assert len(row["domains"]["cpt"]["ahead"]["step"]) == 60


def test_nothing_but_the_run_itself_will_do(tmp_path):
    log = datasets.path("tiny-cpt") / "base.csv"
    schedule = "warmup 100 to 1e-3 | constant 1900"
    done = run("watch", log, "--schedule", schedule, "--pt", "pt", "--once")
    assert done.status == 0, done.stderr
    assert "101 evaluations of this run" in done.stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["missing.csv", "--once"], "there is no such log"),
        (["LOG", "--once"], "the learning rates ahead are not known"),
        (["LOG", "--once", "--schedule", SCHEDULE, "--rule", "pt"], "expected DOMAIN > LOSS"),
        (["LOG", "--every", "0"], "above 0"),
    ],
)
def test_what_cannot_be_watched_is_told(log, words, wanted):
    path = str(log(5))
    done = run("watch", *[path if word == "LOG" else word for word in words])
    assert done.status == 2
    assert wanted in done.stderr
    assert "Traceback" not in done.stderr


def test_the_study_is_not_written_over(log, fit_file):
    done = watch(log(5), fit_file, "-o", fit_file)
    assert done.status == 2 and "would be written over" in done.stderr


def test_an_alarm_is_told_once_and_a_limit_that_was_passed_at_the_end(log, fit_file, tmp_path):
    out = tmp_path / "out.jsonl"
    done = watch(log(50), fit_file, "--rule", "pt > 3.0 at 90 %", "-o", out)
    assert done.status == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.endswith("; a limit will be passed") for line in lines) > 30
    told = [line for line in lines if line.startswith("ALARM: pt will end above 3,")]
    assert len(told) == 1 and told[0] == lines[1]
    assert lines[-1].endswith("; ended; a limit was passed")
    assert "each line: the loss measured -> the loss expected at the end" in done.stderr
    assert f"wrote {out}" in done.stderr
    row = json.loads(out.read_text().splitlines()[-1])
    assert row["alarms"][0]["words"].startswith("pt ended above 3, at 3.")
    assert not row["stop"]


def test_without_a_forecast_no_figure_is_drawn(tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("step,pt\n100,3.5\n")
    figure = tmp_path / "f.png"
    done = run("watch", log, "--schedule", "constant 800 to 1e-3", "--once", "--figure", figure)
    assert done.status == 0, done.stderr
    assert "nothing is foreseen yet, so no figure was drawn." in done.stderr
    assert not figure.exists()


def test_a_log_that_cannot_be_read_is_told_once_asked(log, fit_file):
    log(0).write_text("step,pt\n")
    done = watch(log.path, fit_file, "--once")
    assert done.status == 2
    assert "Traceback" not in done.stderr and str(log.path) in done.stderr


def test_it_waits_for_the_log(log, fit_file):
    def write():
        time.sleep(0.5)
        log(50)

    writer = threading.Thread(target=write)
    writer.start()
    done = watch(log.path, fit_file, "--every", "0.1")
    writer.join()
    assert done.status == 0, done.stderr
    assert "is not there yet; waiting for it" in done.stderr
    assert done.stdout.splitlines()[-1].endswith("; ended")
