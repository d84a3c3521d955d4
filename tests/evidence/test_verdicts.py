"""Simulated studies that lack what decides a choice, and what the verdict on it is."""

import numpy as np
import pytest

from cptlaw import fit
from cptlaw.forecasting.verdict import verdict
from cptlaw_evidence.coverage import verdicts
from cptlaw_evidence.coverage.verdicts import CASES, drawn, simulated
from cptlaw_evidence.sources.reading import bundled


@pytest.fixture(scope="module")
def truth():
    return drawn(fit(bundled("grid-20m")), 0)


def test_each_case_has_its_runs_and_the_losses_of_the_truth(truth):
    for case in CASES:
        study = simulated(case, truth, 0)
        assert {run.name for run in study.runs} == set(case.runs)
        assert {run.after for run in study.runs} >= ({"base"} if case.known else {"unknown:m"})
    again = simulated(CASES[0], truth, 0)
    assert np.array_equal(
        again.run("const").curves["pt"].loss,
        simulated(CASES[0], truth, 0).run("const").curves["pt"].loss,
    )


@pytest.mark.parametrize("case", [CASES[0], CASES[6]], ids=lambda case: case.words)
def test_the_verdict_is_right(truth, case):
    found = fit(simulated(case, truth, 0))
    assert (verdict(found).of(case.choice).status == "data") == case.decided


def test_the_table_names_every_case():
    rows = [
        {
            "study": case.words,
            "choice": case.choice,
            "decided": case.decided,
            "right": 1.0,
            "coverage": 0.9,
            "studies": 8,
        }
        for case in CASES
    ]
    text = verdicts.to_text({"rows": rows, "truths": 8, "level": 0.9, "failed": ["one: why"]})
    assert all(case.words in text for case in CASES)
    assert "failed: one: why" in text
