"""Laws that only benchmarks fit: kernels against sums over all steps, shifts, equations."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, History, Study, catalog, datasets, fit, store
from cptlaw.errors import DataError
from cptlaw.laws.catalog import Facts
from cptlaw.laws.factors.effective import AREA
from cptlaw.laws.points import Points
from cptlaw_evidence.laws import ENTRIES, FIELD, annealing, convex, shifts
from stepwise import VALUES, every_step, falls, random_lr, since


def test_settled_drops_are_the_double_sum():
    lr = random_lr(2)
    found = annealing.settled_drops().evaluate(every_step(lr), 25.0).value
    assert_allclose(found, np.tril(1 - np.exp(-25.0 * since(lr))) @ falls(lr), atol=1e-12)


def test_the_smoothed_lr_follows_its_recurrence():
    lr, state, expected = random_lr(5), 0.0, []
    for one in lr:
        state = 0.9 * state + 0.1 * one / 1e-3
        expected.append(state**0.6)
    assert_allclose(annealing.smoothed_lr().evaluate(every_step(lr), 0.6, 0.9).value, expected)


def test_forward_momentum_follows_its_recurrence():
    lr = random_lr(6)
    m = v = total = 0.0
    expected = [0.0]
    for i in range(1, lr.size):
        fall = lr[i - 1] - lr[i]
        m, v = 0.9 * m + 0.1 * fall, 0.999 * v + 0.001 * fall**2
        m_hat, v_hat = m / (1 - 0.9 ** (i + 1)), v / (1 - 0.999 ** (i + 1))
        total += m_hat / math.sqrt(1e5 * v_hat + 1e-8)
        expected.append(total)
    assert_allclose(annealing.momentum(every_step(lr)), expected, atol=1e-12)


def last_iterate(u):
    """The noise part of the bound, term by term."""
    steps = u.size
    total = (u**2).sum() / (2 * u.sum())
    for k in range(steps - 1):
        share = u[k] / u[k + 1 :].sum() / u[k:].sum()
        total += 0.5 * share * (u[k:] ** 2).sum()
    return total


def test_the_convex_bound_is_the_sum_over_steps():
    lr = random_lr(7)
    expected = [last_iterate(lr[: t + 1] / 1e-3) for t in range(lr.size)]
    assert_allclose(convex.convex_bound(every_step(lr)), expected, rtol=1e-10)


def test_the_convex_bound_on_blocks_of_equal_steps():
    lr = np.repeat([1e-3, 5e-4, 8e-4], [300, 200, 100])
    x = Points.at_ends([History(lr, [])], Convention())
    assert len(x.blocks) < 100
    assert_allclose(convex.convex_bound(x), last_iterate(lr / 1e-3), rtol=1e-9)


def test_steps_of_no_lr_do_not_move_the_convex_bound():
    lr = [1e-3] * 20 + [5e-4] * 5
    ended = convex.convex_bound(every_step([*lr, 0.0, 0.0]))
    assert_allclose(ended[-3:], ended[-3])


# --- equations ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clock", "L = L0 + A*S^-alpha - C*drops(kappa)"),
        ("momentum", "L = L0 + A*S^-alpha - C*M"),
        ("floor", "L = L0 + A*S(g)^-alpha + C*u(lambda)^zeta*S(g)^-nu"),
        ("convex", "L = L0 + A*(2*S)^-1 + C*bound(u)"),
        ("step-power", "L = L0 + A*T^-alpha"),
        ("d-cpt", "L = L0 + A*T^-alpha"),
        ("effective+eq3", "L = L0 + A*S^-alpha + C*n(zeta, kappa, rho)"),
    ],
)
def test_equations_without_cpt(name, text):
    assert catalog.get(name, Facts("loss", has_cpt=False)).text == text


@pytest.mark.parametrize(
    ("name", "shift"),
    [
        ("effective+eq3", "B*(1 - (1 + E*S_cpt)^-beta)"),
        (
            "effective+blend",
            "B*(1 - (1 + E*S_cpt)^-beta) + D*(1 - (1 + E*S_cpt)^-beta)*S^-alpha",
        ),
        (
            "effective+start",
            "B*((1 + E*S_cpt)^(b + d*log(S_pt)) - 1)/(b + d*log(S_pt))",
        ),
        ("effective+power", "B*S_cpt^beta"),
        ("effective+two-timescale", "B1*(1 - exp(-E1*S_cpt)) + B2*(1 - exp(-E2*S_cpt))"),
    ],
)
def test_shifts(name, shift):
    law = catalog.get(name, Facts("pt"))
    assert law.text == f"L = L0 + A*S^-alpha + C*n(zeta, kappa, rho, xi) + {shift}"
    assert "<" not in law.latex


# --- shifts ---


def shift_only(factor, x, given):
    return factor.evaluate(x, *(given[s.name] for s in factor.shapes)).value


@pytest.mark.parametrize(
    "factor",
    [
        shifts.saturating(False, "pt", AREA),
        shifts.start_dependent(False, "pt", AREA),
        shifts.exponential("fast", False, "pt"),
        shifts.power_of_steps(False, "pt"),
    ],
)
def test_shifts_begin_at_the_transfer(factor):
    x = every_step(random_lr(12), random_lr(13, 30))
    found = shift_only(factor, x, VALUES)
    assert (found[~x.is_cpt] == 0).all()
    assert (np.diff(found[x.is_cpt], prepend=0.0) > 0).all()


def test_the_saturating_shift_along_the_area_is_eq_3():
    x = every_step(random_lr(14), random_lr(15, 30))
    found = shift_only(shifts.saturating(False, "pt", AREA), x, VALUES)
    assert_allclose(found, 1 - (1 + 30.0 * x.s1_cpt) ** -0.4, atol=1e-12)


def test_the_bend_of_the_start_is_that_of_the_pre_training():
    x = every_step(random_lr(16), random_lr(17, 30))
    found = shift_only(shifts.start_dependent(False, "pt", AREA), x, VALUES)
    bend = 0.1 + 0.08 * np.log(x.s1_pt[-1])
    assert_allclose(found, ((1 + 30.0 * x.s1_cpt) ** bend - 1) / bend, atol=1e-12)


def test_the_d_cpt_law_is_the_papers_after_the_transfer():
    x = every_step(random_lr(18), random_lr(19, 30), replay=0.3)
    law = catalog.get("d-cpt", Facts("cpt", replay=True))
    loss = law.loss(x, {n: VALUES[n] for n in law.parameters})
    steps = np.arange(1, 31) / 1000
    expected = 2.9 + 0.3 * 0.7**0.7 / steps**0.4 + 0.3 / (0.7 + 0.1) ** 0.7
    assert_allclose(loss[x.is_cpt], expected)
    assert_allclose(loss[~x.is_cpt], 2.4 + 0.6 * (np.arange(1, 61) / 1000) ** -0.45)


# --- by name ----------------------------------------------------------------------------------


def test_a_stored_fit_finds_its_law(monkeypatch):
    study = datasets.load("tiny-cpt")
    study = Study({"pt": study.domains["pt"]}, (study.run("base"),))
    made = fit(study, "clock")
    text = store.to_json(made)
    monkeypatch.delitem(catalog.LAWS, "clock")
    assert store.from_json(text).domain("pt").law.text == made.domain("pt").law.text


def test_no_benchmarks_no_such_law(monkeypatch):
    monkeypatch.setattr(catalog, "_from_outside", dict)
    monkeypatch.delitem(catalog.LAWS, "clock", raising=False)
    with pytest.raises(DataError, match="law 'clock' is unknown"):
        catalog.get("clock", Facts("pt"))


def test_every_law_that_is_compared_is_known():
    assert set(FIELD) >= {entry.name for entry in ENTRIES}
    assert all(catalog.is_known(name) for name in FIELD)
