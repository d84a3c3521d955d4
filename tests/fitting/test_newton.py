"""Newton's method: few evaluations, the right curvature, an early end where nothing is won."""

import numpy as np
import pytest

from cptlaw import Convention, datasets
from cptlaw.fitting.coefficients import with_best_coefficients
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.newton import bend_at, curvature, minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.projection import begun
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog
from cptlaw.laws.law import Law


@pytest.fixture(scope="module")
def searches():
    """Eq. 4 on few runs, which leave a ridge open, and a start far up on it."""
    study = datasets.load("tiny-cpt")
    few = study.without(r.name for r in study.runs if r.name not in ("base", "cpt-const"))
    observed = observe(few, "pt", Convention(warmup="peak"))
    law = catalog.get("eq4", facts("pt", observed.points))
    objective = Objective(law, observed.points, observed.loss)
    start = begun(objective, np.array([s.inner(s.start[0]) for s in law.shapes]))
    return start, minimise(start, steps=100)


def test_a_search_that_becomes_the_best_is_the_same(searches):
    start, alone = searches
    raced = minimise(start, steps=100, beat=1.0001 * alone.value)
    assert raced.value == alone.value and (raced.z == alone.z).all()
    assert raced.iterations == alone.iterations


def test_a_search_that_cannot_become_the_best_ends_early(searches):
    start, alone = searches
    raced = minimise(start, steps=100, beat=0.5 * alone.value)
    assert alone.value <= raced.value
    assert raced.iterations < 0.7 * alone.iterations


@pytest.fixture(scope="module")
def posed():
    """The default law on D_pt losses."""
    observed = observe(datasets.load("tiny-cpt"), "pt", Convention(warmup="as-is"))
    law = catalog.get("effective", facts("pt", observed.points))
    return pose(law, observed, FitOptions())


def test_a_search_takes_few_evaluations_of_the_law(posed, monkeypatch):
    """Finite differences of gradients and line searches would take over a hundred."""
    count, columns = [0], Law.columns

    def counted(*args, **kwargs):
        count[0] += 1
        return columns(*args, **kwargs)

    monkeypatch.setattr(Law, "columns", counted)
    found = best_minimum(posed)
    assert found.converged and count[0] < 40


def test_the_curvature_is_that_of_the_objective(posed):
    """Where no residual is near delta; differences of gradients tell it."""
    place = best_minimum(posed).place
    free = np.ones(place.z.size, dtype=np.bool_)
    free[np.abs(place.z) == 0] = False
    axes = np.eye(int(free.sum()))
    hessian = curvature(place, free, axes, bend_at(place, free))
    for i, at in enumerate(np.flatnonzero(free)):
        step = 1e-7 * np.eye(place.z.size)[at]
        slope = (posed.gradient(place.z + step) - posed.gradient(place.z - step))[free] / 2e-7
        scale = np.sqrt(np.abs(np.diag(hessian)) * np.abs(hessian[i, i]))
        assert np.abs(hessian[i] - slope).max() <= 2e-2 * scale.max()


def test_the_best_coefficients_leave_nothing_to_gain(posed):
    start = begun(posed, np.array([s.inner(s.prior.centre) for s in posed.law.shapes]))
    best = with_best_coefficients(start)
    assert best.value < start.value and (best.z[posed.terms :] == start.z[posed.terms :]).all()
    for i in range(posed.terms):
        for share in (0.99, 1.01):
            c = best.coefficients.copy()
            c[i] *= share
            assert best.moved(c).value >= best.value * (1 - 1e-5)


def test_the_limit_of_a_power_is_found_in_few_steps():
    """The shift of D_pt is an exponential here: the exponent ends at its lowest value."""
    study = datasets.load("tiny-cpt").without(
        ["hidden-pt-const", "cpt-cosine", "mixed-const-replay0.25"]
    )
    observed = observe(study, "pt", Convention())
    law = catalog.get("eq4", facts("pt", observed.points))
    objective = Objective(law, observed.points, observed.loss, fixed={"lambda": 0.98})
    found = best_minimum(objective)
    lowest = dict(zip(law.parameters, objective.bounds[0], strict=True))
    place = dict(zip(law.parameters, found.z, strict=True))
    assert found.converged and place["beta"] == lowest["beta"]
    assert found.iterations < 25
