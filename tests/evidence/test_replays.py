"""Runs replayed as if they were under way."""

import pytest

from cptlaw_evidence import replays


@pytest.fixture(scope="module")
def result():
    return replays.measure(["1m-near"])


def test_ends_are_scored_along_the_runs(result):
    shares = result["shares"]
    assert [one["share"] for one in shares] == list(replays.SHARES)
    assert shares[-1]["width"] < shares[0]["width"]
    assert all(0.5 <= one["coverage"] <= 1 for one in shares)


def test_alarms_are_counted_on_healthy_and_damaged_runs(result):
    alarms = {one["damage"]: one for one in result["alarms"]}
    assert alarms["none"]["alarms"] == 0
    assert alarms["diverges"]["alarms"] == alarms["diverges"]["runs"] == result["replays"]
    assert alarms["diverges"]["at"] > replays.DAMAGED_AT


def test_it_is_told_in_tables(result):
    text = replays.to_text(result)
    assert "Last losses foreseen along held-out runs" in text
    assert "starts-1m" in text
