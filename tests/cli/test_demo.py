"""The demo goes the whole way on the bundled runs and leaves what it says it leaves."""

import json
import shlex
import sys

import pytest

from command import run
from cptlaw import datasets, load_study, store
from cptlaw.cli import demo


@pytest.fixture(scope="module", autouse=True)
def _worked_out_once():
    """Text and JSON tell of the same backtest and fit; the second demo takes those of the first."""
    made = {}

    def once(work):
        def ask(study, *asked, progress):
            key = work, study.fingerprint, asked
            if key not in made:
                made[key] = work(study, *asked)
            return made[key]

        return ask

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "backtest", once(demo.backtest))
        patch.setattr(demo, "fit", once(demo.fit))
        yield


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    return folder, run("demo", "-o", folder)


def test_it_ends_well(shown):
    _, ended = shown
    assert ended.status == 0, ended.stderr
    for part in (
        "Held out: cpt-cosine, half-wsd, rewarmed-cosine",
        "effective-LR law",
        "Your data decide: ",
        "CPT run from",
    ):
        assert part in ended.stdout


def test_it_tells_every_step(shown):
    _, ended = shown
    lines = ended.stderr.splitlines()
    numbered = [line[:2] for line in lines if line[1:3] == ". "]
    assert numbered == ["1.", "2.", "3.", "4."]
    assert lines[-1].startswith("next: cptlaw forecast ")


def test_it_leaves_what_it_says(shown):
    folder, ended = shown
    written = [line[len("wrote ") :] for line in ended.stderr.splitlines() if "wrote" in line]
    assert written == [str(folder / name) for name in ("fit.json", "fit.png", "forecast.png")]
    assert sorted(path.name for path in folder.iterdir()) == [
        "fit.json",
        "fit.png",
        "forecast.png",
        "grid-20m",
    ]
    assert len(load_study(folder / "grid-20m" / "study.toml").runs) == 12
    assert list(store.load(folder / "fit.json").domains)[:2] == ["pt", "cpt"]
    assert (folder / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_what_it_proposes_works(shown):
    _, ended = shown
    line = ended.stderr.splitlines()[-1].partition(", or your own logs")[0]
    assert run(*shlex.split(line.removeprefix("next: cptlaw "))).status == 0


def test_as_json_it_prints_one_object(tmp_path):
    ended = run("demo", "-o", tmp_path, "--json")
    assert ended.status == 0, ended.stderr
    assert ended.stdout.count("\n") == 1
    found = json.loads(ended.stdout, parse_constant=pytest.fail)
    assert list(found) == ["backtest", "fit", "forecast"]
    held = [row for row in found["backtest"]["rows"] if row["run"] == "cpt-cosine"]
    errors = {row["domain"]: row["mape"] for row in held}
    assert errors["pt"] < 0.03 and errors["cpt"] < 0.01


def test_without_matplotlib_it_leaves_the_figures_out_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = run("demo", "-o", tmp_path)
    assert ended.status == 0, ended.stderr
    assert "no figures: they need matplotlib. Install it with: pip install 'cptlaw[plot]'" in (
        ended.stderr
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit.json", "grid-20m"]
    assert "Expect a final loss" in ended.stdout


@pytest.mark.parametrize("name", datasets.names())
def test_the_bundled_studies_are_handed_over_by_name(tmp_path, name):
    ended = run("demo", "--data", name, "-o", tmp_path / "new")
    assert ended.status == 0, ended.stderr
    told = ended.stderr.splitlines()[-1].split()[3]
    bundled = datasets.load(name)
    assert load_study(told).fingerprint == bundled.fingerprint
    assert ended.stdout.startswith(f"{told}: {len(bundled.runs)} real runs: ")
    assert (tmp_path / "new" / name / "CARD.md").exists()


def test_a_study_that_does_not_come_with_the_package_is_an_error(tmp_path):
    ended = run("demo", "--data", "grid-20", "-o", tmp_path / "new")
    assert ended.status == 2 and "Did you mean 'grid-20m'?" in ended.stderr
    assert not (tmp_path / "new").exists()
