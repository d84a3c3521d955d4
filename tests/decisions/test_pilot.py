"""Which run to do next: what a choice gains, what a fit leaves open, and what is named."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import FIRST, grid_fit
from cptlaw import (
    Budget,
    Curve,
    DataError,
    FitOptions,
    Goal,
    Run,
    Schedule,
    candidates,
    datasets,
    fit,
    pilot,
)
from cptlaw import published as paper
from cptlaw.decisions import discrepancy
from cptlaw.decisions.pilot.belief import PLACES, believe, check_predicted
from cptlaw.decisions.pilot.candidate_runs import joined, starts
from cptlaw.decisions.pilot.gain import Choice, removed
from cptlaw.decisions.pilot.reasons import reason
from cptlaw.studies.history import History
from cptlaw.studies.study import Study


@pytest.fixture(scope="module")
def grid():
    study = datasets.load("tiny-grid")
    return Study({role: study.domains[role] for role in ("pt", "cpt")}, study.runs)


@pytest.fixture(scope="module")
def fitted():
    return grid_fit()


def bare(grid, *names):
    return [replace(grid.run(name), curves={}, logged_lr=None) for name in names]


# --- budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("5000steps", 5000, "steps"),
        ("4e7 tokens", 4e7, "tokens"),
        ("1_000steps", 1000, "steps"),
        ("1.5E+15flops", 1.5e15, "FLOPs"),
    ],
)
def test_budgets_are_read(text, amount, unit):
    assert Budget.parse(text) == Budget(amount, unit)
    assert Budget.parse(Budget.parse(text).text) == Budget(amount, unit)


@pytest.mark.parametrize(
    "text", ["", "5000", "steps", "5 hours", "-3steps", "0steps", "1e999steps"]
)
def test_what_is_no_budget_says_so(text):
    with pytest.raises(DataError, match="budget"):
        Budget.parse(text)


def test_the_cost_counts_a_runs_own_steps(grid):
    run = replace(grid.run("cpt-const"), model_size=None)
    assert Budget(1, "steps").cost(run) == 800
    assert Budget(1, "tokens").cost(run) == 800 * 8192
    assert Budget(1, "FLOPs").cost(run, grid) == 6 * 150976 * 800 * 8192


def test_a_cost_that_is_not_known_is_named(grid):
    run = Run("a", schedule=Schedule.constant(1e-3, 10))
    with pytest.raises(DataError, match=r"run 'a': its batch_tokens is not known.*--batch-tokens"):
        Budget(1, "tokens").cost(run, grid)


# --- candidates -----------------------------------------------------------------------------------


def test_candidates_are_every_combination(fitted):
    study = fitted.study
    runs = candidates(study, after=["base", "base@1000"], peaks=[1e-3, 5e-4], replay=[0, 0.25])
    assert len(runs) == len({run.name for run in runs}) == 2 * 2 * 2 * 5
    assert {run.steps for run in runs} == {800}
    assert {run.batch_tokens for run in runs} == {8192}
    assert {run.after_step for run in runs} == {None, 1000}
    joined(study, runs)


def test_a_peak_is_put_into_a_schedule(fitted):
    text = "warmup 40 to PEAK | cosine 60 to 0"
    runs = candidates(fitted.study, schedules=[text, "constant 50"], peaks=[2e-3, 1e-3])
    assert sorted(run.schedule.peak for run in runs) == [1e-3, 1e-3, 2e-3]


def test_candidates_take_no_name_of_the_study(fitted):
    first = candidates(fitted.study, schedules=["constant 50"])[0]
    study = replace(fitted.study, runs=(*fitted.study.runs, first))
    assert candidates(study, schedules=["constant 50"])[0].name == f"{first.name}-2"


def test_candidates_from_an_open_model_have_the_highest_peak_of_its_runs():
    runs = [
        Run(n, {"cpt": Curve([1, 99], [3.0, 2.9])}, schedule=s, data="cpt", after="unknown:llama")
        for n, s in (("a", Schedule.constant(1e-4, 99)), ("b", Schedule.cosine(4e-4, 99)))
    ]
    found = candidates(Study({"cpt": "cpt"}, tuple(runs)))
    assert starts(Study({"cpt": "cpt"}, tuple(runs))) == ["unknown:llama"]
    assert {run.after for run in found} == {"unknown:llama"}
    assert {run.schedule.peak for run in found} == {4e-4, 2e-4}


def test_the_starts_are_those_of_the_studys_cpt_runs(grid, fitted):
    assert starts(fitted.study) == ["base"]
    assert starts(grid) == ["base", "base@1000", "annealed", "size-s", "size-xs"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"after": ["nobody"]}, "no such run"),
        ({"after": ["base@9999"]}, "has steps 1 to 2000"),
        ({"peaks": [-1.0]}, "above 0"),
        ({"steps": 5}, "10 or more"),
        ({"schedules": ["cosine ten to 0"]}, "not a number of steps"),
        ({"schedules": [" "]}, "empty"),
    ],
)
def test_candidates_that_cannot_be_say_why(fitted, asked, message):
    with pytest.raises(DataError, match=message):
        candidates(fitted.study, **asked)


def test_a_name_that_is_taken_is_refused(fitted):
    with pytest.raises(DataError, match="'cpt-const' is in the study already"):
        joined(fitted.study, [fitted.study.run("cpt-const")])


# --- what is uncertain ----------------------------------------------------------------------------


def test_the_law_is_trusted_near_what_was_fitted(fitted):
    domain, observed = fitted.domain("pt"), fitted.observed("pt").points.histories

    def spread(**changes):
        base = next(h for h in observed if h.is_cpt)
        there = replace(base, **changes)
        return np.sqrt(discrepancy.covariance(domain, [there], observed, 1e-3)[0, 0])

    same, little, much = spread(), spread(replay=0.05), spread(replay=0.5)
    assert same < 1.5e-3
    assert same < little < much < 0.03
    assert spread(pt_lr=np.full(500, 1e-3)) > spread(pt_lr=np.full(1500, 1e-3)) > same


def test_errors_of_pre_training_and_cpt_are_apart(fitted):
    runs = [History(np.ones(9), np.empty(0)), History(np.ones(9), np.ones(9))]
    assert discrepancy.covariance(fitted.domain("pt"), runs, [], 1e-3)[0, 1] == 0


def test_what_is_learned_is_part_of_what_is_uncertain(grid, fitted):
    runs = bare(grid, "cpt-cosine", "half-wsd", "mixed-const-replay0.25", "early-const")
    belief = believe(fitted, Goal({"cpt": 1.0, "pt": 0.5}), joined(fitted.study, runs), runs)
    every = [0, 1, 2, 3]
    assert belief.loss["pt"].shape == (4, PLACES)
    for own in (True, False):
        before = belief.value_covariance(every, own)
        few, all_ = belief.learned(every, [0], own), belief.learned(every, every, own)
        for smaller, larger in ((0 * few, few), (few, all_), (all_, before)):
            assert np.linalg.eigvalsh(larger - smaller).min() > -1e-9 * np.trace(before)
        assert few[0, 0] > 0.5 * before[0, 0]


def test_real_errors_are_about_as_large_as_expected(grid, fitted):
    names = [r.name for r in grid.runs if r.name.startswith(("cpt-c", "cpt-t", "half", "mixed"))]
    runs = [run for run in bare(grid, *names) if run.name not in FIRST]
    goal = Goal({"cpt": 0.5, "pt": 0.5})
    belief = believe(fitted, goal, joined(fitted.study, runs), runs)
    finals = {
        role: [float(grid.run(run.name).curves[column].loss[-1]) for run in runs]
        for role, column in grid.domains.items()
    }
    spread = np.sqrt(np.diag(belief.value_covariance(range(len(runs)))))
    errors = (belief.value - goal.value(finals)) / spread
    assert 0.2 < np.sqrt(np.mean(errors**2)) < 2.0


# --- what it is worth -----------------------------------------------------------------------------


def test_the_regret_of_two_equal_runs_is_known():
    choice = Choice(np.zeros(2), np.eye(2), seed=3)
    assert choice.regret == pytest.approx(1 / np.sqrt(np.pi), rel=0.1)
    assert choice.removed(np.eye(2)) == pytest.approx(choice.regret)
    assert choice.removed(np.zeros((2, 2))) == pytest.approx(0, abs=1e-12)
    assert 0 < choice.removed(np.diag([1.0, 0.0])) < choice.regret


def test_what_all_runs_share_does_not_matter_to_a_choice():
    choice = Choice(np.array([1.0, 2.0]), np.ones((2, 2)))
    assert choice.regret == pytest.approx(0, abs=1e-6)


def test_the_rival_is_the_run_that_may_be_better():
    choice = Choice(np.array([2.0, 1.0, 1.1, 1.05]), np.diag([0.0, 0.1, 1.0, 0.0]))
    assert (choice.best, choice.rival) == (1, 2)
    assert removed(np.diag([4.0, 1.0]), np.diag([4.0, 0.0])) == pytest.approx(2 / 3)


# --- what is named --------------------------------------------------------------------------------


def test_each_pilot_lowers_what_is_expected_to_be_lost(grid, fitted):
    names = ("repeat-const", "mixed-const-replay0.25", "half-wsd", "cpt-wsd")
    found = pilot(fitted, Goal.parse("cpt=.7 pt=.3"), bare(grid, *names), "2400steps", count=3)
    assert [p.cost for p in found.pilots] == [800] * 3
    assert len({run.name for run in found.runs}) == 3
    assert found.pilots[0].run.name == "mixed-const-replay0.25"
    assert "replay share of 0.25" in found.pilots[0].reason
    for one, other in zip(found.pilots, found.pilots[1:], strict=False):
        assert one.regret_after == other.regret_before
        assert other.regret_after <= other.regret_before + 1e-9
        assert other.removed >= one.removed - 1e-9
    assert not any(run.curves for run in found.runs)


def test_the_losses_of_candidates_are_not_looked_at(grid, fitted):
    names = ("mixed-const-replay0.25", "half-wsd")
    goal = Goal({"cpt": 1.0})
    known = [grid.run(name) for name in names]
    assert pilot(fitted, goal, known, "800steps") == pilot(
        fitted, goal, bare(grid, *names), "800steps"
    )


def test_of_two_alike_the_cheaper_is_taken(fitted):
    wsd = candidates(fitted.study, schedules=["constant 640 | linear 160 to 0"])[0]
    dear = replace(wsd, name="dear", batch_tokens=8193.0)
    dear = replace(
        dear, schedule=Schedule.parse("constant 640 | linear 160 to 0 | constant 800", 1e-3)
    )
    found = pilot(fitted, Goal({"cpt": 1.0}, (wsd,)), [dear, wsd], "9999steps")
    assert found.runs == (wsd,)


def test_the_budget_is_kept_and_what_it_leaves_out_is_told(grid, fitted):
    found = pilot(fitted, Goal({"cpt": 1.0}), bare(grid, "cpt-wsd", "half-wsd"), "1000steps", 2)
    assert len(found.pilots) == 1
    assert "no more than 1" in found.notes[0]


def test_a_target_may_be_a_run_that_was_done(grid, fitted):
    targets = bare(grid, "cpt-const", "cpt-wsd", "cpt-cosine")
    found = pilot(fitted, Goal({"cpt": 1.0}, tuple(targets)), targets[1:], "800steps")
    assert {found.best, found.rival} <= {run.name for run in targets}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": "700steps"}, "allows none of the 1 candidates; the cheapest, 'cpt-wsd'"),
        ({"goal": Goal({"ood.x": 1.0})}, "no domain 'ood.x'"),
        ({"count": 0}, "at least 1 run"),
        ({"candidates": []}, "no candidate"),
        ({"fit": paper.load("fineweb-kp-106m")}, "published coefficients"),
    ],
)
def test_what_cannot_be_chosen_says_why(grid, fitted, changes, message):
    asked = {
        "fit": fitted,
        "goal": Goal({"cpt": 1.0}),
        "candidates": bare(grid, "cpt-wsd"),
        "budget": "800steps",
    }
    with pytest.raises(DataError, match=message):
        pilot(**asked | changes)


def test_cpt_from_scratch_is_refused(grid, fitted):
    with pytest.raises(DataError, match="'hidden-cpt' is CPT from scratch"):
        pilot(fitted, Goal({"cpt": 1.0}), bare(grid, "hidden-cpt"), "9999steps")


def test_a_candidate_beyond_all_measure_is_named(grid):
    runs = bare(grid, "cpt-wsd", "half-wsd")
    loss = np.ones((2, PLACES))
    check_predicted("pt", runs, loss, loss[None])
    loss[1, 3] = -1.0
    with pytest.raises(DataError, match="'half-wsd' is so far from what was fitted that no pt"):
        check_predicted("pt", runs, loss, loss[None])


@pytest.mark.parametrize(("law", "fixed"), [("paper", {"lambda": 0.98}), ("clock", {})])
def test_other_laws_have_pilots_too(law, fixed):
    study = datasets.load("tiny-cpt").without(["mixed-const-replay0.25", "cpt-cosine"])
    known = fit(study, law, options=FitOptions(fixed=fixed))
    found = pilot(known, Goal({"ood.docs": 1.0}), candidates(study, peaks=[1e-3]), "800steps")
    assert 0 < found.pilots[0].removed < 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mixed-const-replay0.25", "a replay share of 0.25."),
        ("half-const", "a peak LR of 0.0005."),
        ("early-const", "a start at step 1,000."),
        ("rewarmed-const", "a start whose LR is at 0 % of its peak."),
        ("cpt-linear", "an LR that ends at 0 % of its peak."),
        ("repeat-const", "It is like runs that were done"),
    ],
)
def test_the_reason_is_what_is_new(grid, fitted, name, words):
    run = bare(grid, name)[0]
    assert words in reason(fitted, joined(fitted.study, [run]), run)


def test_a_new_combination_is_a_reason(grid, fitted):
    known = bare(grid, "mixed-const-replay0.25", "cpt-linear")
    both = replace(known[1], name="both", replay=0.25)
    study = joined(fitted.study, [*known, both])
    assert "first with a replay share of 0.25 and an LR that ends at 0 %" in reason(
        fitted, study, both, known
    )
