"""What `cptlaw bench laws` measures."""

from __future__ import annotations

import numpy as np
import pytest

from cptlaw.fitting.observations import observe
from cptlaw_evidence import law_speed


def test_every_part_is_timed(monkeypatch):
    monkeypatch.setattr(law_speed, "STUDIES", ("tiny-cpt",))
    monkeypatch.setattr(law_speed, "LOGGED", 50)
    told = []
    result = law_speed.law_speed(1, 2, told.append)
    assert [(r["study"], r["domain"]) for r in result["evaluations"]] == [
        ("tiny-cpt", "pt"),
        ("tiny-cpt", "cpt"),
    ]
    assert [r["steps"] for r in result["areas"]] == [10_000, 100_000]
    assert [r["runs"] for r in result["fits"]] == [1, 10]
    assert len(told) == 6
    text = law_speed.law_speed_text(result)
    assert "Fits of many runs, 10,000 steps each" in text and "grow with the power" in text


def test_growth_is_the_power_of_the_last_decade():
    assert law_speed._growth([9.0, 1.0, 10.0]) == pytest.approx(1.0)
    assert law_speed._growth([1.0]) is None


def test_many_runs_have_losses_of_the_law(monkeypatch):
    monkeypatch.setattr(law_speed, "LOGGED", 50)
    observed = observe(law_speed.many_runs(5), "pt", law_speed.AS_IS.convention)
    assert len(observed.runs) == 5
    assert np.all((observed.loss > 2.0) & (observed.loss < 9.0))
