"""A fit that all tests of the explorer look at."""

import pytest

from bundled import grid_fit
from cptlaw.explorer.dials import first_choice
from cptlaw.explorer.shelf import entry_of
from cptlaw.fitting.uncertainty import with_refits


@pytest.fixture(scope="session")
def fit():
    return with_refits(grid_fit())


@pytest.fixture(scope="session")
def entry(fit):
    return entry_of("tiny-grid", fit)


@pytest.fixture
def choice(fit):
    return first_choice(fit)
