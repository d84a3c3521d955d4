"""Fits of the bundled runs and plans from them, made once."""

import pytest

from bundled import REPLAY, default_fit, given_fit, tiny
from cptlaw import plan
from plans import ANNEALED, knobs

ROLES = ("pt", "cpt")


@pytest.fixture(scope="session")
def study():
    return tiny(roles=ROLES)


@pytest.fixture(scope="session")
def fitted():
    """The default law, which sees replay."""
    return default_fit(roles=ROLES)


@pytest.fixture(scope="session")
def simple():
    """Eq. 4, exact at any step whatever else is worked out."""
    return given_fit(REPLAY, law="eq4", roles=ROLES)


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
