"""Figures 18 and 20 and table 2 on real runs: an unknown base, and variants of the law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw.fitting.fit import fit
from cptlaw.fitting.result import Fit
from cptlaw.fitting.scores import Scores, score
from cptlaw.studies.history import History
from cptlaw.studies.runs import UNKNOWN
from cptlaw.studies.study import Study
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel, Table
from cptlaw_evidence.paper.grid import runs as g

LABELS = {
    "original": "Eq. 4",
    "lr_weight_0.1": "Eq. 9, epsilon 0.1",
    "lr_weight_0.2": "Eq. 9, epsilon 0.2",
    "s2_power": "Eq. 10",
}
BASE_NAME = "our-base"
_SHARE = 0.2
# Three CPT runs each, from the annealed base (re-warmed) and from the base as it was.
_STARTS = {
    "annealed": {
        "rewarmed-const": "constant",
        "rewarmed-cosine": "cosine",
        "rewarmed-half": "half the peak",
    },
    "stable": {
        "cpt-const": "constant",
        "cpt-cosine": "cosine",
        "half-const": "half the peak",
    },
}


@cache
def variants() -> dict[str, Fit]:
    """The variants of table 2, fitted to the runs of figure 3 with one convention."""
    return {
        "original": g.fitted("eq4", warmup="peak"),
        "lr_weight_0.1": g.fitted("eq9", fixed=(("epsilon", 0.1),), warmup="peak"),
        "lr_weight_0.2": g.fitted("eq9", fixed=(("epsilon", 0.2),), warmup="peak"),
        "s2_power": g.fitted("eq10", warmup="peak"),
    }


def table2() -> Drawing:
    """Huber loss and R2 of the variants, and their errors on runs that they never saw."""
    fits = {**variants(), "effective": g.fitted("effective")}
    numbers = g.agreements(fits)
    numbers |= g.mean_errors(fits, g.HELD_OUT)
    headings = (
        "domain",
        "law",
        "Huber",
        "R2",
        *(f"{w} (%)" for w in g.HELD_OUT_WORDS.values()),
    )
    rows = tuple(_table_row(role, law, numbers) for role in g.BOTH for law in fits)
    return g.drawing(
        "table2",
        "Variants of the law: fit and held-out errors",
        (),
        numbers,
        f"Fitted to {', '.join(g.FITTED)}, the paper's variants with the warm-up counted as if "
        "at the peak. Huber is the fit's objective (sum over log residuals, delta 1e-3). The "
        "last columns, mean absolute relative errors of held-out runs, the paper does not "
        "have.",
        tables=(Table(headings, rows),),
    )


def _table_row(role: str, law: str, numbers: Mapping[str, float]) -> tuple[str | float, ...]:
    stem = f"{law}.{role}"
    errors = [round(100 * numbers[f"{stem}.{kind}.mape"], 2) for kind in g.HELD_OUT]
    label = LABELS.get(law) or g.LAWS[law]
    huber, r2 = numbers[f"{stem}.huber"], numbers[f"{stem}.r2"]
    return (g.NAMES[role], label, round(huber, 6), round(r2, 4), *errors)


def fig20() -> Drawing:
    """The variants of Eq. 9 and 10 on the runs of figure 3 and on one that they never saw."""
    fits = variants()
    numbers = g.agreements(fits)
    runs = {
        "cpt-const": "constant",
        "cpt-twostage": "two-stage",
        "cpt-linear": "linear, held out",
    }
    shown = {
        "lr_weight_0.1": "epsilon 0.1",
        "lr_weight_0.2": "epsilon 0.2",
        "s2_power": "powers of S2",
    }
    panels = [
        Panel(
            f"{LABELS[law]}: {g.TITLES[role]}",
            g.AFTER,
            g.LOSS,
            g.both_lines(fits[law], runs, role),
        )
        for role in g.BOTH
        for law in shown
    ]
    numbers |= g.mean_errors(fits, {"schedule": g.HELD_OUT["schedule"]})
    for law in shown:
        numbers |= g.coefficients(law, fits[law])
    return g.drawing(
        "fig20",
        "Variants of the annealing term",
        panels,
        numbers,
        f"Points are measured, lines fitted to {', '.join(g.FITTED)}; table 2 has the errors.",
    )


@cache
def open_study(runs: tuple[str, ...], share: float = 1.0) -> Study:
    """CPT runs as if nobody knew their base's pre-training, the docs standing in for D_pt.

    Args:
        runs: CPT runs from the end of the base.
        share: of their steps whose losses are kept.
    """
    whole = g.study()
    domains = {"pt": whole.domains["ood.docs"], "cpt": whole.domains["cpt"]}
    unknown = UNKNOWN + BASE_NAME
    kept = tuple(replace(whole.run(r), after=unknown, after_step=None) for r in runs)
    study = Study(domains, kept)
    return study if share >= 1.0 else study.beginning(share)


def fig18() -> Drawing:
    """Our own base treated as unknown: short fits forecast the rest of the runs."""
    numbers: dict[str, float] = {}
    panels: list[Panel] = []
    for start, runs in _STARTS.items():
        found = fit(open_study(tuple(runs), _SHARE), "unknown-pt")
        panels += [_open_panel(start, role, found, numbers) for role in g.BOTH]
    return g.drawing(
        "fig18",
        "A base whose pre-training nobody knows: our own, treated so",
        panels,
        numbers,
        "The paper's first model is LLaMA3.2-1B, which is not here; this is its second case, a "
        "base of one's own treated as unknown. The documentation strings, 65 % of D_pt, stand "
        "in for D_pt.",
        "Fitted to the first 20 % of three CPT runs together (9 losses of each; the paper: 10k "
        "of 50k steps), errors are of the rest. The law takes the last LR of the unknown "
        "pre-training as 0: true above, not below, where the base was never annealed.",
        "START.DOMAIN.S1_pt is the fitted forward area of the pre-training; the true one is "
        "1.8 (annealed) and 2.0, with the warm-up as if at the peak.",
    )


def _losses(found: Fit, role: str, run: str, steps: IntArray) -> FloatArray:
    history = History(np.empty(0), g.rates(run), unknown_base=BASE_NAME)
    return g.along(found, role, history, steps)


def _measured(role: str, run: str) -> tuple[IntArray, FloatArray]:
    return g.curve(run, "ood.docs" if role == "pt" else "cpt")


def _error(found: Fit, role: str, run: str, first: int) -> Scores:
    steps, loss = _measured(role, run)
    later = steps >= first
    return score(_losses(found, role, run, steps[later]), loss[later])


def _open_panel(start: str, role: str, found: Fit, numbers: dict[str, float]) -> Panel:
    lines: list[Line] = []
    errors: list[float] = []
    for run, label in _STARTS[start].items():
        steps, loss = _measured(role, run)
        lines.append(g.line(label, steps, loss, "points", group=label))
        lines.append(g.line("", g.DENSE, _losses(found, role, run, g.DENSE), group=label))
        errors.append(_error(found, role, run, int(_SHARE * g.CPT_STEPS) + 1).mape)
        numbers[f"{start}.{role}.{run}.mape"] = errors[-1]
    numbers[f"{start}.{role}.mape"] = float(np.mean(errors))
    numbers[f"{start}.{role}.S1_pt"] = found.domain(role).params["S1_pt"]
    domain = f"docs, for {g.TITLES['pt']}" if role == "pt" else g.TITLES["cpt"]
    return Panel(f"{start} base: {domain}", g.AFTER, g.LOSS, tuple(lines))
