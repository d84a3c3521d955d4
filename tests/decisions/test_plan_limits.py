"""Limits that a plan keeps, and what they cost."""

import pytest

from cptlaw import DataError, Knobs, PlanOptions, Prices, forecast, plan
from cptlaw.decisions.plan.recipe import schedule_of
from cptlaw.output.text.advice import advice
from cptlaw.output.text.verdict import AS_SEEN, regret_words
from plans import BATCH, knobs


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
    assert advice(found).startswith(
        "No recipe within these knobs keeps every limit; the nearest is"
    )
    assert found.prices == ()
    assert found.stability.keeps == 0


def test_limits_that_exclude_each_other(simple):
    low = plan(simple, "cpt=1", knobs()).best.losses["cpt"]
    found = plan(simple, "cpt=1", knobs(), [f"cpt<={low + 0.001:.4f}", "pt<=+1%"])
    assert not found.feasible
    assert "together with the other limits" in " ".join(found.why)


def test_a_regret_says_what_it_leaves_out_where_the_runs_do_not_decide(simple, limited):
    assert limited.verdict.status == "others"  # one peak was run
    assert f"nats on average, {AS_SEEN}; the limits hold in" in advice(limited)
    same = plan(simple, "cpt=1", knobs(peak=1e-3, family="cosine,linear"))
    assert same.verdict.status == "data"
    assert "nats on average" in advice(same) and AS_SEEN not in advice(same)


@pytest.mark.parametrize(
    ("regret", "said"), [(0.0, "0"), (6.2e-5, "less than 0.001"), (0.00123, "0.0012")]
)
def test_a_regret_is_told_no_finer_than_it_is_known(regret, said):
    assert regret_words(regret) == said


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
    options = PlanOptions(prices=Prices(domain_tokens=2e6))
    often = plan(simple, "cpt=1", knobs(), options=options)
    assert often.best.costs["passes"] == pytest.approx(800 * BATCH / 2e6)
    assert any("seen 3.28 times" in warning for warning in often.warnings)
    once = plan(simple, "cpt=1", knobs(steps="100..800"), ["passes<=1"], options=options)
    assert once.best.costs["passes"] <= 1
    assert not any("are seen" in warning for warning in once.warnings)


def test_a_pre_training_plan_knows_no_passes_over_the_domain_data(simple):
    one = Knobs(1e-3, 400)
    found = plan(
        simple, "pt=1", one, options=PlanOptions(data="pt", prices=Prices(domain_tokens=1e4))
    )
    assert "passes" not in found.best.costs
