"""Rules on the end of a run."""

import pytest

from cptlaw import DataError, Rule
from cptlaw.live.rules import rule, rules_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pt > 3.2", Rule("pt", "above", 3.2)),
        ("pt > 3.2 at 95 %", Rule("pt", "above", 3.2, 0.95)),
        ("stop: cpt above 2.6 with 99.5%", Rule("cpt", "above", 2.6, 0.995, "stop")),
        ("WARN: ood.code<2e0@80%", Rule("ood.code", "below", 2.0, 0.8)),
    ],
)
def test_a_text_says_a_rule(text, wanted):
    assert rule(text) == wanted
    assert rule(wanted.text) == wanted


@pytest.mark.parametrize(
    "text", ["", "pt", "pt > ", "pt > e", "pt = 3", "pt > 3 at 100 %", "pt > -3", "pt > 3 at x %"]
)
def test_what_is_no_rule_is_refused_with_an_example(text):
    with pytest.raises(DataError, match="rule '"):
        rule(text)


def test_a_rule_is_on_a_domain_that_is_measured():
    with pytest.raises(DataError, match="not measured on 'cpt'; domains: loss"):
        rules_of(["cpt > 3"], ["loss"])
