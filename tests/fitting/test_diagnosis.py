"""The summary names what the runs do not tell, and the run that would."""

from dataclasses import replace

import numpy as np
import pytest

from cptlaw import (
    Convention,
    Curve,
    FitOptions,
    History,
    Run,
    Schedule,
    Study,
    catalog,
    datasets,
    fit,
)
from cptlaw.fitting.diagnosis import _sentences, diagnose, held_by_priors
from cptlaw.fitting.newton import minimise
from cptlaw.fitting.uncertainty import objective_of
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from laws import EVERY

COSINE = Schedule.cosine(2e-4, 30_000, warmup=500)
WSD = Schedule.wsd(2e-4, 30_000, 6_000, warmup=500)
TRUE = {"L0": 2.5, "A": 0.6, "alpha": 0.5, "C": 0.4, "lambda": 0.999}


def pre_training(**schedules):
    """Runs of Eq. 1 with 0.1 % of noise."""
    law, runs = catalog.get("eq1", Facts("loss")), []
    for seed, (name, schedule) in enumerate(schedules.items()):
        step = np.arange(600, schedule.steps + 1, 200)
        history = History(schedule.lr(), np.empty(0))
        place = Points.along(history, step, Convention())
        noise = np.random.default_rng(seed).normal(0, 1e-3, step.size)
        loss = law.loss(place, TRUE) * np.exp(noise)
        runs.append(Run(name, {"loss": Curve(step, loss)}, schedule=schedule))
    return Study({"loss": "loss"}, tuple(runs))


@pytest.fixture(scope="module")
def tiny():
    whole = datasets.load("tiny-cpt").without(["mixed-const-replay0.25"])
    return Study({"pt": "pt", "cpt": "code"}, whole.runs)


@pytest.fixture(scope="module")
def cpt_alone(tiny):
    return tiny.without(["base", "annealed", "hidden-pt-const"])


def only(study, role):
    """One domain: each of these is fitted by itself."""
    return Study({role: study.domains[role]}, study.runs)


def advice(domain):
    return "\n".join(domain.advice)


# --- one smooth curve, the same run twice ----------------------------------------------------


@pytest.mark.parametrize("law", ["eq1", "effective", "multi-power"])
@pytest.mark.parametrize("schedules", [{"a": COSINE}, {"a": COSINE, "b": COSINE}])
def test_one_smooth_curve_does_not_tell_annealing_from_progress(law, schedules):
    domain = fit(pre_training(**schedules), law).domain("loss")
    assert "C" in {*domain.loose, *domain.unseen}
    assert domain.status == "not identified"
    assert "A run with an abrupt LR drop would tell them apart." in advice(domain)


@pytest.mark.parametrize("law", ["eq1", "effective"])
def test_an_lr_that_drops_tells_them_apart(law):
    domain = fit(pre_training(a=WSD), law).domain("loss")
    assert "C" not in domain.loose
    assert domain.status == "ok"
    assert "smooth" not in advice(domain)


def test_two_lr_curves_tell_them_apart():
    other = Schedule.cosine(2e-4, 15_000, warmup=500)
    assert "C" not in fit(pre_training(a=COSINE, b=other), "eq1").domain("loss").loose


def test_the_same_run_twice_is_named():
    twice = fit(pre_training(a=WSD, b=WSD), "eq1").domain("loss")
    assert "'a', 'b' are the same run again" in advice(twice)
    different = fit(pre_training(a=WSD, b=COSINE), "eq1").domain("loss")
    assert "same run" not in advice(different)


# --- CPT logs alone --------------------------------------------------------------------------


@pytest.mark.parametrize("law", ["effective", "eq4"])
@pytest.mark.parametrize("role", ["pt", "cpt"])
def test_cpt_logs_alone_do_not_tell_the_base(cpt_alone, law, role):
    given = FitOptions(fixed={"lambda": 0.98} if law == "eq4" else {})
    domain = fit(only(cpt_alone, role), law, given).domain(role)
    assert domain.status == "not identified"
    assert domain.advice[0].startswith("Only CPT losses were given; they cannot tell L0, A")
    assert "Add the PT log" in domain.advice[0]
    for name in {"L0", "A", "alpha", "C1"} & set(domain.params):
        at_bound = domain.stderr[name] is None and f"{name} = " in advice(domain)
        assert name in domain.loose or name in domain.unseen or at_bound


def test_with_the_base_nothing_is_said_of_it(tiny):
    given = FitOptions(Convention(), fixed={"lambda": 0.98})
    said = advice(fit(only(tiny, "cpt"), "eq4", given).domain("cpt"))
    assert "Only CPT losses" not in said


# --- what the priors hold --------------------------------------------------------------------


def diagnosed(study, role, law="effective", **options):
    """The diagnosis of a fit, and what it was made of."""
    result = fit(only(study, role), law, FitOptions(**options))
    domain, observed = result.domain(role), result.observed(role)
    objective = objective_of(result, domain, observed)
    z = np.array(
        [*(domain.params[c] for c in domain.law.coefficients), *domain.law.inner(domain.params)]
    )
    minimum = minimise(objective.at(z))
    found = diagnose(minimum, observed, domain.params, np.zeros(z.size))
    return found, objective, minimum


def test_a_short_run_leaves_decay_to_its_prior():
    found, *_ = diagnosed(pre_training(a=WSD), "loss")
    assert {"sigma", "decay"} <= set(found.usual) <= set(found.loose)
    assert "alpha" not in found.usual
    assert found.status == "ok"
    said = "sigma, decay: set mostly by the built-in prior, not by your runs; a run at "
    assert any(sentence.startswith(said) for sentence in found.advice)


def test_a_parameter_that_runs_determine_is_not_held_by_its_prior(tiny):
    found, *_ = diagnosed(tiny, "pt")
    assert "decay" in found.usual
    assert not {"alpha", "E"} & set(found.usual)


def test_a_given_value_is_not_held_by_a_prior():
    found, *_ = diagnosed(pre_training(a=WSD), "loss", fixed={"decay": 0.1})
    assert "decay" not in found.usual


def test_a_law_without_priors_has_nothing_held_by_them():
    found, *_ = diagnosed(pre_training(a=WSD), "loss", "eq1")
    assert found.usual == ()


def test_a_prior_holds_what_its_weight_says():
    """A prior without weight holds nothing, one of all weight everything."""
    _, objective, minimum = diagnosed(pre_training(a=WSD), "loss")
    weak = replace(objective, prior_weight=objective.prior_weight * 1e-9)
    assert "decay" not in held_by_priors(replace(minimum, place=weak.at(minimum.z)))
    strong = replace(objective, prior_weight=objective.prior_weight * 1e9)
    assert set(held_by_priors(replace(minimum, place=strong.at(minimum.z)))) == {
        "C",
        *(s.name for s in objective.law.shapes),
    }


def test_every_parameter_of_every_law_has_a_mend():
    """An open parameter is never without a sentence that says what would determine it."""
    study = pre_training(a=WSD)
    observed = fit(study, "eq1").observed("loss")
    for name in EVERY:
        for role in ("pt", "cpt"):
            known = Facts(
                role, has_cpt=True, replay=True, sizes=True, bases=("x",), batches=("1x1",)
            )
            law = catalog.get(name, known)
            params = dict.fromkeys(law.parameters, 1.0)
            said = " ".join(_sentences(law, [], [], list(law.parameters), params, observed))
            for parameter in law.parameters:
                assert f"{parameter}," in said or f"{parameter}: not identified. " in said, (
                    name,
                    parameter,
                )


def test_a_fit_that_is_worse_than_no_law_is_not_ok():
    """A run that is kept though most of it is good and the rest is far above."""
    steps = np.arange(100, 4001, 50)
    loss = 3.0 + 2.0 * steps**-0.5
    loss[::9] = 9.0
    run = Run("a", {"loss": Curve(steps, loss)}, schedule=Schedule.parse("constant 4000 to 1e-3"))
    found = fit(Study({"loss": "loss"}, (run,)), "eq1").domain("loss")
    assert found.scores.r2 < 0
    assert found.status == "misses the data"
    assert "do not use" in found.advice[0].lower()
