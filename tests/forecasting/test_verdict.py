"""What the data of a study decide, what others' runs stand for, what nobody knows."""

from dataclasses import replace

import numpy as np
import pytest

import bundled
from bundled import few
from cptlaw import Curve, DataError, Run, Schedule, Study, datasets, fit, published
from cptlaw.fitting.start import start_of
from cptlaw.forecasting.design import design_of
from cptlaw.forecasting.verdict import verdict


@pytest.fixture(scope="module")
def whole():
    return bundled.default_fit(roles=("pt", "cpt"))


@pytest.fixture(scope="module")
def flat():
    """A base and one constant CPT: nothing anneals, one peak, no replay, one start."""
    return fit(few("base", "cpt-const"))


def asked(fitted, schedule, after="base", replay=0.0):
    start = start_of(fitted, after)
    made = Schedule.parse(schedule, start.history.last_lr)
    return start.history.then(Run("x", schedule=made, data="cpt", replay=replay))


def statuses(found):
    return {choice.name: choice.status for choice in found.choices}


def test_of_a_study_that_varies(whole):
    found = verdict(whole)
    assert found.of("schedule").status == found.of("replay").status == "data"
    assert found.of("size").status == "unknown"
    assert found.first.startswith("You can plan with this fit")
    assert found.lines[0].startswith("Your data decide: ")
    assert verdict(whole) is found


def test_of_one_constant_pilot(flat):
    found = verdict(flat)
    assert found.of("schedule").status != "data"
    assert found.of("peak").status == found.of("start").status == "others"
    assert found.of("replay").status == "others"
    assert found.of("steps").status == "data"
    assert found.first.startswith("Do one more run before you plan: ")
    assert "linear" in found.of("schedule").mend
    assert found.status == "unknown"


def test_the_run_that_tells_can_be_run(flat):
    words = verdict(flat).first
    text = words[words.index('"') + 1 : words.rindex('"')]
    assert Schedule.parse(text, 1e-3).final == 0.0
    assert "after base" in words


@pytest.mark.parametrize(
    ("peak", "tried"), [(2e-4, "0.00025"), (3e-4, "0.0003"), (1.5e-3, "0.0015")]
)
def test_the_run_that_tells_of_a_peak_has_one_that_was_not_run(peak, tried):
    study = datasets.load("grid-20m").without(["early-const", "repeat-const"])
    fitted = fit(replace(study, domains={"pt": "pt", "cpt": "c"}))
    found = verdict(fitted, asked(fitted, f"warmup 60 to {peak} | linear 1140 to 0")).of("peak")
    assert found.status == "others"
    assert f"to {tried} " in found.mend and "0.0005" not in found.mend


def test_of_a_run_that_is_asked_for(flat, whole):
    same = verdict(flat, asked(flat, "constant 500"))
    assert same.of("schedule").status == same.of("peak").status == "data"
    fallen = verdict(flat, asked(flat, "cosine 500 to 0"))
    assert fallen.of("schedule").status != "data"
    assert "in none of your runs does the LR fall" in fallen.first
    assert verdict(whole, asked(whole, "cosine 500 to 0")).of("schedule").status == "data"


@pytest.mark.parametrize(
    ("times", "status"), [(1.0, "data"), (1.9, "others"), (0.55, "others"), (3.0, "unknown")]
)
def test_a_peak_by_how_far_it_is_from_those_that_ran(flat, times, status):
    peak = design_of(flat).peaks[0] * times
    found = verdict(flat, asked(flat, f"constant 1 to {peak:.6g} | constant 400"))
    assert found.of("peak").status == status


@pytest.mark.parametrize(("times", "status"), [(1, "data"), (3, "others"), (5, "unknown")])
def test_a_length_by_how_far_it_is_from_the_longest(flat, times, status):
    steps = design_of(flat).longest * times
    assert verdict(flat, asked(flat, f"constant {steps}")).of("steps").status == status


def test_replay_that_a_law_does_not_see_is_unknown():
    blind = bundled.given_fit(bundled.REPLAY, law="eq4", roles=("pt", "cpt"))
    assert verdict(blind).of("replay").status == "unknown"
    assert "does not see" in verdict(blind).of("replay").sentence
    asked_for = asked(blind, "constant 500", replay=0.3)
    assert verdict(blind, asked_for).of("replay").status == "unknown"
    assert verdict(blind, asked(blind, "constant 500")).of("replay").status == "data"


def test_an_open_model_with_one_peak():
    lr = Schedule.cosine(1e-4, 400).lr()
    steps = np.arange(0, 401, 10)
    loss = 2.0 + 0.3 / (1 + 0.02 * steps) + 40 * np.append(lr[0], lr)[steps] ** 1.1
    run = Run(
        "a",
        {"cpt": Curve(steps, loss)},
        schedule=Schedule.cosine(1e-4, 400),
        data="cpt",
        after="unknown:m",
    )
    found = verdict(fit(Study({"cpt": "cpt"}, (run,))))
    assert found.of("peak").status == found.of("start").status == "unknown"
    assert found.of("schedule").status == "others"
    fitted = fit(Study({"cpt": "cpt"}, (run,)))
    start = start_of(fitted, "unknown:m").history
    again = verdict(fitted, start.then(replace(run, curves={}))).of("schedule")
    assert again.status == "data" and "this very schedule" in again.sentence
    flat = replace(run, curves={}, schedule=Schedule.constant(1e-4, 400))
    assert verdict(fitted, start.then(flat)).of("schedule").status == "others"


def test_published_coefficients_have_no_data():
    found = verdict(published.load("fineweb-kp-106m"))
    assert set(statuses(found).values()) == {"others"}
    assert "without data of yours" in found.first


def test_no_verdict_on_what_is_no_choice(flat):
    with pytest.raises(DataError, match="no verdict on 'momentum'"):
        verdict(flat).of("momentum")


def test_runs_are_as_long_as_their_losses():
    cut = few("base", "cpt-const", "cpt-cosine").beginning(0.3)
    assert design_of(fit(few("base", "cpt-const", "cpt-cosine"))).falls
    assert not design_of(fit(cut)).falls


@pytest.mark.parametrize(("share", "status"), [(0.0, "data"), (0.3, "others"), (0.8, "unknown")])
def test_a_replay_share_by_how_far_it_is_from_those_that_ran(flat, share, status):
    found = verdict(flat, asked(flat, "constant 500", replay=share)).of("replay")
    assert found.status == status
    assert (share != 0.8) or "0.8 outside what you ran (0); forecasts were" in found.sentence


@pytest.mark.parametrize(("step", "status"), [(2000, "data"), (1000, "others"), (500, "unknown")])
def test_a_start_by_how_far_it_is_from_those_that_ran(flat, step, status):
    found = verdict(flat, asked(flat, "constant 500", after=f"base@{step}")).of("start")
    assert found.status == status
    assert (status != "unknown") or "this is 4x away" in found.sentence


def sized(fitted, size):
    history = asked(fitted, "constant 300 to 1e-3")
    return verdict(fitted, replace(history, model_size=size)).of("size")


def test_a_size_where_all_runs_have_one(flat):
    study = flat.study
    runs = tuple(replace(run, model_size=1e6) for run in study.runs)
    one = fit(replace(study, runs=runs))
    assert sized(one, None).status == sized(one, 1.01e6).status == "data"
    far = sized(one, 4e6)
    assert far.status == "unknown"
    assert far.sentence.startswith("The model size is 4x away from yours (1M)")
    assert "one size says nothing of another" in far.sentence


def test_a_size_where_runs_differ_in_it():
    runs = []
    for size in (1e6, 4e6):
        steps = np.arange(50, 1001, 50)
        lr = Schedule.parse("warmup 50 to 1e-3 | cosine 950 to 1e-4")
        loss = 2.5 + 30 * size**-0.3 + 1.5 * steps**-0.4
        runs.append(Run(f"{size:g}", {"pt": Curve(steps, loss)}, schedule=lr, model_size=size))
    fitted = fit(Study({"pt": "pt"}, tuple(runs)))
    assert verdict(fitted).of("size").status == "data"

    def at(size):
        before = start_of(fitted, None).history
        made = Run("x", schedule=runs[0].schedule, model_size=size)
        return verdict(fitted, before.then(made)).of("size")

    assert [at(size).status for size in (1e6, 2e6, 2e7, 1e9)] == [
        "data",
        "data",
        "others",
        "unknown",
    ]
    assert "were only ever checked to 10x" in at(1e9).sentence


def test_a_fit_that_is_worse_than_a_constant_is_not_to_be_used(flat):
    pt = flat.domain("pt")
    bad = replace(pt, scores=replace(pt.scores, r2=-0.2))
    found = verdict(replace(flat, domains={**flat.domains, "pt": bad}))
    assert found.first.startswith("Do not use this fit: on pt it is worse than a constant.")
