"""Numbers that a fit decides, on the paper's coefficients and on plain cases."""

import numpy as np
import pytest

from cptlaw import DataError, History, Schedule, published
from cptlaw.decisions.analysis import (
    critical_point,
    critical_step,
    last_return,
    optimal_peak,
    optimal_potential,
    optimal_replay,
    release_value,
    steps_saved,
    turning_length,
)
from cptlaw.decisions.analysis.best import peaks_to_try
from cptlaw.decisions.analysis.turning import return_curve
from cptlaw.fitting.result import DomainFit
from cptlaw_evidence.coverage import simulated

FIT = published.load("fineweb-kp-106m")
LR = Schedule.constant(2e-4, 40_000, warmup=500).lr()


def after(steps):
    return History(LR[:steps], np.empty(0))


def constant(peak):
    return Schedule.constant(peak, 60_000, warmup=500)


def best(weights, peaks):
    return optimal_peak(FIT, after(40_000), constant, peaks, weights)(FIT)


def test_the_turning_length_lies_on_the_curve():
    horizon = Schedule.constant(2e-4, 60_000)
    found = turning_length(FIT, after(6000), horizon, {"pt": 1.0}, every=100)(FIT)
    curve = np.array(
        [
            turning_length(FIT, after(6000), Schedule.constant(2e-4, n), {"pt": 1.0}, every=50)(FIT)
            for n in (int(found) - 200, int(found) + 200)
        ]
    )
    assert curve[0] == np.inf
    assert curve[1] == pytest.approx(found, rel=1e-3)


def test_a_loss_that_never_rises_turns_at_once():
    assert turning_length(FIT, after(6000), constant(2e-4), {"cpt": 1.0})(FIT) == 0.0


def test_a_loss_that_does_not_come_back_turns_never():
    horizon = Schedule.constant(2e-4, 5000)
    assert turning_length(FIT, after(30_000), horizon, {"pt": 1.0})(FIT) == np.inf


def test_a_later_start_turns_later():
    horizon = Schedule.constant(2e-4, 300_000)
    lengths = [
        turning_length(FIT, after(n), horizon, {"pt": 1.0}, every=500)(FIT) for n in (4000, 8000)
    ]
    assert 4000 < lengths[0] < 5000 < lengths[1] < np.inf


def test_the_best_peak_does_not_depend_on_the_grid():
    weights = {"pt": 0.3, "cpt": 0.7}
    coarse, fine = (best(weights, np.geomspace(1e-5, 6e-4, n)) for n in (30, 120))
    assert coarse == pytest.approx(fine, rel=0.02)
    assert 8e-5 < fine < 1e-4


def test_more_weight_on_d_pt_never_raises_the_best_peak():
    peaks = np.geomspace(1e-5, 6e-4, 40)
    found = [best({"pt": w, "cpt": 1 - w}, peaks) for w in (0.0, 0.2, 0.3, 0.4, 0.6, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("weights", "peaks", "told"),
    [
        ({"pt": 1.0}, [1e-4, 2e-4], "three or more"),
        ({"pt": 1.0}, [1e-4, 3e-4, 2e-4], "ascending"),
        ({"pt": 0.0}, [1e-4, 2e-4, 3e-4], "above 0"),
        ({"xx": 1.0}, [1e-4, 2e-4, 3e-4], "no domain 'xx'"),
    ],
)
def test_what_makes_no_sense_is_refused(weights, peaks, told):
    with pytest.raises(DataError, match=told):
        best(weights, peaks)


# --- where the CPT starts, and with how much replay ---------------------------------------------


def annealed(potential):
    """A pre-training of 40k steps whose last 8k decay to that share of the peak."""
    lr = Schedule.wsd(2e-4, 40_000, 8000, warmup=500, end=2e-4 * potential).lr()
    return History(lr, np.empty(0))


def potential(weight, **given):
    fit = published.load("fineweb-law-106m")
    best = optimal_potential(
        fit,
        annealed,
        lambda p: Schedule.cosine(2e-4 * p, 10_000),
        np.linspace(0.01, 1, 20),
        {"pt": weight, "cpt": 1 - weight},
        **given,
    )
    return best(fit)


def test_the_best_potential_depends_on_what_it_is_measured_against():
    assert potential(0.4) == pytest.approx(0.15, abs=0.02)
    assert potential(0.4, from_transfer=True) == 1.0
    assert potential(0.0) == 1.0 and potential(1.0) == 0.01


def test_the_best_replay_share_grows_with_the_weight():
    fit = published.load("fineweb-kp-106m-r")
    schedule, shares = Schedule.cosine(2e-4, 20_000), np.linspace(0, 1, 21)
    found = [
        optimal_replay(fit, annealed(0.0), schedule, shares, {"pt": w, "cpt": 1 - w})(fit)
        for w in (0.0, 0.2, 0.5, 0.8, 1.0)
    ]
    np.testing.assert_allclose(found, [0, 0.31, 0.47, 0.63, 1], atol=0.02)


# --- one set of candidates, many weights --------------------------------------------------------

MANY = [{"pt": w, "cpt": 1 - w} for w in (0.0, 0.3, 0.6, 1.0)]


@pytest.fixture
def asked(monkeypatch):
    """Of which domains losses were worked out, in order."""
    found = []
    loss = DomainFit.loss
    monkeypatch.setattr(DomainFit, "loss", lambda d, p: found.append(d.role) or loss(d, p))
    return found


def test_losses_of_a_set_are_worked_out_once_and_then_weighed(asked):
    peaks = np.geomspace(2e-5, 2e-4, 9)
    found = peaks_to_try(FIT, after(40_000), constant, peaks).best_of_each(FIT, MANY)
    assert sorted(asked) == ["cpt", "pt"]
    assert found.tolist() == [best(weights, peaks) for weights in MANY]


def test_the_curve_of_a_return_is_worked_out_once_and_then_weighed(asked):
    horizon = Schedule.constant(2e-4, 60_000)
    found = return_curve(FIT, after(10_000), horizon).turned(FIT, MANY, for_good=True)
    assert sorted(asked) == ["cpt", "pt"]
    given = [turning_length(FIT, after(10_000), horizon, w, for_good=True)(FIT) for w in MANY]
    assert found.tolist() == given


# --- the critical point -----------------------------------------------------------------------

LONG = Schedule.constant(2e-4, 60_000, warmup=500)


def test_the_critical_point_and_the_starts_that_come_back_after_it():
    found = critical_point(FIT, LONG, Schedule.constant(2e-4, 181_248))
    assert found.limit_step == pytest.approx(8994, abs=2)
    assert found.last_return == pytest.approx(10_000, rel=2e-3)
    assert found.horizon == 181_248 and found.reason == ""


def test_a_last_return_is_a_turning_length():
    horizon = Schedule.constant(2e-4, 40_000)
    last = last_return(FIT, LONG, horizon)(FIT)
    lengths = [
        turning_length(FIT, after(round(last * by)), horizon, {"pt": 1.0})(FIT)
        for by in (0.99, 1.01)
    ]
    assert np.isfinite(lengths[0]) and lengths[1] == np.inf


def test_a_loss_that_only_falls_comes_back_from_everywhere():
    assert last_return(FIT, LONG, constant(2e-4), role="cpt")(FIT) == np.inf


def test_no_critical_point_where_the_shift_is_far_from_its_limit():
    found = critical_point(published.load("fineweb-kp-594m"), LONG, constant(2e-4))
    assert np.isnan(found.limit_step) and "of its limit 29.1" in found.reason
    assert found.last_return > 0


def test_no_critical_point_without_a_limit():
    fit = published.load("fineweb-kp-106m-ood")
    with pytest.raises(DataError, match=r"law eq6 of domain 'ood\.C4' has no limit"):
        critical_step(fit, LONG, constant(2e-4), role="ood.C4")
    assert critical_point(fit, LONG, constant(2e-4), role="ood.C4").reason


@pytest.mark.parametrize("starts", [[100, 200], [0, 10, 20], [10, 20, 70_000]])
def test_starts_outside_the_base_are_refused(starts):
    with pytest.raises(DataError, match="three or more starts within"):
        last_return(FIT, LONG, constant(2e-4), starts=starts)


# --- turning for good, and released checkpoints --------------------------------------------------


def test_a_weighted_loss_that_falls_at_once_turns_for_good_later():
    weights, horizon = {"pt": 0.9, "cpt": 0.1}, Schedule.constant(2e-4, 60_000)
    lengths = [
        turning_length(FIT, after(10_000), horizon, weights, every=20, for_good=g)(FIT)
        for g in (False, True)
    ]
    assert lengths[0] == 0.0 and 15_000 < lengths[1] < 25_000


def warm(_, steps):
    return Schedule.cosine(2e-4, steps, warmup=steps // 20)


def test_a_higher_potential_saves_steps():
    found = release_value(FIT, annealed, warm, [0.0, 0.3, 0.6], 10_000)
    assert [r.potential for r in found] == [0.0, 0.3, 0.6]
    assert found[0].saved == pytest.approx(0, abs=1e-6) and found[1].saved > 1000
    assert sorted(found, key=lambda r: r.loss, reverse=True) == list(found)


@pytest.mark.parametrize("potentials", [[], [-0.1], [0.5, 1.2]])
def test_potentials_are_shares_of_a_peak(potentials):
    with pytest.raises(DataError, match="loss potentials from 0 to 1, one or more"):
        release_value(FIT, annealed, warm, potentials, 10_000)


def test_the_steps_saved_are_saved():
    saved = steps_saved(FIT, annealed, warm, (0.0, 0.5), 10_000)(FIT)
    short = release_value(FIT, annealed, warm, [0.5], round(10_000 - saved))[0]
    full = release_value(FIT, annealed, warm, [0.0], 10_000)[0]
    assert short.loss == pytest.approx(full.loss, abs=2e-4)


def test_a_checkpoint_that_never_catches_up_loses_for_ever():
    def as_it_is(potential, steps):
        return Schedule.linear(2e-4 * potential, steps)

    assert steps_saved(FIT, annealed, as_it_is, (1.0, 0.02), 10_000)(FIT) == -np.inf


@pytest.mark.parametrize(
    ("values", "told"),
    [([0.1, 0.2], "three or more"), ([0.1, 0.5, 1.2], "above 1"), ([-0.1, 0.5, 1.0], "from 0 up")],
)
def test_shares_and_potentials_that_make_no_sense_are_refused(values, told):
    with pytest.raises(DataError, match=told):
        optimal_replay(FIT, after(1000), constant(2e-4), values, {"pt": 1.0})
    with pytest.raises(DataError, match=told):
        optimal_potential(FIT, annealed, constant, values, {"pt": 1.0})


# --- intervals of such numbers ------------------------------------------------------------------


def test_intervals_hold_on_simulated_studies():
    result = simulated.coverage(4)
    assert [row["true"] > 0 for row in result["rows"]] == [True] * 6
    assert np.mean([row["coverage"] for row in result["rows"]]) >= 0.7
    assert "turning length of D_pt from step 4000" in simulated.coverage_text(result)


def test_simulated_noise_is_that_of_real_curves():
    one, other = (simulated.study(FIT, seed) for seed in (0, 1))
    assert one.fingerprint != other.fingerprint
    assert simulated.study(FIT, 0).fingerprint == one.fingerprint
    loss = [np.log(s.run("cosine").curves["pt"].loss) for s in (one, other)]
    gap = loss[0] - loss[1]
    assert 5e-4 < np.std(gap) < 3e-3
    assert np.corrcoef(gap[1:], gap[:-1])[0, 1] > 0.4
