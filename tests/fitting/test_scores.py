import math

import numpy as np
import pytest

from cptlaw.fitting.objective import huber
from cptlaw.fitting.scores import score

MEASURED = np.array([4.0, 3.0, 2.0])
PREDICTED = np.array([4.0, 3.3, 1.9])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 3),
        ("r2", 1 - (0.3**2 + 0.1**2) / 2),
        ("mae", 0.4 / 3),
        ("rmse", math.sqrt((0.3**2 + 0.1**2) / 3)),
        ("mape", (0.1 + 0.05) / 3),
        ("worst", 0.1),
        ("final_error", -0.1),
        ("huber", 1e-3 * (math.log(1.1) - math.log(0.95) - 1e-3)),
    ],
)
def test_scores(name, value):
    assert getattr(score(PREDICTED, MEASURED), name) == pytest.approx(value)


def test_a_perfect_prediction():
    found = score(MEASURED, MEASURED)
    assert (found.r2, found.huber, found.worst, found.final_error) == (1, 0, 0, 0)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 1001])
def test_r2_is_undefined_for_a_constant_loss(n):
    measured = np.full(n, 3.1)
    found = score(measured + 0.1, measured)
    assert math.isnan(found.r2)
    assert found.mae == pytest.approx(0.1)


def test_delta_is_where_the_huber_loss_turns_linear():
    few = score(PREDICTED, MEASURED, delta=1.0)
    assert few.huber == pytest.approx((math.log(1.1) ** 2 + math.log(0.95) ** 2) / 2)


@pytest.mark.parametrize(
    ("residual", "value"), [(0.0, 0.0), (0.5, 0.125), (-0.5, 0.125), (1.0, 0.5), (-3.0, 2.5)]
)
def test_huber(residual, value):
    assert huber(np.array([residual]), delta=1.0)[0] == value
