"""What is wanted of a plan: the aim, and limits."""

import math

import numpy as np
import pytest

from cptlaw import Aim, DataError, Limit

LOSSES = {"pt": np.array([3.0, 2.9]), "cpt": np.array([2.5, 2.7])}
REFERENCE = {"pt": 2.8, "cpt": 3.0}
COST = {"steps": np.array([100.0, 200.0])}


@pytest.mark.parametrize(
    ("text", "measure", "expected"),
    [
        ("cpt=1 pt=0.5", "loss", [4.0, 4.15]),
        ("cpt=1 pt=0.5", "change", [-0.4, -0.25]),
        ("worst cpt=1 pt=0.9", "loss", [2.7, 2.7]),
        ("worst cpt=1 pt=1", "change", [0.2, 0.1]),
        ("cpt=2", "perplexity", [2 * math.exp(2.5), 2 * math.exp(2.7)]),
        ("cpt=1", "bits-per-byte", [2.5 / math.log(2) / 4, 2.7 / math.log(2) / 4]),
        ("cheapest steps", "loss", [100, 200]),
    ],
)
def test_what_is_made_low(text, measure, expected):
    known = {"cpt": 4.0} if measure == "bits-per-byte" else None
    aim = Aim.parse(text, measure, known)
    assert aim.text == text
    assert aim.value(LOSSES, REFERENCE, COST) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([""], "expected DOMAIN=WEIGHT"),
        (["worst"], "expected DOMAIN=WEIGHT"),
        (["cpt"], "goal 'cpt'"),
        (["cpt=nan"], "goal 'cpt=nan'"),
        (["cpt=-1"], "above 0"),
        (["cpt=1 cpt=2"], "given twice"),
        (["cpt=1e300"], r"the weight of cpt is 1e\+300"),
        (["cpt=1e-300"], "expected 1e-06 to"),
        (["cheapest tokns"], "Did you mean 'tokens'"),
        (["cheapest tokens", "change"], "leave it out"),
        (["cpt=1", "chnge"], "Did you mean 'change'"),
        (["cpt=1 pt=1", "bits-per-byte", {"cpt": 4.0}], "bytes in a token of pt"),
        (["cpt=1", "bits-per-byte", {"cpt": math.inf}], "bytes in a token of cpt"),
        (["cpt=1", "bits-per-byte", {"cpt": 4.0, "cpd": 4.0}], "Did you mean 'cpt'"),
        (["cpt=1", "loss", {"cpt": 4.0}], "--measure bits-per-byte"),
    ],
)
def test_an_aim_that_cannot_be(given, message):
    with pytest.raises(DataError, match=message):
        Aim.parse(*given)


@pytest.mark.parametrize(
    ("text", "quantity", "most", "kind", "excess"),
    [
        ("pt<=2.95", "pt", 2.95, "absolute", [0.05 / 2.95, -0.05 / 2.95]),
        ("pt<=+1%", "pt", 0.01, "share", [0.172 / 2.828, 0.072 / 2.828]),
        ("cpt<=-0.4", "cpt", -0.4, "nats", [-0.1 / 2.6, 0.1 / 2.6]),
        ("steps<=150", "steps", 150, "absolute", [-1 / 3, 1 / 3]),
    ],
)
def test_a_limit_and_by_how_much_it_is_broken(text, quantity, most, kind, excess):
    limit = Limit.parse(text)
    assert (limit.quantity, limit.most, limit.kind) == (quantity, pytest.approx(most), kind)
    assert limit.text == text
    assert limit.excess(LOSSES, REFERENCE, COST) == pytest.approx(excess)


@pytest.mark.parametrize(
    "text", ["pt <= 2.95", "pt<2.95", "TOKENS<=5e9", "tokens<=5_000_000_000", "flops<=1e+20"]
)
def test_other_ways_to_write_a_limit(text):
    assert Limit.parse(text) == Limit.parse(Limit.parse(text).text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected QUANTITY<=NUMBER"),
        ("pt", "expected QUANTITY<=NUMBER"),
        ("pt>=1", "expected QUANTITY<=NUMBER"),
        ("pt<=nan", "expected QUANTITY<=NUMBER"),
        ("pt<=1.2.3", "expected QUANTITY<=NUMBER"),
        ("pt<=1e999", "finite"),
        ("pt<=1%", r"write pt<=\+1%"),
        ("tokens<=+1", "has no reference"),
        ("tokens<=1%", "has no reference"),
    ],
)
def test_a_limit_that_cannot_be(text, message):
    with pytest.raises(DataError, match=message):
        Limit.parse(text)
