"""How sure a plan is."""

import pytest

from cptlaw import PlanOptions, plan
from cptlaw.decisions.plan.judge import end
from cptlaw.fitting.uncertainty import ensemble_of
from plans import knobs


def test_how_sure_a_plan_is(weighed, limited, listed):
    for found in (weighed, limited, listed):
        sure = found.stability
        assert 0 <= sure.regret < 0.05
        assert 0 <= sure.agree <= 1
        assert 0 <= sure.keeps <= 1
        for knob in found.knobs:
            each = sure.knobs[knob.name]
            assert knob.low <= each.low <= each.value <= each.high <= knob.high
            assert each.value == knob.value
    assert weighed.stability.keeps == 1  # there is no limit
    assert 0 < limited.stability.keeps < 1  # one binds


@pytest.mark.parametrize("goal", ["cpt=1", "cpt=1 pt=0.3", "worst cpt=1 pt=1"])
def test_the_interval_of_the_value_covers_most_refits(simple, goal):
    found = plan(simple, goal, knobs())
    ensemble, last = ensemble_of(simple), end(found.best.recipe, simple)
    drawn = {role: ensemble.losses(role, last) for role in ("pt", "cpt")}
    value = found.aim.value(drawn, {}, {})[:, 0]
    each = found.value
    assert each.low < each.value < each.high
    assert each.value == pytest.approx(found.best.value, rel=1e-12)
    assert ((value >= each.low) & (value <= each.high)).mean() >= 0.9
    wide = plan(simple, goal, knobs(), options=PlanOptions(level=0.99)).value
    assert wide.low < each.low
    assert wide.high > each.high


def test_one_domain_alone_has_the_interval_of_its_loss(simple):
    found = plan(simple, "cpt=2", knobs())
    each = found.losses["cpt"]
    assert found.value.high == pytest.approx(2 * each.high, rel=1e-3)
