"""Refits of very many points, of which one stands for each stretch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, FitOptions, fit
from cptlaw.fitting import uncertainty
from cptlaw.fitting.merging import merged
from cptlaw.fitting.refits import Effort, refitted
from cptlaw.fitting.resampling import Resampled, resampled
from cptlaw.fitting.uncertainty import bootstrap, objective_of
from cptlaw_evidence.law_speed import many_runs

COUNT = 60


@pytest.fixture(scope="module")
def dense():
    """Twelve runs with a thousand points each."""
    return fit(many_runs(12), "effective", FitOptions(Convention("as-is")))


@pytest.fixture(scope="module")
def posed(dense):
    observed = dense.observed("pt")
    return objective_of(dense, dense.domain("pt"), observed), resampled(observed, COUNT, 0)


def test_a_stretch_pulls_as_its_points_do(dense, posed):
    objective, drawn = posed
    few = merged(objective, dense.domain("pt").place, drawn)
    assert few.loss.size == drawn.weights.shape[1] < objective.loss.size / 20
    weighed = drawn.weights[0]
    whole, parts = objective.at(dense.domain("pt").place), few.at(dense.domain("pt").place)
    assert_allclose(
        parts.pull @ weighed, whole.pull @ weighed[drawn.stretch], rtol=1e-9, atol=1e-12
    )


def test_refits_of_stretches_are_as_wide_as_those_of_all_points(dense, posed):
    objective, drawn = posed
    domain = dense.domain("pt")
    tight = Effort(150, 1e-7)
    every = refitted(objective, domain, drawn.of_points(), effort=tight)
    few = refitted(merged(objective, domain.place, drawn), domain, drawn.weights, effort=tight)
    free = every.std(axis=0) > 0
    width = few.std(axis=0)[free] / every.std(axis=0)[free]
    assert 0.9 < np.median(width) < 1.1 and width.min() > 0.7 and width.max() < 1.4
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(every.T[free], few.T[free], strict=True)]
    assert np.median(alike) > 0.9


def test_weights_of_very_many_points_are_never_written_out(dense, monkeypatch):
    usual = bootstrap(dense, 10).moves["pt"][0]
    monkeypatch.setattr(uncertainty, "MANY", 100)
    monkeypatch.setattr(uncertainty, "AT_ONCE", 1000)
    monkeypatch.setattr(Resampled, "of_points", None)
    found = bootstrap(dense, 10).moves["pt"][0]
    assert found.shape == usual.shape and np.isfinite(found).all()
