"""Neighbouring residuals of one run are alike, so that n points are not n pieces of news.

What a law misses and what a run's luck brings bends a curve over many evaluations. How long such a
bend is depends on the run and is not known beforehand. The square root of the number of points
grows with the data, but more slowly than they, and leaves as many stretches as there are points in
each; the forecasts' intervals were calibrated with it. Whatever must not take points for
independent takes the length of a bend from here.
"""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray, IntArray


def points_alike(n: int) -> float:
    """How many of n neighbouring points of a run say as much as one independent point."""
    return float(np.sqrt(n))


def stretches(n: int) -> IntArray:
    """The stretch that each of n points of a run belongs to, from 0, shape (n,)."""
    return np.arange(n) // max(round(points_alike(n)), 1)


def summed_products(scores: FloatArray) -> FloatArray:
    """Products of the scores of one run, those of neighbours with each other included, (k, k).

    The plain sum of outer products is the variance of the summed scores only where points are
    independent. Products at a distance count with Bartlett weights, which fall to 0 in a straight
    line: with equal weights the sum could turn out negative.

    Args:
        scores: of n points in order of steps, shape (n, k).

    Source: Newey and West 1987.
    """
    total: FloatArray = scores.T @ scores
    lags = int(points_alike(scores.shape[0]))
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        total += (1.0 - lag / (lags + 1)) * (product + product.T)
    return total
