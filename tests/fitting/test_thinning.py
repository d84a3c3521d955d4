"""Searches over very many points begin on some of them, and end where those on all do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cptlaw import Convention, FitOptions, History, datasets
from cptlaw.arrays import grouped
from cptlaw.fitting import thinning
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import facts, observe
from cptlaw.fitting.thinning import thinned
from cptlaw.fitting.weighing import pose
from cptlaw.laws import catalog
from cptlaw.laws.means import Averaged, Nodes
from cptlaw.laws.points import Points


@pytest.fixture(scope="module")
def objective() -> Objective:
    observed = observe(datasets.load("tiny-cpt"), "pt", Convention("as-is"))
    law = catalog.get("effective", facts("pt", observed.points))
    return pose(law, observed, FitOptions())


@pytest.fixture
def few(monkeypatch, objective) -> Objective:
    monkeypatch.setattr(thinning, "MOST", 90)
    monkeypatch.setattr(thinning, "FEWEST", 5)
    found = thinned(objective)
    assert found is not None
    return found


def test_few_points_stay_as_they_are(objective):
    assert thinned(objective) is None


def test_every_run_keeps_points_that_count_for_all_of_its_own(objective, few):
    assert 30 < few.loss.size < 150
    runs = len(objective.points.histories)
    own, left = (grouped(one.points.owner, runs) for one in (objective, few))
    for before, after in zip(own, left, strict=True):
        assert after.size >= min(before.size, 5)
        assert few.counts[after].sum() == pytest.approx(objective.counts[before].sum())


def test_of_many_runs_some_of_each_kind_stay(monkeypatch):
    monkeypatch.setattr(thinning, "MOST_RUNS", 10)
    lr = np.full(20, 1e-3)
    bases = [History(lr, [])] * 2
    cpts = [History(lr, lr * (i + 1) / 90, replay=0.25 * (i % 30 == 0)) for i in range(90)]
    points = Points.at_ends([*bases, *cpts], Convention("as-is"))
    share = thinning._runs_that_stay(points)
    assert 10 <= np.count_nonzero(share) < 20
    assert share[:2].tolist() == [1, 1]
    assert share[2::30].sum() == 3  # the three with replay
    assert share.sum() == pytest.approx(92)


def test_points_that_are_left_have_their_own_losses(objective, few):
    places = zip(objective.points.owner, objective.points.step, strict=True)
    known = dict(zip(places, objective.loss, strict=True))
    found = zip(few.points.owner, few.points.step, few.loss, strict=True)
    assert all(known[owner, step] == loss for owner, step, loss in found)


def test_the_minimum_is_that_over_all_points(monkeypatch, objective):
    expected = best_minimum(objective)
    monkeypatch.setattr(thinning, "MOST", 90)
    found = best_minimum(objective)
    assert found.converged
    assert found.place.objective is objective
    assert found.value == pytest.approx(expected.value, rel=1e-9)


def test_some_places_of_means_are_means_there():
    lr = np.linspace(1e-3, 0, 60)
    first = np.arange(0, 60, 10)
    nodes = Nodes(np.arange(1, 61), np.full(60, 0.1), first, first + 10)
    places = Averaged([History(lr, [])], np.zeros(6, dtype=np.int64), nodes, Convention("as-is"))
    some = places.some(np.array([4, 1]))
    assert isinstance(some, Averaged)
    assert_allclose(some.mean(some.every.s1), places.mean(places.every.s1)[[4, 1]])


def test_groups_keep_their_order():
    found = grouped(np.array([2, 0, 2, 0, 3]), 5)
    assert [one.tolist() for one in found] == [[1, 3], [], [0, 2], [4], []]
