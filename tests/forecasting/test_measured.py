"""The measured figures that come with the package, and what is said of them."""

import json
import re
from dataclasses import astuple, fields, replace
from importlib.resources import files

import pytest

from bundled import default_fit
from cptlaw import Aim, backtest, catalog, datasets, forecast, published
from cptlaw.decisions.plan.planning import _near_ties
from cptlaw.forecasting.extrapolation import _of_other_peaks, _of_other_starts
from cptlaw.forecasting.measured import CHOOSERS, OTHERS, Measured, measured, one_kind

PLAIN = json.loads(files("cptlaw.forecasting").joinpath("measured.json").read_text())
ENTRIES = [(section, kind) for section, some in PLAIN.items() for kind in some]


def test_the_file_has_every_section_and_those_that_stand_for_others():
    assert list(PLAIN) == [section.name for section in fields(Measured)]
    assert OTHERS in PLAIN["intervals"] and OTHERS in PLAIN["peaks"]
    assert CHOOSERS in PLAIN["choices"]


@pytest.mark.parametrize(("section", "kind"), ENTRIES)
def test_every_figure_says_where_it_comes_from(section, kind):
    plain = dict(PLAIN[section][kind])
    source = plain.pop("from")
    command = re.search(
        r"cptlaw (bench coverage|bench accuracy|bench regret|backtest) .*--law ([\w+]+)", source
    )
    named = {"open": "effective+unknown"}.get(kind, kind)
    chosen = kind == OTHERS or "chosen, not measured" in source
    assert (command is None and chosen) or command[2] == named
    assert astuple(getattr(measured(), section)[kind]) == tuple(plain.values())
    assert min(value for name, value in plain.items() if name != "study") >= 0


def test_what_is_said_of_young_bases_is_what_the_backtest_gives():
    """The figures of short-85m, where another peak and an earlier start were never fitted."""
    study, known = datasets.load("short-85m"), measured().young["effective"]
    found = backtest(
        study, hold_out=["double-wsd", "early-const", "hidden-pt-const", "rewarmed-cosine"]
    )
    far = {
        (row.run, row.domain): row
        for row in found.rows
        if row.run in ("double-wsd", "early-const") and row.domain in ("pt", "cpt")
    }
    errors = [row.scores.mape for row in far.values()]
    assert (round(min(errors), 3), round(max(errors), 2)) == (known.least, known.most)
    assert all(row.coverage >= 0.9 for row in far.values())


def test_figures_are_read_once():
    assert measured() is measured()


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [(["a", "a"], "a"), (["a", "b"], "mixed"), ([], "mixed")],
)
def test_the_kind_that_laws_share(kinds, kind):
    assert one_kind(kinds, "mixed") == kind


@pytest.mark.parametrize(
    ("kind", "peaks", "starts"),
    [
        (
            "effective",
            "was off by 0.2 to 2 % at twice and half the fitted peak",
            "off by up to 0.9 % (D_pt) and 1 % (D_cpt) for starts",
        ),
        ("paper", "were off by 2 to 8 % at other peaks", "holds only roughly."),
        (OTHERS, "were off by 2 to 8 % at other peaks", "holds only roughly."),
    ],
)
def test_sentences_are_built_from_the_figures(kind, peaks, starts):
    assert peaks in _of_other_peaks(kind)
    assert starts in _of_other_starts(kind)


@pytest.mark.parametrize(
    ("law", "mean", "worst"),
    [
        ("effective", "0.002", "0.008"),
        ("effective+repetition", "0.002", "0.008"),
        ("functional", "0.005", "0.032"),
        ("eq4", "0.005", "0.032"),
    ],
)
def test_a_plan_tells_what_choices_by_such_laws_cost(law, mean, worst):
    found = replace_law(published.load("fineweb-kp-106m"), law)
    (said,) = _near_ties(found, Aim.parse("cpt=1"))
    assert f"was {mean} nats worse than the best on average, {worst} at most" in said


def test_the_default_where_data_repeat_is_as_sure_as_the_default():
    """Its intervals and warnings are those measured for the default, not those of any law."""
    fits = [replace_law(default_fit(), law) for law in ("effective", "effective+repetition", "eq9")]
    text = "warmup 50 to 3e-3 | cosine 750 to 0"
    made = [forecast(found, text, after="base", anyway=True) for found in fits]
    widths = [f.domains["cpt"].high[-1] - f.domains["cpt"].low[-1] for f in made]
    assert widths[0] == widths[1] < 0.5 * widths[2]
    assert made[0].warnings == made[1].warnings != made[2].warnings


def replace_law(found, name):
    """The same fit, its laws with the traits of another."""
    traits = catalog.find(name).traits
    domains = {
        role: replace(d, law=replace(d.law, traits=traits))
        for role, d in found.domains.items()
        if d.combines is None
    }
    return replace(found, domains=domains)
