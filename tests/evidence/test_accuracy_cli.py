"""`cptlaw bench accuracy`."""

import json
from unittest import mock

import pytest

from command import run
from cptlaw_evidence import accuracy
from cptlaw_evidence.sources.loading import names as protocols

RESULT = {
    "rows": [],
    "protocols": [],
    "left_out": [],
    "noise": {},
    "sources": {},
    "laws": [],
    "of_form": False,
    "jobs": 1,
    "seconds": 0.0,
}


@pytest.fixture
def asked():
    """Stands in for the measurement; its calls tell what was asked for."""
    with mock.patch.object(accuracy, "measure", return_value=RESULT) as measure:
        yield measure


def test_the_command_prints_one_json_object_and_writes_a_page(tmp_path):
    page = tmp_path / "page.md"
    words = ["--law", "eq4", "--protocol", "grid-far", "--jobs", "1", "--json", "-o", page]
    ended = run("bench", "accuracy", *words)
    assert ended.status == 0, ended.stderr
    assert [row["domain"] for row in json.loads(ended.stdout)["rows"]] == ["pt", "cpt"]
    assert "Made by `cptlaw bench accuracy --law eq4 --protocol grid-far" in page.read_text()


def test_the_text_has_the_main_table(asked):
    ended = run("bench", "accuracy")
    assert ended.status == 0 and "Error on what was not fitted" in ended.stdout


def test_a_floor_is_called_one_and_is_no_figure_of_held_out_runs(asked, tmp_path):
    asked.return_value = {**RESULT, "of_form": True}
    ended = run("bench", "accuracy", "--floor", "-o", tmp_path / "page.md")
    assert asked.call_args.kwargs["floor"] and "Floor: error of laws" in ended.stdout
    assert "did not see" not in (tmp_path / "page.md").read_text()
    ended = run("bench", "accuracy", "--floor", "--write", tmp_path / "figures.json")
    assert ended.status == 2 and "leave out --floor" in ended.stderr


@pytest.mark.parametrize(
    ("words", "laws", "protocols"),
    [
        ((), list(accuracy.LAWS), []),
        (("--law", "eq1", "auto"), ["eq1", "auto"], []),
        (("--law", "eq1,eq4", "--law", "eq1"), ["eq1", "eq4"], []),
        (("--protocol", "tiny", "grid-far", "--law", "eq4"), ["eq4"], ["tiny", "grid-far"]),
    ],
)
def test_laws_and_protocols_as_asked_for(asked, words, laws, protocols):
    assert run("bench", "accuracy", *words).status == 0
    assert asked.call_args.args[:2] == (laws, protocols)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--protocol", "grid-fat"), "Did you mean 'grid-far'?"),
        (("--data", "nowhere"), "nowhere: there is no such folder"),
        (("--protocol", "two-peaks"), "do not come with the package; --data names their folder"),
        (("--jobs", "0"), "'--jobs'"),
        (("-o", "nowhere/page.md"), "does not exist"),
        (("--law", "eq99", "--protocol", "grid-far", "--jobs", "1"), "law 'eq99' is unknown"),
    ],
)
def test_what_can_be_mended_ends_with_status_2(words, said):
    ended = run("bench", "accuracy", *words)
    assert ended.status == 2 and said in ended.stderr and not ended.stdout


def test_an_interruption_says_what_is_lost():
    with mock.patch.object(accuracy, "measure", side_effect=KeyboardInterrupt):
        ended = run("bench", "accuracy")
    assert ended.status == 130 and "measured so far is lost" in ended.stderr


def test_the_list_of_protocols():
    ended = run("bench", "accuracy", "--list", "--json")
    names = [one["name"] for one in json.loads(ended.stdout)["protocols"]]
    assert names == list(protocols())
