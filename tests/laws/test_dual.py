"""Duals: values and derivatives against numpy and central differences, edges included."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gammaln

from cptlaw.laws import dual

ARRAY = np.array([0.5, 2.0, 3.0])


def differences(function, values, step=1e-6):
    """Central differences of a function of floats that gives an array (n,), shape (k, n)."""
    rows = []
    for i in range(len(values)):
        ahead, back = ([*values] for _ in range(2))
        ahead[i] += step
        back[i] -= step
        rows.append((function(*ahead) - function(*back)) / (2 * step))
    return np.array(rows)


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (lambda x, y: x + y, lambda x, y: x + y),
        (lambda x, y: x + ARRAY, lambda x, y: x + ARRAY),
        (lambda x, y: ARRAY + x * y, lambda x, y: ARRAY + x * y),
        (lambda x, y: x - y, lambda x, y: x - y),
        (lambda x, y: x - ARRAY, lambda x, y: x - ARRAY),
        (lambda x, y: ARRAY - x, lambda x, y: ARRAY - x),
        (lambda x, y: 1.0 - x, lambda x, y: 1.0 - x),
        (lambda x, y: x * y, lambda x, y: x * y),
        (lambda x, y: ARRAY * x * y, lambda x, y: ARRAY * x * y),
        (lambda x, y: -x * 3.0, lambda x, y: -3.0 * x),
        (lambda x, y: x / y, lambda x, y: x / y),
        (lambda x, y: x / ARRAY, lambda x, y: x / ARRAY),
        (lambda x, y: ARRAY / x, lambda x, y: ARRAY / x),
        (lambda x, y: 2.0 / (x * y), lambda x, y: 2.0 / (x * y)),
        (lambda x, y: dual.exp(x * ARRAY), lambda x, y: np.exp(x * ARRAY)),
        (lambda x, y: dual.log(x * ARRAY), lambda x, y: np.log(x * ARRAY)),
        (lambda x, y: dual.log1p(x * y), lambda x, y: np.log1p(x * y)),
        (lambda x, y: dual.expm1(x * -y), lambda x, y: np.expm1(x * -y)),
        (lambda x, y: dual.sqrt(x + ARRAY), lambda x, y: np.sqrt(x + ARRAY)),
        (lambda x, y: dual.log_gamma(x + ARRAY), lambda x, y: gammaln(x + ARRAY)),
        (lambda x, y: dual.power(ARRAY, y), lambda x, y: ARRAY**y),
        (lambda x, y: dual.power(x * ARRAY, y), lambda x, y: (x * ARRAY) ** y),
        (lambda x, y: dual.power(x * ARRAY, -0.3), lambda x, y: (x * ARRAY) ** -0.3),
        (lambda x, y: dual.box(x * ARRAY, y), lambda x, y: np.expm1(x * y * ARRAY) / y),
        (lambda x, y: dual.mean_fade(x * ARRAY), lambda x, y: -np.expm1(-x * ARRAY) / (x * ARRAY)),
        (lambda x, y: dual.constant(ARRAY) * y, lambda x, y: ARRAY * y),
        (lambda x, y: (x * ARRAY)[np.array([2, 0])], lambda x, y: x * ARRAY[[2, 0]]),
        (lambda x, y: (y * ARRAY)[ARRAY > 1], lambda x, y: y * ARRAY[ARRAY > 1]),
    ],
)
def test_values_and_slopes(function, plain):
    def wanted(*at):
        return np.atleast_1d(plain(*at))

    values = 0.7, 1.9
    found = function(*dual.variables(*values))
    assert_allclose(found.value, wanted(*values), rtol=1e-14)
    assert found.slopes.shape == (2, found.value.size)
    assert_allclose(found.slopes, differences(wanted, values), rtol=1e-7, atol=1e-9)


def test_variables_have_their_own_derivatives():
    x, y, z = dual.variables(1.0, 2.0, 3.0)
    assert_allclose([v.value[0] for v in (x, y, z)], [1, 2, 3])
    assert_allclose(np.hstack([v.slopes for v in (x, y, z)]), np.eye(3))


def test_a_constant_has_none():
    x, y = dual.variables(1.0, 2.0)
    made = dual.constant(ARRAY)
    assert not made.slopes.any()
    for found in (made * x, y + made, made / (x * y), dual.power(ARRAY, y)):
        assert found.slopes.shape == (2, 3)


def test_parameters_without_slopes_give_values_alone():
    for x, y in (dual.variables(0.7, 1.9), dual.variables(0.7, 1.9, slopes=False)):
        found = dual.exp(dual.constant(ARRAY) * x) / (1.0 + dual.power(y * ARRAY, x))
        assert_allclose(found.value, np.exp(0.7 * ARRAY) / (1 + (1.9 * ARRAY) ** 0.7))
    assert found.slopes.shape == (0, 3)


def test_a_closed_form_goes_into_the_chain():
    def product(x, y):
        return dual.chained(x.value * y.value * ARRAY, (y.value * ARRAY, x.value * ARRAY), x, y)

    x, y = dual.variables(0.7, 1.9)
    plain, closed = dual.log(x) * y * ARRAY, product(dual.log(x), y)
    assert_allclose(closed.value, plain.value)
    assert_allclose(closed.slopes, plain.slopes)


def test_a_power_of_0_is_0_and_stays_there():
    x, y = dual.variables(0.7, 0.4)
    found = dual.power(x * np.array([0.0, 1.0]), y)
    assert_allclose(found.value, [0, 0.7**0.4])
    assert_allclose(found.slopes[:, 0], 0)
    assert np.isfinite(found.slopes).all()


@pytest.mark.parametrize("exponent", [-2.0, -1e-3, -1e-5, 0.0, 1e-9, 5e-5, 2e-4, 0.5])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.3, 1.0, 8.0])
def test_a_box_passes_through_the_logarithm(x, exponent):
    """Its value, and its derivatives, where the exponent is 0 and around it."""

    def plain(x, b):
        return np.array([np.expm1(b * x) / b if b else x])

    found = dual.box(*dual.variables(x, exponent))
    assert_allclose(found.value, plain(x, exponent), rtol=1e-9)
    assert_allclose(found.slopes[0], np.exp(exponent * x), rtol=1e-8)
    slope = differences(plain, (x, exponent), 1e-4 if abs(exponent) < 0.1 else 1e-6)[1]
    assert_allclose(found.slopes[1], slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("x", [0.0, 1e-9, 9e-5, 1.1e-4, 1e-2, 1.0, 50.0])
def test_the_mean_of_a_fading(x):
    """Against its own integral: the mean of exp(-t) over t from 0 to x."""
    found = dual.mean_fade(*dual.variables(x))
    t = (np.arange(200_000) + 0.5) / 200_000 * x
    assert_allclose(found.value, np.exp(-t).mean(), rtol=2e-8)
    slope = -0.5 if x == 0 else (np.exp(-x) - np.exp(-t).mean()) / x
    assert_allclose(found.slopes, [[slope]], rtol=1e-4)
