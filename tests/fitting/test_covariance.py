"""Standard errors of many points are worked out piece by piece, and are the same."""

import numpy as np
from numpy.testing import assert_allclose

from cptlaw import Convention, FitOptions, datasets
from cptlaw.fitting import covariance
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog


def test_pieces_give_the_whole(monkeypatch):
    observed = observe(datasets.load("tiny-cpt"), "pt", Convention("as-is"))
    law = catalog.get("effective", facts("pt", observed.points))
    end = best_minimum(pose(law, observed, FitOptions()))
    given = end.place, end.at_bound, observed.run
    whole = covariance.covariance(*given)
    monkeypatch.setattr(covariance, "PIECE", 50)
    assert np.isfinite(whole).all() and whole.any()
    assert_allclose(covariance.covariance(*given), whole, rtol=1e-10, atol=1e-30)
