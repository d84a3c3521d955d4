"""What lies around the best recipe: what is as good, other choices, trade-offs."""

import math

import numpy as np
import pytest

from cptlaw import Aim, plan
from plans import ANNEALED, knobs, predicted, value_at


@pytest.mark.parametrize("name", ["peak", "steps", "replay"])
def test_what_is_as_good_ends_where_the_loss_rises(fitted, weighed, name):
    knob = next(k for k in weighed.knobs if k.name == name)
    best, wide = weighed.best.value, knob.high - knob.low
    low, high = knob.flat
    assert knob.low <= low < high <= knob.high
    for value in np.linspace(low, high, 4):
        assert value_at(fitted, weighed, **{name: value}) <= best + 0.002 + 2e-4
    for edge, out in ((low, low - 0.05 * wide), (high, high + 0.05 * wide)):
        if knob.low < edge < knob.high:
            assert value_at(fitted, weighed, **{name: out}) > best + 0.002
    assert knob.flat_free[0] <= low
    assert knob.flat_free[1] >= high


def test_what_a_knob_does(fitted, weighed):
    for knob in weighed.knobs:
        tried, above = np.array(knob.tried), np.array(knob.above)
        assert (tried[0], tried[-1]) == (knob.low, knob.high)
        assert (above[0], above[-1]) == pytest.approx(knob.rise, abs=1e-9)
        assert above.min() == pytest.approx(0, abs=1e-9)
        for i in (0, 10, 20):
            value = value_at(fitted, weighed, **{knob.name: tried[i]})
            assert value - weighed.best.value == pytest.approx(above[i], abs=1e-6)


def test_a_knob_is_cut_off_where_a_limit_breaks(limited):
    peak, steps = limited.knobs
    assert (peak.rise[1], steps.rise[1]) == (math.inf, math.inf)
    assert peak.flat[1] == pytest.approx(peak.value)
    assert math.isfinite(peak.rise[0])


def test_other_choices_are_each_the_best_of_their_kind(simple, listed):
    found = {(other.knob, other.choice): other for other in listed.alternatives}
    assert listed.best.recipe.family == "wsd"
    assert {knob for knob, _ in found} == {"after", "family", "decay", "decay_shape"}
    assert ("after", ANNEALED) in found
    assert ("decay", "0.1") in found
    for (knob, choice), other in found.items():
        assert other.behind == pytest.approx(other.value - listed.best.value)
        assert other.behind >= 0
        if knob == "family":
            alone = plan(simple, "cpt=1", knobs(family=choice, after=("base", "base@1000")))
            assert other.value == pytest.approx(alone.best.value, abs=1e-4)


def test_no_trade_off_is_better_in_everything(weighed, limited):
    for found in (weighed, limited):
        points = np.array([[*o.losses.values(), o.costs["tokens"]] for o in found.front])
        assert 5 < len(points) <= 24
        for i, point in enumerate(points):
            others = np.delete(points, i, axis=0)
            assert not (others <= point).all(axis=1).any()
            near = (np.abs(others - point)[:, :2] < 0.0029).all(axis=1)
            assert (np.abs(others - point)[near, 2] > 0.02 * np.ptp(points[:, 2])).all()


def test_trade_offs_keep_the_limits(simple, limited):
    for option in limited.front[::6]:
        assert option.costs["tokens"] <= 5e6 * (1 + 1e-6)
        curves = predicted(simple, option.recipe).domains
        assert option.losses["pt"] == pytest.approx(curves["pt"].final, abs=1e-9)
        assert option.losses["pt"] <= 1.02 * limited.reference["pt"] * (1 + 1e-6)


@pytest.mark.parametrize(
    ("measure", "size"),
    [
        ("loss", None),
        ("change", None),
        ("perplexity", None),
        ("bits-per-byte", {"cpt": 4.0, "pt": 4.2}),
    ],
)
def test_the_worst_of_every_measure_can_be_walked_down(simple, measure, size):
    aim = Aim.parse("worst cpt=1 pt=1", measure, size)
    found = plan(simple, aim, knobs(end="0..0.5"))
    each = aim.parts({r: np.array([v]) for r, v in found.best.losses.items()}, found.reference)
    assert found.best.value == pytest.approx(float(each.max()))


def test_trade_offs_of_recipes_that_all_cost_the_same_are_told(simple):
    found = plan(simple, "cpt=1", knobs(steps=[400, 800]), ["steps<=400"])
    assert {option.costs["steps"] for option in found.front} == {400.0}


def test_the_knobs_are_those_of_the_recipe(simple):
    found = plan(simple, "cheapest steps", knobs(steps="200..800", end="0..0.5"), ["cpt<=2.95"])
    told = {knob.name: knob.value for knob in found.knobs}
    for name, value in told.items():
        assert found.best.recipe.values[name] == pytest.approx(value, rel=2e-3), name
