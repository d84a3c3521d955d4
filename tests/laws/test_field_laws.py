"""Laws completed by this project's shift: sums over all steps, LR 0, equations, derivatives."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, FitOptions, History, Schedule, catalog, fit
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.objective import Objective
from cptlaw.laws.catalog import Facts, field
from cptlaw.laws.factors import kernels
from cptlaw.laws.points import Points
from cptlaw_evidence import laws as compared
from cptlaw_evidence.laws import annealing, convex
from stepwise import VALUES, every_step, falls, own, random_lr, since

NAMES = [
    *(e.name for e in field.ENTRIES),
    "effective+repetition",
    *(e.name for e in compared.ENTRIES),
]


# --- kernels against sums over all steps ------------------------------------------------------


@pytest.mark.parametrize("rho", [0.1, 0.5, 1.0, 1.5])
@pytest.mark.parametrize(("kappa", "zeta"), [(3.0, 0.2), (60.0, 0.6), (2000.0, 1.5)])
def test_multi_power_drops_are_the_double_sum(kappa, rho, zeta):
    lr = random_lr(1)
    found = kernels.multi_power_drops().evaluate(every_step(lr), kappa, rho, zeta).value
    settled = 1 - (1 + kappa * (lr / 1e-3) ** -zeta * since(lr)) ** -rho
    expected = np.tril(settled) @ falls(lr)
    assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_multi_power_drops_on_a_long_schedule():
    schedule = Schedule.parse("warmup 500 to 1e-3 | constant 3000 | cosine 3000 to 1e-4")
    lr, kappa, rho, zeta = schedule.lr(), 80.0, 0.5, 0.6
    at = np.array([500, 1000, 3500, 3700, 4500, 5500, 6500])
    x = Points.along(History(lr, []), at, Convention("as-is"))
    found = kernels.multi_power_drops().evaluate(x, kappa, rho, zeta).value
    area = np.cumsum(lr)
    gaps = np.maximum(area[at - 1][:, None] - area + lr, 0) * (np.arange(lr.size) < at[:, None])
    settled = 1 - (1 + kappa * (lr / 1e-3) ** -zeta * gaps) ** -rho
    assert_allclose(found, settled @ falls(lr), rtol=5e-3)


@pytest.mark.parametrize("rho", [0.4, 0.7, 1.0])
def test_kernel_noise_is_the_integral_over_the_past(rho):
    lr, kappa, zeta = random_lr(3), 40.0, 0.8
    found = kernels.kernel_noise().evaluate(every_step(lr), zeta, kappa, rho).value
    gap = since(lr)
    to_end = np.tril(gap - lr)
    memory = np.tril((1 + kappa * to_end) ** -rho - (1 + kappa * gap) ** -rho)
    assert_allclose(found, memory @ (lr / 1e-3) ** zeta, rtol=1e-2)


def test_relaxing_noise_follows_its_recurrence():
    lr, state, expected = random_lr(4), 0.0, []
    for one in lr:
        state += -math.expm1(-30.0 * one) * ((one / 1e-3) ** 0.7 - state)
        expected.append(state)
    assert_allclose(kernels.relaxing_noise().evaluate(every_step(lr), 0.7, 30.0).value, expected)


@pytest.mark.parametrize("g", [0.8, 1.0])
def test_powers_of_the_lr_in_the_area(g):
    lr = random_lr(8)
    found = kernels.power_of_clock(kernels.POWERED_AREA).evaluate(every_step(lr), 0.5, g).value
    assert_allclose(found, (1e-3 * np.cumsum((lr / 1e-3) ** g)) ** -0.5)


# --- several histories ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "shapes"),
    [
        (kernels.multi_power_drops(), (40.0, 0.5, 0.6)),
        (annealing.settled_drops(), (20.0,)),
        (kernels.kernel_noise(), (0.8, 40.0, 0.7)),
        (annealing.forward_momentum(), ()),
        (convex.convex_noise(), ()),
    ],
)
def test_runs_that_share_a_base_do_not_touch_each_other(factor, shapes):
    base, one, other = random_lr(9), random_lr(10, 20), random_lr(11, 30)
    histories = [History(base, one), History(base, other), History(base, [])]
    owner = np.repeat(np.arange(3), 4)
    step = np.array([10, 50, 61, 80, 10, 50, 70, 90, 5, 40, 59, 60])
    together = factor.evaluate(Points(histories, owner, step, Convention()), *shapes).value
    for i, history in enumerate(histories):
        mine = owner == i
        x = Points.along(history, step[mine], Convention())
        assert_allclose(together[mine], factor.evaluate(x, *shapes).value, rtol=0.05, atol=0.02)


# --- learning rates of 0 ----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("name", NAMES)
def test_laws_at_a_learning_rate_of_0(name, role):
    pt = [0.0, 0.0, *np.linspace(1e-4, 1e-3, 10), *[1e-3] * 10, 0.0, 0.0]
    x = every_step(pt, [0.0, 1e-4, 1e-3, 5e-4, 0.0, 0.0], replay=0.2)
    live = x.step > 2  # nothing has moved before
    x = Points(x.histories, x.owner[live], x.step[live], x.convention)
    law = catalog.get(name, Facts(role, replay=True))
    values = law.inner({s.name: VALUES[s.name] for s in law.shapes})
    columns = law.columns(x, values)
    assert np.isfinite(columns.matrix).all()
    assert all(np.isfinite(slope).all() for _, _, slope in columns.slopes)


@pytest.mark.parametrize(
    ("factor", "shapes"),
    [(kernels.multi_power_drops(), (40.0, 0.5, 0.6)), (annealing.settled_drops(), (20.0,))],
)
def test_a_drop_to_0_is_not_settled_before_the_lr_is_back(factor, shapes):
    lr = [1e-3] * 50 + [0.0] * 5 + [1e-4] * 20
    found = factor.evaluate(every_step(lr), *shapes).value
    assert_allclose(found[50:55], found[49])
    assert found[-1] > found[54]


# --- equations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("multi-power", "L = L0 + A*S^-alpha - C*drops(kappa, rho, zeta)"),
        ("functional", "L = L0 + A*S^-alpha + C*n(zeta, kappa, rho)"),
        ("relaxing", "L = L0 + A*S(g)^-alpha + C*n(zeta, kappa)*S(g)^-nu"),
    ],
)
def test_equations_without_cpt(name, text):
    assert catalog.get(name, Facts("loss", has_cpt=False)).text == text


@pytest.mark.parametrize("name", NAMES)
def test_every_shape_parameter_has_a_prior_within_its_bounds(name):
    for role in ("pt", "cpt", "ood.x"):
        law = catalog.get(name, Facts(role, replay=True, sizes=True))
        assert law.counts_warmup_as_it_was
        for shape in law.shapes:
            assert shape.prior is not None
            assert shape.low < shape.prior.centre < shape.high


# --- derivatives and recovery -----------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt"])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_the_objective(name, role):
    _, observed, law, params = own(name, role)
    noise = np.random.default_rng(0).normal(0, 2e-3, observed.loss.size)
    objective = Objective(law, observed.points, observed.loss * np.exp(noise), delta=1e-2)
    z = np.concatenate([[params[c] for c in law.coefficients], law.inner(params)])
    gradient = objective.gradient(z)
    for i in range(z.size):
        step = 1e-6 * np.eye(z.size)[i]
        slope = (objective.value(z + step) - objective.value(z - step)) / 2e-6
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-7), law.parameters[i]


@pytest.mark.parametrize("name", ["multi-power", "functional", "clock", "relaxing", "convex"])
def test_a_law_finds_its_own_curves_without_priors(name):
    _, observed, law, _ = own(name, "pt")
    free = Objective(law, observed.points, observed.loss, prior_weight=0.0)
    found = best_minimum(free)
    assert np.abs(free.residual(found.z)).max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_a_fit_follows_its_own_curves(name):
    made, *_ = own(name, "pt")
    result = fit(made, name, options=FitOptions(Convention("as-is")))
    assert result.domain("pt").scores.mape < 1.5e-3
