"""The best coefficients of a place, found in C and in NumPy."""

import numpy as np
import pytest

from cptlaw import Convention, FitOptions, datasets
from cptlaw.fitting.coefficients import in_numpy, with_best_coefficients
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.projection import begun
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog
from means import needs_compiled


@pytest.fixture(scope="module", params=["pt", "cpt"])
def observed(request):
    found = observe(datasets.load("tiny-cpt"), request.param, Convention("as-is"))
    return request.param, found


def starts(observed, name, count=12):
    """Places with nearly best coefficients, some of them at a bound."""
    role, found = observed
    law = catalog.get(name, facts(role, found.points))
    objective = pose(law, found, FitOptions())
    low, high = (np.array([s.inner(s.start[i]) for s in law.shapes]) for i in (0, 1))
    draws = np.random.default_rng(0).random((count, low.size))
    return [begun(objective, low + (high - low) * draw) for draw in draws]


@needs_compiled
@pytest.mark.parametrize("name", ["effective", "eq4", "eq1"])
def test_both_ways_end_at_the_same_minimum(observed, name):
    for start in starts(observed, name):
        ours, numpys = with_best_coefficients(start), in_numpy(start)
        assert ours.value == pytest.approx(numpys.value, rel=1e-6)
        assert ours.value <= start.value
        low, high = start.objective.bounds
        assert (ours.z >= low).all() and (ours.z <= high).all()
        assert (ours.z[start.objective.terms :] == start.z[start.objective.terms :]).all()


@needs_compiled
def test_columns_that_are_alike_are_left_to_singular_values(observed):
    """S2 of a phase that never was is a column of zeros: no system of it can be solved."""
    role, found = observed
    rows = np.flatnonzero(~found.points.is_cpt)
    law = catalog.get("eq4", facts(role, found.points))
    whole = pose(law, found, FitOptions())
    objective = type(whole)(law, found.points.some(rows), found.loss[rows], whole.delta)
    start = begun(objective, np.array([s.inner(s.start[0]) for s in law.shapes]))
    ended = with_best_coefficients(start)
    assert not start.columns.matrix.any(axis=0).all()
    assert ended.value == pytest.approx(in_numpy(start).value, rel=1e-9)
    assert ended.value < start.value
