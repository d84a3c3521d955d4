"""What the page shows is what the library returns."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import GIVEN
from cptlaw import DataError, Study, datasets, forecast, published, verdict
from cptlaw import fit as fit_study
from cptlaw.explorer.dials import dials_of, first_choice, origins_of, phase_of
from cptlaw.explorer.look import look
from cptlaw.explorer.optimum import optimum
from cptlaw.explorer.words import in_numbers, tell


@pytest.fixture(scope="module")
def printed():
    return published.load("fineweb-kp-106m")


def test_it_opens_with_a_run_like_the_fitted_ones(fit, choice):
    (first, *_), steps = origins_of(fit), max(r.steps for r in fit.study.runs if r.data == "cpt")
    assert choice.start == first.name == "base"
    assert choice.steps == steps
    assert phase_of(fit) == "cpt"


def test_dials_hold_what_was_fitted(fit, choice):
    dials = {dial.name: dial for dial in dials_of(fit)}
    assert "model_size" not in dials
    for name in ("peak", "steps"):
        dial = dials[name]
        assert dial.low < dial.fitted[1] <= getattr(choice, name) < dial.high


def test_numbers_are_those_of_a_forecast(fit, choice):
    told = tell(fit, choice)
    asked = forecast(fit, told.look.schedule, after=choice.start, replay=choice.replay)
    for row in told.rows:
        curve = asked.domains[row.role]
        assert (row.final, row.start) == (curve.final, curve.loss[0])
        assert (row.low, row.high) == (curve.low[-1], curve.high[-1])
        assert row.shift == curve.shift[-1]
    assert told.warnings == asked.warnings
    assert told.verdict == asked.verdict == verdict(fit, told.look.history)


def test_a_curve_for_drawing_is_the_forecast_on_fewer_places(fit, choice):
    seen = look(fit, choice, ["cpt"])
    asked = forecast(fit, seen.schedule, after=choice.start).domains["cpt"]
    assert set(seen.curves) == {"cpt"}
    assert seen.step.size < 160
    close = np.interp(seen.step, asked.step, asked.loss)
    np.testing.assert_allclose(seen.curves["cpt"].loss, close, rtol=2e-3)
    assert seen.curves["cpt"].final == pytest.approx(asked.final, rel=1e-4)


def test_the_band_begins_where_the_data_end(fit, choice):
    assert look(fit, choice, ["pt"]).longest is None
    seen = look(fit, replace(choice, steps=3 * choice.steps, peak=5 * choice.peak), ["pt"])
    assert seen.longest == pytest.approx(choice.steps, rel=0.03)
    assert seen.leaves == ("length", "peak LR")


def test_far_out_it_says_that_nothing_is_known(fit, choice):
    far = replace(choice, peak=min(30 * choice.peak, 1.0))
    assert "nothing is known there" in tell(fit, far).refused
    assert tell(fit, choice).refused == ""


def test_a_start_of_less_potential_is_annealed_first(fit, choice):
    own = look(fit, choice, ["pt"])
    half = look(fit, replace(choice, potential=0.5), ["pt"])
    peak = own.start.history.pt_lr.max()
    assert half.start.history.last_lr == pytest.approx(0.5 * peak, rel=1e-4)
    assert half.curves["pt"].loss[0] < own.curves["pt"].loss[0]
    assert look(fit, replace(choice, potential=1.0), ["pt"]).start == own.start


def test_layers_leave_out_what_they_say(fit, choice):
    seen = look(fit, choice, ["pt"], plain=True)
    parts = fit.domain("pt").parts
    assert seen.plain["pt"][-1] != seen.curves["pt"].final
    assert callable(parts)


def test_the_equation_holds_the_numbers(fit):
    for role, domain in fit.domains.items():
        text = in_numbers(domain)
        assert text.startswith("L = "), role
        for name in domain.law.coefficients:
            assert f"{domain.params[name]:.4g}" in text


def test_published_coefficients_start_from_a_schedule(printed):
    choice = first_choice(printed)
    assert choice.start == "" and choice.base
    told = tell(printed, choice)
    asked = forecast(printed, told.look.schedule, base_schedule=choice.base)
    assert [row.final for row in told.rows] == [c.final for c in asked.domains.values()]
    assert told.rows[0].low is None
    assert look(printed, replace(choice, potential=0.2), ["pt"]).start.annealed is not None


@pytest.mark.parametrize("name", published.names())
def test_every_published_fit_opens(name):
    one = published.load(name)
    choice = first_choice(one)
    seen = look(one, choice, list(one.domains))
    assert (choice.start.startswith("unknown:")) == (seen.start.kind == "open model")
    sizes = [dial for dial in dials_of(one) if dial.name == "model_size"]
    assert bool(sizes) == (choice.model_size is not None)


def test_a_study_of_pretraining_alone_starts_from_scratch():
    study = datasets.load("tiny-cpt")
    pt = tuple(run for run in study.runs if run.data == "pt")
    fitted = fit_study(Study({"loss": study.domains["pt"]}, pt, study.origin), "eq1", GIVEN)
    choice = first_choice(fitted)
    assert phase_of(fitted) == "pt" and not origins_of(fitted)
    assert look(fitted, choice, ["loss"]).start.is_scratch


def test_a_run_that_cannot_be_is_refused_in_words(fit, choice):
    with pytest.raises(DataError, match="no such run"):
        look(fit, replace(choice, start="nobody"), ["pt"])


def test_the_optimum_is_no_worse_and_can_be_used(fit, choice):
    weights = {"pt": 1.0, "cpt": 1.0}
    found = optimum(fit, choice, weights)
    ends = [
        sum(w * look(fit, each, [r]).curves[r].final for r, w in weights.items())
        for each in (found.best, choice)
    ]
    assert ends[0] <= ends[1] + 1e-6
    assert ends[0] == pytest.approx(found.plan.best.value, rel=1e-3)
    assert (found.best.start, found.best.steps) == (choice.start, choice.steps)
    assert optimum(fit, choice, weights).plan is found.plan
    assert len(found.front) > 1
    one, losses = found.front[0]
    assert look(fit, one, ["pt"]).curves["pt"].final == pytest.approx(losses["pt"], rel=1e-3)


def test_weights_that_are_all_zero_are_refused(fit, choice):
    with pytest.raises(DataError, match="above 0"):
        optimum(fit, choice, {"pt": 0.0})
