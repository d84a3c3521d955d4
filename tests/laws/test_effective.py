"""The effective-LR law's parts, each against the plain form of what its module says it is."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, DataError, History, Run, Schedule, catalog, datasets, factors
from cptlaw.laws import branching, dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.catalog import Facts
from cptlaw.laws.factors.effective import REFERENCE_LR
from cptlaw.laws.factors.power_memory import relaxed
from cptlaw.laws.factors.transfer import before_transfer, since_transfer
from cptlaw.laws.factors.weights import effective_lr
from cptlaw.laws.points import Points

BASE = Schedule.wsd(1e-3, 900, 200, warmup=50).lr()
CPT = np.concatenate([np.linspace(0, 8e-4, 40), np.full(150, 8e-4), np.linspace(8e-4, 0, 110)])
SIGMA, DECAY = 0.02, 0.3


@pytest.fixture
def single(monkeypatch):
    """Every step is a block."""
    monkeypatch.setattr(branching, "LONGEST", 1)


def cut(lr, cpt=(), replay=0.0):
    """One history up to its end as blocks, one of them a step where `single` is asked for."""
    history = History(lr, cpt, replay=replay)
    return Blocks([history], np.zeros(1, dtype=np.int64), np.array([history.steps]))


def place(histories, steps):
    """Points at the given steps of each history."""
    owner = np.repeat(np.arange(len(histories)), [len(s) for s in steps])
    return Points(histories, owner, np.concatenate(steps), Convention())


# --- weights that grow ------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.005, 0.02, 0.1])
@pytest.mark.parametrize("decay", [1e-4, 0.1, 3.0])
def test_weights_grow_as_a_random_walk_and_decay(single, sigma, decay):
    """The mean square of the weights by a loop over steps; the effective LR follows from it."""
    made = cut(BASE)
    rate = effective_lr(made, *dual.variables(sigma, decay)).value[1:]
    q = [1.0]
    for lr in BASE:
        q.append(q[-1] + (lr / sigma) ** 2 - 2.0 * decay * lr * q[-1])
    middle = 0.5 * (np.array(q[1:]) + q[:-1])
    assert_allclose(rate, BASE / np.sqrt(middle), rtol=4e-3)


@pytest.mark.parametrize(("lr", "decay"), [(1e-3, 3.0), (3e-4, 10.0)])
def test_weights_settle_where_growth_and_decay_balance(lr, decay):
    """LR / sigma**2 = 2 * decay * q, so that the effective LR is sigma * sqrt(2 * decay * LR)."""
    rate = effective_lr(cut(np.full(20_000, lr)), *dual.variables(SIGMA, decay))
    assert rate.value[-1] == pytest.approx(SIGMA * np.sqrt(2 * decay * lr), rel=1e-6)


def test_large_weights_do_not_grow_and_the_effective_lr_is_the_lr():
    made = cut(BASE, CPT)
    assert_allclose(effective_lr(made, *dual.variables(10.0, 1e-5)).value, made.lr, rtol=1e-4)


def test_the_effective_lr_is_that_of_its_parameters_whatever_was_asked_before():
    made = cut(BASE, CPT)
    asked = [(0.02, 0.1), (0.03, 0.1), (0.03, 0.2), (0.02, 0.1)]
    found = [effective_lr(made, *dual.variables(*pair)) for pair in asked]
    for pair, rate in zip(asked, found, strict=True):
        fresh = effective_lr(cut(BASE, CPT), *dual.variables(*pair))
        assert np.array_equal(rate.value, fresh.value)
        assert np.array_equal(rate.slopes, fresh.slopes)
    assert not np.array_equal(found[0].value, found[1].value)
    assert not np.array_equal(found[1].value, found[2].value)


def test_progress_is_the_sum_of_the_effective_lr():
    x = place([History(BASE, CPT)], [np.array([100, 900, 1200])])
    value = factors.power_of_progress().evaluate(x, 0.6, SIGMA, DECAY).value
    rate = effective_lr(x.blocks, *dual.variables(SIGMA, DECAY)).value * x.blocks.steps
    assert_allclose(value, np.cumsum(rate)[x.blocks.ends] ** -0.6, rtol=1e-12)
    assert (np.diff(value) < 0).all()


# --- noise with a memory ----------------------------------------------------------------------


def remembered(level, clock, kappa, rho):
    """The direct double sum: every level times what the memory has lost of its stretch."""
    shown = np.append(0.0, np.cumsum(clock))
    found = []
    for last in range(1, shown.size):
        memory = (1.0 + kappa * (shown[last] - shown[: last + 1])) ** -rho
        found.append((level[:last] * np.diff(memory)).sum())
    return np.array(found)


@pytest.mark.parametrize("kappa", [0.5, 50.0, 3000.0])
@pytest.mark.parametrize(
    ("rho", "near"), [(0.15, 2e-4), (0.5, 4e-4), (1.0, 8e-4), (2.0, 2e-3), (4.0, 0.02)]
)
def test_a_power_law_memory_is_the_double_sum(single, kappa, rho, near):
    history = History(BASE, CPT)
    every = np.arange(1, history.steps + 1)
    made = Blocks([history], np.zeros_like(every), every)
    level = np.append(0.0, np.concatenate([BASE, CPT]) / REFERENCE_LR) ** 0.7
    k, r = dual.variables(kappa, rho)
    clock = dual.constant(made.lr * made.steps)
    found = relaxed(made, dual.constant(level), clock, k, r).value
    expected = remembered(level[1:], (made.lr * made.steps)[1:], kappa, rho)
    assert_allclose(found, expected, atol=near * expected.max())


def test_noise_is_its_level_where_the_lr_has_long_been_constant():
    """At 1e-3 the noise is 1 by definition; a decay to 0 leaves some of it."""
    base = np.full(50_000, 1e-3)
    annealed = History(np.append(base, np.linspace(1e-3, 0, 500)), [])
    x = place([annealed], [np.array([50_000, 50_500])])
    value = factors.noise().evaluate(x, 0.7, 1e4, 1.0, 10.0, 1e-5).value
    assert value[0] == pytest.approx(1.0, rel=1e-3)
    assert 0 < value[1] < 0.1


def test_noise_follows_a_power_of_the_effective_lr():
    histories = [History(np.full(50_000, lr), []) for lr in (1e-4, 1e-3, 4e-3)]
    x = place(histories, [np.array([50_000])] * 3)
    value = factors.noise().evaluate(x, 0.7, 1e5, 1.0, 10.0, 1e-5).value
    assert_allclose(value, [0.1**0.7, 1.0, 4**0.7], rtol=2e-3)


# --- the shift ----------------------------------------------------------------------------------


def progress(x):
    """Progress of the PT and of the CPT at every point, by sums over blocks."""
    moved = effective_lr(x.blocks, *dual.variables(SIGMA, DECAY)).value * x.blocks.steps
    phases = (~x.blocks.is_cpt, x.blocks.is_cpt)
    return tuple(np.cumsum(moved * phase)[x.blocks.ends] for phase in phases)


def test_progress_is_counted_on_both_sides_of_the_transfer():
    made = cut(BASE, CPT)
    moved = dual.constant(made.lr * made.steps)
    since, before = since_transfer(made, moved).value, before_transfer(made, moved).value
    assert not since[~made.is_cpt].any()
    assert since[-1] == pytest.approx(CPT.sum(), rel=1e-12)
    assert_allclose(before[made.is_cpt], BASE.sum(), rtol=1e-12)
    assert_allclose(since + before, made.summed(made.lr * made.steps), rtol=1e-12)


@pytest.mark.parametrize("onset", [1.0, 2.5])
@pytest.mark.parametrize("bend", [-0.7, 0.0, 0.4])
def test_forgetting_is_eq3_with_beta_negative_and_an_onset(bend, onset):
    """((1 + (E*S)^p)^b - 1) / b, S the sum of the effective LR since the transfer."""
    x = place([History(BASE, CPT)], [np.array([500, BASE.size, BASE.size + 100, BASE.size + 300])])
    value = factors.forgetting(False).evaluate(x, 60.0, bend, onset, SIGMA, DECAY).value
    grown = (60.0 * progress(x)[1]) ** onset
    expected = ((1 + grown) ** bend - 1) / bend if bend else np.log1p(grown)
    assert_allclose(value, expected, rtol=1e-10)
    assert not value[:2].any()
    assert 0 < value[2] < value[3]


def test_learning_is_eq3_that_depends_on_the_start():
    """(c*S_pt + S)^-beta is what (c*S_pt)^-beta and Eq. 3 with E = 1 / (c*S_pt) give."""
    worth, beta = 0.05, 0.4
    x = place([History(BASE, CPT)], [np.array([BASE.size, BASE.size + 100, BASE.size + 300])])
    value = factors.learning(False).evaluate(x, worth, beta, SIGMA, DECAY).value
    before, since = progress(x)
    rate, start = 1.0 / (worth * before), (worth * before) ** -beta
    assert_allclose(value, start - start * (1 - (1 + rate * since) ** -beta), rtol=1e-10)
    hidden = factors.learning(False).value(x, worth, beta, SIGMA, DECAY, hidden=True)
    assert_allclose(hidden, (worth * (before + since)) ** -beta, rtol=1e-10)


@pytest.mark.parametrize("replay", [0.0, 0.2, 0.5, 0.9])
def test_replay_takes_back_a_share_of_the_shift(replay):
    """The share 1 / (1 + h * (r_pt / r_cpt)^k) is left, on both domains."""
    x = place([History(BASE, CPT, replay=replay)], [np.array([BASE.size + 50, BASE.size + 300])])
    alone = place([History(BASE, CPT)], [np.array([BASE.size + 50, BASE.size + 300])])
    left = 1.0 / (1.0 + 3.0 * (replay / (1.0 - replay)) ** 0.7)
    given = (SIGMA, DECAY, 3.0, 0.7)
    forgotten = factors.forgetting(True).evaluate(x, 60.0, 0.2, 1.3, *given).value
    whole = factors.forgetting(True).evaluate(alone, 60.0, 0.2, 1.3, *given).value
    assert_allclose(forgotten, left * whole, rtol=1e-10)
    learning = factors.learning(True)
    shifts = [
        learning.value(y, 0.05, 0.4, *given) - learning.value(y, 0.05, 0.4, *given, hidden=True)
        for y in (x, alone)
    ]
    assert_allclose(shifts[0], left * shifts[1], rtol=1e-9)
    assert (shifts[1] < 0).all()


@pytest.mark.parametrize("made", [factors.forgetting, factors.learning])
def test_the_strength_of_replay_is_fitted_only_where_the_share_varies(made):
    """Elsewhere it is the centre of its prior."""
    x = place([History(BASE, CPT, replay=0.5)], [np.array([950, 1100, 1200])])
    fitted, usual = made(True), made(False)
    assert fitted.shapes[:-2] == usual.shapes
    strength, power = fitted.shapes[-2:]
    assert (strength.name, power.name) == ("h", "k")
    given = [s.prior.centre for s in usual.shapes]
    expected = fitted.evaluate(x, *given, strength.prior.centre, power.prior.centre).value
    assert_allclose(usual.evaluate(x, *given).value, expected, rtol=1e-12)
    other = fitted.evaluate(x, *given, 3 * strength.prior.centre, power.prior.centre).value
    assert not np.allclose(other, expected)


# --- the law ----------------------------------------------------------------------------------

VALUES = {
    "L0": 2.4, "A": 0.5, "C": 0.2, "B": 0.05, "D": 0.05, "F": 1.5, "alpha": 0.5, "sigma": 0.02,
    "decay": 0.1, "zeta": 0.7, "kappa": 50.0, "rho": 1.0, "E": 60.0, "b": 0.2, "c": 0.05,
    "beta": 0.4, "h": 2.0, "k": 0.8, "p": 1.3, "xi": 0.2, "gamma1": 0.05, "gamma3": 0.3,
    "gamma4": -0.05,
}  # fmt: skip
ALONG = np.array([200, 500, 900, 905, 1000, 1200])


def law(role, **facts):
    return catalog.get("effective", Facts(role, **facts))


@pytest.mark.parametrize("role", ["pt", "cpt", "ood.code"])
def test_the_shift_is_0_up_to_the_transfer_and_the_base_is_the_hidden_pre_training(single, role):
    x = place([History(BASE, CPT, replay=0.2)], [ALONG])
    hidden = place([History(np.concatenate([BASE, CPT]), [])], [ALONG])
    parts, pt = law(role).parts(x, VALUES), law(role).parts(hidden, VALUES)
    assert_allclose(parts["shift"][:3], 0, atol=1e-14)
    assert (np.abs(parts["shift"][3:]) > 1e-5).all()
    assert_allclose(parts["base"], pt["base"], rtol=1e-12)
    assert_allclose(parts["annealing"], pt["annealing"], rtol=1e-12)
    assert_allclose(pt["shift"], 0, atol=1e-14)
    assert_allclose(sum(parts.values()), law(role).loss(x, VALUES), rtol=1e-14)


def test_new_data_are_learned_and_old_ones_forgotten():
    x = place([History(BASE, CPT)], [ALONG])
    assert (law("pt").parts(x, VALUES)["shift"][3:] > 0).all()
    assert (law("cpt").parts(x, VALUES)["shift"][3:] < 0).all()


@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_more_replay_forgets_less_and_learns_less(role):
    shares = (0.0, 0.3, 0.7, 1.0)
    x = place([History(BASE, CPT, replay=r) for r in shares], [ALONG[-1:]] * 4)
    both = law(role, replay=True)
    shift = np.abs(both.parts(x, VALUES)["shift"])
    assert (np.diff(shift) < -0.01).all()
    assert shift[-1] < 1e-9
    sign = -1 if role == "pt" else 1
    assert (sign * np.diff(both.loss(x, VALUES)) > 0).all()


def test_a_later_start_learns_as_if_it_had_learned_before():
    """A longer pre-training leaves less to learn; it is worth a share c of D_cpt training."""
    early, late = History(BASE[:300], CPT), History(np.concatenate([BASE[:700], BASE]), CPT)
    x = place([early, late], [[h.pt_lr.size, h.pt_lr.size + CPT.size] for h in (early, late)])
    shift = law("cpt").parts(x, VALUES | {"c": 0.5})["shift"]
    assert shift[1] < shift[3] < 0


@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_larger_models_lose_less(role):
    histories = [History(BASE, CPT, model_size=size) for size in (1e8, 4e8)]
    x = place(histories, [ALONG] * 2)
    small, large = np.split(
        law(role, sizes=True).loss(x, VALUES | {"gamma1": 0.0, "gamma4": 0.0}), 2
    )
    assert_allclose(small - large, 1.5 * (100**-0.3 - 400**-0.3), rtol=1e-10)


@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_steps_of_no_learning_rate_change_nothing(role):
    """At the start, between the phases and at the end, and no warning is raised."""
    zeros = np.zeros(40)
    plain = History(BASE, CPT, replay=0.2)
    padded = History(np.concatenate([zeros, BASE, zeros]), np.concatenate([CPT, zeros]), replay=0.2)
    x = place([plain], [ALONG])
    late = np.where(ALONG > 900, 80, 40)
    y = place([padded], [np.append(ALONG + late, [960, 1300])])
    one = law(role, replay=True)
    expected, found = one.loss(x, VALUES), one.loss(y, VALUES)
    assert_allclose(found[:-2], expected, atol=1e-4)
    assert found[-2] == pytest.approx(found[2], abs=1e-12)
    assert found[-1] == pytest.approx(found[-3], abs=1e-12)
    columns = one.columns(y, one.inner(VALUES))
    assert all(np.isfinite(slope).all() for _, _, slope in columns.slopes)


def test_the_law_does_not_see_how_the_warm_up_is_counted():
    history = History(BASE, CPT, replay=0.2)
    found = [
        law("pt").loss(Points.along(history, ALONG, Convention(*way)), VALUES)
        for way in (("peak", "frozen"), ("as-is", "carried"))
    ]
    assert np.array_equal(*found)


def test_points_and_their_blocks_can_be_sent_to_another_process():
    x = place([History(BASE, CPT, replay=0.2)], [ALONG])
    expected = law("pt").loss(x, VALUES)
    again = pickle.loads(pickle.dumps(x))
    assert np.array_equal(law("pt").loss(again, VALUES), expected)


# --- repeated data ----------------------------------------------------------------------------


def test_repeats_count_passes_after_the_first():
    history = History(np.full(10, 1e-3), np.full(100, 1e-3), replay=0.5, domain_steps=20.0)
    points = Points.along(history, np.array([5, 10, 50, 110]), Convention())
    assert points.repeats == pytest.approx([0.0, 0.0, 0.0, 1.5])
    found = factors.repetition().evaluate(points, 2.0)
    assert found.value == pytest.approx([0.0, 0.0, 0.0, 2.25])
    assert found.slopes[0] == pytest.approx([0.0, 0.0, 0.0, 2.25 * np.log(1.5)])


def test_data_that_do_not_repeat_cost_nothing():
    history = History(np.full(10, 1e-3), np.full(100, 1e-3))
    points = Points.at_ends([history], Convention())
    assert factors.repetition().evaluate(points, 1.0).value == pytest.approx([0.0])


def test_the_default_law_sees_repeated_data():
    study = datasets.load("tiny-cpt")
    runs = [
        replace(run, domain_tokens=300 * run.batch_tokens) if run.data == "cpt" else run
        for run in study.runs
    ]
    assert catalog.default_name(study) == "effective"
    assert catalog.default_name(replace(study, runs=tuple(runs))) == "effective+repetition"


def test_domain_tokens_need_a_batch():
    with pytest.raises(DataError, match="needs batch_tokens"):
        Run("r", data="cpt", after="base", domain_tokens=1e6)
