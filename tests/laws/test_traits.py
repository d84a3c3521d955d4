"""What every law of the catalogue says of itself, and what a law from outside is taken for."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from cptlaw import Convention, FitOptions, catalog, datasets, fit, store
from cptlaw.forecasting.intervals import calibration_of
from cptlaw.forecasting.measured import CHOOSERS, OTHERS, measured
from cptlaw.laws.catalog import Entry, Facts
from cptlaw.laws.law import Law, Term
from cptlaw.laws.points import Points
from cptlaw.laws.remedies import LR, place
from cptlaw.laws.symbols import stem
from cptlaw.laws.traits import Traits, Varied
from cptlaw.studies.history import History
from laws import EVERY

SOURCE = Path(__file__).parents[2] / "src"
UNMEASURED = {
    *("eq4-anchored", "eq4-batch", "eq8-printed", "eq9", "eq10", "unknown-pt"),
    *("multi-power", "functional", "relaxing"),
    *("clock", "momentum", "floor", "convex", "step-power", "d-cpt"),
    *("effective+eq3", "effective+blend", "effective+power"),
    *("effective+start", "effective+two-timescale"),
}
"""Laws whose intervals were not measured."""
TELL_LITTLE = {"g", "nu"}
"""Shape parameters that runs of differing LR determine, for which no other remedy is known."""
every = pytest.mark.parametrize("name", EVERY)


def laws_of(name):
    """A law for both domains, with all that may vary and with nothing."""
    varied = {"replay": True, "sizes": True}
    for role in ("pt", "cpt"):
        for more in ({}, varied):
            yield catalog.get(name, Facts(role, bases=("a", "b"), batches=("1x1", "2x2"), **more))


# --- every law -------------------------------------------------------------------------------


@every
def test_its_law_carries_the_traits_of_its_entry(name):
    traits = catalog.find(name).traits
    assert all(law.traits is traits for law in laws_of(name))
    assert traits.sees <= set(get_args(Varied))


@every
def test_its_measured_figures_exist_or_it_is_said_to_have_none(name):
    traits = catalog.find(name).traits
    assert (traits.forecasts == OTHERS) is (name in UNMEASURED)
    assert traits.forecasts in measured().intervals
    assert traits.choices in measured().choices


@every
def test_what_it_sees_is_in_its_terms(name):
    traits = catalog.find(name).traits
    for law in laws_of(name):
        assert ("cpt" in traits.sees) == any(term.part == "shift" for term in law.terms)
    *_, varied = laws_of(name)
    assert not varied.depends_on_size or "size" in traits.sees
    assert (len({stem(p) for p in varied.parameters}) < len(varied.parameters)) == bool(
        {"batch", "unknown"} & traits.sees
    )


@every
def test_the_parameters_of_its_limit_are_its_own(name):
    limit = catalog.find(name).traits.limit
    for law in laws_of(name) if limit else ():
        assert set(limit) <= {stem(parameter) for parameter in law.parameters}


@pytest.mark.parametrize("name", [n for n in EVERY if catalog.find(n).traits.limit])
def test_an_endless_cpt_comes_to_the_limit(name):
    """The shift after a CPT without end is that of the limit's parameters."""
    law = next(iter(laws_of(name)))
    likely = {"E": 1e4, "beta": 2.0, "a2": 2.0}
    values = {p: likely.get(stem(p), 0.1) for p in law.parameters}
    label = (1.0, 1) if law.sees("batch") else (None, None)
    history = History(np.ones(10), np.ones(100_000), model_size=1e8, batch=label)
    points = Points.at_ends([history], Convention())
    at_limit = {p: law.traits.limit.get(stem(p), value) for p, value in values.items()}
    found = law.parts(points, values)["shift"], law.parts(points, at_limit)["shift"]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


@every
def test_every_parameter_has_a_symbol_and_a_remedy(name):
    for law in laws_of(name):
        assert set(law.symbols) == set(law.remedies) == set(law.parameters)
        for parameter, symbol in law.symbols.items():
            assert symbol and not re.search(r"[<>]", symbol)
            assert law.remedies[parameter].advice.endswith(".")
            usual = law.remedies[parameter] == LR
            assert not usual or stem(parameter) in TELL_LITTLE, parameter
            assert usual or place(law.remedies[parameter]) < place(LR)
        for term in law.terms:
            for factor in term.factors:
                assert set(factor.tied) <= {shape.name for shape in factor.shapes}


def test_a_kind_of_study_asks_for_one_of_the_papers_laws():
    asked = [kind for entry in catalog.LAWS.values() for kind in entry.traits.paper_for]
    assert len(set(asked)) == len(asked) == 8


@pytest.mark.parametrize(
    ("study", "names"),
    [
        (("pt",), ("effective", "eq1", "multi-power", "functional", "relaxing")),
        (("pt", "cpt"), ("effective", "eq4", "multi-power", "functional", "relaxing")),
    ],
)
def test_candidates_suit_the_study(study, names):
    runs = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"]).runs
    of = replace(datasets.load("tiny-cpt"), runs=tuple(r for r in runs if r.data in study))
    assert catalog.candidates(of) == names
    for name in names:
        catalog.check(name, of)


def test_the_default_where_data_repeat_is_as_sure_as_the_default():
    one, other = (catalog.find(name).traits for name in ("effective", "effective+repetition"))
    assert (one.forecasts, one.choices) == (other.forecasts, other.choices)
    assert other.sees == one.sees | {"repetition"}


# --- laws from outside -----------------------------------------------------------------------


def terms(facts):
    return Term("L0"), Term("A", (catalog.example("eq1").terms[1].factors[0],))


@pytest.fixture
def entered():
    """A law entered with traits of its own, in one place."""
    traits = Traits(frozenset(), forecasts="effective", candidate=True)
    catalog.LAWS["mine"] = Entry("mine", "a power", "an example", terms, traits)
    yield traits
    del catalog.LAWS["mine"]


def base_alone():
    study = datasets.load("tiny-cpt")
    return replace(study, runs=(study.run("base"),), domains={"pt": study.domains["pt"]})


def test_a_law_that_says_nothing_is_taken_for_an_unmeasured_one():
    law = Law("mine", "a power", "an example", terms(Facts("pt")))
    assert law.traits == Traits() == Entry("mine", "", "", terms).traits
    assert law.sees("cpt") and not law.sees("batch")
    assert (law.traits.forecasts, law.traits.choices) == (OTHERS, CHOOSERS)
    assert not law.traits.limit and not law.traits.candidate and not law.traits.paper_for


def test_one_entry_is_enough_for_a_law_from_outside(entered):
    study = base_alone()
    fitted = fit(study, "mine")
    domain = fitted.domain("pt")
    assert "mine" in catalog.candidates(study)
    assert calibration_of(domain) == measured().intervals["effective"]
    assert domain.law.remedies["L0"].of_base
    again = store.from_json(store.to_json(fitted))
    assert again.domain("pt").law.traits is entered


@pytest.mark.parametrize("law", ["effective+repetition", "eq4"])
def test_traits_survive_storing(law):
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    fitted = fit(study, law, options=FitOptions(fixed={"lambda": 0.98} if law == "eq4" else {}))
    again = store.from_json(store.to_json(fitted))
    for role, domain in fitted.domains.items():
        assert [leaf.law.traits for leaf in again.domain(role).leaves] == [
            leaf.law.traits for leaf in domain.leaves
        ]


# --- nobody asks for a name ------------------------------------------------------------------


def compared(path):
    """Words that a file compares something with, or looks up in a table that it writes out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("startswith", "get"):
            parts = list(node.args)
        else:
            continue
        words = (inner for part in parts for inner in ast.walk(part))
        yield from (w.value for w in words if isinstance(w, ast.Constant))


def test_no_code_outside_the_catalogue_decides_by_the_name_of_a_law():
    found = {
        (path.relative_to(SOURCE).as_posix(), word)
        for path in SOURCE.glob("**/*.py")
        if "catalog" not in path.parts and "paper" not in path.parts
        for word in compared(path)
        if word in {*EVERY, catalog.COMBINATION, "effective+", "eq"}
    }
    assert found <= {
        ("cptlaw_evidence/coverage/pieces.py", "eq1"),  # the law it simulates
        ("cptlaw_evidence/fit_speed.py", "eq4"),  # the law it times
        ("cptlaw_evidence/speed/__init__.py", "multi-power"),  # a part is called by it
        ("cptlaw_evidence/speed/fits.py", "eq4"),  # the same
        ("cptlaw/laws/factors/paper.py", "convex"),  # a kind of curve
    }
