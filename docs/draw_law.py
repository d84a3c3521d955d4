"""Draw how the law works: areas, annealing, the shift, what each parameter does. `make docs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cptlaw import (
    Convention,
    DomainFit,
    Fit,
    History,
    Points,
    Schedule,
    datasets,
    fit,
    plot,
    published,
)
from cptlaw import forecast as forecast_of
from cptlaw.arrays import FloatArray, IntArray
from cptlaw.output.plot import style, ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = Path(__file__).parent / "figures"
PT, CPT = (
    Schedule.parse("warmup 500 to 2e-4 | constant 19500"),
    "warmup 500 to 2e-4 | cosine 9500 to 0",
)
AFTER = History(PT.lr(), Schedule.parse(CPT).lr())
SHAPES = {
    "constant": "warmup 500 to 2e-4 | constant 19500",
    "cosine": "warmup 500 to 2e-4 | cosine 19500 to 0",
    "warm-up, stable, decay": "warmup 500 to 2e-4 | constant 15500 | linear 4000 to 0",
}
# A base like that of the 20M runs, but with a decay.
BASE = "warmup 100 to 1e-3 | constant 4400 | linear 1500 to 0"
TIMES = (0.5, 1.0, 2.0)
SYMBOLS = {name: rf"$\{name}$" for name in ("alpha", "sigma", "zeta", "kappa", "xi", "beta")}
SYMBOLS["decay"] = "decay"
OF_THE_BASE = {
    "alpha": "progress pays",
    "sigma": "weights at first",
    "decay": "weights pulled back",
    "C": "price of noise",
    "zeta": "noise grows with LR",
    "kappa": "noise is forgotten",
}
OF_FORGETTING = {
    "B": "how much",
    "E": "how soon",
    "p": "how slowly at first",
    "b": "where it ends",
    "xi": "noise of the new data",
    "h": "what replay saves",
}
OF_LEARNING = {
    "D": "how much to learn",
    "beta": "how fast",
    "c": "known from the base",
}


def losses(domain: DomainFit, history: History, step: IntArray, **changed: float) -> FloatArray:
    """Losses along a history with some parameters changed, shape of `step`."""
    points = Points.along(history, step, Convention())
    return domain.law.loss(points, {**domain.params, **changed})


@style.styled
def annealing_figure() -> Figure:
    """Three schedules of one peak and length, and the losses that the annealing law gives them."""
    law = published.load("fineweb-law-106m")
    figure, rows = style.columns(2, (1.0, 1.0))
    above, below = (rows[0, 0], rows[1, 0]), (rows[0, 1], rows[1, 1])
    handles: list[Any] = []
    for i, (name, text) in enumerate(SHAPES.items()):
        history = History(Schedule.parse(text).lr(), np.zeros(0))
        step = np.arange(500, 20001, 50)
        points = Points.along(history, step, law.convention)
        annealed = points.annealing(law.domains["pt"].params["lambda"]).pt
        loss = forecast_of(law, text, data="pt", every=50).domains["pt"]
        look = {**style.look(i), "marker": "", "label": name}
        handles += above[0].plot(step, history.lr[step - 1], **look)
        above[1].plot(step, points.s1_pt, **look)
        below[0].plot(step, annealed, **look)
        late = loss.step >= 2000
        below[1].plot(loss.step[late], loss.loss[late], **look)
    ticks.label_rates(above[0], x="")
    ticks.label_axes(above[1], "step", "forward area $S_1$")
    ticks.label_axes(below[0], "", "annealing area $S_2$")
    ticks.label_axes(below[1], "step", style.LOSS)
    style.legend_below(figure, handles)
    figure.align_ylabels()
    return figure


@style.styled
def shift_figure() -> Figure:
    """The loss along a CPT: the hidden PT curve, and the shift that brings it to the loss."""
    law = published.load("fineweb-law-106m")
    made = forecast_of(law, CPT, base_schedule=PT, every=25)
    figure, rows = style.columns(2, (1.0, 1.0))
    handles: dict[str, Any] = {}
    titles = {"pt": "$D_{pt}$, the old domain: forgetting", "cpt": "$D_{cpt}$, the new: learning"}
    for (above, below), (role, title) in zip(rows.T, titles.items(), strict=True):
        curve = made.domains[role]
        lines = above.plot(curve.step, curve.loss, color=style.BLUE, label="loss")
        lines += above.plot(
            curve.step,
            curve.base,
            color=style.BLACK,
            linestyle=style.DASHED,
            label="hidden PT curve",
        )
        lines += below.plot(curve.step, curve.shift, color=style.VERMILION, label="shift")
        below.axhline(0, color=style.GREY, linewidth=style.pts(1.0), zorder=1)
        above.set_title(title, loc="left")
        ticks.label_axes(above, "", style.LOSS if role == "pt" else "")
        ticks.label_axes(below, "step since the transfer", "shift (nats)" if role == "pt" else "")
        handles.update({str(line.get_label()): line for line in lines})
    style.legend_below(figure, list(handles.values()))
    figure.align_ylabels()
    return figure


@style.styled
def parameters_figure(
    domain: DomainFit, history: History, first: int, named: Mapping[str, str]
) -> Figure:
    """A panel a parameter: the loss with half of it, with it, and with twice it.

    Of a pre-training, whose loss falls far, it is the difference to the fitted loss.

    Args:
        domain: fitted with the effective-LR law.
        history: along which losses are drawn.
        first: step at which they begin.
        named: the parameters, and what each does.
    """
    rows = -(-len(named) // 3)
    figure = style.new_figure(11.5, 0.6 + 2.7 * rows)
    axes = figure.subplots(rows, 3, sharex=True, squeeze=False).flat
    step = np.unique(np.linspace(first, history.lr.size, 300).astype(np.int64))
    begin = history.phase_start
    handles: list[Any] = []
    for ax, (name, words) in zip(axes, named.items(), strict=True):
        handles = draw_times(ax, domain, history, step, name, begin)
        ax.set_title(f"{SYMBOLS.get(name, f'${name}$')}: {words}", loc="left")
    for i, ax in enumerate(figure.axes):
        last = i >= len(named) - 3
        x = ("step since the transfer" if begin else "step") if last else ""
        y = style.LOSS if begin else "change of the loss (nats)"
        ticks.label_axes(ax, x, y if i % 3 == 0 else "")
    style.legend_below(figure, handles)
    return figure


def draw_times(
    ax: Axes, domain: DomainFit, history: History, step: IntArray, name: str, begin: int
) -> list[Any]:
    """Losses with half, once and twice a parameter."""
    handles: list[Any] = []
    ground = 0.0 if begin else losses(domain, history, step)
    for i, times in enumerate(TIMES):
        loss = losses(domain, history, step, **{name: domain.params[name] * times}) - ground
        look = {**style.look((1, 0, 2)[i]), "marker": ""}
        handles += ax.plot(step - begin, loss, label=f"{times:g} times", **look)
    return handles


def histories(fitted: Fit) -> Sequence[History]:
    """The base that decays, and a CPT with a quarter of replay after the base of the study."""
    study = fitted.study
    assert study is not None
    after = study.history("mixed-const-replay0.25")
    return History(Schedule.parse(BASE).lr(), np.zeros(0)), after


def main() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    plot.save(plot.areas(AFTER), FOLDER / "law-areas.png")
    plot.save(annealing_figure(), FOLDER / "law-annealing.png")
    plot.save(shift_figure(), FOLDER / "law-shift.png")
    fitted = fit(datasets.load("grid-20m"))
    alone, after = histories(fitted)
    pt, cpt = fitted.domains["pt"], fitted.domains["cpt"]
    base = parameters_figure(pt, alone, 600, OF_THE_BASE)
    plot.save(base, FOLDER / "law-base.png")
    begin = after.phase_start
    plot.save(parameters_figure(pt, after, begin, OF_FORGETTING), FOLDER / "law-forgetting.png")
    plot.save(parameters_figure(cpt, after, begin, OF_LEARNING), FOLDER / "law-learning.png")


if __name__ == "__main__":
    main()
