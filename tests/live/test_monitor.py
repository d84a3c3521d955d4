"""A run that is followed: evaluations in, outlooks out."""

import json

import numpy as np
import pytest

import bundled
import following
from cptlaw import DataError, Monitor, Planned, Watching, datasets, published
from following import RUN, followed, monitor


def ends(outlook):
    return {role: domain.ahead.final for role, domain in outlook.domains.items()}


def test_the_end_is_foreseen_within_its_interval_all_along():
    made = followed(until=799)
    last = {role: loss for _, losses, _ in following.evaluations() for role, loss in losses.items()}
    for outlook in made.followed.outlooks:
        for role, domain in outlook.domains.items():
            assert domain.ahead.low[-1] <= last[role] <= domain.ahead.high[-1]
    first, now = made.followed.outlooks[0], made.now
    for role in last:
        wide = [o.domains[role].ahead.scale for o in (first, now)]
        assert wide[1] < 0.8 * wide[0]
    assert now.verdict == "on course"
    assert now.basis == "6 earlier runs and 40 evaluations of this run"


def test_the_last_evaluation_ends_it():
    made = followed()
    assert made.now.verdict == "ended"
    assert all(domain.ahead is None for domain in made.now.domains.values())
    assert made.now.domains["pt"].foreseen is not None


@pytest.mark.parametrize("limit", [3.05, 3.0])
def test_a_rule_holds_where_the_end_is_sure_to_pass_its_limit(limit):
    made = followed(400, rules=(f"stop: pt > {limit} at 90 %", "cpt < 2.0"))
    (alarm,) = made.now.alarms
    assert (alarm.kind, alarm.role, alarm.stop) == ("rule", "pt", True)
    assert made.now.stops
    assert made.now.verdict == "stop"


def test_a_rule_that_is_not_sure_enough_says_nothing():
    now = followed(400).now
    limit = now.domains["pt"].ahead.final
    assert now.domains["pt"].ahead.above(limit) == pytest.approx(0.5)
    assert not followed(400, rules=(f"pt > {limit} at 60 %",)).now.alarms


@pytest.mark.parametrize("damage", [1.03, 1.2])
def test_three_evaluations_off_the_forecast_are_an_alarm(damage):
    made = followed(change=lambda step, loss: loss * (damage if step > 400 else 1))
    steps = [o.step for o in made.followed.outlooks if o.alarms]
    assert steps[0] == 460
    first = next(o for o in made.followed.outlooks if o.alarms)
    assert {alarm.kind for alarm in first.alarms} == {"off its forecast"}
    assert "the last 3 evaluations, from step 420 on, lie above" in first.alarms[0].words
    assert not first.stops


def test_one_strange_evaluation_is_no_alarm_and_moves_nothing():
    usual = followed(500)
    strange = followed(500, change=lambda step, loss: loss * (1.1 if step == 400 else 1))
    assert not any(o.alarms for o in strange.followed.outlooks)
    for role, end in ends(strange.now).items():
        assert end == pytest.approx(ends(usual.now)[role], rel=2e-3)


def test_a_healthy_run_has_no_alarm():
    for run in ("cpt-cosine", "cpt-twostage"):
        assert not any(o.alarms for o in followed(run=run).followed.outlooks)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0])
def test_a_loss_that_is_no_number_is_an_alarm(value):
    made = monitor()
    outlook = made.update(20, {"pt": value, "cpt": 2.9})
    (alarm,) = outlook.alarms
    assert (alarm.kind, alarm.role, alarm.stop) == ("not finite", "pt", False)
    stops = monitor(stop_on=("not finite",))
    assert stops.update(20, {"pt": value}).stops


def test_another_learning_rate_than_planned_is_told_once():
    made = monitor()
    told = [made.update(step, {"pt": 3.1}, lr=5e-4).alarms for step in (20, 40)]
    assert [len(alarms) for alarms in told] == [1, 0]
    assert "is 0.0005, but 0.0009986 is planned" in told[0][0].words


def test_losses_of_one_step_may_come_in_parts():
    parts, whole = monitor(), monitor()
    for step, losses, lr in following.evaluations():
        if step > 200:
            break
        whole.update(step, losses, lr)
        for role, loss in losses.items():
            parts.update(step, {role: loss}, lr)
    assert ends(parts.now) == ends(whole.now)
    assert len(parts.followed.outlooks) == len(whole.followed.outlooks)


def test_an_earlier_step_takes_the_run_back():
    made = followed(600)
    again = [row for row in following.evaluations() if 300 <= row[0] <= 600]
    before = ends(made.now)
    for step, losses, lr in again:
        made.update(step, losses, lr)
    assert ends(made.now) == before
    steps = [outlook.step for outlook in made.followed.outlooks]
    assert steps == sorted(set(steps))


def test_its_state_is_json_and_brings_it_back():
    made = followed(400)
    kept = json.loads(json.dumps(made.state()))
    other = monitor()
    other.restore(kept)
    assert ends(other.now) == ends(made.now)
    assert other.state() == made.state()


def test_a_run_alone_is_fitted_as_it_goes_on():
    study = datasets.load("tiny-cpt")
    base = study.run("base")
    made = Monitor(None, Planned(base.schedule), watching=Watching(share=None))
    curve = base.curves["pt"]
    for step, loss in zip(curve.steps.tolist(), curve.loss.tolist(), strict=True):
        if step <= 1200:
            outlook = made.update(step, {"loss": loss})
        if step == 0:
            assert outlook.verdict == "no forecast yet"
            assert "nothing is fitted yet" in outlook.basis
    assert outlook.basis.startswith("61 evaluations of this run alone. ")
    ahead = outlook.domains["loss"].ahead
    assert ahead.low[-1] < ahead.final < ahead.high[-1]
    assert ahead.final == pytest.approx(curve.loss[-1], rel=0.05)


def test_refits_keep_to_their_share_of_the_time():
    base = datasets.load("tiny-cpt").run("base")
    made = Monitor(None, Planned(base.schedule), watching=Watching(share=0.01))
    curve = base.curves["pt"]
    for step, loss in zip(curve.steps.tolist()[:40], curve.loss.tolist(), strict=False):
        outlook = made.update(step, {"loss": loss})
    assert outlook.verdict == "no forecast yet"


def test_a_run_that_was_fitted_is_left_out_of_what_is_known():
    known = bundled.few("base", "annealed", "cpt-const")
    made = Monitor(known, Planned(name="cpt-const"), watching=Watching(share=None))
    assert made.steps == 800
    assert made.update(20, {"cpt": 3.0}).basis == "2 earlier runs and 1 evaluations of this run"


def test_where_it_begins_is_found_in_the_study():
    fitted = bundled.default_fit(RUN, roles=following.ROLES)
    made = Monitor(fitted, Planned("cosine 500 to 0", after="base@1500"))
    assert made.steps == 500
    outlook = made.update(100, {"pt": 3.1})
    assert np.isfinite(outlook.domains["cpt"].ahead.final)


def test_what_cannot_be_followed_is_refused():
    fitted = bundled.default_fit(RUN, roles=following.ROLES)
    with pytest.raises(DataError, match="learning rates ahead are not known"):
        Monitor(fitted, Planned())
    with pytest.raises(DataError, match="published coefficients"):
        Monitor(published.load("fineweb-law-106m"), Planned("constant 10 to 1e-4"))
    with pytest.raises(DataError, match="not measured on 'code'"):
        monitor(rules=("code > 3",))
    made = monitor()
    with pytest.raises(DataError, match="steps 0 to 800"):
        made.update(801, {"pt": 3.0})
    with pytest.raises(DataError, match="'code' is not followed"):
        made.update(20, {"code": 3.0})
    with pytest.raises(DataError, match="no study that has this run"):
        Monitor(None, Planned("constant 10 to 1e-4", after="base"))


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, float("nan"), float("inf")])
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        Watching(level=level)
