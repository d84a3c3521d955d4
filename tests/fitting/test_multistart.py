"""Many starts, one minimum."""

from __future__ import annotations

import pytest

from cptlaw import datasets, fit
from cptlaw.fitting.result import DomainFit
from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.studies.study import Study

FOUR = ("base", "annealed", "cpt-const", "cpt-twostage")


@pytest.fixture(scope="module")
def new_data() -> DomainFit:
    study = datasets.load("grid-20m")
    part = study.without([run.name for run in study.runs if run.name not in FOUR])
    return fit(Study({"cpt": part.domains["cpt"]}, part.runs), "effective").domain("cpt")


def test_a_valley_without_a_whole_term_is_left_for_a_lower_one(new_data):
    """The first ends on these D_cpt losses leave out A, at 2.5e-3; a lower minimum has it."""
    assert new_data.params["A"] > 0.1
    assert new_data.scores.huber < 2.4e-3


def test_alpha_is_freer_on_new_data():
    def spread(role: str) -> float:
        law = catalog.get("effective", Facts(role, has_cpt=True))
        (prior,) = (s.prior for s in law.shapes if s.name == "alpha")
        return prior.spread

    assert spread("cpt") > spread("pt")
