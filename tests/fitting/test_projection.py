"""Coefficients under sign constraints."""

import numpy as np
from scipy.optimize import nnls

from cptlaw.fitting.projection import best_coefficients, nonnegative


def test_least_squares_under_bounds_are_those_of_scipy():
    random = np.random.default_rng(0)
    for trial in range(200):
        rows, columns = int(random.integers(3, 40)), int(random.integers(1, 8))
        matrix = random.normal(size=(rows, columns))
        matrix = np.abs(matrix) if trial % 3 == 0 else matrix
        matrix /= np.sqrt((matrix**2).sum(axis=0))
        target, free = random.normal(size=rows), random.random(columns) < 0.2
        own = nonnegative(matrix, target, free)
        theirs = nnls(np.hstack([matrix, -matrix[:, free]]), target)[1]
        assert (own[~free] >= 0).all()
        assert np.linalg.norm(matrix @ own - target) <= theirs + 1e-9


def test_columns_that_are_the_same_share_a_small_solution():
    matrix = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    found = best_coefficients(matrix, np.array([1.0, 2.0, 3.0]), np.zeros(2))
    assert np.allclose(found, [0.5, 0.5])
