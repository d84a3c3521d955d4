"""The recipe of a plan, what it gives, its text and its file."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cptlaw import (
    Aim,
    Goal,
    Knobs,
    Pilot,
    Pilots,
    Plan,
    PlanOptions,
    Run,
    Schedule,
    forecast,
    plan,
    published,
    store,
)
from cptlaw.decisions.pilot import Budget
from cptlaw.decisions.plan.recipe import schedule_of
from cptlaw.output.plan_files import runs_of
from cptlaw.output.text.advice import advice
from cptlaw.output.text.plan import plan_text
from plans import ANNEALED, BASE, knobs, predicted


@pytest.mark.parametrize("family", ["cosine", "linear", "wsd", "free", "constant"])
def test_a_plan_says_what_the_forecast_says(simple, family):
    found = plan(
        simple,
        "cpt=1 pt=0.3",
        knobs(family=family, steps="200..800"),
        options=PlanOptions(level=0.8),
    )
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
    assert found.stability.regret == 0


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
    other = plan(simple, aim, several, options=PlanOptions(reference="cpt-const"))
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
    found = plan(
        fitted, "pt=1", knobs(after=None, steps="800..2000"), options=PlanOptions(data="pt")
    )
    recipe = found.best.recipe
    assert (recipe.data, recipe.start.text, recipe.schedule.steps) == ("pt", "scratch", 2000)
    assert (found.reference, recipe.run.after) == ({}, None)
    assert runs_of(found)[0].data == "pt"


def test_a_start_that_is_annealed_first(simple):
    found = plan(simple, "pt=1", knobs(after=ANNEALED, peak=1e-3))
    assert found.reference_words == "'base' at step 1500, then linear 300 to 0 from=0.001"
    before, own = runs_of(found, "next")
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
    assert (found.default, found.stability, found.value) == (None, None, None)
    assert found.losses["cpt"].low == found.losses["cpt"].high
    assert "without intervals" in advice(found)


def test_published_coefficients_of_every_kind_give_a_loss():
    for name in published.names():
        fit = published.load(name)
        if any(d.facts.bases for d in fit.domains.values()):
            continue
        size = 1e9 if any(d.depends_on_size for d in fit.domains.values()) else None
        one = Knobs(2e-4, 2000)
        found = plan(fit, "cpt=1", one, options=PlanOptions(base_schedule=BASE, model_size=size))
        assert 1 < found.best.value < 5, name


def test_the_text_has_everything_in_it(limited, listed):
    text = plan_text(limited)
    for words in (
        'Run "warmup',
        "Limits that cost something",
        "% of refits: where the best value lies",
        "breaks a",
        "Trade-offs",
    ):
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
