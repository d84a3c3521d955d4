"""Errors, sides and choices of one fit on one split."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import Curve, Study, published
from cptlaw.errors import FitError
from cptlaw_evidence.accuracy.errors import judge
from cptlaw_evidence.sources.repeats import noise
from cptlaw_evidence.sources.source import Candidate, Curves
from cptlaw_evidence.sources.splits import split
from synthetic import two_run_study


@pytest.fixture(scope="module")
def study():
    return two_run_study(points=120)


@pytest.fixture(scope="module")
def fitted():
    """The coefficients that the study's losses were made from."""
    return published.load("fineweb-kp-106m")


def with_loss(study, name, change):
    """The study with the losses of one run changed."""
    run = study.run(name)
    curves = {c: Curve(k.steps, change(k.steps, k.loss)) for c, k in run.curves.items()}
    runs = tuple(replace(run, curves=curves) if r.name == name else r for r in study.runs)
    return replace(study, runs=runs)


def errors_on(study, fitted, score, **more):
    return judge(split("", study, ["pt-wsd"], score, **more), fitted)


def test_errors_are_of_the_scored_runs_after_their_step(study, fitted):
    steps = study.run("cpt-cosine").curves["pt"].steps
    after = int(steps[steps.size // 2])
    late = with_loss(study, "cpt-cosine", lambda step, loss: np.where(step > after, loss + 1, loss))
    errors, _ = errors_on(late, fitted, {"cpt-cosine": after})
    assert [(e.run, e.domain) for e in errors] == [("cpt-cosine", "pt"), ("cpt-cosine", "cpt")]
    for e in errors:
        assert e.n == (steps > after).sum()
        assert e.mae == pytest.approx(1.0, abs=0.01)
        assert e.final_error == pytest.approx(-1.0, abs=0.01)
        assert e.measured == pytest.approx(e.predicted + 1.0, abs=0.01)


def test_a_split_can_name_the_domain(study, fitted):
    errors, forecasts = errors_on(study, fitted, ["cpt-wsd"], domain="books")
    assert {e.domain for e in errors} == {f.domain for f in forecasts} == {"books"}


@pytest.mark.parametrize(("up", "right"), [(True, True), (False, False)])
def test_side_of_the_change_since_the_transfer(study, fitted, up, right):
    """The law predicts a rise of the D_pt loss on this CPT."""
    run = study.run("cpt-wsd")
    start = 1.0 if up else 9.0
    curves = {c: Curve(np.r_[0, k.steps], np.r_[start, k.loss]) for c, k in run.curves.items()}
    runs = tuple(replace(run, curves=curves) if r.name == run.name else r for r in study.runs)
    errors, _ = errors_on(replace(study, runs=runs), fitted, ["cpt-wsd", "pt-cosine"])
    assert {(e.run, e.domain): e.right_side for e in errors} == {
        ("cpt-wsd", "pt"): right,
        ("cpt-wsd", "cpt"): None,
        ("pt-cosine", "pt"): None,
        ("pt-cosine", "cpt"): None,
    }


def test_without_candidates_scored_runs_of_one_length_are_chosen_from(study, fitted):
    errors, forecasts = errors_on(study, fitted, ["cpt-wsd", "cpt-cosine", "pt-cosine"])
    groups = {(f.candidate.run, f.candidate.group) for f in forecasts}
    assert groups == {
        ("cpt-wsd", "60000 steps"),
        ("cpt-cosine", "60000 steps"),
        ("pt-cosine", "30000 steps"),
    }
    assert [f.predicted for f in forecasts] == [e.predicted for e in errors]


def test_groups_tell_sizes_apart(study, fitted):
    runs = tuple(replace(r, model_size=1e6 if "wsd" in r.name else 2e6) for r in study.runs)
    _, forecasts = errors_on(replace(study, runs=runs), fitted, ["cpt-wsd", "cpt-cosine"])
    assert {f.candidate.group for f in forecasts} == {
        "60000 steps, size 1e+06",
        "60000 steps, size 2e+06",
    }


def test_candidates_are_predicted_after_their_last_step(study, fitted):
    given = (Candidate("pt-wsd", "30000 steps", 2.5),)
    _, forecasts = errors_on(study, fitted, ["cpt-wsd"], candidates=given)
    assert [f.candidate for f in forecasts] == [*given, *given]
    last = study.run("pt-wsd").curves["pt"]
    assert last.steps[-1] == 30_000
    assert forecasts[0].predicted == pytest.approx(last.loss[-1], rel=5e-3)


def test_a_forecast_that_is_not_finite_is_no_result(study, fitted):
    broken = dict(fitted.domains)
    broken["pt"] = replace(broken["pt"], params={**broken["pt"].params, "L0": -9.0})
    with pytest.raises(FitError, match="no finite forecast of 'cpt-wsd'"):
        errors_on(study, replace(fitted, domains=broken), ["cpt-wsd"])


def test_noise_is_the_mean_gap_over_the_root_of_two(study):
    shifted = with_loss(
        study, "pt-cosine", lambda step, loss: study.run("pt-wsd").curves["pt"].loss + 0.02
    )
    curves = Curves("s", {"s": Study({"pt": "pt"}, shifted.runs)}, (("pt-wsd", "pt-cosine"),))
    assert noise(curves)["pt"] == pytest.approx(0.02 / np.sqrt(2))
    assert noise(Curves("s", {"s": study})) == {}
