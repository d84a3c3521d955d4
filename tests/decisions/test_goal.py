"""Goals: weights, their text, values, errors."""

import numpy as np
import pytest

from cptlaw import DataError, Goal, Run, Schedule, Weights


@pytest.mark.parametrize("text", ["cpt=1 pt=0.3", "cpt=1,pt=.3", " cpt=1,  pt=3e-1 "])
def test_the_text_is_read(text):
    goal = Goal.parse(text)
    assert dict(goal.weights) == {"cpt": 1.0, "pt": 0.3}
    assert Goal.parse(goal.weights.text) == goal


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one domain"),
        ("cpt", "'cpt': expected DOMAIN=WEIGHT"),
        ("cpt=much", "expected DOMAIN=WEIGHT"),
        ("=1", "expected DOMAIN=WEIGHT"),
        ("cpt=nan", "expected DOMAIN=WEIGHT"),
        ("cpt=0", "above 0"),
        ("cpt=-1", "above 0"),
        ("cpt=inf", "above 0"),
        ("cpt=1 cpt=2", "given twice"),
    ],
)
def test_what_is_no_goal_says_why(text, message):
    with pytest.raises(DataError, match=message):
        Goal.parse(text)


def test_the_value_is_the_weighted_sum():
    goal = Goal({"cpt": 1.0, "pt": 0.5})
    assert np.allclose(goal.value({"pt": [2.0, 4.0], "cpt": [3.0, 1.0]}), [4.0, 3.0])
    assert goal.value({"pt": 2.0, "cpt": 3.0, "ood.x": 9.0}) == 4.0


def test_a_domain_that_is_not_there_is_named():
    with pytest.raises(DataError, match=r"no domain 'cpd'\. Did you mean 'cpt'\?"):
        Goal({"cpd": 1.0}).weights.check(["pt", "cpt"])


def test_targets_have_names_of_their_own():
    run = Run("a", schedule=Schedule.constant(1e-3, 10))
    with pytest.raises(DataError, match="two targets are named 'a'"):
        Goal({"cpt": 1.0}, (run, run))


def test_weights_are_a_mapping_that_does_not_change():
    given = {"cpt": 1.0, "pt": 0.0}
    weights = Weights(given)
    given["cpt"] = 2.0
    assert weights == {"cpt": 1.0, "pt": 0.0} == dict(Weights(weights))
    assert weights.total({"cpt": [3.0], "pt": [2.0]}) == [3.0]
    with pytest.raises(TypeError):
        weights["cpt"] = 2.0


@pytest.mark.parametrize("given", [{}, {"pt": 0.0}, {"pt": -1.0, "cpt": 1.0}, {"pt": float("inf")}])
def test_weights_that_cannot_be(given):
    with pytest.raises(DataError, match=r"above 0|at least one domain"):
        Weights(given)
