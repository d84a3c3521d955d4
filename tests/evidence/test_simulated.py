"""How often intervals of derived numbers, profiles and comparisons hold on simulated data."""

import json

import numpy as np
import pytest

from command import run
from cptlaw_evidence.coverage.pieces import comparisons, profiles, remembering


def test_the_command_counts_all_three():
    result = json.loads(run("bench", "coverage", "--simulated", "2", "--json").stdout)
    assert (result["studies"], result["pieces"], result["level"]) == (2, 10, 0.9)
    assert len(result["rows"]) == 6
    assert [row["memory"] for row in result["profiles"]] == [0.0, 0.7, 0.9]
    assert [row["runs"] for row in result["comparisons"]] == [2, 3, 6, 12]
    for row in (*result["rows"], *result["profiles"], *result["comparisons"]):
        assert 0 <= row["coverage"] <= 1
    table = run("bench", "coverage", "--simulated", "2").stdout
    assert "2 studies simulated from fineweb-kp-106m" in table
    assert "three runs" in table and "10 comparisons of equal laws each" in table


def test_more_alike_residuals_and_fewer_runs_are_held_less():
    independent, _, alike = profiles(60)
    assert alike["coverage"] < independent["coverage"]
    few, _, _, many = comparisons(60)
    assert few["coverage"] < many["coverage"]


@pytest.mark.parametrize("memory", [0.0, 0.7, 0.9])
def test_residuals_remember_the_share_that_is_asked_for(memory):
    found = remembering(np.random.default_rng(0), 20_000, memory)
    assert np.corrcoef(found[1:], found[:-1])[0, 1] == pytest.approx(memory, abs=0.03)
    assert found.std() == pytest.approx(1.0, abs=0.1)
