"""What may vary in a plan."""

import numpy as np
import pytest

from cptlaw import DataError
from cptlaw.decisions.plan import Numbers
from cptlaw.decisions.plan.branches import Axis, branches
from plans import knobs


@pytest.mark.parametrize(
    ("text", "values", "is_range"),
    [
        ("1e-4", (1e-4,), False),
        ("1e-4, 2e-4,1e-4", (1e-4, 2e-4), False),
        ("1e-5..2e-4", (1e-5, 2e-4), True),
        ("1_000", (1000.0,), False),
    ],
)
def test_values_of_a_knob(text, values, is_range):
    assert Numbers.parse(text) == Numbers(values, is_range)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"peak": ""}, "peak '': expected a number, a list"),
        ({"peak": "x"}, "peak 'x'"),
        ({"peak": "nan"}, "finite"),
        ({"peak": "1e-4..inf"}, "finite"),
        ({"peak": "1e-4.."}, "expected a number"),
        ({"peak": "2e-4..1e-4"}, "the lower one first"),
        ({"peak": "1e-4..1e-4"}, "two ends that differ"),
        ({"peak": "0..1e-4"}, "above 0"),
        ({"peak": []}, "at least one value"),
        ({"peak": 2.0}, "at most 1"),
        ({"steps": 1}, "2 to 2e7"),
        ({"steps": 1e9}, "2 to 2e7"),
        ({"steps": 2.5}, "a whole number"),
        ({"replay": "0..1"}, "replay = 1"),
        ({"warmup": 1}, "0 to 0.9"),
        ({"decay": -0.1}, "a share of the steps"),
        ({"end": "0..2"}, "a share of the peak"),
        ({"batch_tokens": 0}, "tokens per step"),
        ({"family": "cosin"}, "Did you mean 'cosine'"),
        ({"family": ()}, "one entry each"),
        ({"decay_shape": "sqr"}, "Did you mean 'sqrt'"),
        ({"power": 0}, "above 0 and at most 20"),
        ({"knots": 1}, "2 to 12"),
        ({"family": "wsd", "decay_shape": "exponential", "end": "0.1,0"}, "never reaches 0"),
    ],
)
def test_a_knob_that_cannot_be(given, message):
    with pytest.raises(DataError, match=message):
        knobs(**given)


@pytest.mark.parametrize(
    ("axis", "middle"),
    [
        (Axis("replay", 0.0, 0.123456789), 0.06173),
        (Axis("peak", 1e-5, 1.23456789e-3, is_log=True), 1.111e-4),
        (Axis("steps", 12_345.0, 23_457.0, is_log=True), 17_020.0),
    ],
)
def test_a_range_keeps_its_ends_and_rounds_between(axis, middle):
    low, half, high = axis.at(np.array([0.0, 0.5, 1.0]))
    assert (low, high) == (axis.low, axis.high)
    assert half == pytest.approx(middle, rel=1e-12)


def test_all_that_is_listed_is_combined():
    several = knobs(peak="1e-4,2e-4", family="cosine,wsd", decay_shape="linear,sqrt", decay="0..1")
    found = branches(several, ["one", "other"])
    assert len(found) == 2 * 2 + 2 * 2 * 2  # starts, peaks; and decay shapes of a wsd
    assert {axis.name for b in found for axis in b.axes if b.family == "cosine"} == set()
    assert [axis.name for axis in found[-1].axes] == ["decay"]
    with pytest.raises(DataError, match="more than 5000 combinations"):
        branches(knobs(replay=np.linspace(0, 0.5, 5001)), ["one"])


def test_only_power_decays_have_a_power():
    several = knobs(family="power,wsd", decay_shape="linear,power", power="2,3")
    found = [(b.family, b.decay_shape, dict(b.fixed).get("power")) for b in branches(several, [0])]
    assert found == [
        ("power", "", 2.0),
        ("power", "", 3.0),
        ("wsd", "linear", None),
        ("wsd", "power", 2.0),
        ("wsd", "power", 3.0),
    ]
