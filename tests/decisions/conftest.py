"""Fits of the bundled runs and plans from them, made once."""

import pytest

from cptlaw import Convention, FitOptions, Study, datasets, fit, plan
from plans import ANNEALED, knobs


@pytest.fixture(scope="session")
def study():
    return Study({"pt": "pt", "cpt": "code"}, datasets.load("tiny-cpt").runs)


@pytest.fixture(scope="session")
def fitted(study):
    """The default law, which sees replay."""
    return fit(study)


@pytest.fixture(scope="session")
def simple(study):
    """Eq. 4, exact at any step whatever else is worked out."""
    few = study.without(["mixed-const-replay0.25"])
    return fit(few, "eq4", options=FitOptions(Convention(), fixed={"lambda": 0.98}))


@pytest.fixture(scope="session")
def weighed(fitted):
    return plan(fitted, "cpt=1 pt=0.3", knobs(steps="200..800", replay="0..0.5"))


@pytest.fixture(scope="session")
def limited(simple):
    return plan(simple, "cpt=1", knobs(steps="200..800"), ["pt<=+2%", "tokens<=5e6"])


@pytest.fixture(scope="session")
def listed(simple):
    several = knobs(
        after=("base", "base@1000", ANNEALED),
        family="cosine,wsd,constant",
        decay="0.1,0.5",
        decay_shape="linear,sqrt",
    )
    return plan(simple, "cpt=1", several)
