"""Laws of out-of-domain sets: sums of the D_pt and D_cpt losses, chosen by left-out runs."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import bundled
from cptlaw import Convention, DataError, FitOptions, Study, fit, store
from cptlaw.fitting.combining import left_out_errors
from cptlaw.fitting.uncertainty import bootstrap
from cptlaw.studies.runs import Curve

OPTIONS = replace(bundled.MOST_GIVEN, fixed={"alpha": 0.8, "lambda": 0.98})


def with_sum(constant, noise=2e-3):
    """tiny-cpt with a set whose loss is 0.7 pt + 0.5 cpt + a constant."""
    study = bundled.tiny(bundled.REPLAY, roles=("pt", "cpt"))
    random = np.random.default_rng(0)
    runs = []
    for run in study.runs:
        if not run.curves:
            runs.append(run)
            continue
        pt, cpt = (run.curves[study.domains[role]] for role in ("pt", "cpt"))
        loss = 0.7 * pt.loss + 0.5 * cpt.loss + constant
        loss = loss * np.exp(noise * random.standard_normal(loss.size))
        runs.append(replace(run, curves={**run.curves, "set": Curve(pt.steps, loss)}))
    return Study({**study.domains, "ood.set": "set"}, tuple(runs))


@cache
def fitted(constant, ood_law="auto"):
    return fit(with_sum(constant), "eq4", replace(OPTIONS, ood_law=ood_law))


@pytest.mark.parametrize(("constant", "law"), [(0.0, "eq6"), (1.5, "loss-to-loss")])
def test_left_out_runs_choose(constant, law):
    found = fitted(constant)
    assert found.domain("ood.set").law.name == law
    told = [note for note in found.notes if "left out in turn" in note]
    assert bool(told) == (law == "loss-to-loss")
    both = {role: found.domain(role) for role in ("pt", "cpt")}
    error = left_out_errors(found.observed("ood.set"), both, 1e-3)
    assert (error["loss-to-loss"] < 0.8 * error["eq6"]) == bool(told)


def test_a_set_may_have_a_constant():
    domain, points = fitted(1.5).domain("ood.set"), fitted(1.5).observed("ood.set").points
    assert domain.law.text == "L = l_pt*L_pt + l_cpt*L_cpt + l_0"
    assert domain.params["l_0"] == pytest.approx(1.5, abs=0.6)
    expected = domain.params["l_0"] + sum(
        domain.params[f"l_{role}"] * fitted(1.5).domain(role).loss(points) for role in ("pt", "cpt")
    )
    np.testing.assert_allclose(domain.loss(points), expected, rtol=1e-12)
    np.testing.assert_allclose(sum(domain.parts(points).values()), expected, rtol=1e-12)


@pytest.mark.parametrize("law", ["eq6", "loss-to-loss"])
def test_the_law_of_a_set_can_be_told(law):
    found = fitted(1.5, law)
    assert found.domain("ood.set").law.name == law
    assert not any("left out in turn" in note for note in found.notes)


def test_refits_of_a_set_with_a_constant_move_as_their_losses_say():
    ensemble = bootstrap(fitted(1.5), 30)
    points = fitted(1.5).observed("ood.set").points
    quick = ensemble.losses("ood.set", points)
    whole = np.stack([refit.domain("ood.set").loss(points) for refit in ensemble.fits()])
    size = np.sqrt(((quick - fitted(1.5).domain("ood.set").loss(points)) ** 2).mean(axis=0))
    assert (size > 0).all()
    assert np.median(np.abs(whole - quick)) < 0.1 * np.median(size)


def test_a_fit_with_a_constant_is_stored(tmp_path):
    store.save(fitted(1.5), tmp_path / "fit.json")
    again, points = store.load(tmp_path / "fit.json"), fitted(1.5).observed("ood.set").points
    assert again.options.ood_law == "auto"
    np.testing.assert_array_equal(
        again.domain("ood.set").loss(points), fitted(1.5).domain("ood.set").loss(points)
    )


def test_of_two_runs_nothing_is_left_out():
    study = with_sum(1.5)
    few = study.without([r.name for r in study.runs if r.name not in ("base", "cpt-const")])
    fixed = {"alpha": 0.8, "lambda": 0.98, "E": 12.0}
    found = fit(few, "eq4", FitOptions(Convention(), fixed))
    assert found.domain("ood.set").law.name == "eq6"


def test_a_sum_is_no_law_of_a_study():
    with pytest.raises(DataError, match="loss-to-loss"):
        fit(with_sum(0.0), "loss-to-loss", OPTIONS)
