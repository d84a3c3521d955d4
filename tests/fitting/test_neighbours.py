"""Neighbouring residuals: stretches, and products that count them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw.fitting.neighbours import points_alike, stretches, summed_products


@pytest.mark.parametrize("n", [0, 1, 2, 9, 30, 100])
def test_stretches_are_as_many_as_their_points(n):
    found = stretches(n)
    assert found.size == n
    assert (np.diff(found) >= 0).all()
    if n:
        counts = np.bincount(found)
        assert (counts[:-1] == round(points_alike(n))).all()
        assert abs(counts.size - points_alike(n)) <= 1


def test_products_of_independent_points_are_their_plain_sum():
    scores = np.random.default_rng(0).standard_normal((40_000, 2))
    assert_allclose(summed_products(scores) / 40_000, np.eye(2), atol=0.2)


def test_points_that_say_the_same_count_as_few():
    """Of ten equal points in a row each says a tenth: the variance of the sum is ten times that."""
    scores = np.repeat(np.random.default_rng(1).standard_normal((4000, 1)), 10, axis=0)
    alike = summed_products(scores)[0, 0] / float((scores**2).sum())
    assert alike == pytest.approx(10.0, rel=0.25)


def test_products_are_never_negative():
    scores = (-1.0) ** np.arange(100)[:, None]
    assert summed_products(scores)[0, 0] >= 0
