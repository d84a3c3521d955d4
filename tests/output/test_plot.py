"""Figures: what they show, that nothing is empty, and how they are written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cptlaw import catalog, plot
from cptlaw.errors import DataError, MissingExtra
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import DomainFit, Fit, combination
from cptlaw.forecasting.forecast import Forecast, forecast
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from cptlaw.output.plot import style as plot_style
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

matplotlib = pytest.importorskip("matplotlib")

PARAMS = {
    "pt": {"L0": 2.6, "A": 0.3, "alpha": 0.5, "C1": 2.0, "C2": 2.0, "B": 0.9, "E": 9.0},
    "cpt": {"L0": 2.4, "A": 0.4, "alpha": 0.4, "C1": 1.5, "C2": 2.5, "B": -0.8, "E": 12.0},
}
LR = 1e-3
RUNS = (
    Run("base", schedule=Schedule.constant(LR, 1000, warmup=50)),
    Run("annealed", schedule=Schedule.linear(LR, 200), after="base", after_step=800),
    Run("cpt flat", schedule=Schedule.constant(LR, 400), data="cpt", after="base", after_step=1000),
    Run("cpt_cosine", schedule=Schedule.cosine(LR, 400), data="cpt", after="base", after_step=1000),
)
TRANSFER = "transfer to CPT"


def _domain(role: str) -> DomainFit:
    facts = Facts(role, reference_area=0.4)
    params = {**PARAMS[role], "lambda": 0.98, "beta": 0.5}
    return DomainFit(role, catalog.get("eq4", facts), facts, params)


def _measured(study: Study, run: Run, domain: DomainFit, wave: float) -> Curve:
    """A curve that leaves the law by at most the share `wave`."""
    start = study.before(run)
    before = start.steps
    step = np.arange(0 if before else 10, run.steps + 1, 10)
    points = Points.along(study.history(run.name), before + step, Convention())
    return Curve(step, domain.loss(points) * (1.0 + wave * np.sin(step / 40.0)))


@pytest.fixture(scope="module")
def study() -> Study:
    def with_curves(run: Run) -> Run:
        curves = {r: _measured(bare, run, _domain(r), 0.01) for r in PARAMS}
        both = Curve(curves["pt"].steps, 0.5 * curves["pt"].loss + 0.5 * curves["cpt"].loss)
        return replace(run, curves={**curves, "code": both})

    one = {"pt": Curve([1], [1.0])}
    bare = Study({"pt": "pt"}, tuple(replace(run, curves=one) for run in RUNS))
    domains = {"ood.code": "code", "cpt": "cpt", "pt": "pt"}
    return Study(domains, tuple(with_curves(run) for run in RUNS))


@pytest.fixture(scope="module")
def fitted(study: Study) -> Fit:
    pt, cpt = _domain("pt"), _domain("cpt")
    half = {"l_pt": 0.5, "l_cpt": 0.5}
    code = DomainFit("ood.code", combination(pt, cpt), Facts("ood.code"), half, combines=(pt, cpt))
    return Fit({"ood.code": code, "cpt": cpt, "pt": pt}, FitOptions(Convention()), study)


@pytest.fixture(scope="module")
def future(fitted: Fit) -> Forecast:
    found = forecast(fitted, "cosine 600 to 1e-5", after="base")
    curve = found.domains["pt"]
    banded = replace(curve, low=curve.loss - 0.05, high=curve.loss + 0.05)
    told = ("length 600 lies outside what was fitted.",)
    return replace(found, domains={**found.domains, "pt": banded}, warnings=told)


def _labels(holder: Any) -> list[str]:
    """The texts of a figure's or an axes' legend."""
    legends = getattr(holder, "legends", None) or [holder.get_legend()]
    return [text.get_text() for text in legends[0].get_texts()]


def _lines(ax: Any, marker: bool = False) -> list[Any]:
    """Curves, or rows of markers, without the lines that mark a place."""
    data = [line for line in ax.lines if len(line.get_xdata()) > 2]
    return [line for line in data if (line.get_linestyle() == "None") == marker]


def _check(figure: Any, panels: int) -> None:
    """Every panel holds data inside its frame, and drawing raises no warning."""
    assert len(figure.axes) == panels
    figure.canvas.draw()
    for ax in figure.axes:
        low, high = ax.get_ylim()
        drawn = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
        assert any(y.size > 2 and ((low <= y) & (y <= high)).mean() > 0.5 for y in drawn)
        assert ax.get_position().width > 0.05


# --- learning rates and areas -----------------------------------------------------------------


def test_schedule_draws_every_step_of_one_schedule() -> None:
    shape = Schedule.cosine(LR, 100, warmup=10)
    ax = plot.schedule(shape)
    _check(ax.figure, 1)
    (line,) = ax.lines
    assert line.get_xdata()[1:].tolist() == list(range(1, 101))
    assert line.get_ydata()[1:].tolist() == shape.lr().tolist()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "learning rate")


def test_schedules_are_named_in_the_legend() -> None:
    ax = plot.schedule({"flat": Schedule.constant(LR, 50), "cosine": Schedule.cosine(LR, 50)})
    assert _labels(ax.figure) == ["flat", "cosine"]
    assert len({line.get_linestyle() + line.get_color() for line in ax.lines}) == 2


def test_schedules_of_a_study_begin_where_its_runs_do(study: Study) -> None:
    ax = plot.schedule(study)
    assert [line.get_xdata()[0] for line in ax.lines] == [0, 800, 1000, 1000]
    assert [line.get_xdata()[-1] for line in ax.lines] == [1000, 1000, 1400, 1400]


def test_a_history_shows_its_transfer(study: Study) -> None:
    ax = plot.schedule(study.history("cpt flat"))
    assert _labels(ax.figure) == ["learning rate", TRANSFER]
    assert list(ax.lines[-1].get_xdata()) == [1000, 1000]


@pytest.mark.parametrize("nothing", [{}, History([], [])])
def test_no_learning_rate_is_an_error(nothing: Any) -> None:
    with pytest.raises(DataError, match="at least one step"):
        plot.schedule(nothing)


def test_areas_are_those_of_the_law(study: Study) -> None:
    history = study.history("cpt_cosine")
    figure = plot.areas(history, lambda_=0.9)
    _check(figure, 3)
    _, forward, annealing = figure.axes
    assert _labels(figure) == ["areas of the PT", "areas of the CPT", TRANSFER]
    end = Points.at_ends([history], Convention())
    both = [line.get_ydata()[-1] for line in _lines(forward)]
    assert both == [end.s1_pt[0], end.s1_cpt[0]]
    both = [line.get_ydata()[-1] for line in _lines(annealing)[:2]]
    assert both == [end.annealing(0.9).pt[0], end.annealing(0.9).cpt[0]]


def test_areas_of_pre_training_alone_show_no_cpt() -> None:
    figure = plot.areas(History(Schedule.cosine(LR, 100, warmup=10).lr(), []))
    assert _labels(figure) == ["areas of the PT"]


# --- fits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["pt", "cpt", "ood.code"])
def test_fit_draws_points_and_curves_of_every_run(fitted: Fit, role: str) -> None:
    ax = plot.fit(fitted, role)
    _check(ax.figure, 1)
    assert _labels(ax.figure) == ["base", "annealed", "cpt flat", "cpt_cosine", TRANSFER]
    points, curves = _lines(ax, marker=True), _lines(ax)
    assert len(points) == len(curves) == 4
    for marks, curve in zip(points, curves, strict=True):
        assert marks.get_color() == curve.get_color()
        near = np.interp(marks.get_xdata(), curve.get_xdata(), curve.get_ydata())
        np.testing.assert_allclose(marks.get_ydata(), near, rtol=0.015)
    assert [curve.get_xdata()[0] for curve in curves] == [50, 800, 1000, 1000]
    assert ax.get_ylabel() == "loss (nats per token)"


def test_residuals_are_percent_of_the_measured_loss(fitted: Fit) -> None:
    ax = plot.residuals(fitted, "pt")
    _check(ax.figure, 1)
    base = _lines(ax, marker=True)[0]
    expected = 100.0 * (1.0 / (1.0 + 0.01 * np.sin(base.get_xdata() / 40.0)) - 1.0)
    np.testing.assert_allclose(base.get_ydata(), expected, rtol=1e-6, atol=1e-9)
    assert ax.get_ylim()[0] == -ax.get_ylim()[1]


def test_fit_figure_has_a_column_a_domain(fitted: Fit) -> None:
    figure = plot.fit_figure(fitted)
    _check(figure, 6)
    titles = [ax.get_title(loc="left") for ax in figure.axes[:3]]
    assert titles == [r"$D_\mathrm{pt}$ loss", r"$D_\mathrm{cpt}$ loss", "code loss"]
    assert all(len(_lines(ax, marker=True)) == 4 for ax in figure.axes)
    assert _labels(figure)[-1] == TRANSFER


def test_fit_figure_tells_which_domains_it_leaves_out(fitted: Fit) -> None:
    code = fitted.domain("ood.code")
    assert fitted.study is not None
    study = replace(fitted.study, domains={**fitted.study.domains, "ood.a": "code", "ood.b": "pt"})
    more = replace(fitted, study=study, domains={**fitted.domains, "ood.a": code, "ood.b": code})
    figure = plot.fit_figure(more)
    assert len(figure.axes) == 8
    assert "not shown: ood.b" in figure.legends[0].get_title().get_text()
    with pytest.raises(DataError, match="5 domains"):
        plot.fit_figure(more, list(more.domains))


def test_runs_that_were_held_out_are_drawn_and_named(fitted: Fit, study: Study) -> None:
    partly = replace(fitted, study=study.without(["cpt_cosine"]))
    assert len(_lines(plot.fit(partly, "pt"))) == 3
    ax = plot.fit(partly, "pt", study=study)
    assert len(_lines(ax)) == 4
    assert _labels(ax.figure)[3] == "cpt_cosine (held out)"
    assert len(plot.fit_figure(partly, ["pt"], study=study).axes) == 2
    assert len(plot.residuals(partly, "pt", study=study).lines) == 5


@pytest.mark.parametrize("draw", [plot.fit, plot.residuals])
def test_what_cannot_be_drawn_is_named(fitted: Fit, draw: Any) -> None:
    with pytest.raises(DataError, match=r"no domain 'ood\.cod'"):
        draw(fitted, "ood.cod")
    with pytest.raises(DataError, match="without the points"):
        draw(replace(fitted, study=None), "pt")


def test_decomposition_adds_up_to_the_loss(fitted: Fit, study: Study) -> None:
    ax = plot.decomposition(fitted, "pt", "cpt_cosine")
    _check(ax.figure, 1)
    lines = {line.get_label(): line for line in ax.lines}
    areas = {area.get_label() for area in ax.collections}
    assert areas == {"annealing", "shift"}
    assert set(_labels(ax.figure)) == areas | {k for k in lines if not k.startswith("_")}
    ends = [lines[k].get_ydata()[-1] for k in ("base: forward area alone", "hidden PT curve")]
    point = Points.at_ends([study.history("cpt_cosine")], Convention())
    parts = fitted.domain("pt").parts(point)
    assert ends == [parts["base"][0], parts["base"][0] + parts["annealing"][0]]
    assert lines["fitted loss"].get_ydata()[-1] == fitted.domain("pt").loss(point)[0]


def test_decomposition_shows_the_points_on_the_way_to_the_run(fitted: Fit) -> None:
    def measured(run: str) -> list[int]:
        lines = plot.decomposition(fitted, "pt", run).lines
        (line,) = [line for line in lines if line.get_label() == "measured"]
        return sorted(line.get_xdata().tolist())

    assert measured("annealed") == list(range(50, 1001, 10))
    assert measured("base") == list(range(50, 1001, 10))
    assert measured("cpt flat") == list(range(50, 1401, 10))


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
    _check(ax.figure, 1)
    hidden_pt, loss_pt, hidden_cpt, loss_cpt = _lines(ax)
    for role, hidden, loss in (("pt", hidden_pt, loss_pt), ("cpt", hidden_cpt, loss_cpt)):
        assert loss.get_ydata().tolist() == future.domains[role].loss.tolist()
        assert hidden.get_ydata().tolist() == future.domains[role].base.tolist()
        assert hidden.get_linestyle() == "--"
    assert len(ax.collections) == 4  # two shifts and two intervals
    final = rf"$D_\mathrm{{pt}}$ loss: {future.domains['pt'].final:.3f} at the end"
    names = _labels(ax.figure)
    assert names[0] == final
    assert names[2:] == ["hidden PT curve", "shift", "interval"]


def test_forecast_draws_the_domains_that_are_asked_for(future: Forecast) -> None:
    assert len(_lines(plot.forecast(future, roles=["ood.code"]))) == 2
    with pytest.raises(DataError, match="no domain 'law'"):
        plot.forecast(future, roles=["law"])


def test_forecast_figure_shows_the_fitted_cpt_runs_behind(future: Forecast, fitted: Fit) -> None:
    figure = plot.forecast_figure(future, fitted)
    _check(figure, 6)
    rates, losses = figure.axes[0], figure.axes[3]
    assert len(rates.lines) == 3
    assert [line.get_xdata()[-1] for line in rates.lines] == [400, 400, 600]
    assert len(_lines(losses)) == 4
    assert _labels(figure) == [
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
        _check(figure, 2)
        assert _labels(figure) == ["forecast", "hidden PT curve", "shift", "interval"]


def test_forecast_from_scratch_cuts_its_first_steps_and_says_so(fitted: Fit) -> None:
    early = forecast(fitted, "warmup 50 to 1e-3 | constant 950", data="pt")
    figure = plot.forecast_figure(early, fitted, ["pt"])
    losses = figure.axes[1]
    assert losses.get_title(loc="right").startswith("first steps above")
    assert losses.get_ylim()[1] < early.domains["pt"].loss[0]
    assert _labels(figure) == ["forecast", "interval", "fitted runs, measured"]


# --- style ------------------------------------------------------------------------------------


def test_given_axes_are_used_and_keep_their_settings(fitted: Fit, future: Forecast) -> None:
    before = dict(matplotlib.rcParams)
    figure = plot_style.new_figure(12, 8)
    grid = figure.subplots(2, 3).ravel()
    assert plot.fit(fitted, "pt", grid[0]) is grid[0]
    assert plot.residuals(fitted, "pt", grid[1]) is grid[1]
    assert plot.decomposition(fitted, "pt", "cpt flat", grid[2]) is grid[2]
    assert plot.forecast(future, grid[3]) is grid[3]
    assert plot.schedule(future.schedule, grid[4]) is grid[4]
    grid[5].plot([0, 1, 2], [0, 1, 2])
    _check(figure, 6)
    assert not figure.legends
    assert _labels(grid[0])[0] == "base"
    assert dict(matplotlib.rcParams) == before


def test_no_figure_belongs_to_pyplot(fitted: Fit) -> None:
    from matplotlib import pyplot

    plot.fit_figure(fitted)
    assert not pyplot.get_fignums()


def test_long_lines_are_thinned_but_keep_their_spikes() -> None:
    y = np.zeros(1_000_000)
    y[123_457], y[765_433] = 1.0, -1.0
    x, thinned = plot_style.thin(np.arange(y.size), y)
    assert x.size <= plot_style.DRAWN
    assert (x[0], x[-1]) == (0, y.size - 1)
    assert (thinned.min(), thinned.max()) == (-1.0, 1.0)


def test_many_runs_look_different() -> None:
    looks = [plot_style.look(i) for i in range(14)]
    assert len({(k["color"], str(k["linestyle"]), k["marker"]) for k in looks}) == 14


def test_long_names_lose_what_they_share() -> None:
    names = [f"experiments/2025-03/{x}-lr1e-3-batch4M-sequence4096" for x in ("flat", "cosine")]
    assert list(plot_style.labels(names).values()) == ["…flat…", "…cosine…"]
    (alone,) = plot_style.labels(names[:1]).values()
    assert alone.replace("\n", "") == names[0]
    assert max(map(len, alone.split("\n"))) <= plot_style.WIDTH


def test_names_are_shown_as_they_are(fitted: Fit, study: Study) -> None:
    names = {"cpt flat": "_a$b$c", "cpt_cosine": "x" * 90}
    runs = tuple(replace(run, name=names.get(run.name, run.name)) for run in study.runs)
    ax = plot.fit(replace(fitted, study=replace(study, runs=runs)), "pt")
    _check(ax.figure, 1)
    assert len(_labels(ax.figure)) == 5
    assert r"_a\$b\$c" in _labels(ax.figure)[2]
    assert _labels(ax.figure)[3].count("\n") == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (2.5e-4, "2.5e-4"), (1e-3, "1e-3"), (0.05, "0.05"), (-2e-5, "\u22122e-5")],
)
def test_small_numbers_are_short(value: float, text: str) -> None:
    assert plot_style.small_text(value) == text


@pytest.mark.parametrize(
    ("value", "largest", "text"),
    [(5000, 9000, "5000"), (5000, 40_000, "5k"), (0, 40_000, "0"), (250_000, 1_000_000, "0.25M")],
)
def test_steps_are_short(value: float, largest: float, text: str) -> None:
    assert plot_style.step_text(value, largest) == text


def test_a_frame_leaves_out_a_steep_beginning() -> None:
    ax = plot_style.new_figure(4, 3).add_subplot()
    step = np.arange(100)
    loss = 3.0 - 0.001 * step
    assert plot_style.frame_losses(ax, step, loss) == 0
    loss[:2] = 9.0
    assert plot_style.frame_losses(ax, step, loss) == 2
    assert ax.get_ylim()[1] < 3.2


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_save_writes_what_the_suffix_says(
    fitted: Fit, tmp_path: Path, kind: str, start: bytes
) -> None:
    path = tmp_path / f"figure.{kind}"
    for value in (plot.fit_figure(fitted), plot.fit(fitted, "pt")):
        path.write_text("old")
        assert plot.save(value, path) == path
        assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_save_keeps_the_old_file_when_drawing_fails(
    fitted: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure, path = plot.fit_figure(fitted), tmp_path / "figure.png"
    path.write_text("old")

    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(type(figure.canvas), "print_png", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        plot.save(figure, path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("figure.jpg", "not '.jpg'"),
        ("figure", r"\.png, \.svg or \.pdf"),
        ("no/figure.png", "no dir"),
    ],
)
def test_save_names_what_is_wrong(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        plot.save(plot.schedule(Schedule.constant(LR, 10)), tmp_path / name)


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"cptlaw\[plot\]"):
        plot.schedule(Schedule.constant(LR, 10))


def test_importing_does_not_need_matplotlib() -> None:
    code = "import sys; sys.modules['matplotlib'] = None; import cptlaw.output.plot"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
