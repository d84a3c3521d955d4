"""The rule that a branch changes the loss as earlier branches did."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import FitOptions, Study, backtest, compare
from cptlaw.fitting.branches import compared, rule_errors, same_change
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run


def branch(name, after_step, steps, final, text="linear {} to 0"):
    schedule = Schedule.parse(text.format(steps), 1e-3)
    curve = Curve(np.array([steps]), np.array([final]))
    return Run(name, {"x": curve}, schedule=schedule, after="base", after_step=after_step)


def base():
    steps = np.arange(100, 2001, 100)
    loss = 3.0 + 20.0 * steps**-0.5
    return Run("base", {"x": Curve(steps, loss)}, schedule=Schedule.constant(1e-3, 2000, 100))


def study(*more):
    start = 3.0 + 20.0 * np.array([500, 1000, 1500]) ** -0.5
    finals = start - [0.30, 0.34, 0.33]
    branches = [branch(f"b{i}", 500 * (i + 1), 100 * (i + 1), finals[i]) for i in range(3)]
    return Study({"loss": "x"}, (base(), *branches, *more))


def test_a_branch_changes_the_loss_as_earlier_ones_did():
    whole = study()
    said = same_change(whole.without(["b2"]), "b2", "loss")
    assert said.earlier == ("b0", "b1")
    assert said.start == pytest.approx(3.0 + 20.0 * 1500**-0.5)
    assert said.change == pytest.approx(-0.32)
    error = rule_errors(whole, whole.without(["b2"]))
    assert error == {("b2", "loss"): pytest.approx(np.log(said.final / (said.final - 0.01)))}


def test_its_own_loss_at_the_start_counts_first():
    whole = study()
    curve = Curve(np.array([0, 300]), np.array([3.6, 3.2]))
    own = tuple(replace(r, curves={"x": curve}) if r.name == "b2" else r for r in whole.runs)
    start = Curve(np.array([0]), np.array([3.6]))
    known = tuple(replace(r, curves={"x": start}) if r.name == "b2" else r for r in own)
    error = rule_errors(replace(whole, runs=own), replace(whole, runs=known))
    assert error["b2", "loss"] == pytest.approx(np.log(3.28 / 3.2))


@pytest.mark.parametrize(
    "other",
    [
        branch("new", 1000, 200, 3.0, "constant {}"),  # another shape
        branch("new", 40, 200, 3.0),  # no loss before its start
        Run("new", {"x": Curve(np.array([9]), np.array([3.0]))}, schedule=Schedule.constant(1, 9)),
        replace(branch("new", 1000, 200, 3.0), data="cpt"),
    ],
)
def test_of_other_runs_nothing_is_said(other):
    assert same_change(study(other), "new", "loss") is None


def test_backtest_and_compare_hold_laws_against_it():
    options = FitOptions(fixed={"sigma": 0.02, "decay": 0.1, "kappa": 50.0, "rho": 1.0})
    found = backtest(study(), ["b2"], laws=["effective"], options=options)
    (note,) = [n for n in found.notes if "same change" in n]
    assert note.startswith("loss: the rule 'the same change as earlier branches' misses the end by")
    assert "effective by" in note
    both = compare(study(), ["effective", "eq1"], ["b2"], options=options, count=10)
    assert sum("same change" in n for n in both.notes) == 2


def test_domains_are_told_apart():
    rule = {("a", "pt"): 0.01, ("b", "pt"): 0.03, ("a", "cpt"): 0.05}
    law = {("a", "pt"): 0.02, ("b", "pt"): 0.02}
    assert list(compared(rule, law, "mine")) == [
        "pt: the rule 'the same change as earlier branches' misses the ends of 2 runs by 2 %, "
        "mine by 2 %."
    ]
