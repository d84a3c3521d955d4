"""Numbers that a fit decides, on the paper's coefficients and on plain cases."""

import numpy as np
import pytest

from cptlaw import DataError, History, Schedule, published
from cptlaw.accuracy import simulated
from cptlaw.analysis import optimal_peak, turning_length

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
    coarse, fine = (best(weights, np.geomspace(1e-5, 6e-4, n)) for n in (30, 300))
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
