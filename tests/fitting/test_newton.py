"""Newton's method: a search ends early where it cannot become the best."""

import numpy as np
import pytest

from cptlaw import Convention, datasets
from cptlaw.fitting.newton import minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.projection import project
from cptlaw.laws import catalog


@pytest.fixture(scope="module")
def searches():
    """Eq. 4 on few runs, which leave a ridge open, and a start far up on it."""
    study = datasets.load("tiny-cpt")
    few = study.without(r.name for r in study.runs if r.name not in ("base", "cpt-const"))
    observed = observe(few, "pt", Convention(warmup="peak"))
    law = catalog.get("eq4", facts("pt", observed.points))
    objective = Objective(law, observed.points, observed.loss)
    start = project(objective, np.array([s.inner(s.start[0]) for s in law.shapes])).z
    return objective, start, minimise(objective, start, steps=100)


def test_a_search_that_becomes_the_best_is_the_same(searches):
    objective, start, alone = searches
    raced = minimise(objective, start, steps=100, beat=1.0001 * alone.value)
    assert raced.value == alone.value and (raced.z == alone.z).all()
    assert raced.iterations == alone.iterations


def test_a_search_that_cannot_become_the_best_ends_early(searches):
    objective, start, alone = searches
    raced = minimise(objective, start, steps=100, beat=0.5 * alone.value)
    assert alone.value <= raced.value
    assert raced.iterations < alone.iterations / 2
