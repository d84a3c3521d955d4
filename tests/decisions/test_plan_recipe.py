"""Recipes: their schedules, costs and starts."""

import math

import numpy as np
import pytest

from cptlaw import Aim, DataError, Knobs, PlanOptions, Prices, Schedule
from cptlaw.decisions.cost import costs_of
from cptlaw.decisions.plan.problem import judge_of
from cptlaw.decisions.plan.recipe import Recipe, histories, schedule_of, work_of
from cptlaw.decisions.plan.search import lattice
from cptlaw.fitting.start import start_of
from plans import SIZE

K = np.arange(1, 81) / 80  # share of the 80 steps after 20 of warm-up
SHAPES = {
    "linear": lambda p: p,
    "cosine": lambda p: (1 - np.cos(np.pi * p)) / 2,
    "sqrt": np.sqrt,
    "exponential": lambda p: (1 - 0.1**p) / 0.9,
}


@pytest.mark.parametrize("family", ["constant", "linear", "cosine"])
def test_a_schedule_is_what_its_knobs_say(family):
    values = {"peak": 2e-4, "steps": 100, "warmup": 0.2, "end": 0.1}
    lr = schedule_of(family, "", values).lr()
    fallen = np.zeros(80) if family == "constant" else SHAPES[family](K)
    expected = np.append(np.arange(1, 21) / 20, 1 - 0.9 * fallen)
    assert lr == pytest.approx(2e-4 * expected, rel=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wsd_holds_and_falls(shape):
    values = {"peak": 2e-4, "steps": 100, "warmup": 0.2, "decay": 0.5, "end": 0.1}
    lr = schedule_of("wsd", shape, values).lr()
    fallen = SHAPES[shape](np.arange(1, 51) / 50)
    expected = np.concatenate([np.arange(1, 21) / 20, np.ones(30), 1 - 0.9 * fallen])
    assert lr == pytest.approx(2e-4 * expected, rel=1e-12)


@pytest.mark.parametrize("power", [1.0, 2.5])
def test_a_power_decay_is_the_optimum_of_the_functional_law(power):
    values = {"peak": 2e-4, "steps": 100, "warmup": 0.2, "decay": 0.5, "end": 0.0, "power": power}
    whole, end = schedule_of("power", "", values), schedule_of("wsd", "power", values)
    assert whole.lr()[20:] == pytest.approx(2e-4 * (1 - K) ** power, rel=1e-12)
    assert end.lr()[50:] == pytest.approx(2e-4 * (1 - np.arange(1, 51) / 50) ** power, rel=1e-12)
    assert whole.lr()[19] == end.lr()[49] == 2e-4
    assert Schedule.parse(whole.text) == whole
    assert whole == Schedule.power(2e-4, 100, power, warmup=20)


def test_a_free_schedule_never_rises():
    values = {"peak": 1e-3, "steps": 100, "warmup": 0.2, "drop1": 0.0, "drop2": 0.5, "drop3": 0.0}
    lr = schedule_of("free", "", {**values, "drop4": 1.0}).lr()
    knots = np.interp(np.arange(21, 101), [20, 40, 60, 80, 100], [1e-3, 1e-3, 5e-4, 5e-4, 0])
    assert lr[20:] == pytest.approx(knots, abs=1e-15)
    assert (np.diff(lr[20:]) <= 0).all()


@pytest.mark.parametrize("family", ["constant", "linear", "cosine", "power", "wsd", "free"])
@pytest.mark.parametrize("steps", [2, 3, 7, 1001])
@pytest.mark.parametrize("warmup", [0.0, 1e-6, 0.9])
def test_steps_peak_and_end_are_exact(family, steps, warmup):
    values = {
        "peak": 3e-4,
        "steps": steps,
        "warmup": warmup,
        "decay": 1.0,
        "end": 0.0,
        "power": 3.0,
    }
    drops = dict.fromkeys(["drop1", "drop2"], 0.5)
    made = schedule_of(family, "linear", values | drops)
    assert made.steps == made.lr().size == steps
    assert made.final == {"constant": 3e-4}.get(family, made.lr()[-1])
    assert made.peak == 3e-4 or not warmup
    warm = made.segments[0].kind == "warmup"
    assert warm == (warmup > 0)
    assert Schedule.parse(made.text).lr() == pytest.approx(made.lr(), rel=1e-15)


def test_a_share_of_the_steps_is_rounded():
    values = {"peak": 3e-4, "steps": 100, "warmup": 0.016, "decay": 0.504, "end": 0.0}
    made = schedule_of("wsd", "linear", values)
    assert [segment.steps for segment in made.segments] == [2, 48, 50]


def test_costs_are_what_each_run_takes(fitted):
    start = start_of(fitted, "base")
    lr = Schedule.parse("warmup 10 to 1e-4 | constant 90")
    recipes = [
        Recipe(start, "constant", {}, lr, replay=share, batch_tokens=1000.0) for share in (0, 0.25)
    ]
    prices = Prices(tokens_per_second=50.0, price=2.0, domain_tokens=2e4)
    found = costs_of(work_of(recipes), prices)
    assert {name: cost.tolist() for name, cost in found.items()} == {
        "steps": [100, 100],
        "tokens": [1e5, 1e5],
        "flops": [6 * SIZE * 1e5] * 2,
        "hours": [1e5 / 50 / 3600] * 2,
        "money": [2e5 / 50 / 3600] * 2,
        "passes": [5, 3.75],
    }


@pytest.mark.parametrize("name", ["tokens_per_second", "price", "domain_tokens"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_a_price_that_cannot_be(name, value):
    with pytest.raises(DataError, match=f"{name} = {value:g}"):
        Prices(**{name: value})


# --- what recipes share --------------------------------------------------------------------------


def test_recipes_that_differ_in_their_data_alone_share_a_schedule(fitted):
    knobs = Knobs(peak="2e-4..1e-3", steps="300..800", replay="0..0.5", after="base")
    judge = judge_of(fitted, Aim.parse("cpt=1"), (), knobs, PlanOptions())
    made = judge.maker.recipes(judge.branches[0], lattice(3, fine=False))
    schedules = {id(recipe.schedule) for recipe in made}
    assert len(made) == 27 and len(schedules) == 9
    assert all(
        r.schedule == schedule_of(r.family, "", {**r.values, "warmup": 0.01, "end": 0.0})
        for r in made
    )


def test_histories_of_recipes_are_those_of_each(fitted):
    start = start_of(fitted, "base")
    schedules = [Schedule.cosine(1e-3, 50), Schedule.cosine(5e-4, 60)]
    made = [
        Recipe(start, "cosine", {}, schedules[i], replay=replay)
        for i, replay in ((0, 0.0), (0, 0.3), (1, 0.3))
    ]
    found = histories(made)
    assert found == [recipe.history for recipe in made]
    assert found[0].cpt_lr is found[1].cpt_lr
