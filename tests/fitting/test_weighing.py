"""How many points each fitted loss counts for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Convention, Curve, FitOptions, Run, Schedule, Study, datasets, fit
from cptlaw.fitting.observations import observe
from cptlaw.fitting.uncertainty import objective_of
from cptlaw.fitting.weighing import FEWEST, POINTS, stretches, weights_of
from cptlaw.laws import catalog
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from cptlaw.studies.history import History

AS_IS = Convention("as-is")
LR = {
    "constant": Schedule.constant(1e-3, 20_000, 500),
    "decayed": Schedule.wsd(1e-3, 20_000, 8_000, 500),
}
TRUE = {
    "L0": 2.6,
    "A": 0.5,
    "C": 0.6,
    "alpha": 0.5,
    "sigma": 0.02,
    "decay": 0.1,
    "zeta": 0.7,
    "kappa": 50.0,
    "rho": 1.0,
}


def run_of(name: str, step: np.ndarray, bent: float = 0.0) -> Run:
    """A run of the default law, that misses it by a bend which many points share."""
    place = Points.along(History(LR[name].lr(), np.empty(0)), step, AS_IS)
    law = catalog.get("effective", Facts("loss", has_cpt=False))
    loss = law.loss(place, TRUE)
    loss = loss * np.exp(bent * np.sin(step / 2_000.0))
    return Run(name, {"loss": Curve(step, loss)}, schedule=LR[name])


def study_of(every: int, bent: float = 0.0) -> Study:
    step = np.arange(1_000, 20_001, every)
    return Study({"loss": "loss"}, tuple(run_of(name, step, bent) for name in LR))


def weights(study: Study) -> np.ndarray:
    return weights_of(observe(study, "loss", AS_IS))


def test_a_denser_log_counts_for_no_more():
    sums = [weights(study_of(every)).sum() for every in (20, 40, 80)]
    assert sums == pytest.approx([sums[0]] * 3, rel=0.01)
    assert sums[0] < 0.3 * len(observe(study_of(20), "loss", AS_IS))


def test_a_thin_log_counts_once_a_point():
    assert (weights(study_of(1_000)) == 1.0).all()


def test_a_run_counts_by_its_progress_and_its_falls():
    constant, decayed = (History(LR[name].lr(), np.empty(0)) for name in LR)
    at = np.array([1_000, 20_000])
    area = [history.pt_lr[: at[i]].sum() for i in (0, 1) for history in (constant,)]
    assert stretches(constant, at) == pytest.approx(np.log(area[1] / area[0]))
    assert stretches(decayed, at) == pytest.approx(1.0 + np.log(decayed.pt_lr.sum() / area[0]))
    of_constant = weights(study_of(20))[: len(study_of(20).run("constant").curves["loss"])]
    assert of_constant.sum() == pytest.approx(POINTS * (1 + stretches(constant, at)), rel=0.01)


def test_a_run_of_hardly_any_points_counts_for_nine():
    """The end of a branch is not outvoted by the many points of the run that it left."""
    alone, few = (
        weights(Study({"loss": "loss"}, (run_of("decayed", np.array(steps)),)))
        for steps in ([20_000], [4_000, 12_000, 20_000])
    )
    assert alone.tolist() == [FEWEST]
    assert few.sum() == pytest.approx(FEWEST)
    assert np.ptp(few) == pytest.approx(0, abs=1e-12)


def test_a_point_that_stands_twice_counts_once():
    step = np.arange(1_000, 20_001, 20)
    study = Study({"loss": "loss"}, (run_of("constant", step),))
    once = observe(study, "loss", AS_IS)
    index = np.sort(np.append(np.arange(len(once)), [3, 500]))
    twice = replace(
        once,
        points=Points(once.points.histories, once.run[index], once.step[index], AS_IS),
        loss=once.loss[index],
        run=once.run[index],
        step=once.step[index],
    )
    shared = np.bincount(index, weights_of(twice))
    assert np.allclose(shared, weights_of(once))


def test_a_cpt_counts_from_its_transfer():
    base, new = LR["constant"].lr(), np.full(5_000, 1e-3)
    early, late = np.array([20_001, 20_500]), np.array([24_500, 25_000])
    history = History(base, new)
    assert stretches(history, early) > 4 * stretches(history, late) > 0


def test_thinning_a_log_moves_forecasts_little():
    """With a bend of 0.1 %, every fourth point of 951 forecasts another decay within 0.01 %."""
    lr = Schedule.cosine(1e-3, 40_000, 500, 0.0).lr()
    place = Points.along(History(lr, np.empty(0)), np.arange(2_000, 40_001, 2_000), AS_IS)

    def forecast(every: int, weigh: bool) -> np.ndarray:
        options = FitOptions(AS_IS, weigh=weigh)
        return fit(study_of(every, 1e-3), "effective", options).domain("loss").loss(place)

    moved = [np.abs(forecast(80, w) / forecast(20, w) - 1).mean() for w in (True, False)]
    assert moved[0] < 1e-4
    assert moved[0] < 0.5 * moved[1]


def test_laws_without_priors_are_fitted_as_their_papers_do_it():
    study = datasets.load("tiny-grid")
    study = Study({"pt": study.domains["pt"]}, (study.run("base"),))
    own, asked = (fit(study, "eq1", FitOptions(AS_IS, weigh=w)) for w in (None, True))
    for fitted, weighed in ((own, False), (asked, True)):
        domain, observed = fitted.domain("pt"), fitted.observed("pt")
        objective = objective_of(fitted, domain, observed)
        assert (objective.weight is not None) == weighed
        total = weights_of(observed).sum() if weighed else len(observed)
        assert domain.scores.counted == pytest.approx(total)
