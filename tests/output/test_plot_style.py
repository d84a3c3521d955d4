"""Figures: how they look, and how they are written."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cptlaw import plot
from cptlaw.errors import DataError, MissingExtra
from cptlaw.fitting.result import Fit
from cptlaw.forecasting.forecast import Forecast
from cptlaw.output.plot import style as plot_style
from cptlaw.output.plot import ticks as plot_ticks
from cptlaw.output.plot import words as plot_words
from cptlaw.output.plot import writing
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.study import Study
from figures import LR, check_panels, legend_of

matplotlib = pytest.importorskip("matplotlib")


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
    check_panels(figure, 6)
    assert not figure.legends
    assert legend_of(grid[0])[0] == "cpt flat"
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
    assert list(plot_words.labels(names).values()) == ["…flat…", "…cosine…"]
    (alone,) = plot_words.labels(names[:1]).values()
    assert alone.replace("\n", "") == names[0]
    assert max(map(len, alone.split("\n"))) <= plot_words.WIDTH


def test_names_are_shown_as_they_are(fitted: Fit, study: Study) -> None:
    names = {"cpt flat": "_a$b$c", "cpt_cosine": "x" * 90}
    runs = tuple(replace(run, name=names.get(run.name, run.name)) for run in study.runs)
    ax = plot.fit(replace(fitted, study=replace(study, runs=runs)), "pt")
    check_panels(ax.figure, 1)
    first, second = legend_of(ax.figure)
    assert r"_a\$b\$c" in first
    assert second.count("\n") == 2


def test_figures_in_the_size_of_a_paper(fitted: Fit, tmp_path: Path) -> None:
    usual = plot.fit(fitted, "pt")
    with plot.sized(3.3, 8, titles=False):
        ax = plot.fit(fitted, "pt")
    assert ax.figure.get_figwidth() == 3.3
    assert ax.xaxis.label.get_size() == 8
    assert ax.get_title(loc="left") == ""
    assert ax.get_ylabel() == r"$D_\mathrm{pt}$ loss (nats per token)"
    assert ax.lines[1].get_linewidth() < usual.lines[1].get_linewidth()
    assert usual.figure.get_figwidth() == plot.fit(fitted, "pt").figure.get_figwidth() == 9
    check_panels(ax.figure, 1)
    figure = fitted.plot(tmp_path / "fit.pdf", width=6, font_size=7, titles=False)
    assert figure.get_figwidth() == 6
    assert not any(panel.get_title(loc="left") for panel in figure.axes)
    for odd in ({"width": 0.1}, {"font_size": 400}):
        with pytest.raises(DataError, match="; give"):
            fitted.plot(**odd)


def test_panels_stay_wide_enough_in_a_column_of_a_paper(fitted: Fit, future: Forecast) -> None:
    known = {role: fitted.domain("pt") for role in ("ood.a", "ood.b", "pt", "cpt")}
    study = fitted.study
    assert study is not None
    column = study.domains["pt"]
    several = replace(
        fitted, domains=known, study=replace(study, domains=dict.fromkeys(known, column))
    )
    for figure in (
        several.plot(width=3.3, font_size=8),
        replace(future, domains=dict.fromkeys(known, future.domains["pt"])).plot(
            fit=several, width=3.3, font_size=8
        ),
    ):
        figure.canvas.draw()  # a warning where no room is left for panels
        assert min(ax.get_position().width * 3.3 for ax in figure.axes) > 0.8
        said = " ".join(figure.legends[0].get_title().get_text().split())
        assert "not shown: ood.a, ood.b" in said


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (2.5e-4, "2.5e-4"), (1e-3, "1e-3"), (0.05, "0.05"), (-2e-5, "\u22122e-5")],
)
def test_small_numbers_are_short(value: float, text: str) -> None:
    assert plot_ticks.small_text(value) == text


@pytest.mark.parametrize(
    ("value", "largest", "text"),
    [(5000, 9000, "5,000"), (5000, 40_000, "5k"), (0, 40_000, "0"), (250_000, 1_000_000, "0.25M")],
)
def test_steps_are_short(value: float, largest: float, text: str) -> None:
    assert plot_ticks.step_text(value, largest) == text


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


def test_save_all_lays_a_figure_out_once_and_as_save_does(tmp_path: Path) -> None:
    schedule = Schedule.wsd(LR, 100, 20)
    alone = plot.save(plot.schedule(schedule), tmp_path / "alone.png")
    figure = plot.schedule(schedule).figure
    engine = figure.get_layout_engine()
    laid_out: list[object] = []
    engine.execute = lambda f, execute=engine.execute: laid_out.append(f) or execute(f)  # type: ignore[method-assign]
    png, svg = writing.save_all(figure, [tmp_path / "both.png", tmp_path / "both.svg"])
    assert png.read_bytes() == alone.read_bytes()
    assert svg.read_bytes().startswith(b"<?xml")
    assert laid_out == [figure]
    assert figure.get_layout_engine() is engine


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
