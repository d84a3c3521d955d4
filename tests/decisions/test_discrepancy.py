"""What runs may be off by beside the parameters, and that plans and pilots say the same."""

import numpy as np
import pytest

from bundled import grid_fit
from cptlaw import Goal, Run, Schedule, plan
from cptlaw.decisions import discrepancy
from cptlaw.decisions.pilot.belief import believe
from cptlaw.decisions.pilot.candidate_runs import joined
from cptlaw.decisions.pilot.gain import Choice
from cptlaw.fitting.uncertainty import ensemble_of
from cptlaw.forecasting.intervals import refit_weight
from cptlaw.laws.points import Points
from plans import knobs


@pytest.fixture(scope="module")
def fitted():
    return grid_fit()


def after_base(fitted, schedule):
    return fitted.study.history("base").then(Run("next", schedule=schedule, data="cpt"))


def alike(covariance):
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def test_a_run_is_off_by_itself_as_much_as_the_fitted_ones(fitted):
    some = [after_base(fitted, Schedule.constant(1e-3, 800))]
    (found,) = np.diag(discrepancy.errors(fitted, "cpt", some))
    assert found >= discrepancy.own_noise(fitted, "cpt") ** 2


def test_recipes_that_are_nearly_the_same_are_off_alike(fitted):
    schedules = (
        Schedule.cosine(1e-3, 800),
        Schedule.cosine(1.001e-3, 800),
        Schedule.parse("linear 800 to 0", 1e-3),
        Schedule.constant(1e-3, 800),
    )
    some = [after_base(fitted, schedule) for schedule in schedules]
    domain, noise = fitted.domain("cpt"), discrepancy.own_noise(fitted, "cpt")
    shared = discrepancy.covariance(domain, some, fitted.observed("cpt").points.histories, noise)
    found = alike(discrepancy.errors(fitted, "cpt", some) - shared)
    assert found[0, 1] > 0.99
    assert found[0, 2] < 0.7
    assert found[0, 3] < 0.3


def test_a_belief_has_the_refits_of_forecasts_as_they_weigh_there(fitted):
    runs = [Run("next", schedule=Schedule.cosine(1e-3, 800), data="cpt", after="base")]
    belief = believe(fitted, Goal({"cpt": 1.0}), joined(fitted.study, runs), runs)
    domain = fitted.domain("cpt")
    assert len(belief.moves["cpt"]) == len(ensemble_of(fitted))
    one = after_base(fitted, runs[0].schedule)
    last = Points.at_ends([one], fitted.convention)
    moved = ensemble_of(fitted).losses("cpt", last)[:, 0] - domain.loss(last)[0]
    weigh = refit_weight(fitted, "cpt")
    assert np.allclose(belief.moves["cpt"][:, 0, -1], weigh * moved, rtol=0.01, atol=1e-4)


def test_a_plan_and_a_pilot_expect_the_same_regret(fitted):
    families = ("cosine", "linear")
    found = plan(fitted, "cpt=1", knobs(peak=1e-3, family=families))
    alone = [plan(fitted, "cpt=1", knobs(peak=1e-3, family=each)) for each in families]
    recipes = [each.best.recipe for each in alone]
    runs = [
        Run(f"recipe-{i}", schedule=recipe.schedule, data="cpt", after="base")
        for i, recipe in enumerate(recipes)
    ]
    belief = believe(fitted, Goal({"cpt": 1.0}), joined(fitted.study, runs), runs)
    choice = Choice(belief.value, belief.value_covariance(range(len(runs))))
    assert 1 / 3 < found.stability.regret / choice.regret < 3
