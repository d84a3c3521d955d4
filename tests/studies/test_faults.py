"""Bad data are told, and left out; good data are not."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import datasets
from cptlaw.errors import DataError
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies import logs
from cptlaw.studies.faults import faults_of, sound
from cptlaw.studies.faults.units import not_in_nats
from cptlaw.studies.runs import Curve, LoggedLR, Run
from cptlaw.studies.study import Study

STEPS = np.arange(0, 4001, 50)


def falling(steps=STEPS, first=10.4, noise=0.01, seed=0):
    """A loss that falls as losses do, with some noise."""
    rng = np.random.default_rng(seed)
    return (2.6 + (first - 2.6) / (1 + steps / 60) ** 0.7) * (
        1 + noise * rng.normal(size=steps.size)
    )


def run(loss, name="a", steps=STEPS, source="validation", **given):
    last = int(steps[-1])
    given = {"schedule": Schedule.parse(f"warmup 200 to 5e-3 | constant {last - 200}"), **given}
    return Run(name, {"loss": Curve(steps, loss, source)}, **given)


def kinds(run):
    return [fault.kind for fault in faults_of(run)]


def diverging(at=2000, to=7.55, sharp=True):
    loss = falling()
    rise = np.clip((STEPS - at) / (50 if sharp else 800), 0, 1)
    return np.where(at < STEPS, loss + (to - loss) * rise, loss)


@pytest.mark.parametrize("sharp", [True, False])
@pytest.mark.parametrize("source", ["validation", "training"])
def test_a_loss_that_rises_for_good_has_diverged(sharp, source):
    (fault,) = faults_of(run(diverging(sharp=sharp), source=source))
    assert fault.kind == "diverged"
    assert 2000 < fault.first <= 2500
    assert str(fault.first) in fault.sentence


def test_a_run_that_never_learns_has_diverged():
    flat = np.where(STEPS < 300, 10.4 - STEPS / 100, 7.5)
    assert kinds(run(flat)) == ["diverged"]
    assert kinds(run(falling())) == []


def test_losses_that_end_in_nan_or_0_are_told_by_their_first_step(tmp_path):
    for end in ("nan", "inf", "0.0"):
        rows = [f"{s},{v:.4f}" for s, v in zip(STEPS[:60], falling()[:60], strict=True)]
        rows += [f"{s},{end}" for s in STEPS[60:]]
        (tmp_path / "log.csv").write_text("step,loss\n" + "\n".join(rows) + "\n")
        read = logs.read(tmp_path / "log.csv")
        assert read.diverged == STEPS[60]
        assert kinds(read) == ["diverged"]


@pytest.mark.parametrize("rows", [1, 4, 8])
def test_spikes_are_not_told(rows):
    loss = falling()
    loss[30 : 30 + rows] *= 1.6
    assert kinds(run(loss)) == []


def test_a_forgotten_domain_and_a_rewarmed_run_are_not_told():
    forgets = 2.5 + 2.0 * (1 - np.exp(-STEPS / 500))
    learns = 3.0 - 0.8 * (1 - np.exp(-STEPS / 500))
    cpt = replace(run(forgets), curves={"pt": Curve(STEPS, forgets), "cpt": Curve(STEPS, learns)})
    assert kinds(cpt) == []
    assert kinds(replace(cpt, curves={"pt": cpt.curves["pt"]})) == []
    rewarmed = 2.6 + 0.35 * np.clip(STEPS / 200, 0, 1) - 0.3 * STEPS / 4000
    assert kinds(run(rewarmed)) == []


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_loss_that_is_summed_from_some_step_on_has_jumped(factor):
    loss = falling()
    loss[41:] *= factor
    (fault,) = faults_of(run(loss, source="training"))
    assert (fault.kind, fault.first, fault.last) == ("jump", 2050, None)
    assert f"{factor} times" in fault.sentence
    assert "2000" in fault.sentence
    assert "2050" in fault.sentence


def test_a_restart_that_lost_something_has_jumped():
    loss = falling()
    loss[41:] += 3.0 * np.exp(-(STEPS[41:] - STEPS[41]) / 900)
    (fault,) = faults_of(run(loss))
    assert (fault.kind, fault.first) == ("jump", 2050)


def test_a_jump_where_the_learning_rate_jumps_is_not_told():
    loss = falling(noise=0.001)
    loss[41:] *= 1.3
    lr = np.where(STEPS > 2000, 1e-3, 1e-4)
    logged = LoggedLR(STEPS, lr)
    jumped = replace(run(loss), schedule=None, logged_lr=logged)
    assert "jump" not in kinds(jumped)


def test_perplexities_are_told_by_their_size():
    assert kinds(run(np.exp(falling()))) == ["perplexity"]
    later = np.exp(falling())[20:]
    (fault,) = faults_of(run(later, steps=STEPS[20:] - STEPS[20]))
    assert fault.kind == "perplexity"
    assert "logarithm" in fault.sentence


def test_a_column_that_is_the_exponential_of_another_is_told():
    low = 1.9 - 0.2 * STEPS / 4000
    both = {"loss": Curve(STEPS, low), "other": Curve(STEPS, np.exp(low))}
    (fault,) = faults_of(replace(run(low), curves=both))
    assert (fault.kind, fault.columns) == ("perplexity", ("other",))


# --- studies ----------------------------------------------------------------------------------


def study(*runs, **domains):
    return Study(domains or {"loss": "loss"}, tuple(runs))


def test_a_run_that_diverged_is_left_out_and_its_peak_is_known():
    good = run(falling(), "good", schedule=Schedule.parse("warmup 200 to 1e-3 | constant 3800"))
    found = sound(study(good, run(diverging(), "bad")))
    assert not found.run("bad").curves
    assert [(d.run, d.peak) for d in found.diverged] == [("bad", 5e-3)]
    assert found.peak_limit == 5e-3
    assert "run 'bad'" in found.faults[0]
    assert sound(found) == found


def test_a_peak_at_which_other_runs_went_well_is_no_limit():
    found = sound(study(run(falling(), "good"), run(diverging(), "bad")))
    assert found.diverged
    assert found.peak_limit is None


def test_a_base_that_diverged_late_keeps_its_beginning():
    base = run(diverging(), "base")
    early = run(falling(first=3.0), "early", after="base", after_step=1000, data="pt")
    late = run(falling(first=3.0), "late", after="base", after_step=3000, data="pt")
    found = sound(study(base, early, late))
    assert found.run("base").curves["loss"].steps[-1] == 2000
    assert found.run("early").curves
    assert not found.run("late").curves
    assert any("'late'" in sentence for sentence in found.faults)


def test_what_is_to_be_kept_is_kept():
    bad = study(run(falling(), "good"), run(diverging(), "bad"))
    assert sound(bad, ["bad"]).run("bad").curves
    assert not sound(bad, ["bad"]).faults
    by_file = replace(bad, runs=(bad.runs[0], replace(bad.runs[1], keep=True)))
    assert not sound(by_file).faults
    with pytest.raises(DataError, match="no such run"):
        sound(bad, ["worse"])


def test_the_same_run_twice_counts_once():
    loss = falling()
    first, again = run(loss, "a"), run(loss, "b")
    begun = run(loss[:30], "c", STEPS[:30])
    other = run(falling(seed=1), "d")
    found = sound(study(first, again, begun, other))
    assert [bool(r.curves) for r in found.runs] == [True, False, False, True]
    assert "'b', 'c'" in found.faults[0]


def cpt_study(pt, cpt):
    base = replace(run(falling(), "base"), curves={c: Curve(STEPS, falling()) for c in ("x", "y")})
    start = float(base.curves["x"].loss[-1])
    grows = np.concatenate([[start], start * (1 + 0.2 * (1 - np.exp(-STEPS[1:] / 800)))])
    falls = np.concatenate([[start], start * (1 - 0.2 * (1 - np.exp(-STEPS[1:] / 800)))])
    curves = {"x": Curve(STEPS, grows), "y": Curve(STEPS, falls)}
    after = Run("c", curves, schedule=base.schedule, after="base", data="cpt")
    return Study({"pt": pt, "cpt": cpt}, (base, after))


def test_swapped_domains_are_told():
    assert not sound(cpt_study("x", "y")).faults
    (sentence,) = sound(cpt_study("y", "x")).faults
    assert "swapped" in sentence
    assert "'c'" in sentence


def test_runs_without_a_learning_rate_are_left_out():
    still = run(falling(), "still", schedule=Schedule.parse("constant 4000 to 0"))
    found = sound(study(run(falling(seed=1), "good"), still))
    assert not found.run("still").curves
    assert "learning rate is 0" in found.faults[0]
    with pytest.raises(DataError, match="learning rate is 0"):
        sound(study(still))


def test_perplexities_are_not_fitted():
    with pytest.raises(DataError, match="not in nats"):
        sound(study(run(np.exp(falling()))))


@pytest.mark.parametrize("name", datasets.names())
def test_nothing_is_told_of_the_bundled_runs(name):
    loaded = datasets.load(name)
    found = sound(loaded)
    assert found.faults == ()
    assert found == loaded


def test_the_same_run_written_with_fewer_digits_and_columns_counts_once():
    loss = falling()
    first = replace(run(loss, "a"), curves={c: Curve(STEPS, loss) for c in ("loss", "more")})
    found = sound(study(first, run(np.round(loss, 4), "b")))
    assert not found.run("b").curves


def test_seeds_are_no_repetition():
    found = sound(study(*(run(falling(noise=0.001, seed=s), f"s{s}") for s in range(4))))
    assert found.faults == ()


@pytest.mark.parametrize("low", [5.0, 6.2])
def test_a_run_that_learnt_a_little_and_lost_it_has_diverged(low):
    loss = np.where(STEPS < 400, 10.4 - (10.4 - low) * STEPS / 400, 7.55)
    (fault,) = faults_of(run(loss))
    assert fault.kind == "diverged"


def test_a_log_of_a_warm_up_alone_is_not_told():
    loss = 10.4 - 0.3 * STEPS / 4000
    warming = run(loss, schedule=Schedule.parse("warmup 4000 to 1e-3"))
    assert kinds(warming) == []


def test_a_rise_that_ends_in_no_number_is_told_with_both():
    found = faults_of(run(diverging(), diverged=3500))
    assert [fault.kind for fault in found] == ["diverged"]
    assert "and is not finite from step 3500 on" in found[0].sentence
    assert found[0].first <= 2050


def test_a_column_that_rests_far_above_a_loss_is_in_no_nats():
    bits = np.full(STEPS.size, 7.5) + 0.02 * np.sin(STEPS)
    both = Run(
        "a",
        {n: Curve(STEPS, loss, "validation") for n, loss in (("loss", falling()), ("odd", bits))},
        schedule=Schedule.parse("warmup 200 to 5e-3 | constant 3800"),
    )
    assert not_in_nats(both.curves) == {"odd": "far above another column"}
    moving = replace(
        both,
        curves={**both.curves, "odd": Curve(STEPS, np.linspace(12, 7.2, STEPS.size), "validation")},
    )
    assert "odd" not in not_in_nats(moving.curves)
