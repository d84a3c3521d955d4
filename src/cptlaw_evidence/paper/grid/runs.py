"""The bundled runs as the figures need them: measured curves, fits that are made once, errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, IntArray, floats
from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores, score
from cptlaw.laws.areas import Convention
from cptlaw.laws.points import Points
from cptlaw.studies import datasets
from cptlaw.studies.history import History
from cptlaw.studies.study import Study
from cptlaw_evidence.paper.drawing import Drawing, Line, Look, Panel, Table

GRID, FAR = "tiny-grid", "tiny-grid-far"
BOTH = ("pt", "cpt")
TITLES = {"pt": r"$D_\mathrm{pt}$", "cpt": r"$D_\mathrm{cpt}$"}
NAMES = {"pt": "D_pt", "cpt": "D_cpt"}
FITTED = ("base", "annealed", "cpt-const", "cpt-twostage")
FAR_FITTED = ("base", "annealed", "far-const", "far-twostage")
HELD_OUT: Mapping[str, tuple[str, ...]] = {
    "schedule": ("cpt-cosine", "cpt-wsd", "cpt-linear"),
    "half_peak": ("half-const", "half-cosine", "half-wsd", "half-linear", "half-twostage"),
    "rewarmed": ("rewarmed-const", "rewarmed-cosine", "rewarmed-half"),
    "early": ("early-const", "early-cosine"),
    "repeat": ("repeat-const", "repeat-cosine", "repeat-twostage"),
}
"""Kinds of CPT runs that the fit to `FITTED` never saw."""

HELD_OUT_WORDS = {
    "schedule": "other schedules",
    "half_peak": "half the peak",
    "rewarmed": "annealed start",
    "early": "early start",
    "repeat": "other batches",
}
HIDDEN = ("hidden-pt-const", "hidden-pt-cosine", "hidden-pt-twostage", "hidden-rewarmed")
PEAK = 1e-3
BASE_STEPS = 2000
CPT_STEPS = 800
DENSE = np.arange(0, CPT_STEPS + 1, 5)
"""Steps since the transfer at which lines are drawn."""

STEP = "step"
AFTER = "steps after the transfer"
LOSS = "loss (nats per token)"
AREA = "S1cpt, forward area of the CPT (sum of learning rates)"
SHIFT = "shift (nats per token)"
LAWS = {"eq4": "Eq. 4", "effective": "effective-LR law"}
_NAMED = {**LAWS, "eq8": "Eq. 8", "eq8-printed": "Eq. 8 as printed"}
GRID_NOTE = (
    "Runs of a 0.15M model (data set tiny-grid): pre-trained for 2,000 steps on documentation "
    "with some code, continued on code. Each is a single run; other batches change its losses by "
    "about 0.3 %."
)


def drawing(
    name: str,
    title: str,
    panels: Iterable[Panel],
    numbers: Mapping[str, float],
    *notes: str,
    tables: tuple[Table, ...] = (),
) -> Drawing:
    """A figure or table on the bundled runs; what these are is its first note."""
    return Drawing(name, title, "grid", tuple(panels), tables, numbers, (GRID_NOTE, *notes))


@cache
def study(name: str = GRID) -> Study:
    """A bundled study with every run and domain."""
    return datasets.load(name)


@cache
def kept(runs: tuple[str, ...], roles: tuple[str, ...] = BOTH, name: str = GRID) -> Study:
    """The study with the losses of the named runs alone, on the named domains."""
    whole = study(name)
    left = whole.without(run.name for run in whole.runs if run.name not in runs)
    return Study({role: left.domains[role] for role in roles}, left.runs)


@cache
def fitted(
    law: str,
    runs: tuple[str, ...] = FITTED,
    name: str = GRID,
    roles: tuple[str, ...] = BOTH,
    fixed: tuple[tuple[str, float], ...] = (),
    warmup: Literal["peak", "auto"] = "auto",
) -> Fit:
    """A law fitted to the named runs of a bundled study."""
    way = Convention(warmup=warmup)
    return fit(kept(runs, roles, name), law, options=FitOptions(fixed=dict(fixed), convention=way))


def curve(run: str, role: str, name: str = GRID) -> tuple[IntArray, FloatArray]:
    """Steps of a run's own and its measured losses on a domain."""
    whole = study(name)
    found = whole.run(run).curves[whole.domains[role]]
    return found.steps, found.loss


def at(run: str, role: str, steps: IntArray, name: str = GRID) -> FloatArray:
    """Measured losses of a run at steps of its own, straight lines between evaluations."""
    own, loss = curve(run, role, name)
    return np.interp(steps, own, loss)


def last(run: str, role: str, step: int = 800, name: str = GRID) -> float:
    """The measured loss around a step: the mean of the three evaluations that end there."""
    own, loss = curve(run, role, name)
    return float(loss[own <= step][-3:].mean())


def rates(run: str, name: str = GRID) -> FloatArray:
    """Learning rate of every step of a run's own."""
    schedule = study(name).run(run).schedule
    assert schedule is not None
    return schedule.lr()


def area(run: str, name: str = GRID) -> FloatArray:
    """S1 after every step of a run's own, 0 before the first."""
    return np.concatenate([[0.0], np.cumsum(rates(run, name))])


def before(run: str, name: str = GRID) -> int:
    """Steps from the first of all to the start of a run."""
    return study(name).before(study(name).run(run)).steps


def predicted(fit: Fit, run: str, role: str, steps: IntArray, name: str = GRID) -> FloatArray:
    """A fit's losses of a run at steps of its own, whether it was fitted to them or not."""
    return along(fit, role, study(name).history(run), before(run, name) + np.asarray(steps))


def along(fit: Fit, role: str, history: History, steps: IntArray) -> FloatArray:
    """A fit's losses at steps of a history, counted from the first of all."""
    return fit.domain(role).loss(Points.along(history, steps, fit.convention))


def finals(fit: Fit, role: str, histories: Sequence[History]) -> FloatArray:
    """A fit's losses at the end of each history."""
    return fit.domain(role).loss(Points.at_ends(histories, fit.convention))


def lift(run: str, role: str, name: str = GRID) -> tuple[IntArray, FloatArray]:
    """Steps since the transfer, and the measured loss above the hidden PT curve."""
    steps, loss = curve(run, role, name)
    return steps, loss - at("hidden-pt-const", role, steps, name)


def late_lift(run: str, role: str, name: str = GRID) -> float:
    """The mean of the measured shift over the second half of a CPT."""
    steps, above = lift(run, role, name)
    return float(above[steps >= CPT_STEPS // 2].mean())


def error(fit: Fit, run: str, role: str, name: str = GRID) -> Scores:
    """How far a fit is from a run's losses after its first step and the first warm-up."""
    steps, loss = curve(run, role, name)
    first = 100 if before(run, name) == 0 else 1
    later = steps >= first
    return score(predicted(fit, run, role, steps[later], name), loss[later])


def line(label: str, x: ArrayLike, y: ArrayLike, look: Look = "line", *, group: str = "") -> Line:
    """A line or row of points of any numbers; see `Line`."""
    return Line(label, floats(x), floats(y), look, group=group)


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:g} %"


def measured_line(run: str, role: str, label: str, since: int = 0, name: str = GRID) -> Line:
    """A run's measured losses from a step of its own on, against the steps since the transfer."""
    steps, loss = curve(run, role, name)
    return line(label, steps[steps >= since], loss[steps >= since], "points", group=run)


def fitted_line(fit: Fit, run: str, role: str, label: str = "", name: str = GRID) -> Line:
    """A fit's losses of a run, against the steps since the transfer."""
    steps = np.arange(0, study(name).run(run).steps + 1, 5)
    return line(label, steps, predicted(fit, run, role, steps, name), "line", group=run)


def both_lines(
    fit: Fit, labels: Mapping[str, str], role: str, name: str = GRID
) -> tuple[Line, ...]:
    """Measured points and fitted line of runs, by the label of each."""
    return tuple(
        line
        for run, label in labels.items()
        for line in (
            measured_line(run, role, label, name=name),
            fitted_line(fit, run, role, name=name),
        )
    )


def mean_errors(
    fits: Mapping[str, Fit], kinds: Mapping[str, Sequence[str]], name: str = GRID
) -> dict[str, float]:
    """Mean absolute relative errors of kinds of runs: "LAW.ROLE.KIND.mape" -> a fraction."""
    return {
        f"{law}.{role}.{kind}.mape": float(np.mean([error(fit, r, role, name).mape for r in runs]))
        for kind, runs in kinds.items()
        for law, fit in fits.items()
        for role in BOTH
    }


def error_table(fits: Mapping[str, Fit], runs: Sequence[str], name: str = GRID) -> Table:
    """Mean absolute relative errors in percent: a row a run, a column a law and domain."""
    headings = [f"{_NAMED[law]}, {NAMES[role]} (%)" for law in fits for role in BOTH]
    rows = [
        (run, *(round(100 * error(f, run, r, name).mape, 2) for f in fits.values() for r in BOTH))
        for run in runs
    ]
    return Table(("held-out run", *headings), tuple(rows))


def agreement(law: str, fit: Fit) -> dict[str, float]:
    """How well a fit agrees with what it was fitted to: "LAW.ROLE.r2", ".mape", ".huber"."""
    found: dict[str, float] = {}
    for role, domain in fit.domains.items():
        if domain.scores is not None:
            found[f"{law}.{role}.r2"] = domain.scores.r2
            found[f"{law}.{role}.mape"] = domain.scores.mape
            found[f"{law}.{role}.huber"] = domain.scores.huber
    return found


def agreements(fits: Mapping[str, Fit]) -> dict[str, float]:
    """The agreement of several fits, by law."""
    return {key: value for law, fit in fits.items() for key, value in agreement(law, fit).items()}


def coefficients(law: str, fit: Fit) -> dict[str, float]:
    """Parameters of both domains: "LAW.ROLE.NAME"."""
    return {
        f"{law}.{role}.{name}": value
        for role in BOTH
        for name, value in fit.domain(role).params.items()
    }


def annealing_gap(law: str, fit: Fit) -> dict[str, float]:
    """C2 - C1 of each domain and its standard error."""
    found: dict[str, float] = {}
    for role, domain in fit.domains.items():
        place = [domain.law.coefficients.index(name) for name in ("C2", "C1")]
        spread = domain.covariance[np.ix_(place, place)]
        error = spread[0, 0] + spread[1, 1] - 2 * spread[0, 1]
        found[f"{law}.{role}.C2_minus_C1"] = domain.params["C2"] - domain.params["C1"]
        found[f"{law}.{role}.C2_minus_C1_stderr"] = float(np.sqrt(error))
    return found


def statuses(law: str, fit: Fit) -> list[str]:
    """A sentence for every domain whose coefficients the runs do not determine."""
    return [
        f"{law}, {NAMES.get(role, role)}: {domain.status}; open: {', '.join(domain.loose)}."
        for role, domain in fit.domains.items()
        if domain.loose
    ]
