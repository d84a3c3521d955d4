"""CPT after an open model: what the default law makes of runs whose base is hidden from it."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import FitOptions, datasets, fit, forecast
from cptlaw.fitting.domain import pose
from cptlaw.fitting.observations import observe
from cptlaw.fitting.projection import begun
from cptlaw.laws.law import Prior, Term
from cptlaw.studies.runs import UNKNOWN

OPEN = f"{UNKNOWN}base"
AS_IS = replace(FitOptions().convention, warmup="as-is")


def hidden(*names, data="tiny-grid"):
    """Runs of a bundled grid, with a base that nobody knows."""
    study = datasets.load(data)
    runs = tuple(replace(study.run(name), after=OPEN, after_step=None) for name in names)
    return replace(study, runs=runs, domains={role: study.domains[role] for role in ("pt", "cpt")})


@pytest.fixture(scope="module")
def one_run():
    return fit(hidden("cpt-cosine"))


def errors(found, name, data="tiny-grid"):
    """Role -> mean error of a forecast of a run, relative, and whether its interval holds."""
    study = datasets.load(data)
    run = study.run(name)
    made = forecast(found, run.schedule, after=OPEN, replay=run.replay, every=1)
    result = {}
    for role, curve in made.domains.items():
        true = run.curves[study.domains[role]]
        off = np.interp(true.steps, curve.step, curve.loss) / true.loss - 1
        low, high = (np.interp(true.steps, curve.step, end) for end in (curve.low, curve.high))
        within = (low <= true.loss) & (true.loss <= high)
        result[role] = np.abs(off).mean(), within.mean() > 0.75
    return result


@pytest.mark.parametrize("name", ["cpt-const", "cpt-linear"])
def test_one_run_after_an_open_model_forecasts_other_schedules(one_run, name):
    assert one_run.domain("pt").law.name == "effective+unknown"
    for off, held in errors(one_run, name).values():
        assert off < 0.008
        assert held


def test_one_run_after_an_open_model_forecasts_half_the_peak(one_run):
    for off, held in errors(one_run, "half-cosine").values():
        assert off < 0.012
        assert held


def test_the_noise_of_one_run_is_drawn_to_what_is_usual(one_run):
    for domain in one_run.domains.values():
        assert 0.1 < domain.params["C"] < 0.8
        assert 0.1 < domain.params["A"] < 0.9


def test_replay_after_an_open_model_is_seen():
    found = fit(hidden("cpt-cosine", "mixed-const-replay0.25"))
    assert {"h", "k"} <= set(found.domain("pt").params)
    for off, _ in errors(found, "mixed-const-replay0.1").values():
        assert off < 0.01


def test_few_evaluations_are_enough_where_priors_hold_the_rest():
    study = hidden("cpt-cosine")
    run = study.runs[0]
    few = {c: curve.only(curve.steps % 160 == 0) for c, curve in run.curves.items()}
    found = fit(replace(study, runs=(replace(run, curves=few),)))
    assert found.domain("cpt").scores.n == 6
    for off, _ in errors(found, "cpt-const").values():
        assert off < 0.03


def test_each_open_model_starts_at_its_own_loss():
    study = hidden("cpt-cosine", "half-cosine")
    one, other = study.runs
    worse = {c: replace(curve, loss=curve.loss + 0.5) for c, curve in other.curves.items()}
    other = replace(other, curves=worse, after=f"{UNKNOWN}other")
    found = fit(replace(study, runs=(one, other)))
    for domain in found.domains.values():
        assert domain.params["L0[other]"] - domain.params["L0[base]"] == pytest.approx(0.5, abs=0.1)
        assert {"S_pt[base]", "S_pt[other]"} <= set(domain.params)
        assert domain.scores.mape < 0.01


def test_it_is_said_where_no_loss_was_measured_before_the_first_step():
    study = hidden("cpt-cosine")
    assert not any("Evaluate at step 0" in note for note in observe(study, "pt", AS_IS).notes)
    run = study.runs[0]
    late = {c: curve.only(curve.steps > 0) for c, curve in run.curves.items()}
    note, better = observe(replace(study, runs=(replace(run, curves=late),)), "pt", AS_IS).notes
    assert "If its schedule is public, make it a run with that schedule and no log" in better
    assert "fitted from the first steps (from step 20 on). Evaluate at step 0 too." in note


# --- what draws a coefficient -----------------------------------------------------------------


def drawn(study, spread):
    """The objective of the D_pt losses, with a prior of that spread on C."""
    options = FitOptions()
    observed = observe(study, "pt", AS_IS)
    law = fit(study).domain("pt").law
    terms = tuple(
        replace(t, prior=Prior(0.3, spread)) if t.coefficient == "C" else t for t in law.terms
    )
    return pose(replace(law, terms=terms), observed, options)


def test_a_prior_of_a_coefficient_has_its_gradient_and_draws_it():
    study = hidden("cpt-cosine")
    wide, narrow = drawn(study, 0.2), drawn(study, 1e-4)
    u = np.array([s.inner(s.prior.centre) for s in wide.law.shapes])
    place = wide.law.coefficients.index("C")
    assert begun(narrow, u).coefficients[place] == pytest.approx(0.3, abs=1e-3)
    z = begun(wide, u).z + 0.01
    step = 1e-6
    for i in range(wide.terms):
        ahead, behind = z.copy(), z.copy()
        ahead[i] += step
        behind[i] -= step
        slope = (wide.value(ahead) - wide.value(behind)) / (2 * step)
        assert wide.gradient(z)[i] == pytest.approx(slope, rel=1e-4, abs=1e-9)


def test_a_law_with_a_prior_on_a_coefficient_alone_has_priors():
    law = fit(hidden("cpt-cosine"), "paper").domain("pt").law
    assert not law.has_priors
    assert replace(law, terms=(*law.terms, Term("X", prior=Prior(1.0, 1.0)))).has_priors
