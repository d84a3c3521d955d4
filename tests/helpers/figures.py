"""A study whose losses are known, and what is looked for in the figures of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from cptlaw import catalog
from cptlaw.fitting.result import DomainFit
from cptlaw.laws.areas import Convention
from cptlaw.laws.catalog import Facts
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.runs import Curve, Run
from cptlaw.studies.study import Study

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


def domain_of(role: str) -> DomainFit:
    facts = Facts(role, reference_area=0.4)
    params = {**PARAMS[role], "lambda": 0.98, "beta": 0.5}
    return DomainFit(role, catalog.get("eq4", facts), facts, params)


def measured(study: Study, run: Run, domain: DomainFit, wave: float) -> Curve:
    """A curve that leaves the law by at most the share `wave`."""
    start = study.before(run)
    before = start.steps
    step = np.arange(0 if before else 10, run.steps + 1, 10)
    points = Points.along(study.history(run.name), before + step, Convention())
    return Curve(step, domain.loss(points) * (1.0 + wave * np.sin(step / 40.0)))


def legend_of(holder: Any) -> list[str]:
    """The texts of a figure's or an axes' legend."""
    legends = getattr(holder, "legends", None) or [holder.get_legend()]
    return [text.get_text() for text in legends[0].get_texts()]


def curves_in(ax: Any, marker: bool = False) -> list[Any]:
    """Curves, or rows of markers, without the lines that mark a place."""
    data = [line for line in ax.lines if len(line.get_xdata()) > 2]
    return [line for line in data if (line.get_linestyle() == "None") == marker]


def check_panels(figure: Any, panels: int) -> None:
    """Every panel holds data inside its frame, and drawing raises no warning."""
    assert len(figure.axes) == panels
    figure.canvas.draw()
    for ax in figure.axes:
        low, high = ax.get_ylim()
        drawn = [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]
        assert any(y.size > 2 and ((low <= y) & (y <= high)).mean() > 0.5 for y in drawn)
        assert ax.get_position().width > 0.05
