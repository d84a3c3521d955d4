"""Blocks of steps: recurrences against plain loops over steps, whatever the histories share."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, History, Schedule, catalog
from cptlaw.arrays import floats
from cptlaw.laws import branching, dual
from cptlaw.laws.blocks import Blocks
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points

RATE = 40.0


def random_lr(random, most=120):
    """Plateaus, ramps and noise, some of them at 0."""
    pieces = []
    for kind in random.choice(["flat", "ramp", "noise", "zero"], random.integers(1, 5)):
        steps = int(random.integers(1, most))
        low, high = random.uniform(1e-4, 2e-3, 2)
        piece = {
            "flat": np.full(steps, high),
            "ramp": np.linspace(low, high, steps),
            "noise": random.uniform(0, high, steps),
            "zero": np.zeros(steps),
        }
        pieces.append(piece[kind])
    return np.concatenate([[1e-3], *pieces])


def family(seed):
    """A base with all that may go on from it, and points on each, shuffled."""
    random = np.random.default_rng(seed)
    base, one, other, branch = (random_lr(random) for _ in range(4))
    middle = int(random.integers(1, base.size))
    histories = [
        History(base, []),
        History(np.concatenate([base[:middle], branch]), []),
        History(base[:middle], []),
        History(base, one, replay=0.3),
        History(base, np.concatenate([one[: one.size // 2 + 1], other]), replay=0.3),
        History(base, one, replay=0.6),
        History(np.concatenate([base, one]), []),
        History(base[:middle], np.concatenate([base[middle:], other])),
        History(base[:middle], other),
        History(other, one),
        History([], branch, unknown_base="open"),
    ]
    histories = [histories[i] for i in random.permutation(len(histories))]
    owner, step = [], []
    for i, history in enumerate(histories):
        pt, total = history.pt_lr.size, history.steps
        some = random.integers(0, total + 1, random.integers(1, 8)).tolist()
        places = [*some, *random.choice([0, pt, total], random.integers(0, 3)).tolist()]
        owner += [i] * len(places)
        step += places
    order = random.permutation(len(step))
    return histories, np.array(owner)[order], np.array(step)[order]


def alone(seed):
    """One history of the family, with the points that lie on it."""
    histories, owner, step = family(seed)
    last = next(i for i, h in enumerate(histories) if h.is_cpt and h.pt_lr.size)
    return [histories[last]], np.zeros((owner == last).sum(), dtype=np.int64), step[owner == last]


@pytest.fixture
def single(monkeypatch):
    """Every step is a block."""
    monkeypatch.setattr(branching, "LONGEST", 1)


def steps_of(history):
    """LR, whether it is CPT, and the share of D_cpt, of every step."""
    lr = history.lr
    is_cpt = np.arange(lr.size) >= history.pt_lr.size
    return lr, is_cpt, np.where(is_cpt, 1.0 - history.replay, 0.0)


def flat():
    """A base and a CPT at one learning rate, and no point at the transfer."""
    history = History(np.full(500, 1e-3), np.full(300, 1e-3), replay=0.2)
    return [history], np.zeros(2, dtype=np.int64), np.array([655, 790])


MANY = [pytest.param(flat(), id="flat")]
MANY += [pytest.param(family(seed), id=f"family {seed}") for seed in range(8)]
MANY += [pytest.param(alone(seed), id=f"alone {seed}") for seed in range(4)]
given = pytest.mark.parametrize("given", MANY)


# --- how histories are cut --------------------------------------------------------------------


@given
def test_every_point_ends_a_block_and_the_transfer_does(given):
    """Sums along the blocks are those over steps, in all and of the CPT alone."""
    histories, owner, step = given
    made = Blocks(*given)
    pt = np.array([h.pt_lr.size for h in histories])[owner]
    assert_allclose(made.summed(made.steps)[made.ends], step)
    assert_allclose(made.summed(made.steps * made.is_cpt)[made.ends], np.maximum(step - pt, 0))


@given
def test_areas_are_exact_however_long_the_blocks(given):
    histories, owner, step = given
    made = Blocks(*given)
    area = made.summed(made.lr * made.steps)[made.ends]
    fresh = made.summed(made.lr * made.steps * made.share)[made.ends]
    for i, history in enumerate(histories):
        lr, _, share = steps_of(history)
        for at in np.flatnonzero(owner == i):
            assert area[at] == pytest.approx(lr[: step[at]].sum(), rel=1e-12)
            expected = (lr * share)[: step[at]].sum()
            assert fresh[at] == pytest.approx(expected, rel=1e-12, abs=1e-15)


@given
def test_within_a_block_the_learning_rate_hardly_moves(given):
    """By less than a share of 1 / _LEVELS of the peak; and it lasts no longer than it may."""
    histories, owner, step = given
    for i, history in enumerate(histories):
        here = np.append(step[owner == i], 0)
        lr = steps_of(history)[0][: here.max()]
        if not lr.size:
            continue
        made = Blocks([history], np.zeros(here.size, dtype=np.int64), here)
        ends = np.cumsum(made.steps).astype(int)
        for start, end in pairwise(ends):
            moved = np.abs(np.diff(lr[start:end])).sum()
            assert moved <= lr.max() / branching.LEVELS * (1 + 1e-9)
            assert end - start <= max(branching.SHORTEST, start // branching.GROWTH)


def test_a_long_constant_run_is_few_blocks():
    history = History(np.full(100_000, 1e-3), [])
    made = Blocks([history], np.zeros(1, dtype=np.int64), np.array([100_000]))
    assert len(made) < 600
    assert made.steps.max() <= branching.LONGEST
    assert made.steps[0] == 0


def test_what_several_histories_share_is_cut_once():
    base, one, other = (Schedule.constant(lr, 1000).lr() for lr in (1e-3, 5e-4, 2e-4))
    histories = [History(base, one), History(base, other), History(base, [])]
    ends = np.array([2000, 2000, 1000])
    together = Blocks(histories, np.arange(3), ends)
    assert together.steps.sum() == 3000
    assert together.is_cpt.sum() > 20
    separate = [
        Blocks([h], np.zeros(1, dtype=np.int64), ends[[i]]) for i, h in enumerate(histories)
    ]
    assert sum(made.steps.sum() for made in separate) == 5000


@pytest.mark.parametrize("replay", [0.0, 0.25])
def test_runs_of_other_data_share_no_more_than_the_pre_training(replay):
    """A CPT, the same with replay, and the base going on at the same learning rates."""
    base, more = np.full(50, 1e-3), np.full(30, 1e-3)
    histories = [
        History(base, more),
        History(base, more, replay=replay),
        History(np.concatenate([base, more]), []),
    ]
    made = Blocks(histories, np.arange(3), np.full(3, 80))
    fresh = made.summed(made.steps * made.share)[made.ends]
    assert_allclose(fresh, [30, 30 * (1 - replay), 0])
    assert made.steps.sum() == (110 if replay == 0 else 140)


@given
def test_a_history_leaves_the_one_that_it_shares_most_with(given):
    """Among those before it, which a look at all pairs finds too."""
    histories, owner, step = given
    lasts = [int(step[owner == i].max(initial=0)) for i in range(len(histories))]
    pasts = [branching._Past.of(h, last) for h, last in zip(histories, lasts, strict=True)]
    order = sorted(range(len(pasts)), key=lambda i: (-pasts[i].pt_lr.size, i))
    found = branching._left(pasts, order)
    for place, i in enumerate(order):
        shared = [pasts[i].compared(pasts[j])[0] for j in order[:place]]
        assert found[i][0] == max(shared, default=0)
        if found[i][0]:
            assert pasts[i].compared(pasts[found[i][1]])[0] == found[i][0]


def test_pairs_of_histories_are_not_all_compared(monkeypatch):
    """Time grows with the number of runs, and hardly faster."""
    counted = []
    compared = branching._Past.compared
    monkeypatch.setattr(
        branching._Past, "compared", lambda *two: counted.append(0) or compared(*two)
    )
    base = np.full(50, 1e-3)
    histories = [History(base, np.linspace(1e-3, 1e-6 * i, 20)) for i in range(256)]
    Blocks(histories, np.arange(256), np.full(256, 70))
    assert len(counted) < 256 * 10


# --- recurrences ------------------------------------------------------------------------------


def looped(history, rate):
    """The sequence x = exp(-rate*LR)*x + LR*(1 + share), and its derivative in the rate."""
    x, slope = [0.0], [0.0]
    for lr, _, share in zip(*steps_of(history), strict=True):
        fade = np.exp(-rate * lr)
        slope.append(fade * slope[-1] - lr * fade * x[-1])
        x.append(fade * x[-1] + lr * (1.0 + share))
    return np.array(x), np.array(slope)


@given
def test_a_recurrence_is_a_loop_over_steps(single, given):
    histories, owner, step = given
    made = Blocks(*given)
    assert set(made.steps) <= {0.0, 1.0}
    (rate,) = dual.variables(RATE)
    gain = made.lr * made.steps * (1.0 + made.share)
    fade = dual.exp(rate * (-made.lr * made.steps))
    found = made.recur(fade, dual.constant(gain))
    for i, history in enumerate(histories):
        x, slope = looped(history, RATE)
        mine = owner == i
        assert_allclose(found.value[made.ends][mine], x[step[mine]], rtol=1e-12, atol=1e-16)
        assert_allclose(found.slopes[0, made.ends][mine], slope[step[mine]], rtol=1e-11, atol=1e-16)


@given
def test_in_the_cpt_alone_it_starts_from_0(single, given):
    """A fade of 0 before the transfer and no gain there: an exposure."""
    histories, owner, step = given
    made = Blocks(*given)
    fade = np.exp(-RATE * made.lr) * made.is_cpt
    found = made.solve(fade, made.lr * made.is_cpt)[made.ends]
    for i, history in enumerate(histories):
        pt = history.pt_lr.size
        x, _ = looped(History(history.cpt_lr, []), RATE)
        mine = owner == i
        expected = x[np.maximum(step[mine] - pt, 0)]
        assert_allclose(found[mine], expected, rtol=1e-12, atol=1e-16)


@given
def test_a_total_is_a_sum_over_steps_with_its_derivatives(given):
    made = Blocks(*given)
    (rate,) = dual.variables(RATE)
    found = made.total(dual.exp(rate * -made.lr) * made.steps)
    ones = dual.constant(np.ones(len(made)))
    same = made.recur(ones, dual.exp(rate * -made.lr) * made.steps)
    assert_allclose(found.value, same.value, rtol=1e-12)
    assert_allclose(found.slopes, same.slopes, rtol=1e-12, atol=1e-18)


@given
def test_many_recurrences_at_once_are_each_of_them(given):
    """Decays (J, m) with gains (J, m), and with gains (k, J, m)."""
    made = Blocks(*given)
    random = np.random.default_rng(0)
    decay = random.uniform(0, 1, (3, len(made)))
    gain = random.normal(0, 1, (2, 3, len(made)))
    gain[1, 2] = 0.0
    kept = decay.copy(), gain.copy()
    together = made.solve(decay, gain)
    for k in range(2):
        assert_allclose(made.solve(decay, gain[k]), together[k], rtol=1e-12, atol=1e-15)
        for j in range(3):
            assert_allclose(made.solve(decay[j], gain[k, j]), together[k, j], rtol=1e-12)
    assert_allclose(made.solve(decay[0], gain[:, 0]), together[:, 0], rtol=1e-12)
    assert not together[1, 2].any()
    assert np.array_equal(decay, kept[0]) and np.array_equal(gain, kept[1])


@given
def test_a_recurrence_satisfies_its_equation(given):
    made = Blocks(*given)
    random = np.random.default_rng(1)
    decay, gain = random.uniform(0, 1, (4, len(made))), random.normal(0, 1, (4, len(made)))
    x = made.solve(decay, gain)
    assert_allclose(x, decay * made.before(x) + gain, rtol=1e-12, atol=1e-14)


@given
def test_the_value_before_a_block(single, given):
    """Along a history it is the last step's; before the first it is 0, or its own."""
    step = given[2]
    made = Blocks(*given)
    done = made.summed(made.steps)
    before = made.before(done)
    (rate,) = dual.variables(RATE)
    own = made.previous(rate * (1.0 + done))
    roots = made.steps == 0
    assert_allclose(before[~roots], done[~roots] - 1)
    assert_allclose(own.value, RATE * (1.0 + np.where(roots, done, before)))
    assert_allclose(own.slopes[0], own.value / RATE)
    assert not before[roots].any()
    inside = step > 0
    assert_allclose(before[made.ends][inside], step[inside] - 1)


# --- how much is lost -------------------------------------------------------------------------

VALUES = {
    "L0": 2.4, "A": 0.5, "C": 0.2, "B": 0.05, "D": 0.05, "F": 1.5, "alpha": 0.5, "sigma": 0.02,
    "decay": 0.1, "zeta": 0.7, "kappa": 50.0, "rho": 1.0, "E": 60.0, "b": 0.2, "c": 0.05,
    "beta": 0.4, "h": 1.0, "k": 0.8, "p": 1.3, "xi": 0.2,
}  # fmt: skip
BASES = {
    "wsd": Schedule.wsd(1e-3, 4000, 1000, warmup=200),
    "cosine": Schedule.cosine(1e-3, 4000, warmup=100),
    "low": Schedule.constant(1e-4, 4000, warmup=500),
    "again": Schedule.parse(
        "warmup 200 to 1e-4 | constant 1800 | warmup 50 to 1e-3 | constant 1950"
    ),
}
CPTS = {
    "cosine": Schedule.cosine(1e-3, 2000, warmup=100),
    "drop": Schedule.multi_step([1e-3, 1e-4], [1000, 1000], warmup=20),
    "constant": Schedule.constant(3e-4, 2000),
}


def losses(law, base, cpt):
    """The law's values along a base, along a CPT from its end and one from its middle.

    The last point on the base lies before its end.
    """
    histories = [
        History(base, []),
        History(base, cpt, replay=0.3, model_size=1e8),
        History(base[:2500], cpt, model_size=1e8),
    ]
    steps = [np.arange(200, h.steps + 1, 97) for h in histories]
    owner = np.repeat(np.arange(3), [s.size for s in steps])
    return law.loss(Points(histories, owner, np.concatenate(steps), Convention()), VALUES)


@pytest.mark.parametrize("cpt", CPTS)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_blocks_cost_less_than_a_few_ten_thousandths_of_a_nat(monkeypatch, role, base, cpt):
    """The default law along blocks against the same along single steps."""
    law = catalog.get("effective", Facts(role, replay=True))
    coarse = losses(law, BASES[base].lr(), CPTS[cpt].lr())
    monkeypatch.setattr(branching, "LONGEST", 1)
    monkeypatch.setattr(branching, "LEVELS", 10**9)
    exact = losses(law, BASES[base].lr(), CPTS[cpt].lr())
    error = float(np.abs(coarse - exact).max())
    assert 0 < error < 3e-4


def test_the_same_learning_rates_are_cut_once(monkeypatch):
    base, lr = floats(np.full(100, 1e-3)), floats(np.linspace(1e-3, 0, 50))
    runs = [History(base, lr, replay) for replay in (0.0, 0.1, 0.5)]
    apart = [History(base.copy(), lr.copy(), replay) for replay in (0.0, 0.1, 0.5)]
    place = np.arange(3), np.array([150, 150, 140])
    cut: list[object] = []
    own = branching._blocks
    monkeypatch.setattr(branching, "_blocks", lambda limb: cut.append(limb) or own(limb))
    shared = Blocks([History(base, np.empty(0)), *runs], place[0] + 1, place[1], 100)
    assert len(cut) == 3  # the base, and the two ends that points have
    each = Blocks([History(base, np.empty(0)), *apart], place[0] + 1, place[1], 100)
    for name in ("lr", "steps", "cpt", "share", "ends"):
        assert getattr(shared, name).tolist() == getattr(each, name).tolist(), name
