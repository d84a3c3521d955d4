"""What a forecast says of leaving the fitted range, in both phases."""

from dataclasses import replace

import numpy as np
import pytest

from bundled import default_fit, given_fit
from cptlaw import Convention, DataError, FitOptions, Schedule, datasets, fit, forecast, published


@pytest.fixture(scope="module", params=["default", "paper"])
def fitted(request):
    return default_fit() if request.param == "default" else given_fit()


def test_the_peak_of_the_base_counts_too():
    law = published.load("fineweb-kp-106m")
    base = "warmup 500 to 6e-4 | cosine 39500 to 0"
    made = forecast(law, "warmup 500 to 2e-4 | cosine 19500 to 0", base_schedule=base)
    assert [w for w in made.warnings if "0.0006 in the pre-training" in w]


def test_a_branch_of_a_fitted_run_gives_no_false_alarm(fitted):
    made = forecast(fitted, "linear 500 to 0", after="base@1750", data="pt")
    assert made.warnings == ()


def test_a_cpt_that_goes_on_keeps_its_replay_share(fitted):
    made = forecast(fitted, "linear 300 to 0", after="mixed-const-replay0.25@500")
    assert made.replay == 0.25
    with pytest.raises(DataError, match="share that changes along a CPT"):
        forecast(fitted, "linear 300 to 0", after="mixed-const-replay0.25@500", replay=0.5)


def test_a_batch_that_was_not_fitted_is_named(fitted):
    made = forecast(fitted, "constant 900", after="base", batch_tokens=1e9)
    assert [w for w in made.warnings if w.startswith("A batch of 1e+09x?")]


def test_a_cpt_from_scratch_is_not_gone_on_with(fitted):
    study = fitted.study
    scratch = replace(study.run("cpt-const"), name="scratch", after=None, after_step=None)
    hidden = replace(fitted, study=replace(study, runs=(*study.runs, scratch)))
    with pytest.raises(DataError, match="CPT from scratch"):
        forecast(hidden, "linear 300 to 0", after="scratch")


def test_parts_that_cannot_be_told_apart_are_named():
    study = datasets.load().without(
        ["base", "annealed", "hidden-pt-const", "mixed-const-replay0.25"]
    )
    alone = fit(study, "paper", options=FitOptions(Convention(), fixed={"lambda": 0.98}))
    made = forecast(alone, "warmup 100 to 1e-3 | constant 800", after="annealed")
    assert [w for w in made.warnings if "depends on C1" in w]


def test_after_a_young_base_another_start_or_peak_is_told_and_wider():
    """The same fit with a batch of twenty times as many tokens has a base that is old enough."""
    study = datasets.load("short-85m").without(["double-wsd", "early-const"])
    young = fit(study)
    runs = [replace(run, batch_tokens=20 * run.batch_tokens) for run in study.runs]
    old = replace(young, study=replace(study, runs=tuple(runs)))
    for schedule, after in (("constant 300 to 2e-3", "base"), ("constant 300", "base@800")):
        narrow, wide = (forecast(one, schedule, after=after) for one in (old, young))
        told = [w for w in wide.warnings if "tokens a parameter" in w and "(short-85m)" in w]
        assert len(told) == 1 and f"{_times(wide, narrow):.2g} times at twice or half" in told[0]
        assert not [w for w in narrow.warnings if "tokens a parameter" in w]
    far = forecast(young, "constant 300 to 2e-3", after="base@800")
    assert sum("(short-85m)" in warning for warning in far.warnings) == 1
    assert len([w for w in far.warnings if "lies outside" in w]) == 2
    narrow, wide = (forecast(one, "constant 300", after="base@1500") for one in (old, young))
    assert 1.0 < _times(wide, narrow) < 1.3
    narrow, wide = (forecast(one, "cosine 300 to 0", after="base") for one in (old, young))
    assert _times(wide, narrow) == pytest.approx(1.0)
    assert not [w for w in wide.warnings if "tokens a parameter" in w]
    hot = replace(study.runs[0], name="hot", curves={}, schedule=Schedule.constant(2e-3, 1600))
    after_it = replace(young, study=replace(study, runs=(*study.runs, hot)))
    warnings = forecast(after_it, "cosine 300 to 0", after="hot").warnings
    assert [w for w in warnings if "in the pre-training" in w and "times as wide" not in w]


def _times(wide, narrow):
    """How many times wider the interval of the last loss is."""
    first, other = (made.domains["pt"] for made in (wide, narrow))
    return float(np.log(first.high[-1] / first.low[-1]) / np.log(other.high[-1] / other.low[-1]))
