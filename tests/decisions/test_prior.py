"""A plan from other people's runs: ranges, where they come from, and how far they are believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from command import run
from cptlaw import DataError, PriorOptions, Weights, plan_prior
from cptlaw.decisions.prior.sources import sources
from cptlaw.output.text.prior import prior_text

MINE = PriorOptions(7e9, 2e9)


@pytest.fixture(scope="module")
def found():
    return plan_prior(MINE)


def test_every_source_tells_of_a_choice():
    for source in sources():
        assert source.tells_peak or source.tells_replay
        assert source.base.pt_lr[-1] < 0.1 * source.base.pt_lr.max()


def test_the_ranges_hold_what_is_best_by_every_source(found):
    for own in found.sources:
        assert own.peak is None or found.ratio.holds(own.peak.value)
        assert own.replay is None or found.replay.holds(own.replay.value)
    for each in (found.ratio, found.peak, found.replay, found.passes):
        assert each.low <= each.value <= each.high


def test_the_ranges_of_the_others_hold_what_is_best_by_one_that_is_left_out(found):
    for family in dict.fromkeys(own.family for own in found.sources):
        others = plan_prior(MINE, without=[family])
        for own in found.sources:
            if own.family == family:
                assert own.peak is None or others.ratio.holds(own.peak.value)
                assert own.replay is None or others.replay.holds(own.replay.value)


def test_a_goal_without_the_old_domain_asks_for_no_replay(found):
    alone = plan_prior(replace(MINE, goal=Weights.parse("cpt=1")))
    both = plan_prior(replace(MINE, goal=Weights.parse("cpt=1 pt=1")))
    assert alone.replay.value < found.replay.value < both.replay.value


def test_the_peak_follows_the_pre_training(found):
    given = plan_prior(replace(MINE, pt_peak=3e-4))
    assert given.ratio == found.ratio
    assert given.peak.value == pytest.approx(3e-4 * found.ratio.value)
    assert given.peak.high / given.peak.low < found.peak.high / found.peak.low
    assert any("--pt-peak" in note for note in found.notes)


def test_a_checkpoint_loss_gives_losses_at_the_end():
    found = plan_prior(replace(MINE, losses={"pt": 2.4}))
    assert found.losses["pt"].value == pytest.approx(2.4 * (1 + found.changes["pt"].value))
    assert "cpt" not in found.losses


def test_the_text_begins_with_what_to_do_and_how_far_it_is_known(found):
    text = " ".join(prior_text(found).split())
    assert text.startswith("Start with a peak LR near")
    assert "Nothing here is from your model" in text[:400]
    assert "the largest 3.4B; yours has 7B" in text[:600]
    assert "cited, not measured here" in text


def test_the_first_runs_tell_peaks_and_replay_apart(found):
    runs = [pilot.run for pilot in found.pilots]
    assert len({run.schedule.peak for run in runs}) == 2
    assert {run.replay > 0 for run in runs} == {True, False}


@pytest.mark.parametrize(
    "bad",
    [
        {"model_size": -1.0},
        {"losses": {"pt": 40.0}},
        {"losses": {"ood.x": 2.0}},
        {"pt_peak": 1.5},
    ],
)
def test_what_cannot_be_is_refused(bad):
    with pytest.raises(DataError):
        replace(MINE, **bad)


def test_too_few_sources_are_refused():
    with pytest.raises(DataError, match="too few"):
        plan_prior(MINE, without=[source.family for source in sources()][1:])


def test_the_command_needs_no_fit():
    words = "plan --prior --model-size 7e9 --domain-tokens 2e9 --loss pt=2.4 cpt=2.1 --json"
    result = run(*words.split())
    assert result.status == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["peak"]["low"] < told["peak"]["high"]
    assert set(told["losses"]) == {"pt", "cpt"}
    assert len(told["pilots"]) == 3


def test_a_plan_without_prior_still_needs_a_fit():
    assert run("plan", "--goal", "cpt=1").status == 2


def test_a_pass_far_from_the_lengths_behind_it_is_told():
    steps = sorted(source.steps for source in sources())
    for times, told in ((0.1 * steps[0], True), (steps[-1], False), (10 * steps[-1], True)):
        found = plan_prior(replace(MINE, domain_tokens=times * MINE.batch_tokens))
        assert any("The nearest length is taken." in note for note in found.notes) == told


def test_a_loss_that_is_no_number():
    words = "plan --prior --model-size 7e9 --domain-tokens 2e9 --loss cpt=low"
    result = run(*words.split())
    assert result.status == 2
    assert "--loss cpt=low: expected DOMAIN=NUMBER, such as cpt=2.1." in result.stderr
