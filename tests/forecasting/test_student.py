"""Student's t in closed form."""

import pytest
from scipy.stats import t

from cptlaw.forecasting.student import DEGREES, above, quantile


@pytest.mark.parametrize("share", [1e-4, 0.05, 0.3, 0.5, 0.9, 0.95, 0.999])
def test_quantiles_and_shares_are_those_of_scipy(share):
    assert t.cdf(quantile(share), DEGREES) == pytest.approx(
        share, rel=1e-9
    )  # SciPy 1.12's ppf: 8 digits
    assert above(quantile(share)) == pytest.approx(1 - share, rel=1e-9)


def test_the_ends_are_infinite():
    assert quantile(1.0) == float("inf") and quantile(0.0) == -float("inf")
    assert above(float("inf")) == 0.0 and above(-float("inf")) == 1.0
