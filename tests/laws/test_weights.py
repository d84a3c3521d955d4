"""Weights that grow, that are held, and both in one run; what studies say of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, History, Schedule, catalog
from cptlaw.laws import branching, dual
from cptlaw.laws.catalog import Facts
from cptlaw.laws.catalog.growth import is_open, weights_of, what_is_said
from cptlaw.laws.factors.weights import DECAY, SIGMA, UNIT, Weights, effective_lr
from cptlaw.laws.points import Points
from cptlaw.studies.optimization import NOT_SAID, Optimization

BASE = Schedule.wsd(1e-3, 900, 200, warmup=50).lr()
CPT = np.concatenate([np.linspace(0, 8e-4, 40), np.full(150, 8e-4), np.linspace(8e-4, 0, 110)])
VALUES = {"sigma": 0.02, "decay": 0.3, "u": 0.25}
ADAMW = Optimization("adamw", 0.1, 0.02)


@pytest.fixture
def single(monkeypatch):
    """Every step is a block."""
    monkeypatch.setattr(branching, "LONGEST", 1)


def along(weights, *histories):
    """The effective LR at the ends of all blocks of histories, as points and values."""
    x = Points.at_ends(histories, Convention())
    given = dual.variables(*(VALUES[shape.name] for shape in weights.shapes))
    return x, effective_lr(x.blocks, *given, weights=weights)


def by_hand(weights, history):
    """The same by a loop over steps."""
    q, found = 1.0, []
    decays = (history.pt_by.weight_decay, history.cpt_by.weight_decay)
    for step, lr in enumerate(history.lr):
        cpt = step >= history.pt_lr.size
        grow = weights.cpt_grow if cpt else weights.pt_grow
        told = decays[cpt]
        share = 1.0 if told is None or not weights.told_decay else told / weights.told_decay
        moved = lr * (VALUES["u"] if cpt and weights.unit else 1.0)
        decay = VALUES["decay"] * share if weights.decay else 0.0
        before = q
        if grow:
            q += (moved / VALUES["sigma"]) ** 2 - 2.0 * decay * lr * q
        found.append(weights.scale * moved / np.sqrt(0.5 * (q + before)))
    return np.array(found)


@pytest.mark.parametrize(
    ("weights", "cpt_decay"),
    [
        (Weights(), None),
        (Weights(decay=None), None),
        (Weights(told_decay=0.1), 0.0),
        (Weights(told_decay=0.1), 0.3),
        (Weights(unit=UNIT, told_decay=0.1), 0.05),
        (Weights(unit=UNIT, cpt_grow=False), None),
        (Weights(unit=UNIT, pt_grow=False, scale=0.1), None),
        (Weights(sigma=None, decay=None, pt_grow=False, cpt_grow=False, scale=0.5), None),
    ],
)
def test_the_effective_lr_is_that_of_a_loop_over_steps(single, weights, cpt_decay):
    history = History(BASE, CPT, pt_by=ADAMW, cpt_by=replace(ADAMW, weight_decay=cpt_decay))
    _, rate = along(weights, history)
    assert_allclose(rate.value[1:], by_hand(weights, history), rtol=2e-3)


def test_its_slopes_are_those_of_differences():
    weights = Weights(unit=UNIT, told_decay=0.1)
    history = History(BASE, CPT, pt_by=ADAMW, cpt_by=replace(ADAMW, weight_decay=0.02))
    x, rate = along(weights, history)
    values = [VALUES[s.name] for s in weights.shapes]
    for i, value in enumerate(values):
        up, down = list(values), list(values)
        up[i], down[i] = value * 1.0001, value * 0.9999
        pair = [
            effective_lr(x.blocks, *dual.variables(*v), weights=weights).value for v in (up, down)
        ]
        assert_allclose(rate.slopes[i], (pair[0] - pair[1]) / (2e-4 * value), rtol=1e-4, atol=1e-12)


def test_runs_of_other_weight_decays_share_no_more_than_they_have_in_common():
    weights = Weights(told_decay=0.1)
    one = History(BASE, CPT, pt_by=ADAMW, cpt_by=ADAMW)
    cpt = replace(one, cpt_by=replace(ADAMW, weight_decay=0.0))
    pt = replace(one, pt_by=replace(ADAMW, weight_decay=0.01))
    x, rate = along(weights, one, cpt, pt)
    for i, history in enumerate((one, cpt, pt)):
        alone, single = along(weights, history)
        end = rate.value[x.blocks.ends[i] - 1]  # the last block has an LR of 0
        assert end == pytest.approx(single.value[alone.blocks.ends[0] - 1], rel=1e-9)


# --- what a study says ------------------------------------------------------------------------


def weights(pt=NOT_SAID, cpt=None, **facts):
    return weights_of(Facts("pt", pt=pt, cpt=pt if cpt is None else cpt, **facts))


def test_nothing_told_is_adamw_with_the_usual_priors():
    assert weights() == Weights()
    assert is_open(Facts("pt"))
    assert not is_open(Facts("pt", growth="grows"))
    assert is_open(Facts("pt", pt=Optimization("rmsprop")))


def test_what_is_told_is_where_priors_lie():
    found = weights(Optimization("adamw", 0.01, 0.006))
    assert found.decay.prior.centre == pytest.approx(0.01)
    assert found.sigma.prior.centre == pytest.approx(0.006)
    assert found.sigma.prior.spread == SIGMA.prior.spread
    assert found.decay.prior.spread < DECAY.prior.spread
    assert weights(Optimization("adamw", 0.0)).decay is None


@pytest.mark.parametrize("name", ["adamh", "muonh", "sgd"])
def test_weights_that_are_held_have_no_size(name):
    found = weights(Optimization(name), peak_lr=0.02)
    assert not found.shapes
    assert found.scale * 0.02 == pytest.approx(5e-4)
    assert not is_open(Facts("pt", pt=Optimization(name)))


def test_the_data_may_have_decided():
    assert weights(growth="held").shapes == ()
    assert weights(Optimization("rmsprop"), growth="held").shapes == ()


@pytest.mark.parametrize("name", ["muon", "lion"])
def test_another_unit_leaves_the_size_to_the_data(name):
    found = weights(Optimization(name, 0.025), peak_lr=0.035)
    assert found.sigma.prior.spread >= 2 * SIGMA.prior.spread
    assert found.decay.prior.centre == pytest.approx(0.025)


def test_a_learning_rate_that_adamw_never_has_is_in_another_unit():
    assert weights(peak_lr=4e-3) == Weights()
    assert not weights(peak_lr=0.03).shapes
    grown = weights(peak_lr=0.03, growth="grows")
    assert grown.sigma.prior.centre == pytest.approx(0.6)
    assert grown.decay.prior.centre == pytest.approx(0.1 / 30)
    assert grown.decay.prior.spread > DECAY.prior.spread


def test_another_optimizer_in_the_cpt_has_a_unit_of_its_own():
    found = weights(ADAMW, Optimization("muon", 0.05))
    assert found.unit is not None
    assert found.unit.prior.centre == pytest.approx(0.05)
    assert (found.pt_grow, found.cpt_grow, found.told_decay) == (True, True, 0.1)
    held = weights(ADAMW, Optimization("adamh"))
    assert (held.pt_grow, held.cpt_grow) == (True, False)
    assert weights(ADAMW, Optimization("adam")).unit is None
    assert weights(ADAMW, Optimization("muon"), has_cpt=False).unit is None


def test_what_runs_say_is_taken_together():
    histories = [
        History(BASE, CPT, pt_by=ADAMW, cpt_by=replace(ADAMW, weight_decay=0.0)),
        History(BASE, [], pt_by=Optimization(None, 0.2, 0.005)),
        History(BASE, [], pt_by=NOT_SAID),
    ]
    pt, cpt = what_is_said(histories)
    assert (pt.optimizer, pt.weight_decay, pt.init_std) == ("adamw", 0.2, pytest.approx(0.01))
    assert (cpt.optimizer, cpt.weight_decay) == ("adamw", 0.0)


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize(
    ("pt", "cpt"),
    [("adamh", "adamh"), ("adamw", "muon"), ("muonh", "adamw"), ("muon", "muon")],
)
def test_the_law_has_a_value_and_slopes_for_every_pair(role, pt, cpt):
    facts = Facts(role, pt=Optimization(pt, 0.1), cpt=Optimization(cpt, 0.1), peak_lr=1e-3)
    law = catalog.get("effective", facts)
    history = History(BASE, CPT, pt_by=facts.pt, cpt_by=facts.cpt)
    x = Points.along(history, np.array([200, 900, 905, 1000, 1200]), Convention())
    u = np.array([s.inner(s.prior.centre) for s in law.shapes])
    found = law.columns(x, u)
    assert np.isfinite(found.matrix).all()
    for s, t, slope in found.slopes:
        step = np.zeros_like(u)
        step[s] = 1e-5
        up, down = (law.columns(x, u + sign * step, slopes=False).matrix[:, t] for sign in (1, -1))
        assert_allclose(slope, (up - down) / 2e-5, rtol=1e-3, atol=1e-6)
