"""A bar on a terminal, a line now and then elsewhere."""

import io
import itertools
import sys

from bundled import MOST_GIVEN
from command import run, write_logs
from cptlaw import (
    Goal,
    Study,
    backtest,
    candidates,
    datasets,
    fit,
    load_study,
    pilot,
    uncertainty,
)
from cptlaw.cli import progress
from cptlaw.cli.progress import Progress
from terminals import Terminal


def test_a_terminal_sees_what_is_done_and_what_is_left(monkeypatch, clock):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in (1, 2, 3):
        bar(f"fitting eq4 ({number} of 4) ...")
        clock[0] += 10.0
    lines = shown.getvalue().split("\r\x1b[K")[1:]
    assert lines[0] == "[--------------------] 1 of 4: fitting eq4 ..."
    assert lines[2] == "[##########----------] 3 of 4, about 20 s left: fitting eq4 ..."
    assert "\n" not in shown.getvalue()
    bar.clear()
    assert shown.getvalue().endswith("\r\x1b[K")


def test_elsewhere_a_line_is_left_out_that_comes_soon(monkeypatch, clock):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in range(1, 8):
        bar(f"fitting eq4 ({number} of 7) ...")
        clock[0] += 1.0
    assert shown.getvalue() == "fitting eq4 (1 of 7) ...\nfitting eq4 (6 of 7) ...\n"


def test_a_count_that_begins_anew_has_a_time_of_its_own(monkeypatch, clock):
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    bar = Progress()
    for number in (1, 2, 3, 1, 2):
        bar(f"{number} of 3: a law")
        clock[0] += 5.0
    assert "left" not in shown.getvalue().split("\r\x1b[K")[-1]


def test_quick_work_is_not_told_of(monkeypatch, clock):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    tell = Progress().later(1.0)
    for number in (1, 2, 3):
        tell(f"reading run ({number} of 3) ...")
        clock[0] += 0.6
    assert shown.getvalue() == "reading run (3 of 3) ...\n"


def test_a_study_tells_of_every_log():
    said: list[str] = []
    study = load_study(datasets.path("tiny-cpt") / "study.toml", said.append)
    assert [line.split()[1] for line in said] == [run.name for run in study.runs]
    assert said[-1].endswith(f"({len(study.runs)} of {len(study.runs)}) ...")


def test_refits_tell_of_every_domain():
    said: list[str] = []
    fitted = fit(datasets.load("grid-20m-far"), "eq4", MOST_GIVEN)
    kept = uncertainty.with_refits(fitted, said.append)
    assert said[0] == f"refitting pt to resampled data (1 of {len(fitted.domains)}) ..."
    assert len(said) == len(fitted.domains)
    uncertainty.with_refits(kept, said.append)  # they are there
    assert len(said) == len(fitted.domains)


def test_a_pilot_tells_of_every_candidate():
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    fitted = fit(Study({"cpt": study.domains["cpt"]}, study.runs), "eq4", MOST_GIVEN)
    runs = candidates(study, peaks=[1e-3], steps=300)
    said: list[str] = []
    pilot(fitted, Goal({"cpt": 1.0}), runs, "600steps", 2, progress=said.append)
    assert f"candidates for run 1 (1 of {len(runs)}) ..." in said
    assert f"candidates for run 2 (1 of {len(runs) - 1}) ..." in said


def test_a_backtest_of_one_law_tells_of_every_domain():
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    said: list[str] = []
    backtest(study, ["cpt-cosine"], laws=["eq4"], options=MOST_GIVEN, progress=said.append)
    assert said[0] == "fitting eq4 (1 of 1) ..."
    assert said[1].startswith("fitting eq4 to pt (1 of ")


def test_a_fit_tells_of_every_domain():
    said: list[str] = []
    fit(datasets.load("grid-20m-far"), progress=said.append)
    assert said[0].startswith("fitting effective to pt (1 of ")
    assert len(said) == len(datasets.load("grid-20m-far").domains)


def test_reading_many_logs_is_told_once_it_takes_a_while(monkeypatch, tmp_path):
    write_logs(tmp_path)
    logs = [tmp_path / f"{name}.csv" for name in ("base", "cosine", "stages")]
    assert "reading base.csv" not in run("read", *logs).stderr
    passed = itertools.count(step=2.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(passed))
    ended = run("read", *logs, "--json")
    assert "reading base.csv (1 of 3) ..." in ended.stderr
    assert "reading base.csv" not in ended.stdout
