"""Figures 1, 3, 6 and 10 on real runs: the transfer, the law's fit, its forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cptlaw.fitting.fit import fit
from cptlaw.fitting.options import FitOptions
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores, score
from cptlaw.laws.areas import Convention
from cptlaw.studies.runs import Run
from cptlaw.studies.study import Study
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel
from cptlaw_evidence.paper.grid import runs as g

BEGUN = (0.2, 0.5)
SHARES_AT = (40, 100, 200, 400, 600, 750)
_WAYS = {
    "constant": ("cpt-const", "hidden-pt-const", "hidden-cpt", g.BASE_STEPS),
    "cosine": ("cpt-cosine", "hidden-pt-cosine", "hidden-cpt-cosine", 0),
}
_LAMBDA = 0.97
_FIVE = ("cpt-const", "cpt-cosine", "cpt-wsd", "cpt-linear", "cpt-twostage")


def fig1() -> Drawing:
    """The CPT leaves the hidden PT curve and goes towards the hidden CPT curve."""
    panels = [panel for kind in _WAYS for panel in _transfer_panels(kind)]
    numbers = {
        f"{kind}.{role}.share_{step}": _share(kind, role, step)
        for kind in _WAYS
        for role in g.BOTH
        for step in SHARES_AT
    }
    return g.drawing(
        "fig1",
        "The CPT goes from the hidden PT curve towards the hidden CPT curve",
        panels,
        numbers,
        "All curves are measured. A number KIND.DOMAIN.share_STEP is the share of the way from "
        "the hidden PT to the hidden CPT curve that the CPT has gone there.",
        "The paper's second schedule is a WSD; here it is a cosine, for which the hidden "
        "curves were trained too.",
    )


def _transfer_panels(kind: str) -> list[Panel]:
    run, before, after, offset = _WAYS[kind]
    since = g.BASE_STEPS
    base = np.append(0.0, g.rates("base"))
    lr = [
        g.line("pre-training", np.arange(since + 1), base, group="pt"),
        g.line("CPT", np.arange(since, since + 801), np.append(g.PEAK, g.rates(run)), group="cpt"),
    ]
    panels = [Panel(f"{kind}: learning rate", g.STEP, "learning rate", tuple(lr))]
    for role, title in g.TITLES.items():
        early, from_scratch = g.curve("base", role), g.curve("hidden-cpt", role)
        steps, loss = g.curve(run, role)
        hidden = g.curve(before, role)
        other = g.at(after, role, steps + offset)
        old, young = early[0] >= 1000, (from_scratch[0] >= 1000) & (from_scratch[0] <= since)
        lines = (
            g.line("pre-training", early[0][old], early[1][old], group="pt"),
            g.line("hidden PT curve", hidden[0] + since, hidden[1], group="hidden pt"),
            g.line("CPT", steps + since, loss, group="cpt"),
            g.line(
                "hidden CPT curve",
                np.append(from_scratch[0][young], steps[1:] + since),
                np.append(from_scratch[1][young], other[1:]),
                group="hidden cpt",
            ),
        )
        panels.append(Panel(f"{kind}: {title}", g.STEP, g.LOSS, lines))
    return panels


def _share(kind: str, role: str, step: int) -> float:
    """How much of the way from one hidden curve to the other is gone, around a step."""
    run, before, after, offset = _WAYS[kind]
    steps, loss = g.curve(run, role)
    near = (abs(steps - step) <= min(50, step / 2)) & (steps > 0)
    gone = loss - g.at(before, role, steps)
    way = g.at(after, role, steps + offset) - g.at(before, role, steps)
    return float(gone[near].mean() / way[near].mean())


def fig3() -> Drawing:
    """Eq. 4 fitted to the base, its annealed branch and two CPT runs."""
    fits = {law: g.fitted(law) for law in g.LAWS}
    labels = {
        "base": "base, constant",
        "annealed": "annealed, linear to 0",
        "cpt-const": "CPT, constant",
        "cpt-twostage": "CPT, two-stage",
    }
    panels = [
        Panel(
            f"{g.TITLES[role]}: points measured, lines Eq. 4",
            g.STEP,
            g.LOSS,
            tuple(
                line
                for run, label in labels.items()
                for line in _whole(fits["eq4"], run, role, label)
            ),
        )
        for role in g.BOTH
    ]
    numbers = g.agreements(fits)
    numbers |= g.annealing_gap("eq4", fits["eq4"])
    numbers |= g.coefficients("eq4", fits["eq4"])
    return g.drawing(
        "fig3",
        "The law fitted to pre-training and CPT of several schedules",
        panels,
        numbers,
        f"Fitted to {', '.join(g.FITTED)}; what this fit forecasts of all other runs is in "
        "figure 10.",
        *g.statuses("Eq. 4", fits["eq4"]),
    )


def _whole(fit: Fit, run: str, role: str, label: str) -> list[Line]:
    """Measured and fitted curve of a run against the steps since the first of all, from 400 on."""
    before = g.before(run)
    steps, loss = g.curve(run, role)
    late = steps + before >= 400
    dense = np.arange(max(400 - before, 0), steps[-1] + 1, 5)
    return [
        g.line(label, steps[late] + before, loss[late], "points", group=run),
        g.line("", dense + before, g.predicted(fit, run, role, dense), group=run),
    ]


def begun(runs: tuple[str, ...], share: float) -> Study:
    """The base, its annealed branch and the first share of some CPT runs."""
    whole = g.kept(("base", "annealed", *runs))

    def cut(run: Run) -> Run:
        if run.name not in runs:
            return run
        last = share * run.steps
        return replace(run, curves={k: c.only(c.steps <= last) for k, c in run.curves.items()})

    return Study(whole.domains, tuple(cut(run) for run in whole.runs))


def fig6() -> Drawing:
    """The beginnings of five CPT runs forecast the rest of them."""
    runs = {"cpt-const": "constant", "cpt-cosine": "cosine"}
    peak, known = Convention(warmup="peak"), {"lambda": _LAMBDA}
    fits: dict[tuple[str, float], Fit] = {}
    for share in BEGUN:
        study = begun(_FIVE, share)
        fits["eq4", share] = fit(study, "eq4", options=FitOptions(convention=peak))
        fits["eq4-lambda", share] = fit(
            study, "eq4", options=FitOptions(convention=peak, fixed=known)
        )
        fits["effective", share] = fit(study, "effective")
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for run, label in runs.items():
        for role in g.BOTH:
            lines = [replace(g.measured_line(run, role, "measured"), group="measured")]
            for share in BEGUN:
                name = f"Eq. 4 of the first {g.percent(share)}"
                lines.append(
                    replace(g.fitted_line(fits["eq4-lambda", share], run, role), label=name)
                )
                lines[-1] = replace(lines[-1], group=name)
            panels.append(Panel(f"{label}: {g.TITLES[role]}", g.AFTER, g.LOSS, tuple(lines)))
    for (law, share), found in fits.items():
        for role in g.BOTH:
            rest = [_rest(found, run, role, share) for run in _FIVE]
            numbers[f"{law}.{role}.mape_{share:g}"] = float(np.mean([s.mape for s in rest]))
            worst = max(abs(s.final_error) for s in rest)
            numbers[f"{law}.{role}.largest_final_error_{share:g}"] = worst
    return g.drawing(
        "fig6",
        "Short fits forecast longer runs",
        panels,
        numbers,
        "Fitted to the base, its annealed branch, and the first 20 or 50 % of five CPT runs "
        "(constant, cosine, WSD, linear, two-stage; 8 and 20 losses of each); errors are of "
        "the rest. Most of the annealing comes after the fitted part, so that lambda cannot be "
        f"told from it: eq4-lambda, which is drawn, has {_LAMBDA}, about what figure 3 finds; "
        "eq4 keeps the usual 0.999 then.",
    )


def _rest(found: Fit, run: str, role: str, share: float) -> Scores:
    steps, loss = g.curve(run, role)
    later = steps > share * g.study().run(run).steps
    return score(g.predicted(found, run, role, steps[later]), loss[later])


def fig10() -> Drawing:
    """What the fit of figure 3 forecasts of schedules that it never saw."""
    fits = {law: g.fitted(law) for law in g.LAWS}
    shown = {
        "cpt-linear": "linear to 0, not re-warmed",
        "rewarmed-cosine": "annealed base, re-warmed, cosine",
        "half-cosine": "half the peak, cosine",
    }
    panels = [
        Panel(
            f"{title}: {g.TITLES[role]}",
            g.AFTER,
            g.LOSS,
            (
                replace(g.measured_line(run, role, "measured"), group="measured"),
                *(_forecast(fit, run, role, law) for law, fit in fits.items()),
            ),
        )
        for role in g.BOTH
        for run, title in shown.items()
    ]
    kinds = {**g.HELD_OUT, "hidden_pt": g.HIDDEN}
    every = [run for runs in kinds.values() for run in runs]
    return g.drawing(
        "fig10",
        "Forecasts of schedules, peaks and starts that the fit never saw",
        panels,
        g.mean_errors(fits, kinds),
        f"Fitted to {', '.join(g.FITTED)}. The paper re-warms to 10 % of the PT peak; here "
        "the annealed base is re-warmed to 100 and to 50 %.",
        tables=(g.error_table(fits, every),),
    )


def _forecast(fit: Fit, run: str, role: str, law: str) -> Line:
    steps = np.arange(0, g.study().run(run).steps + 1, 5)
    return g.line(g.LAWS[law], steps, g.predicted(fit, run, role, steps), group=law)
