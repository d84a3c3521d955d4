"""A report of a plan: its learning rates, its trade-offs, what each knob would cost."""

from __future__ import annotations

import numpy as np
import pytest

from cptlaw import Knobs, plan
from cptlaw.decisions.plan.result import Plan
from cptlaw.fitting.result import Fit
from cptlaw.output import report as reports
from cptlaw.output.report import card
from cptlaw.output.report.charts import plan_charts
from cptlaw.output.report.html import html
from cptlaw.output.report.markdown import markdown


@pytest.fixture(scope="module")
def planned(fitted: Fit) -> Plan:
    knobs = Knobs(peak="5e-4..2e-3", steps="200..400", after="base", family="wsd")
    return plan(fitted, "cpt=1 pt=0.3", knobs)


def test_the_learning_rates_are_the_plans(planned: Plan) -> None:
    rates = plan_charts(planned)[0]
    assert planned.default is not None
    for trace, option in zip(rates.traces, (planned.best, planned.default), strict=True):
        lr = option.recipe.schedule.lr()
        steps = np.rint(trace["x"]).astype(int)
        assert trace["y"] == pytest.approx(lr[steps - 1], rel=1e-3)
        assert (steps[0], steps[-1]) == (1, lr.size)
    assert [trace["name"] for trace in rates.traces] == ["this plan", "common default"]


def test_the_trade_offs_are_the_recipes_that_none_beats(planned: Plan) -> None:
    front, best, default = plan_charts(planned)[1].traces
    roles = list(planned.best.losses)
    assert front["x"] == [option.losses[roles[0]] for option in planned.front]
    assert front["y"] == [option.losses[roles[-1]] for option in planned.front]
    assert best["x"] == [planned.best.losses[roles[0]]]
    assert best["text"][0].startswith("wsd: ")
    assert default["name"] == "common default"


def test_each_knob_has_what_another_value_costs(planned: Plan) -> None:
    charts = plan_charts(planned)[2:]
    for knob, chart in zip(planned.knobs, charts, strict=True):
        assert chart.traces[0]["x"] == pytest.approx(knob.tried, rel=1e-3)
        assert chart.traces[0]["y"] == pytest.approx(knob.above, rel=1e-3)
        assert chart.traces[1]["x"] == [knob.value]
    sure = planned.stability
    assert sure is not None
    bands = [chart.layout["shapes"][0] for chart in charts if "shapes" in chart.layout]
    known = [at for name, at in sure.knobs.items() if at.low < at.high]
    assert sorted(b["x0"] for b in bands) == sorted(at.low for at in known)
    assert sorted(b["x1"] for b in bands) == sorted(at.high for at in known)


def test_a_report_has_the_plan_and_the_card_its_recipe(fitted: Fit, planned: Plan) -> None:
    made = reports.report([fitted, planned], "Mine", ["fit.json", "plan.json"])
    assert "Plan" in [section.title for section in made.sections]
    assert "learning rates of the plan" in html(made)
    assert "## Plan" in markdown(made, lambda number, _: f"{number}.png")
    told = card.text(fitted, [planned])
    for role, loss in planned.best.losses.items():
        at = planned.losses[role]
        said = f"forecast of the final {role} loss: {loss:.3f} nats (90 % of such runs end at "
        assert f"{said}{at.low:.3f} to {at.high:.3f})" in told
    assert f"- from: {planned.best.recipe.start.words}" in told
