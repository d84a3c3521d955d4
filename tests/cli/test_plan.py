"""cptlaw plan: what it prints, writes and refuses."""

import csv
import json
import math
import subprocess
import sys

import pytest

import command
from bundled import REPLAY, given_fit
from cptlaw import Convention, FitOptions, Schedule, Study, datasets, fit, store
from cptlaw.decisions.plan.result import Plan

START = ("--after", "base", "--peak", "2e-4..1e-3", "--steps", 800)
PUBLISHED = (
    "published:fineweb-kp-106m",
    "--base-schedule",
    "warmup 500 to 2e-4 | constant 9500",
    "--peak",
    "2e-5..2e-4",
    "--steps",
    2000,
)
ANNEALED = "base@1500 | linear 300 to 0"
FILES = ["experiment.toml", "plan.json", "plan.txt", "schedule.csv", "schedule.py"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fits of the bundled runs, of Eq. 4 and of pre-training alone."""
    made = tmp_path_factory.mktemp("fits")
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    settings = FitOptions(Convention(), fixed={"lambda": 0.98})
    fitted = given_fit(REPLAY, law="eq4", roles=("pt", "cpt"))
    store.save(fitted, made / "fit.json")
    bases = Study({"pt": "pt"}, tuple(run for run in study.runs if run.data == "pt"))
    store.save(fit(bases, "eq1", options=settings), made / "pt.json")
    store.save(study, made / "study.json")
    return made


@pytest.fixture
def planned(folder):
    def run(*words):
        ended = command.run("plan", folder / "fit.json", *words)
        assert ended.status == 0, ended.stderr
        return ended

    return run


def numbers(value):
    """Every number in a shape."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


# --- what it prints -------------------------------------------------------------------------------


def test_the_text_begins_with_the_recipe_and_its_reasons(planned):
    ended = planned("--goal", "cpt=1", *START, "--limit", "pt<=+2%", "--family", "cosine,wsd")
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(("Do this run first: ", 'Run "warmup 8 to '))
    assert any(line.startswith('Run "warmup 8 to ') for line in lines[:5])
    assert "goal: cpt=1; limits: pt<=+2%" in lines
    plain = " ".join(ended.stdout.split())
    for words in (
        "Limits that cost something: pt<=+2%",
        "schedule family",
        "Trade-offs",
        "common default",
    ):
        assert words in plain
    assert "next: add -o plan" in ended.stderr
    assert "lab" not in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--goal", "cpt=1", *START],
        ["--goal", "cpt=1", *START, "--limit", "pt<=+2%", "tokens<=5e6", "cpt<=1"],
        ["--goal", "cheapest", *START, "--limit", "cpt<=2.9", "--steps", "100..800"],
        ["--goal", "cpt=1", "--after", ANNEALED, "base", "--peak", "1e-3,5e-4", "--steps", "9"],
        ["--goal", "cpt=1 pt=1", *START, "--family", "free", "--measure", "perplexity"],
        ["--goal", "pt=1", "--peak", "1e-3", "--steps", 800, "--data", "pt"],
    ],
)
def test_json_is_one_object_of_finite_numbers(planned, words):
    ended = planned(*words, "--json")
    assert ended.stdout.count("\n") == 1
    shape = json.loads(ended.stdout)
    assert all(math.isfinite(number) for number in numbers(shape))
    assert shape["goal"] == words[1] + (" tokens" if words[1] == "cheapest" else "")
    assert shape["feasible"] == ("cpt<=1" not in words)
    assert bool(shape["why"]) != shape["feasible"]
    assert {"best", "losses", "knobs", "front", "advice", "sure", "prices"} <= set(shape)
    assert {"first", "lines", "status", "choices"} == set(shape["verdict"])


def test_the_json_is_what_the_forecast_command_says(planned, folder):
    best = json.loads(planned("--goal", "cpt=1", *START, "--json").stdout)["best"]
    words = ("--after", best["after"], "--schedule", best["schedule"], "--json")
    made = json.loads(command.run("forecast", folder / "fit.json", *words).stdout)
    for role, loss in best["losses"].items():
        assert loss == pytest.approx(made["domains"][role]["final"], abs=1e-9)


def test_published_coefficients_have_no_interval(tmp_path):
    out = tmp_path / "out"
    ended = command.run("plan", *PUBLISHED, "--goal", "cpt=1 pt=1", "--json", "-o", out)
    assert ended.status == 0, ended.stderr
    shape = json.loads(ended.stdout)
    assert (shape["value"], shape["sure"]) == (None, None)
    assert sorted(path.name for path in out.iterdir()) == FILES[1:]
    assert "schedule.py says how" in ended.stderr
    plain = command.run("plan", *PUBLISHED, "--goal", "cpt=1")
    assert "without intervals" in " ".join(plain.stdout.split())
    assert "experiment" not in plain.stderr


def test_costs_are_told_from_what_is_given():
    words = (
        "--batch-tokens",
        "4e6",
        "--tokens-per-second",
        "1e5",
        "--price",
        2,
        "--model-size",
        "1e8",
    )
    ended = command.run(
        "plan", *PUBLISHED, "--goal", "cpt=1", *words, "--domain-tokens", "1e9", "--json"
    )
    best = json.loads(ended.stdout)["best"]
    hours = 2000 * 4e6 / 1e5 / 3600
    assert best["costs"] == pytest.approx(
        {
            "steps": 2000,
            "tokens": 8e9,
            "flops": 6e8 * 8e9,
            "hours": hours,
            "money": 2 * hours,
            "passes": 8,
        }
    )


# --- what it writes -------------------------------------------------------------------------------


def test_the_schedule_is_written_as_planned(planned, tmp_path):
    out = tmp_path / "deep" / "out"
    ended = planned("--goal", "cpt=1", *START, "-o", out)
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert (out / "plan.txt").read_text() == ended.stdout
    assert isinstance(store.load(out / "plan.json"), Plan)  # as `cptlaw report` reads it
    best = json.loads((out / "plan.json").read_text())["best"]
    lr = Schedule.parse(best["schedule"]).lr()
    rows = list(csv.DictReader((out / "schedule.csv").read_text().splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(1, 801))
    assert [float(row["lr"]) for row in rows] == pytest.approx(lr, rel=1e-9, abs=1e-20)
    code = "import schedule; print([schedule.lr_at(k) for k in range(1, 801)])"
    told = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, check=True)
    assert json.loads(told.stdout) == pytest.approx(lr, rel=1e-12, abs=1e-20)
    assert f"wrote {out / 'schedule.py'}" in ended.stderr


@pytest.mark.parametrize(
    ("after", "names", "starts"),
    [
        ("base", ["base", "plan"], [None, None]),
        ("base@1500", ["base", "plan"], [None, 1500]),
        ("annealed", ["base", "annealed", "plan"], [None, 1600, None]),
        (ANNEALED, ["base", "plan-start", "plan"], [None, 1500, None]),
    ],
)
def test_the_lab_takes_the_experiment(planned, tmp_path, after, names, starts):
    from cptlaw.lab import experiment

    out = tmp_path / "out"
    planned("--goal", "cpt=1", "--after", after, "--peak", "1e-3", "--steps", 800, "-o", out)
    found = experiment.load(out / "experiment.toml")
    assert [node.name for node in found.nodes] == names
    assert [node.after_step for node in found.nodes] == [
        step or (found.node(node.after).steps if node.after else None)
        for step, node in zip(starts, found.nodes, strict=True)
    ]
    plan = found.node("plan")
    assert (plan.data, plan.after, plan.steps, plan.batch_tokens) == ("cpt", names[-2], 800, 8192)
    best = json.loads((out / "plan.json").read_text())["best"]
    assert plan.schedule.lr() == pytest.approx(Schedule.parse(best["schedule"]).lr())


def test_the_lab_counts_it_beforehand(planned, tmp_path):
    for package in ("torch", "transformers", "datasets", "tokenizers"):
        pytest.importorskip(package)
    out = tmp_path / "out"
    planned("--goal", "cpt=1", *START, "-o", out)
    words = ("--dry-run", "--flops", 1e12, "--json")
    ended = command.run("lab", "sweep", out / "experiment.toml", *words)
    assert ended.status == 0, ended.stderr
    assert [run["name"] for run in json.loads(ended.stdout)["runs"]] == ["base", "plan"]


def test_the_run_joins_an_experiment_that_there_is(planned, folder, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    planned("--goal", "cpt=1", *START, "-o", first)
    own = first / "experiment.toml"
    words = ("--goal", "pt=1", *START, "--experiment", own)
    planned(*words, "--name", "gentle", "-o", second)
    text = (second / "experiment.toml").read_text()
    assert text.startswith(own.read_text().rstrip("\n"))
    assert text.count("\n[[run]]\n") == 3
    assert 'name = "gentle"' in text
    again = command.run("plan", folder / "fit.json", *words, "-o", tmp_path / "third")
    assert again.status == 2
    assert f"{own}: has a run 'plan' already" in again.stderr
    assert not (tmp_path / "third").exists()


def test_the_nearest_recipe_is_not_called_the_best(planned, tmp_path):
    planned("--goal", "cpt=1", *START, "--limit", "cpt<=2", "-o", tmp_path / "out")
    assert "# nearest for cpt=1: " in (tmp_path / "out" / "experiment.toml").read_text()


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_figures(planned, tmp_path, suffix, begins):
    pytest.importorskip("matplotlib")
    path = tmp_path / f"plan.{suffix}"
    ended = planned("--goal", "cpt=1", *START, "--limit", "pt<=+2%", "--figure", path)
    assert path.read_bytes().startswith(begins)
    assert f"wrote {path}" in ended.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--goal", "cpt=1", "--after", "base", "--peak", "1e-3", "--steps", 800],
        ["--goal", "pt=1", "--peak", "1e-4..1e-3", "--steps", "400..800", "--data", "pt"],
        ["--goal", "cpt=1", *START, "--family", "free"],
        ["--goal", "cheapest", *START, "--limit", "cpt<=1"],
    ],
)
def test_a_figure_of_any_plan(planned, tmp_path, words):
    pytest.importorskip("matplotlib")
    planned(*words, "--figure", tmp_path / "plan.svg")
    assert (tmp_path / "plan.svg").stat().st_size > 10_000


# --- what it refuses ------------------------------------------------------------------------------

GOOD = ("FIT", "--goal", "cpt=1", *START)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["FIT", *START], "--goal"),
        (["FIT", "--goal", "cpt=1", "--steps", 9], "--peak"),
        (["FIT", "--goal", "cpt=1", "--peak", "1e-3", "--steps", 9], "needs its base"),
        (["FIT", "--goal", "", *START], "expected DOMAIN=WEIGHT"),
        (["FIT", "--goal", "cpd=1", *START], "Did you mean 'cpt'"),
        (["FIT", "--goal", "cheapest", *START], "needs a loss to reach"),
        ([*GOOD, "--limit", ""], "expected QUANTITY<=NUMBER"),
        ([*GOOD, "--limit", "tokns<=1"], "Did you mean 'tokens'"),
        ([*GOOD, "--limit", "hours<=1"], "--tokens-per-second"),
        ([*GOOD, "--peak", ""], "--peak '': expected a number"),
        ([*GOOD, "--peak", "1e-3..1e-4"], "the lower one first"),
        ([*GOOD, "--peak", "1e-1"], "nothing is known there"),
        ([*GOOD, "--replay", "x"], "--replay 'x'"),
        ([*GOOD, "--family", "cosin"], "Did you mean 'cosine'"),
        ([*GOOD, "--knots", "many"], "--knots"),
        ([*GOOD, "--batch", "4096,8192"], "eq4-batch"),
        ([*GOOD, "--measure", "lss"], "Did you mean 'loss'"),
        ([*GOOD, "--measure", "bits-per-byte"], "--bytes-per-token cpt=4.2"),
        ([*GOOD, "--bytes-per-token", "cpt"], "expected DOMAIN=NUMBER"),
        ([*GOOD, "--bytes-per-token", "=4"], "expected DOMAIN=NUMBER"),
        ([*GOOD, "--bytes-per-token", "cpt=4", "cpt=5"], "given twice"),
        ([*GOOD, "--bytes-per-token", "cpt=4"], "for bits per byte alone"),
        ([*GOOD, "--after", "bose"], "Did you mean 'base'"),
        ([*GOOD, "--after", "unknown:llama"], "no unknown base"),
        ([*GOOD, "--reference", ""], "is empty"),
        ([*GOOD, "--level", "1.5"], "level = 1.5"),
        ([*GOOD, "--model-size", "nan"], "model_size = nan"),
        ([*GOOD, "--batch-tokens", "0"], "batch_tokens = 0"),
        ([*GOOD, "--price", "0"], "price = 0"),
        ([*GOOD, "--base-schedule", "constant 9 to 1e-3"], "not both"),
        ([*GOOD, "--figure", "plan.jpg"], "plan.jpg: figures are written as .png"),
        ([*GOOD, "--experiment", "x.toml"], "give -o DIR too"),
        ([*GOOD, "-o", ""], "name a folder"),
        ([*GOOD, "-o", "FIT"], "is a file; name a folder"),
        ([*GOOD, "-o", "out", "--name", "a b"], "name 'a b'"),
        ([*GOOD, "-o", "out", "--name", "cpt-const"], "has a run 'cpt-const' already"),
        (
            [*GOOD, "-o", "out", "--experiment", "nothing.toml"],
            "nothing.toml: there is no such file",
        ),
        (["PT", "--goal", "pt=1", *START, "--data", "cpt"], "knows no shift"),
        (["STUDY", "--goal", "pt=1", *START], "holds a Study, but a Fit is needed"),
        (["nothing.json", "--goal", "pt=1", *START], "there is no such file"),
        (["published:nothing", "--goal", "pt=1", *START], "no published fit"),
        ([*PUBLISHED, "--goal", "cpt=1", "--after", "base"], "not both"),
        ([*PUBLISHED, "--goal", "cpt=1", "--limit", "tokens<=1e9"], "--batch-tokens"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_one_message(
    folder, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    named = {"FIT": "fit.json", "PT": "pt.json", "STUDY": "study.json"}
    ended = command.run("plan", *(folder / named[w] if w in named else w for w in words))
    assert ended.status == 2
    assert ended.stdout == ""
    assert message in ended.stderr
    assert ended.stderr.count("error: ") == 1
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_written_over(folder, tmp_path, name):
    (tmp_path / name).write_text("mine")
    ended = command.run("plan", folder / "fit.json", *GOOD[1:], "-o", tmp_path)
    assert ended.status == 2
    assert f"{tmp_path / name}: is there already" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_with_other_files_is_taken(planned, tmp_path):
    (tmp_path / "study.toml").write_text("mine")
    planned(*GOOD[1:], "-o", tmp_path)
    assert (tmp_path / "study.toml").read_text() == "mine"
    assert (tmp_path / "plan.txt").exists()
