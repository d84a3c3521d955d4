"""`cptlaw report`, as a user runs it."""

import pytest

import command
from command import run
from cptlaw import published, store


def test_a_report_of_published_coefficients(tmp_path):
    path = tmp_path / "report.md"
    future = tmp_path / "forecast.json"
    fit = "published:fineweb-kp-106m"
    asked = ("--base-schedule", "warmup 100 to 2e-4 | constant 9900", "--data", "cpt")
    told = run("forecast", fit, "--schedule", "cosine 2000 to 0", *asked, "-o", future)
    assert told.status == 0, told.stderr
    pytest.importorskip("matplotlib")
    ended = run("report", fit, future, "-o", path, "--title", "From the paper")
    assert ended.status == 0, ended.stderr
    assert path.read_text().startswith("# From the paper\n")
    assert "## Forecast: cosine 2000 to 0" in path.read_text()
    assert f"wrote {path}" in ended.stderr and "next: read" in ended.stderr


def test_a_report_in_html(tmp_path):
    pytest.importorskip("plotly")
    path = tmp_path / "report.html"
    ended = run("report", "published:fineweb-kp-106m", "-o", path)
    assert ended.status == 0, ended.stderr
    assert path.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["no.json", "-o", "report.md"], "no.json: there is no such file"),
        (["published:fineweb-kp-106m", "-o", "report.pdf"], "written as .html or .md"),
        (
            ["published:fineweb-kp-106m", "x.json", "-o", "x.md"],
            "x.json: there is no such",
        ),
    ],
)
def test_what_cannot_be_reported(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    ended = run("report", *words)
    assert ended.status == 2
    assert told in ended.stderr
    assert not list(tmp_path.iterdir())


def test_what_compare_and_pilot_write_is_reported(tmp_path):
    command.write_logs(tmp_path)
    study, fit, laws, next_runs = (
        tmp_path / name for name in ("study.toml", "fit.json", "laws.json", "next")
    )
    assert run("fit", study, "--law", "eq4", "-o", fit).status == 0
    assert run("compare", study, "--law", "eq4", "--hold-out", "stages", "-o", laws).status == 0
    words = ("--budget", "1000steps", "--goal", "cpt=1", "-o", next_runs)
    assert run("pilot", fit, *words).status == 0
    ended = run("report", fit, laws, next_runs, "-o", tmp_path / "report.md")
    assert ended.status == 0, ended.stderr
    written = (tmp_path / "report.md").read_text()
    assert "## Laws compared" in written and "## What to run next" in written


def test_what_has_no_section_is_told(tmp_path):
    store.save(published.load("fineweb-law-106m").convention, tmp_path / "odd.json")
    ended = run(
        "report", "published:fineweb-law-106m", tmp_path / "odd.json", "-o", tmp_path / "x.md"
    )
    assert ended.status == 2
    assert "holds a Convention, of which a report has no section." in ended.stderr
    assert not (tmp_path / "x.md").exists()
