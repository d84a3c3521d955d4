"""Forecasts: continuity, starts, decomposition, warnings, errors."""

import numpy as np
import pytest

from bundled import REPLAY, default_fit, given_fit
from cptlaw import Convention, DataError, FitOptions, Schedule, datasets, fit, forecast, published

BASE = "warmup 500 to 2e-4 | constant 31500 | linear 8000 to 0"


@pytest.fixture(scope="module", params=["default", "paper"])
def fitted(request):
    return (default_fit if request.param == "default" else given_fit)(REPLAY)


@pytest.fixture
def near(fitted):
    """Nats between two ways to cut a history into blocks; nothing where a law has none."""
    return 3e-4 if fitted.domain("pt").law.counts_warmup_as_it_was else 1e-9


def test_a_forecast_of_a_fitted_run_is_the_fit(fitted, near):
    observed = fitted.observed("cpt")
    mine = observed.run == observed.runs.index("cpt-cosine")
    predicted = fitted.domain("cpt").loss(observed.points)[mine]
    made = forecast(fitted, "cosine 800 to 1e-4", after="base", every=1).domains["cpt"]
    assert np.allclose(made.loss[observed.step[mine]], predicted, rtol=0, atol=near)


def test_it_starts_at_the_base_and_the_shift_starts_at_zero(fitted, near):
    made = forecast(fitted, "cosine 900 to 0", after="base@1250")
    base = forecast(fitted, Schedule.constant(1e-3, 1250, warmup=100), data="pt")
    for role, curve in made.domains.items():
        assert curve.step[0] == 0
        assert curve.shift[0] == 0.0
        assert curve.loss[0] == pytest.approx(base.domains[role].final, abs=near)
        assert np.array_equal(curve.loss, curve.base + curve.shift)


def test_the_hidden_pre_training_curve_is_the_base_part(fitted, near):
    schedule = "constant 800"
    cpt = forecast(fitted, schedule, after="base")
    hidden = forecast(fitted, schedule, after="base", data="pt")
    for role in ("pt", "cpt", "ood.docs"):
        assert np.allclose(cpt.domains[role].base, hidden.domains[role].loss, rtol=0, atol=near)
        assert not hidden.domains[role].shift.any()


def test_a_schedule_goes_on_from_the_bases_learning_rate(fitted):
    made = forecast(fitted, "linear 100 to 0", after="base")
    assert made.schedule.segments[0].start == 1e-3
    annealed = forecast(fitted, "warmup 50 to 5e-4", after="annealed")
    assert annealed.schedule.lr(1) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schedule": "warmup 100 to 2e-3 | constant 700"}, "A peak LR of 0.002"),
        ({"schedule": "constant 6000"}, "A length of 6,000 steps"),
        ({"after": "base@1000"}, "A start at step 1,000"),
        ({"replay": 0.5}, "A replay share of 0.5"),
    ],
)
def test_what_leaves_the_data_is_named_with_its_distance(fitted, changes, message):
    asked = {"schedule": "constant 800", "after": "base"} | changes
    made = forecast(fitted, **asked)
    assert len(made.warnings) == 1
    assert message in made.warnings[0]
    assert "outside what was fitted" in made.warnings[0]


def test_within_the_data_nothing_is_warned_of(fitted):
    assert forecast(fitted, "cosine 800 to 0", after="base").warnings == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after": "nobody"}, "no such run"),
        ({"after": "base@9000"}, "has steps 1 to 2000"),
        ({"after": "base@soon"}, "has steps 1 to 2000"),
        ({"after": None}, "nothing says which LR it starts from"),
        ({"after": None, "schedule": "warmup 5 to 1e-3", "data": "cpt"}, "needs its base"),
        ({"after": "unknown:x"}, "no unknown base"),
        ({"base_schedule": BASE}, "either after or base_schedule"),
        ({"after": "cpt-const", "data": "pt"}, "no law covers D_pt training"),
        ({"schedule": "cosine 0 to 1"}, "above 0"),
        ({"after": "cpt-const", "replay": 0.1}, "share that changes along a CPT"),
        ({"after": "cpt-const", "batch_tokens": 99.0}, "a batch that changes along a CPT"),
        ({"after": None, "base_schedule": "constant 50 to 0"}, "so nothing was trained"),
        ({"every": 0}, "every = 0"),
        ({"replay": 0.1, "data": "pt"}, "replay belongs to a CPT run"),
    ],
)
def test_what_cannot_be_forecast_says_why(fitted, changes, message):
    asked = {"schedule": "constant 800", "after": "base"} | changes
    with pytest.raises(DataError, match=message):
        forecast(fitted, **asked)


@pytest.mark.parametrize(("law", "name"), [(None, "effective"), ("paper", "eq1")])
def test_a_pre_training_fit_knows_no_cpt(law, name):
    study = datasets.load("tiny-cpt")
    alone = study.without(r.name for r in study.runs if r.data == "cpt")
    pt_only = fit(
        type(study)({"loss": "pt"}, tuple(r for r in alone.runs if r.data == "pt")),
        law,
        options=FitOptions(Convention()),
    )
    assert pt_only.domain("loss").law.name == name
    made = forecast(pt_only, "warmup 200 to 1e-3 | cosine 3800 to 0")
    assert made.data == "pt"
    with pytest.raises(DataError, match="knows no shift"):
        forecast(pt_only, "cosine 500 to 0", after="base")


def test_a_model_size_is_asked_for_where_the_law_needs_it():
    law = published.load("fineweb-kp-N")
    with pytest.raises(DataError, match="model_size"):
        forecast(law, "cosine 1000 to 0 from=2e-4", base_schedule=BASE)
    small = forecast(law, "constant 9 to 1e-4", base_schedule=BASE, model_size=106e6)
    large = forecast(law, "constant 9 to 1e-4", base_schedule=BASE, model_size=1.7e9)
    assert large.domains["pt"].final < small.domains["pt"].final - 0.3


def test_more_replay_forgets_less_and_learns_less():
    law = published.load("fineweb-kp-106m-r")
    finals = [
        forecast(law, "constant 20000 to 2e-4", base_schedule=BASE, replay=r).domains
        for r in (0.0, 0.3, 0.7, 1.0)
    ]
    pt, cpt = ([f[role].final for f in finals] for role in ("pt", "cpt"))
    assert pt == sorted(pt, reverse=True)
    assert cpt == sorted(cpt)


def test_the_pre_training_of_an_open_model_cannot_be_forecast():
    law = published.load("llama3.2-1b-law")
    with pytest.raises(DataError, match="its pre-training is unknown"):
        forecast(law, "constant 9 to 1e-5", after="unknown:llama3.2-1b", data="pt")
