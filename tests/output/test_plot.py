"""Figures: what they show, and that nothing is empty."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cptlaw import plot
from cptlaw.errors import DataError
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast, forecast
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve
from cptlaw.studies.study import Study
from figures import LR, TRANSFER, check_panels, curves_in, legend_of

matplotlib = pytest.importorskip("matplotlib")
LOSS = "loss (nats per token)"


# --- learning rates and areas -----------------------------------------------------------------


def test_schedule_draws_every_step_of_one_schedule() -> None:
    shape = Schedule.cosine(LR, 100, warmup=10)
    ax = plot.schedule(shape)
    check_panels(ax.figure, 1)
    (line,) = ax.lines
    assert line.get_xdata()[1:].tolist() == list(range(1, 101))
    assert line.get_ydata()[1:].tolist() == shape.lr().tolist()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "learning rate")


def test_schedules_are_named_in_the_legend() -> None:
    ax = plot.schedule({"flat": Schedule.constant(LR, 50), "cosine": Schedule.cosine(LR, 50)})
    assert legend_of(ax.figure) == ["flat", "cosine"]
    assert len({line.get_linestyle() + line.get_color() for line in ax.lines}) == 2


def test_schedules_of_a_study_begin_where_its_runs_do(study: Study) -> None:
    ax = plot.schedule(study)
    assert [line.get_xdata()[0] for line in ax.lines] == [0, 800, 1000, 1000]
    assert [line.get_xdata()[-1] for line in ax.lines] == [1000, 1000, 1400, 1400]


def test_a_history_shows_its_transfer(study: Study) -> None:
    ax = plot.schedule(study.history("cpt flat"))
    assert legend_of(ax.figure) == ["learning rate", TRANSFER]
    assert list(ax.lines[-1].get_xdata()) == [1000, 1000]


@pytest.mark.parametrize("nothing", [{}, History([], [])])
def test_no_learning_rate_is_an_error(nothing: Any) -> None:
    with pytest.raises(DataError, match="at least one step"):
        plot.schedule(nothing)


def test_areas_are_those_of_the_law(study: Study) -> None:
    history = study.history("cpt_cosine")
    figure = plot.areas(history, lambda_=0.9)
    check_panels(figure, 3)
    _, forward, annealing = figure.axes
    assert legend_of(figure) == ["areas of the PT", "areas of the CPT", TRANSFER]
    end = Points.at_ends([history], Convention())
    both = [line.get_ydata()[-1] for line in curves_in(forward)]
    assert both == [end.s1_pt[0], end.s1_cpt[0]]
    both = [line.get_ydata()[-1] for line in curves_in(annealing)[:2]]
    assert both == [end.annealing(0.9).pt[0], end.annealing(0.9).cpt[0]]


def test_areas_of_pre_training_alone_show_no_cpt() -> None:
    figure = plot.areas(History(Schedule.cosine(LR, 100, warmup=10).lr(), []))
    assert legend_of(figure) == ["areas of the PT"]


# --- fits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt", "ood.code"])
def test_fit_draws_points_and_curves_of_every_run(fitted: Fit, role: str) -> None:
    ax = plot.fit(fitted, role)
    check_panels(ax.figure, 1)
    assert legend_of(ax.figure) == ["cpt flat", "cpt_cosine"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step since the transfer", LOSS)
    before = plot.fit(fitted, role, phase="pt")
    assert legend_of(before.figure) == ["base", "annealed", TRANSFER]
    for phase, starts in ((before, [50, 800]), (ax, [0, 0])):
        points, curves = curves_in(phase, marker=True), curves_in(phase)
        assert [curve.get_xdata()[0] for curve in curves] == starts
        for marks, curve in zip(points, curves, strict=True):
            assert marks.get_color() == curve.get_color()
            near = np.interp(marks.get_xdata(), curve.get_xdata(), curve.get_ydata())
            np.testing.assert_allclose(marks.get_ydata(), near, rtol=0.015)


def test_residuals_are_percent_of_the_measured_loss(fitted: Fit) -> None:
    ax = plot.residuals(fitted, "pt", phase="pt")
    check_panels(ax.figure, 1)
    base = curves_in(ax, marker=True)[0]
    expected = 100.0 * (1.0 / (1.0 + 0.01 * np.sin(base.get_xdata() / 40.0)) - 1.0)
    np.testing.assert_allclose(base.get_ydata(), expected, rtol=1e-6, atol=1e-9)
    assert ax.get_ylim()[0] == -ax.get_ylim()[1]


def test_fit_figure_has_a_column_a_phase_of_each_domain(fitted: Fit) -> None:
    figure = plot.fit_figure(fitted)
    check_panels(figure, 12)
    titles = [ax.get_title(loc="left") for ax in figure.axes[::4]]
    assert titles == [r"$D_\mathrm{pt}$ loss", r"$D_\mathrm{cpt}$ loss", "code loss"]
    assert all(len(curves_in(ax, marker=True)) == 2 for ax in figure.axes)
    pre_training, _, cpt, _ = figure.axes[:4]
    assert cpt.get_position().width > 1.3 * pre_training.get_position().width
    assert cpt.get_xlim()[1] < 450
    names = ["base", "annealed", "cpt flat", "cpt_cosine", TRANSFER]
    assert legend_of(figure) == names


def test_fit_figure_tells_which_domains_it_leaves_out(fitted: Fit) -> None:
    code = fitted.domain("ood.code")
    assert fitted.study is not None
    study = replace(fitted.study, domains={**fitted.study.domains, "ood.a": "code", "ood.b": "pt"})
    more = replace(fitted, study=study, domains={**fitted.domains, "ood.a": code, "ood.b": code})
    figure = plot.fit_figure(more)
    assert len(figure.axes) == 16
    assert "not shown: ood.b" in figure.legends[0].get_title().get_text()
    with pytest.raises(DataError, match="5 domains"):
        plot.fit_figure(more, list(more.domains))


def test_runs_that_were_held_out_are_drawn_and_named(fitted: Fit, study: Study) -> None:
    partly = replace(fitted, study=study.without(["cpt_cosine"]))
    assert len(curves_in(plot.fit(partly, "pt"))) == 1
    ax = plot.fit(partly, "pt", study=study)
    assert len(curves_in(ax)) == 2
    assert legend_of(ax.figure)[1] == "cpt_cosine (held out)"
    assert len(plot.fit_figure(partly, ["pt"], study=study).axes) == 4
    assert len(plot.residuals(partly, "pt", study=study).lines) == 3


def test_pre_training_alone_has_no_panels_of_a_cpt(fitted: Fit, study: Study) -> None:
    alone = replace(fitted, study=study.without(["cpt flat", "cpt_cosine"]))
    check_panels(plot.fit_figure(alone, ["pt"]), 2)
    assert plot.fit(alone, "pt").get_xlabel() == "step"
    with pytest.raises(DataError, match="no loss of the phase 'cpt' to draw; there are some of pt"):
        plot.residuals(alone, "pt", phase="cpt")


@pytest.mark.parametrize("draw", [plot.fit, plot.residuals])
def test_what_cannot_be_drawn_is_named(fitted: Fit, draw: Any) -> None:
    with pytest.raises(DataError, match=r"no domain 'ood\.cod'"):
        draw(fitted, "ood.cod")
    with pytest.raises(DataError, match="without the points"):
        draw(replace(fitted, study=None), "pt")


def test_decomposition_adds_up_to_the_loss(fitted: Fit, study: Study) -> None:
    ax = plot.decomposition(fitted, "pt", "cpt_cosine")
    check_panels(ax.figure, 1)
    lines = {line.get_label(): line for line in ax.lines}
    areas = {area.get_label() for area in ax.collections}
    assert areas == {"annealing", "shift"}
    assert set(legend_of(ax.figure)) == areas | {k for k in lines if not k.startswith("_")}
    ends = [lines[k].get_ydata()[-1] for k in ("base: forward area alone", "hidden PT curve")]
    point = Points.at_ends([study.history("cpt_cosine")], Convention())
    parts = fitted.domain("pt").parts(point)
    hidden = parts["base"][0] + parts["annealing"][0]
    assert ends == pytest.approx([parts["base"][0], hidden], rel=1e-12)
    assert lines["fitted loss"].get_ydata()[-1] == pytest.approx(
        fitted.domain("pt").loss(point)[0], rel=1e-12
    )


def test_decomposition_shows_the_points_on_the_way_to_the_run(fitted: Fit) -> None:
    def measured(run: str) -> list[int]:
        lines = plot.decomposition(fitted, "pt", run).lines
        (line,) = [line for line in lines if line.get_label() == "measured"]
        return sorted(line.get_xdata().tolist())

    assert measured("annealed") == list(range(50, 1001, 10))
    assert measured("base") == list(range(50, 1001, 10))
    assert measured("cpt flat") == list(range(600, 1401, 10))


def test_decomposition_keeps_points_far_from_the_law_in_its_frame(fitted: Fit) -> None:
    assert fitted.study is not None
    off = Curve(np.arange(1000), np.linspace(9.0, 8.0, 1000))
    runs = [replace(r, curves={**r.curves, "pt": off}) for r in fitted.study.runs[:1]]
    study = replace(fitted.study, runs=(*runs, *fitted.study.runs[1:]))
    ax = plot.decomposition(replace(fitted, study=study), "pt", "base")
    assert ax.get_ylim()[1] > 9.0


def test_decomposition_of_pre_training_has_no_shift(fitted: Fit) -> None:
    ax = plot.decomposition(fitted, "pt", "annealed")
    assert [area.get_label() for area in ax.collections] == ["annealing"]
    with pytest.raises(DataError, match="no such run"):
        plot.decomposition(fitted, "pt", "anealed")


# --- forecasts --------------------------------------------------------------------------------


def test_forecast_draws_loss_and_hidden_curve(future: Forecast) -> None:
    ax = plot.forecast(future)
    check_panels(ax.figure, 1)
    hidden_pt, loss_pt, hidden_cpt, loss_cpt = curves_in(ax)
    for role, hidden, loss in (("pt", hidden_pt, loss_pt), ("cpt", hidden_cpt, loss_cpt)):
        assert loss.get_ydata().tolist() == future.domains[role].loss.tolist()
        assert hidden.get_ydata().tolist() == future.domains[role].base.tolist()
        assert hidden.get_linestyle() == "--"
    assert len(ax.collections) == 4  # two shifts and two intervals
    final = rf"$D_\mathrm{{pt}}$ loss: {future.domains['pt'].final:.3f} at the end"
    names = legend_of(ax.figure)
    assert names[0] == final
    assert names[2:] == ["hidden PT curve", "shift", "interval"]


def test_forecast_draws_the_domains_that_are_asked_for(future: Forecast) -> None:
    assert len(curves_in(plot.forecast(future, roles=["ood.code"]))) == 2
    with pytest.raises(DataError, match="no domain 'law'"):
        plot.forecast(future, roles=["law"])


def test_forecast_figure_shows_the_fitted_cpt_runs_behind(future: Forecast, fitted: Fit) -> None:
    figure = plot.forecast_figure(future, fitted)
    check_panels(figure, 6)
    rates, losses = figure.axes[0], figure.axes[3]
    assert len(rates.lines) == 3
    assert [line.get_xdata()[-1] for line in rates.lines] == [400, 400, 600]
    assert len(curves_in(losses)) == 4
    assert legend_of(figure) == [
        "forecast",
        "hidden PT curve",
        "shift",
        "interval",
        "fitted runs, measured",
    ]
    assert "lies outside" in figure.legends[0].get_title().get_text()


def test_forecast_figure_does_without_a_fit(future: Forecast, fitted: Fit) -> None:
    for known in (None, replace(fitted, study=None)):
        figure = plot.forecast_figure(future, known, ["cpt"])
        check_panels(figure, 2)
        assert legend_of(figure) == ["forecast", "hidden PT curve", "shift", "interval"]


def test_forecast_from_scratch_cuts_its_first_steps_and_says_so(fitted: Fit) -> None:
    early = forecast(fitted, "warmup 50 to 1e-3 | constant 950", data="pt")
    figure = plot.forecast_figure(early, fitted, ["pt"])
    losses = figure.axes[1]
    assert losses.get_title(loc="right").startswith("first steps above")
    assert losses.get_ylim()[1] < early.domains["pt"].loss[0]
    assert legend_of(figure) == ["forecast", "interval", "fitted runs, measured"]
