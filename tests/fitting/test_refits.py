"""Refits stay within bounds, describe what was fitted, and keep open what no data decide."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from cptlaw import (
    Convention,
    Curve,
    FitOptions,
    Run,
    Schedule,
    Study,
    catalog,
    datasets,
    fit,
    forecast,
    published,
)
from cptlaw.fitting.bounds import bounded, within
from cptlaw.fitting.curved import Curved
from cptlaw.fitting.newton import minimise
from cptlaw.fitting.objective import huber
from cptlaw.fitting.refits import refitted
from cptlaw.fitting.resampling import resampled_weights
from cptlaw.fitting.uncertainty import ensemble_of, objective_of
from cptlaw.laws.law import Law
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

NO_DROP = ("base", "cpt-const")


@pytest.fixture(scope="module")
def no_drop():
    """The default law fitted to a base and a constant pilot: no LR ever falls."""
    grid = datasets.load("tiny-grid")
    runs = tuple(run for run in grid.runs if run.name in NO_DROP)
    return fit(Study({"pt": "pt", "cpt": "code"}, runs, grid.origin))


@pytest.fixture(scope="module")
def open_model():
    """Two short CPT runs of a model whose pre-training nobody knows."""
    truth = published.load("fineweb-as-unknown-law").domain("cpt")
    law = catalog.get("unknown-pt", replace(truth.facts, bases=("llama",)))
    runs = []
    for peak in (1e-4, 2e-4):
        schedule = Schedule.cosine(peak, 2000, warmup=60)
        step = np.arange(200, 2001, 200)
        history = History(np.empty(0), schedule.lr(), unknown_base="llama")
        loss = law.loss(Points.along(history, step, Convention()), truth.params)
        noisy = loss * np.exp(np.random.default_rng(1).normal(0, 1e-3, step.size))
        runs.append(
            Run(
                f"at-{peak}",
                {"code": Curve(step, noisy)},
                schedule=schedule,
                data="cpt",
                after="unknown:llama",
            )
        )
    options = FitOptions(fixed={"lambda": 0.99})
    return fit(Study({"cpt": "code"}, tuple(runs)), "unknown-pt", options)


def worth(result, role, weights, moves):
    """The weighted objective of every refit's curve at the fitted points, by that of the fit."""
    domain, observed = result.domain(role), result.observed(role)
    objective = objective_of(result, domain, observed)
    place, counts = domain.place, weights * objective.counts
    fitted = huber(objective.residual(place), objective.delta)
    each = [huber(objective.residual(place + move), objective.delta) for move in moves]
    return (counts * np.stack(each)).sum(axis=1) / (counts * fitted).sum(axis=1)


@pytest.mark.parametrize("seed", range(20))
def test_bounds_are_taken_in_and_let_go_one_at_a_time(seed):
    random = np.random.default_rng(seed)
    matrix, target = random.normal(size=(8, 5)), 3 * random.normal(size=8)
    low, high = -random.uniform(0, 1, 5), random.uniform(0, 1, 5)
    free = np.linalg.lstsq(matrix, target, rcond=None)[0]
    rows, ends = np.vstack([np.eye(5), -np.eye(5)]), np.concatenate([high, -low])
    found = bounded(np.linalg.inv(matrix.T @ matrix), free, rows, ends)
    best = lsq_linear(matrix, target, (low, high)).x
    assert np.allclose(found, best, atol=1e-5)


def test_a_minimum_within_its_bounds_is_left_alone():
    free = np.array([0.1, -0.2])
    found = bounded(np.eye(2), free, np.eye(2), np.ones(2))
    assert np.array_equal(found, free)


def test_a_law_near_its_fit_keeps_the_signs_of_its_terms(no_drop):
    domain, points = no_drop.domain("pt"), no_drop.observed("pt").points
    columns = domain.law.columns(points, domain.law.inner(domain.params))
    curved = Curved.of(columns, domain.place)
    still = curved.losses(np.zeros((1, domain.place.size)))[0]
    assert np.allclose(still, domain.loss(points), rtol=1e-12)
    far = np.zeros((2, domain.place.size))
    far[:, domain.law.parameters.index("alpha")] = [3.0, -0.5]
    assert (curved.losses(far) > 0).all()


def test_refits_of_an_open_model_describe_the_fitted_points(open_model):
    observed = open_model.observed("cpt")
    weights = resampled_weights(observed, 200, 0)
    (moves,) = ensemble_of(open_model).moves["cpt"]
    assert worth(open_model, "cpt", weights, moves).max() < 1.05


def test_a_forecast_of_an_open_model_has_an_interval_that_says_something(open_model):
    found = forecast(open_model, "warmup 60 to 1.5e-4 | cosine 1940 to 0", after="unknown:llama")
    cpt = found.domains["cpt"]
    half = (cpt.high[-1] - cpt.low[-1]) / 2
    assert 0 < half < 0.3 * cpt.loss[-1]


def test_refits_follow_a_law_that_is_bent(no_drop):
    """Weighted anew, a refit is lower than the fit by its own objective, priors' centres apart."""
    domain, observed = no_drop.domain("pt"), no_drop.observed("pt")
    weights = resampled_weights(observed, 40, 0)
    moves = refitted(objective_of(no_drop, domain, observed), domain, weights)
    assert np.abs(moves).max() > 0
    assert worth(no_drop, "pt", weights, moves).max() < 1.03


def test_what_annealing_gives_comes_from_a_prior_where_no_lr_falls(no_drop):
    for role in ("pt", "cpt"):
        domain = no_drop.domain(role)
        assert domain.params["C"] > 0.05
        assert "C" in domain.loose
        assert not any("C = 0" in advice for advice in domain.advice)


def test_where_no_lr_falls_the_interval_of_a_cosine_holds_what_was_measured(no_drop):
    grid = datasets.load("tiny-grid")
    run = grid.run("cpt-cosine")
    found = forecast(no_drop, run.schedule, after="base")
    for role, column in (("pt", "pt"), ("cpt", "code")):
        curve = run.curves[column]
        band = found.domains[role]
        assert band.low[-1] < curve.loss[-1] < band.high[-1]
        assert band.high[-1] - band.low[-1] > 0.03 * band.final  # an unknown amplitude is wide


def test_no_priors_means_none_on_coefficients(no_drop):
    without = replace(no_drop, options=replace(no_drop.options, prior_weight=0.0))
    domain = no_drop.domain("pt")
    for result, drawn in ((no_drop, True), (without, False)):
        objective = objective_of(result, domain, no_drop.observed("pt"))
        assert objective.drawn(domain.place)[: objective.terms].any() == drawn


def test_a_law_to_second_order_is_nearer_to_itself_than_to_first(no_drop):
    domain, observed = no_drop.domain("pt"), no_drop.observed("pt")
    objective = objective_of(no_drop, domain, observed)
    place = domain.place
    bent = Curved.to_second_order(objective, objective.columns(place), place)
    moves = 0.3 * np.random.default_rng(0).standard_normal((20, place.size))
    moves[:, : objective.terms] = 0.0
    exact = np.stack([objective.at(place + move).prediction for move in moves])
    off = [np.abs(near.losses(moves) - exact).mean() for near in (bent.straight, bent)]
    assert off[1] < 0.3 * off[0]


def test_what_losses_pull_on_parameters_is_the_derivative(no_drop):
    domain, observed = no_drop.domain("pt"), no_drop.observed("pt")
    objective = objective_of(no_drop, domain, observed)
    place = domain.place
    bent = Curved.to_second_order(objective, objective.columns(place), place)
    random = np.random.default_rng(0)
    moves = 0.1 * random.standard_normal((1, place.size))
    pull = random.standard_normal((1, len(observed)))
    found = bent.gradient(moves, bent.columns(moves), pull)[0]
    for i in range(place.size):
        step = 1e-6 * np.eye(place.size)[i]
        slope = (pull * (bent.losses(moves + step) - bent.losses(moves - step))).sum() / 2e-6
        assert found[i] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_refits_take_few_evaluations_of_the_law(no_drop, monkeypatch):
    """Most are followed by the law's second order alone."""
    count, columns = [0], Law.columns

    def counted(*args, **kwargs):
        count[0] += 1
        return columns(*args, **kwargs)

    monkeypatch.setattr(Law, "columns", counted)
    domain, observed = no_drop.domain("pt"), no_drop.observed("pt")
    weights = resampled_weights(observed, 200, 0)
    refitted(objective_of(no_drop, domain, observed), domain, weights)
    assert count[0] < 250


def test_refits_end_where_a_search_of_each_ends():
    """By the law as it is, followed one by one; three in four, as a few have several valleys."""
    result = fit(datasets.load("tiny-grid-far"), "paper", FitOptions(Convention()))
    domain, observed = result.domain("cpt"), result.observed("cpt")
    objective = objective_of(result, domain, observed)
    weights = resampled_weights(observed, 24, 0)
    moves = refitted(objective, domain, weights)
    start, lost = domain.place, []
    for weight, move in zip(weights, moves, strict=True):
        own = replace(objective, weight=weight * objective.counts)
        lowest = minimise(own.at(start), 200).value
        lost.append((own.value(start + move) - lowest) / (own.value(start) - lowest))
    assert np.quantile(lost, 0.75) < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_many_parabolas_end_where_each_alone_does(seed):
    """At most at one bound for many, at two or more for some."""
    random = np.random.default_rng(seed)
    roots, free = random.normal(size=(60, 4, 4)), 2 * random.normal(size=(60, 4))
    inverse = roots @ np.swapaxes(roots, 1, 2)
    rows, ends = np.concatenate([np.eye(4), -np.eye(4)]), np.full(8, 2.0)
    found = within(inverse, free, rows, ends)
    alone = [bounded(one, there, rows, ends) for one, there in zip(inverse, free, strict=True)]
    assert np.allclose(found, alone, atol=1e-8)
    rest = (np.abs(found) > 2.0 - 1e-9).sum(axis=1)
    assert {0, 1, 2} <= set(rest.tolist())
