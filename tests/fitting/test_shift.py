"""The shift by value and slope: against the formula, for sums, and with standard errors."""

import numpy as np
import pytest

from bundled import REPLAY, default_fit, given_fit
from cptlaw import Convention, DataError, FitOptions, fit, forecast, published, shift_at
from cptlaw.fitting.shift import greatest_area
from synthetic import two_run_study


def test_it_is_the_formula():
    law = published.load("fineweb-kp-106m")
    p = law.domain("pt").params
    for area in (0.1, 1.0, 4.0):
        at = shift_at(law, "pt", area)
        reach = 1 + p["E"] * area
        assert at.value == pytest.approx(p["B"] * (1 - reach ** -p["beta"]), rel=1e-9)
        slope = p["B"] * p["beta"] * p["E"] * reach ** (-p["beta"] - 1)
        assert at.slope == pytest.approx(slope, rel=1e-5)
        assert at.value_stderr is None


def test_an_out_of_domain_shift_is_the_sum_of_the_two():
    fitted = given_fit(REPLAY)
    weights = fitted.domain("ood.docs").params
    pt, cpt = (shift_at(fitted, role, 0.7).value for role in ("pt", "cpt"))
    expected = weights["l_pt"] * pt + weights["l_cpt"] * cpt
    assert shift_at(fitted, "ood.docs", 0.7).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("role", ["pt", "cpt", "ood.docs"])
def test_by_default_it_is_that_of_a_constant_run_at_the_peak(role):
    fitted = default_fit()
    curve = forecast(fitted, "constant 800 to 1e-3", after="base", every=1).domains[role]
    at = shift_at(fitted, role, 0.5)
    assert at.value == pytest.approx(curve.shift[500], rel=1e-3)
    assert at.slope == pytest.approx((curve.shift[505] - curve.shift[495]) / 0.01, rel=0.02)
    assert 0 < at.value_stderr < abs(at.value)


def test_the_standard_error_covers_the_truth_where_the_coefficients_wander():
    truth = published.load("fineweb-kp-106m")
    inside = 0
    for seed in range(12):
        fitted = fit(
            two_run_study(seed),
            "paper",
            options=FitOptions(Convention(), fixed={"lambda": 0.999}),
        )
        for role in ("pt", "cpt"):
            found, real = shift_at(fitted, role, 2.0), shift_at(truth, role, 2.0)
            inside += abs(found.value - real.value) <= 2.5 * found.value_stderr
    assert inside >= 20


@pytest.mark.parametrize("area", [0.0, -1.0, np.inf])
def test_a_bad_area(area):
    with pytest.raises(DataError, match="must be above 0"):
        shift_at(published.load("fineweb-kp-106m"), "pt", area)


def test_an_area_that_no_run_reaches_is_refused_and_its_forecast_says_so(monkeypatch):
    fitted = default_fit(REPLAY)
    assert fitted.domain("pt").law.counts_warmup_as_it_was
    most = greatest_area(fitted, "pt")
    with pytest.raises(DataError, match=f"area of .*reaches {most:g} in 20,000,000 steps"):
        shift_at(fitted, "pt", 1.01 * most)
    monkeypatch.setattr("cptlaw.fitting.shift.MOST_STEPS", 100)
    future = forecast(fitted, "cosine 1000 to 0", after="base", anyway=True)
    assert any("pt: so far out it was not looked at" in each for each in future.warnings)
