"""Plans: what is wanted, what may vary, recipes, what they cost, and what a plan says of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cptlaw import (
    Aim,
    Convention,
    DataError,
    Goal,
    Knobs,
    Limit,
    Pilot,
    Pilots,
    Plan,
    Prices,
    Run,
    Schedule,
    Study,
    datasets,
    fit,
    forecast,
    plan,
    published,
    store,
)
from cptlaw.decisions.pilot import Budget
from cptlaw.decisions.plan import Numbers
from cptlaw.decisions.plan.judging import end
from cptlaw.decisions.plan.knobs import Axis, branches
from cptlaw.decisions.plan.recipe import Recipe, schedule_of, starts
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.output.plan_files import run_of
from cptlaw.output.text.plan import plan_text

BASE = "warmup 500 to 2e-4 | constant 9500"
ANNEALED = "base@1500 | linear 300 to 0"
SIZE, BATCH = 150_976.0, 8192.0


@pytest.fixture(scope="module")
def study():
    return Study({"pt": "pt", "cpt": "code"}, datasets.load("tiny-cpt").runs)


@pytest.fixture(scope="module")
def fitted(study):
    """The default law, which sees replay."""
    return fit(study)


@pytest.fixture(scope="module")
def simple(study):
    """Eq. 4, exact at any step whatever else is worked out."""
    few = study.without(["mixed-const-replay0.25"])
    return fit(few, "eq4", convention=Convention(), fixed={"lambda": 0.98})


@pytest.fixture(scope="module")
def weighed(fitted):
    return plan(fitted, "cpt=1 pt=0.3", knobs(steps="200..800", replay="0..0.5"))


@pytest.fixture(scope="module")
def limited(simple):
    return plan(simple, "cpt=1", knobs(steps="200..800"), ["pt<=+2%", "tokens<=5e6"])


@pytest.fixture(scope="module")
def listed(simple):
    several = knobs(
        after=("base", "base@1000", ANNEALED),
        family="cosine,wsd,constant",
        decay="0.1,0.5",
        decay_shape="linear,sqrt",
    )
    return plan(simple, "cpt=1", several)


def knobs(**given):
    return Knobs(**{"peak": "2e-4..1e-3", "steps": 800, "after": "base", **given})


def predicted(fit, recipe, **more):
    """The forecast of a recipe that starts at a named checkpoint."""
    return forecast(
        fit, recipe.schedule, after=recipe.start.text, replay=recipe.replay, level=None, **more
    )


def value_at(fit, found, **changed):
    """The weighted loss of the best recipe with other knobs, by a forecast of its own."""
    best = found.best.recipe
    values = {**best.values, **changed}
    made = schedule_of(best.family, "linear", values)
    curves = forecast(
        fit, made, after=best.start.text, replay=values["replay"], every=10**6, level=None
    ).domains
    return sum(w * curves[role].final for role, w in found.aim.weights.items())


# --- what is wanted -------------------------------------------------------------------------------

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


# --- what may vary --------------------------------------------------------------------------------


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


# --- recipes --------------------------------------------------------------------------------------

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


def test_a_free_schedule_never_rises():
    values = {"peak": 1e-3, "steps": 100, "warmup": 0.2, "drop1": 0.0, "drop2": 0.5, "drop3": 0.0}
    lr = schedule_of("free", "", {**values, "drop4": 1.0}).lr()
    knots = np.interp(np.arange(21, 101), [20, 40, 60, 80, 100], [1e-3, 1e-3, 5e-4, 5e-4, 0])
    assert lr[20:] == pytest.approx(knots, abs=1e-15)
    assert (np.diff(lr[20:]) <= 0).all()


@pytest.mark.parametrize("family", ["constant", "linear", "cosine", "wsd", "free"])
@pytest.mark.parametrize("steps", [2, 3, 7, 1001])
@pytest.mark.parametrize("warmup", [0.0, 1e-6, 0.9])
def test_steps_peak_and_end_are_exact(family, steps, warmup):
    values = {"peak": 3e-4, "steps": steps, "warmup": warmup, "decay": 1.0, "end": 0.0}
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
    (start,) = starts(fitted, ["base"])
    lr = Schedule.parse("warmup 10 to 1e-4 | constant 90")
    recipes = [
        Recipe(start, "constant", {}, lr, replay=share, batch_tokens=1000.0) for share in (0, 0.25)
    ]
    found = Prices(tokens_per_second=50.0, price=2.0, domain_tokens=2e4).costs(recipes)
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


def test_a_range_of_steps_is_nine_starts(fitted):
    found = starts(fitted, ["base@1000..2000", "base@1500"])
    assert [start.after_step for start in found] == list(range(1000, 2001, 125))
    assert [start.history.pt_lr.size for start in found] == list(range(1000, 2001, 125))


def test_a_start_may_be_annealed_first(fitted):
    (start,) = starts(fitted, [ANNEALED])
    assert (start.after, start.after_step, start.text) == ("base", 1500, ANNEALED)
    lr = start.history.pt_lr
    assert lr.size == 1800
    assert lr[1500:] == pytest.approx(1e-3 * (1 - np.arange(1, 301) / 300))


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("bose", "Did you mean 'base'"),
        ("base@0", "has steps 1 to 2000"),
        ("base@2001", "has steps 1 to 2000"),
        ("base@2000..1000", "a range of steps rises"),
        ("base@1000..3000", "has steps 1 to 2000"),
        ("unknown:x", "no unknown base"),
        ("base |", "is empty"),
        ("base | liner 5 to 0", "Did you mean 'linear'"),
        ("| linear 5 to 0", "nothing is trained"),
        ("cpt-const | linear 5 to 0", "only a pre-training"),
    ],
)
def test_a_start_that_there_is_not(fitted, after, message):
    with pytest.raises(DataError, match=message):
        starts(fitted, [after])


# --- the recipe and what it gives -----------------------------------------------------------------


@pytest.mark.parametrize("family", ["cosine", "linear", "wsd", "free", "constant"])
def test_a_plan_says_what_the_forecast_says(simple, family):
    found = plan(simple, "cpt=1 pt=0.3", knobs(family=family, steps="200..800"), level=0.8)
    recipe = found.best.recipe
    made = forecast(simple, recipe.schedule, after="base", level=0.8)
    for role, curve in made.domains.items():
        each = found.losses[role]
        assert each.value == pytest.approx(found.best.losses[role], rel=1e-12)
        assert each.value == pytest.approx(curve.final, abs=1e-9)
        assert [each.low, each.high] == pytest.approx([curve.low[-1], curve.high[-1]], abs=1e-9)
        assert each.level == 0.8
    assert set(made.warnings) <= set(found.warnings)


def test_the_default_law_agrees_but_for_its_blocks_of_steps(fitted, weighed):
    recipe = weighed.best.recipe
    for every, near in ((10**6, 1e-9), (None, 5e-5)):
        made = forecast(fitted, recipe.schedule, after="base", replay=recipe.replay, every=every)
        for role, curve in made.domains.items():
            each = weighed.losses[role]
            assert each.value == pytest.approx(curve.final, abs=near)
            ends = [curve.low[-1], curve.high[-1]]
            assert [each.low, each.high] == pytest.approx(ends, abs=2 * near)


def test_the_replay_share_is_one_number(weighed):
    recipe = weighed.best.recipe
    assert 0.1 < recipe.replay < 0.4
    assert recipe.run.replay == recipe.history.replay == recipe.replay == recipe.values["replay"]


def test_the_same_question_has_the_same_answer(fitted, weighed):
    again = plan(fitted, "cpt=1 pt=0.3", knobs(steps="200..800", replay="0..0.5"))
    assert replace(again, seconds=0.0) == replace(weighed, seconds=0.0)


def test_nothing_that_varies_is_one_recipe(simple):
    found = plan(simple, "cpt=1", knobs(peak=1e-3))
    assert found.looked_at == 1
    assert found.best.recipe.schedule.text == "warmup 8 to 0.001 | cosine 792 to 0.0"
    assert (found.knobs, found.alternatives, len(found.front)) == ((), (), 1)
    assert found.sure.regret == 0


@pytest.mark.parametrize(("goal", "weights"), [("cpt=1", (0, 1)), ("worst cpt=1.1 pt=1", (1, 1.1))])
def test_a_small_grid_finds_nothing_better(simple, goal, weights):
    found = plan(simple, goal, knobs())
    combine = max if goal.startswith("worst") else sum
    for peak in np.geomspace(2e-4, 1e-3, 9):
        made = schedule_of("cosine", "", {"peak": peak, "steps": 800, "warmup": 0.01})
        curves = forecast(simple, made, after="base", level=None).domains
        losses = [w * curves[role].final for role, w in zip(("pt", "cpt"), weights, strict=True)]
        assert found.best.value <= combine(losses) + 1e-5


def test_perplexity_and_bits_rank_one_domain_as_its_loss_does(simple):
    known = {"cpt": 3.0}
    loss = plan(simple, "cpt=1", knobs())
    perplexity = plan(simple, Aim.parse("cpt=1", "perplexity"), knobs())
    bits = plan(simple, Aim.parse("cpt=1", "bits-per-byte", known), knobs())
    assert loss.best.recipe == perplexity.best.recipe == bits.best.recipe
    assert perplexity.best.value == pytest.approx(math.exp(loss.best.value))
    assert bits.best.value == pytest.approx(loss.best.value / math.log(2) / 3)


def test_changes_are_against_one_checkpoint_for_all_starts(simple):
    several = knobs(after=("base@1000", "base"), peak=1e-3)
    aim = Aim.parse("cpt=1", "change")
    found = plan(simple, aim, several)
    first = forecast(simple, "constant 1", after="base@1000", level=None)
    assert found.reference["cpt"] == pytest.approx(first.domains["cpt"].loss[0])
    assert found.reference_words == "'base' at step 1000"
    assert any("against 'base' at step 1000 for all starts" in note for note in found.notes)
    # against its own start the early checkpoint, of the higher loss, would look better
    assert found.best.recipe.start.text == "base"
    assert found.best.value == found.best.losses["cpt"] - found.reference["cpt"]
    other = plan(simple, aim, several, reference="cpt-const")
    done = forecast(simple, "constant 800", after="base", level=None)
    assert other.reference["cpt"] == pytest.approx(done.domains["cpt"].final, abs=1e-9)
    assert other.best.recipe == found.best.recipe


def test_the_usual_recipe_stands_beside_it(simple, limited):
    usual = limited.default
    steps = limited.best.recipe.schedule.steps
    warm = max(round(0.01 * steps), 1)
    assert usual.recipe.schedule.text == f"warmup {warm} to 0.0001 | cosine {steps - warm} to 0.0"
    assert usual.recipe.replay == 0
    curves = predicted(simple, usual.recipe).domains
    assert usual.value == pytest.approx(curves["cpt"].final, abs=1e-9)


def test_a_base_that_is_planned_from_scratch(fitted):
    found = plan(fitted, "pt=1", knobs(after=None, steps="800..2000"), data="pt")
    recipe = found.best.recipe
    assert (recipe.data, recipe.start.text, recipe.schedule.steps) == ("pt", "scratch", 2000)
    assert (found.reference, recipe.run.after) == ({}, None)
    assert run_of(found)[0].data == "pt"


def test_a_start_that_is_annealed_first(simple):
    found = plan(simple, "pt=1", knobs(after=ANNEALED, peak=1e-3))
    assert found.reference_words == "'base' at step 1500, then linear 300 to 0.0 from=0.001"
    before, own = run_of(found, "next")
    assert (before.name, before.data, before.after, before.after_step) == (
        "next-start",
        "pt",
        "base",
        1500,
    )
    assert (own.name, own.after, own.after_step) == ("next", "next-start", None)
    joined = simple.study.history("base", 1500).then(before).then(own)
    assert np.array_equal(joined.pt_lr, found.best.recipe.history.pt_lr)
    assert np.array_equal(joined.cpt_lr, found.best.recipe.history.cpt_lr)


def test_an_open_model():
    fit = published.load("llama3.2-1b-law")
    found = plan(fit, "cpt=1", Knobs("5e-6..2e-5", 1000, after="unknown:llama3.2-1b"))
    recipe = found.best.recipe
    made = forecast(fit, recipe.schedule, after="unknown:llama3.2-1b")
    assert found.best.losses["cpt"] == pytest.approx(made.domains["cpt"].final, abs=1e-9)
    assert (found.default, found.sure, found.value) == (None, None, None)
    assert found.losses["cpt"].low == found.losses["cpt"].high
    assert "no interval" in found.advice


def test_published_coefficients_of_every_kind_give_a_loss():
    for name in published.names():
        fit = published.load(name)
        if any(d.facts.bases for d in fit.domains.values()):
            continue
        size = 1e9 if any(d.depends_on_size for d in fit.domains.values()) else None
        one = Knobs(2e-4, 2000)
        found = plan(fit, "cpt=1", one, base_schedule=BASE, model_size=size)
        assert 1 < found.best.value < 5, name


# --- limits ---------------------------------------------------------------------------------------


def test_limits_are_kept_and_the_binding_ones_have_a_price(simple, limited):
    best = limited.best
    assert limited.feasible
    assert limited.why == ()
    assert best.losses["pt"] <= 1.02 * limited.reference["pt"] * (1 + 1e-6)
    assert 5e6 - BATCH < best.costs["tokens"] <= 5e6
    assert [price.limit.text for price in limited.prices] == ["pt<=+2%", "tokens<=5000000"]
    for price in limited.prices:
        others = [m for m in limited.limits if m != price.limit]
        looser = plan(simple, "cpt=1", knobs(steps="200..800"), [*others, price.looser])
        assert price.gain == pytest.approx(best.value - looser.best.value, abs=1e-4)
        assert price.gain > 1e-4


def test_a_limit_that_does_not_bind_changes_nothing(simple):
    best = plan(simple, "cpt=1", knobs()).best
    for limit in ("pt<=+90%", "flops<=1e30", f"pt<={best.losses['pt'] + 0.003:.4f}"):
        free = plan(simple, "cpt=1", knobs(), [limit])
        assert free.prices == ()
        assert free.best.value == pytest.approx(best.value, abs=1e-5)


def test_a_goal_that_cannot_be_reached(simple):
    found = plan(simple, "pt=1", knobs(), ["cpt<=2.0", "pt<=+1%"])
    assert not found.feasible
    nearest = plan(simple, "cpt=1", knobs())
    lowest = nearest.best.losses["cpt"]
    assert f"cpt<=2 cannot be reached by these knobs: the lowest cpt is {lowest:.5g}" in " ".join(
        found.why
    )
    assert found.advice.startswith("No recipe within these knobs keeps every limit; the nearest is")
    assert found.prices == ()
    assert found.sure.keeps == 0


def test_limits_that_exclude_each_other(simple):
    low = plan(simple, "cpt=1", knobs()).best.losses["cpt"]
    found = plan(simple, "cpt=1", knobs(), [f"cpt<={low + 0.001:.4f}", "pt<=+1%"])
    assert not found.feasible
    assert "together with the other limits" in " ".join(found.why)


def test_the_cheapest_run_is_just_long_enough(simple):
    found = plan(simple, "cheapest", knobs(peak=1e-3, steps="100..800"), ["cpt<=2.85"])
    steps = found.best.recipe.schedule.steps
    assert found.best.value == steps * BATCH == found.best.costs["tokens"]
    assert (found.value, found.aim.text) == (None, "cheapest tokens")

    def loss(n):
        made = schedule_of("cosine", "", {"peak": 1e-3, "steps": n, "warmup": 0.01})
        return forecast(simple, made, after="base", level=None).domains["cpt"].final

    assert loss(steps) <= 2.85 < loss(steps - 2)


def test_of_equally_cheap_runs_the_one_with_most_room_is_named(simple):
    found = plan(simple, "cheapest steps", knobs(steps="100..800"), ["cpt<=3.1"])
    best = plan(simple, "cpt=1", knobs(steps=100))
    assert found.best.recipe.schedule == best.best.recipe.schedule


@pytest.mark.parametrize(
    ("limit", "mend"),
    [
        ("hours<=1", "--tokens-per-second"),
        ("money<=1", "--price"),
        ("passes<=1", "--domain-tokens"),
    ],
)
def test_a_cost_that_cannot_be_worked_out(simple, limit, mend):
    with pytest.raises(DataError, match=f"cannot be worked out: give .*{mend}"):
        plan(simple, "cpt=1", knobs(), [limit])


def test_data_that_are_seen_again_are_told(simple):
    prices = Prices(domain_tokens=2e6)
    often = plan(simple, "cpt=1", knobs(), prices=prices)
    assert often.best.costs["passes"] == pytest.approx(800 * BATCH / 2e6)
    assert any("seen 3.28 times" in warning for warning in often.warnings)
    once = plan(simple, "cpt=1", knobs(steps="100..800"), ["passes<=1"], prices=prices)
    assert once.best.costs["passes"] <= 1
    assert not any("are seen" in warning for warning in once.warnings)


# --- what lies around it --------------------------------------------------------------------------


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


# --- how sure -------------------------------------------------------------------------------------


def test_how_sure_a_plan_is(weighed, limited, listed):
    for found in (weighed, limited, listed):
        sure = found.sure
        assert 0 <= sure.regret < 0.05
        assert 0 <= sure.agree <= 1
        assert 0 <= sure.keeps <= 1
        for knob in found.knobs:
            each = sure.knobs[knob.name]
            assert knob.low <= each.low <= each.value <= each.high <= knob.high
            assert each.value == knob.value
    assert weighed.sure.keeps == 1  # there is no limit
    assert 0 < limited.sure.keeps < 1  # one binds


@pytest.mark.parametrize("goal", ["cpt=1", "cpt=1 pt=0.3", "worst cpt=1 pt=1"])
def test_the_interval_of_the_value_covers_most_refits(simple, goal):
    found = plan(simple, goal, knobs())
    ensemble, last = ensemble_of(simple), end(found.best.recipe, simple)
    drawn = {role: ensemble.losses(role, last) for role in ("pt", "cpt")}
    value = found.aim.value(drawn, {}, {})[:, 0]
    each = found.value
    assert each.low < each.value == found.best.value < each.high
    assert ((value >= each.low) & (value <= each.high)).mean() >= 0.9
    wide = plan(simple, goal, knobs(), level=0.99).value
    assert wide.low < each.low
    assert wide.high > each.high


def test_one_domain_alone_has_the_interval_of_its_loss(simple):
    found = plan(simple, "cpt=2", knobs())
    each = found.losses["cpt"]
    assert found.value.high == pytest.approx(2 * each.high, rel=1e-3)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "more", "message"),
    [
        ({"after": None}, {}, "needs its base"),
        ({"after": "cpt-const"}, {}, "is a CPT checkpoint"),
        ({"peak": "1e-4..1e-1"}, {}, "at peak 0.1 and 800 steps: the peak LR is 100 times"),
        ({"steps": "100..1000000"}, {}, r"1e\+06 steps: the length is"),
        ({"batch_tokens": 8192}, {}, "does not see the batch"),
        ({"replay": 0.1}, {"data": "pt"}, "replay belongs to a CPT run"),
        ({}, {"level": 1.0}, "level = 1 must"),
        ({}, {"level": math.nan}, "level = nan must"),
        ({}, {"model_size": -1.0}, "model_size = -1"),
        ({}, {"batch_tokens": 0.0}, "batch_tokens = 0"),
        ({}, {"reference": ""}, "is empty"),
        ({}, {"reference": "base@1000..2000"}, "expected one checkpoint"),
        ({}, {"reference": "bose"}, "Did you mean 'base'"),
        ({}, {"base_schedule": BASE}, "not both"),
        ({}, {"limits": ["docs<=3"]}, "limit 'docs<=3'"),
        ({}, {"goal": "ctp=1"}, "Did you mean 'cpt'"),
        ({}, {"goal": "cheapest tokens"}, "needs a loss to reach"),
        ({}, {"goal": "cheapest", "limits": ["steps<=9"]}, "needs a loss to reach"),
        (
            {"after": None, "peak": 1e-3},
            {"data": "pt", "goal": Aim.parse("pt=1", "change")},
            "a run from scratch has none",
        ),
    ],
)
def test_what_cannot_be_planned(simple, given, more, message):
    with pytest.raises(DataError, match=message):
        plan(simple, more.pop("goal", "cpt=1"), knobs(**given), **more)


def test_what_lies_too_far_may_be_insisted_on(simple):
    far = plan(simple, "cpt=1", knobs(peak="1e-4..2e-2"), anyway=True)
    assert far.feasible
    assert any("peak LR" in warning for warning in far.warnings) == (
        far.best.recipe.schedule.peak > 1.01e-3
    )


def test_published_coefficients_need_a_size_and_no_other_base():
    with pytest.raises(DataError, match="give model_size"):
        plan(published.load("fineweb-kp-N"), "cpt=1", Knobs(1e-4, 900), base_schedule=BASE)
    with pytest.raises(DataError, match="nobody knows its past"):
        one = Knobs(1e-5, 900, after="unknown:llama3.2-1b")
        plan(published.load("llama3.2-1b-law"), "cpt=1", one, data="pt")


def test_a_pre_training_fit_has_no_cpt_plan(study):
    bases = Study({"pt": "pt"}, tuple(run for run in study.runs if run.data == "pt"))
    alone = fit(bases, "eq1", convention=Convention(), fixed={"lambda": 0.98})
    with pytest.raises(DataError, match="knows no shift"):
        plan(alone, "pt=1", knobs(), data="cpt")
    assert plan(alone, "pt=1", knobs(after=None, steps=2000)).best.recipe.data == "pt"


@pytest.fixture(scope="module")
def batches():
    """A fit whose shift is another for each batch."""
    grid = datasets.load("tiny-grid")
    names = ("base", "annealed", "cpt-const", "cpt-cosine", "batch128")
    few = tuple(run for run in grid.runs if run.name in names)
    study = Study({"pt": "pt", "cpt": "code"}, few)
    return fit(study, "eq4-batch", convention=Convention(), fixed={"lambda": 0.98})


def test_a_batch_is_one_of_those_that_were_fitted(batches):
    found = plan(batches, "cpt=1", knobs(batch_tokens="8192,16384"))
    assert {o.knob for o in found.alternatives} == {"batch_tokens"}
    assert found.best.recipe.batch_tokens in (8192, 16384)
    assert found.best.recipe.sequence_length == 128
    assert plan(batches, "cpt=1", knobs(), batch_tokens=8192.0).best.recipe.batch_tokens == 8192
    for given in ({"batch_tokens": "8192..16384"}, {"batch_tokens": 9999}, {}):
        with pytest.raises(DataError, match="16384x128, 8192x128"):
            plan(batches, "cpt=1", knobs(**given))


# --- words and files ------------------------------------------------------------------------------


def test_the_text_has_everything_in_it(limited, listed):
    text = plan_text(limited)
    for words in ("Run warmup", "Limits that bind", "90% of optima", "breaks a", "trade-offs"):
        assert words in text
    assert "instead" in plan_text(listed)
    assert f"start {ANNEALED}" in plan_text(listed)


def test_plans_and_pilots_come_back_equal(limited, listed, study):
    run = Run("next", schedule=Schedule.parse("warmup 5 to 1e-3 | linear 9 to 0"), after="base")
    pilots = Pilots((Pilot(run, 14.0, "why"),), Budget(20.0), Goal({"cpt": 1.0}), study)
    for value, kind in ((limited, Plan), (listed, Plan), (pilots, Pilots)):
        text = store.to_json(value)
        again = store.from_json(text, kind)
        assert again == value
        assert store.to_json(again) == text


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
    found = plan(simple, aim, knobs(replay="0..0.5"))
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


def test_a_pre_training_plan_knows_no_passes_over_the_domain_data(simple):
    one = Knobs(1e-3, 400)
    found = plan(simple, "pt=1", one, data="pt", prices=Prices(domain_tokens=1e4))
    assert "passes" not in found.best.costs
