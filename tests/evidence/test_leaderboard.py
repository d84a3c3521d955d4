"""Results of laws as one page."""

import json

import pytest

from command import run
from cptlaw.errors import DataError
from cptlaw_evidence.accuracy.rows import FIGURES
from cptlaw_evidence.task import leaderboard


def result(maes, law="mine", noise=0.0, version=1, prints="a", still=0.4):
    """A result of one law on protocols of two sources, beside the reference."""
    sources = {"grid-far": "tiny-grid-far", "20m-near": "grid-20m", "20m-start": "grid-20m"}
    figures = dict.fromkeys(FIGURES)

    def row(name, protocol, mae):
        more = {"mae": mae, "mape": mae, "splits": 1, "failed_splits": 0, "points": 1, "runs": 1}
        more |= {"seconds": 0.0, "by_group": {}, "by_split": {}, "why": "", "law": name}
        place = {"protocol": protocol, "source": sources[protocol], "domain": "pt"}
        return {**figures, **place, **more}

    rows = [row(law, p, mae) for p, mae in maes.items()]
    rows += [row("last-value", p, still) for p in maes]
    protocols = [
        {"name": p, "source": sources[p], "unit": "mape", "apart": False, "splits": 1} for p in maes
    ]
    return {
        "rows": rows,
        "protocols": protocols,
        "laws": [law, "last-value"],
        "noise": {sources[p]: {"pt": noise} if noise else {} for p in maes},
        "sources": {sources[p]: "curves" for p in maes},
        "benchmark": {"version": version, "tasks": dict.fromkeys(maes, prints)},
        "of_form": False,
    }


def standings(*results):
    merged = leaderboard.merged(results)
    return leaderboard.standings(merged, list(merged["sources"]))


def test_scores_are_geometric_means_over_tasks_then_sources():
    (first, last) = standings(result({"grid-far": 0.1, "20m-near": 0.2, "20m-start": 0.05}))
    assert first.law == "mine" and last.law == "last-value" and last.score == pytest.approx(1.0)
    assert first.by_source["tiny-grid-far"] == pytest.approx(0.25)
    assert first.by_source["grid-20m"] == pytest.approx((0.5 * 0.125) ** 0.5)
    assert first.score == pytest.approx((0.25 * 0.25) ** 0.5)


def test_what_was_not_predicted_counts_as_standing_still():
    board = standings(
        result({"grid-far": 0.1, "20m-near": 0.2}, "whole"), result({"grid-far": 0.1}, "half")
    )
    assert [one.law for one in board] == ["whole", "half", "last-value"]
    half = board[1]
    assert (half.predicted, half.tasks) == (1, 2)
    assert half.by_source["grid-20m"] == 1.0


def test_a_task_of_which_a_split_is_missing_is_not_predicted():
    partly = result({"grid-far": 0.1})
    partly["rows"][-1]["splits"] = 2
    assert {one.law: one.predicted for one in standings(partly)} == {"mine": 0, "last-value": 1}
    assert {one.score for one in standings(partly)} == {1.0}


def test_errors_below_the_noise_win_nothing():
    lucky, honest = result({"grid-far": 0.001}, "lucky", 0.1), result({"grid-far": 0.1}, "b", 0.1)
    scores = {one.law: one.score for one in standings(lucky, honest)}
    assert scores["lucky"] == scores["b"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result({"grid-far": 0.1}), result({"grid-far": 0.2})], "are called 'mine' and differ"),
        ([result({"grid-far": 0.1}), result({"grid-far": 0.1}, "b", prints="c")], "other curves"),
        ([result({"grid-far": 0.1}, version=2)], "a result of version 2"),
        ([{**result({"grid-far": 0.1}), "laws": ["mine"]}], "no result has last-value"),
        ([{**result({"grid-far": 0.1}), "of_form": True}], "a result of --floor"),
        ([{"fits": 1}], "no result of the benchmark"),
    ],
)
def test_results_that_do_not_go_together_are_refused(results, said):
    with pytest.raises(DataError, match=said):
        leaderboard.merged(results)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("rows", 0, "mae"), None),
        (("rows", 0, "mae"), float("nan")),
        (("rows", 0), {"law": "mine"}),
        (("rows",), 3),
        (("benchmark",), {}),
        (("benchmark", "tasks"), []),
        (("protocols", 0), "grid-far"),
        (("noise",), []),
        (("laws",), [[]]),
    ],
)
def test_damaged_results_are_refused(place, value):
    damaged = json.loads(json.dumps(result({"grid-far": 0.1})))
    part = damaged
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(DataError, match="no result of the benchmark"):
        leaderboard.merged([damaged])


def test_the_page_has_the_order_the_errors_and_the_noise(tmp_path):
    for law, mae in (("worse", 0.3), ("better", 0.1)):
        text = json.dumps(result({"grid-far": mae}, law, 0.01))
        (tmp_path / f"{law}.json").write_text(text)
    page = tmp_path / "board.md"
    files = [tmp_path / "worse.json", tmp_path / "better.json"]
    ended = run("bench", "leaderboard", *files, "-o", page)
    assert ended.status == 0, ended.stderr
    text = page.read_text()
    assert text.index("| better |") < text.index("| worse |") < text.index("| last-value |")
    assert "0.0100 (pt)" in text and "grid-far, pt (%)" in text
    board = json.loads(run("bench", "leaderboard", *files, "--json").stdout)["standings"]
    assert [one["law"] for one in board] == ["better", "worse", "last-value"]


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    ended = run("bench", "leaderboard", tmp_path / "x.json")
    assert ended.status == 2 and "x.json" in ended.stderr and "no result" in ended.stderr
