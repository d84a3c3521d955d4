"""Figures 5 and 8 on real runs: the loss potential, and what is best for a weighted loss."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from cptlaw.decisions.analysis import release_value
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel
from cptlaw_evidence.paper.grid import runs as g
from cptlaw_evidence.paper.grid.settings import REPLAYS, replayed
from cptlaw_evidence.paper.pretraining import PreTraining, continued
from cptlaw_evidence.paper.weighing import (
    LAMBDA,
    WEIGHTS,
    best_peaks,
    best_potentials,
    best_replays,
)

_LENGTHS = (200, 400, 600, 800)
_WARMUP = 40
BASE = PreTraining(g.PEAK, g.BASE_STEPS, warmup=100, potential=1.0)
_SHARES = (0.0, *REPLAYS, 1.0)


def _rewarmed(potential: float, steps: int, end: float) -> Schedule:
    """A cosine to `end`, or a constant, at the base's peak, re-warmed where that is needed."""
    warm = 0 if potential >= 1.0 else min(_WARMUP, steps // 5)
    if end >= g.PEAK:
        return Schedule.constant(g.PEAK, steps, warmup=warm)
    return Schedule.cosine(g.PEAK, steps, warmup=warm, end=end)


@cache
def with_replay() -> Fit:
    """Eq. 8 as figure 19 fits it."""
    return g.fitted("eq8", (*g.FITTED, replayed(0.25)))


# --- figure 5: the loss potential -------------------------------------------------------------


def fig5() -> Drawing:
    """The loss potential of the start and the D_cpt loss that a CPT ends with."""
    fits = {law: g.fitted(law) for law in g.LAWS}
    numbers: dict[str, float] = {}
    for kind in ("const", "cosine"):
        numbers[f"measured.cpt.{kind}.potential_1_minus_0"] = g.last(f"cpt-{kind}", "cpt") - g.last(
            f"rewarmed-{kind}", "cpt"
        )
        for law, fit in fits.items():
            ends = g.finals(fit, "cpt", [g.study().history(f"{r}-{kind}") for r in _PAIR])
            numbers[f"{law}.cpt.{kind}.potential_1_minus_0"] = float(ends[0] - ends[1])
    for law, fit in fits.items():
        given = release_value(
            fit, BASE.start, lambda p, n: _rewarmed(p, n, 1e-4), (0.0, 0.5, 1.0), 800
        )
        for each in given[1:]:
            numbers[f"{law}.steps_saved_of_800.potential_{each.potential:g}"] = each.saved
    return g.drawing(
        "fig5",
        "Loss potential of the checkpoint and the loss of the CPT",
        (*_unwarmed_panels(fits["eq4"]), *_rewarmed_panels(fits)),
        numbers,
        "The grid has two potentials: 100 % (the base) and 0 % (annealed over its last 400 "
        "steps, the same number in all). Points are measured (mean of the last three "
        "evaluations), lines Eq. 4 as fitted in figure 3. Re-warming is to 100 % of the "
        "peak here, the paper's to 10 %.",
        "steps_saved: how many of 800 re-warmed cosine steps from the annealed base a start "
        "of that potential saves for the same D_cpt loss.",
    )


_PAIR = ("cpt", "rewarmed")


def _unwarmed_panels(fit: Fit) -> tuple[Panel, Panel]:
    along = [g.measured_line("cpt-linear", "cpt", "100 %, measured")]
    for potential in (1.0, 0.5, 0.3, 0.1):
        history = continued(BASE.start(potential), Schedule.linear(potential * g.PEAK, 800))
        loss = g.along(fit, "cpt", history, g.BASE_STEPS + g.DENSE)
        group = "cpt-linear" if potential == 1 else f"{potential}"
        along.append(g.line(g.percent(potential), g.DENSE, loss, group=group))
    tried = np.linspace(0.1, 1.0, 19)
    lines = [
        g.line(
            f"{n} steps",
            100 * tried,
            g.finals(
                fit,
                "cpt",
                [continued(BASE.start(p), Schedule.linear(p * g.PEAK, n)) for p in tried.tolist()],
            ),
        )
        for n in _LENGTHS
    ]
    end = [g.last("cpt-linear", "cpt")]
    lines.append(g.line("800 steps, measured", [100.0], end, "points", group="800 steps"))
    return (
        Panel("Linear to 0, not re-warmed", g.AFTER, _LOSS_CPT, tuple(along)),
        Panel("Final loss, not re-warmed", _POTENTIAL, _LOSS_CPT, tuple(lines)),
    )


_POTENTIAL = "loss potential (%)"
_LOSS_CPT = r"$D_\mathrm{cpt}$ loss (nats per token)"


def _rewarmed_panels(fits: Mapping[str, Fit]) -> tuple[Panel, Panel]:
    along: list[Line] = []
    for run, label in (("cpt-cosine", "100 %"), ("rewarmed-cosine", "0 %, re-warmed")):
        along.append(g.measured_line(run, "cpt", f"{label}, measured"))
        loss = g.predicted(fits["eq4"], run, "cpt", g.DENSE)
        along.append(g.line(label, g.DENSE, loss, group=run))
    tried = np.linspace(0.0, 1.0, 21)
    lines: list[Line] = []
    for kind, end in (("const", g.PEAK), ("cosine", 1e-4)):
        histories = [continued(BASE.start(p), _rewarmed(p, 800, end)) for p in tried.tolist()]
        word = "constant" if kind == "const" else kind
        measured = [g.last(f"rewarmed-{kind}", "cpt"), g.last(f"cpt-{kind}", "cpt")]
        lines.append(g.line(f"{word}, measured", [0.0, 100.0], measured, "points", group=kind))
        for law, fit in fits.items():
            ends = g.finals(fit, "cpt", histories)
            lines.append(g.line(f"{word}, {g.LAWS[law]}", 100 * tried, ends, group=kind))
    return (
        Panel("Cosine from the peak", g.AFTER, _LOSS_CPT, tuple(along)),
        Panel("Final loss after 800 steps, re-warmed", _POTENTIAL, _LOSS_CPT, tuple(lines)),
    )


# --- figure 8: what is best for a weighted loss -----------------------------------------------


def fig8() -> Drawing:
    """The best potential, peak and replay share against the weight of the D_pt loss."""
    far = g.fitted("eq4", g.FAR_FITTED, g.FAR)
    shifts = {
        "strong shift (bytecode)": (far, 0.0),
        "moderate shift (code)": (g.fitted("eq4"), 0.0),
        "weak shift (code, 50 % replay)": (with_replay(), 0.5),
    }
    potentials, peaks = np.linspace(0.02, 1.0, 50), np.geomspace(1e-4, g.PEAK, 24)
    potential = [
        g.line(label, WEIGHTS, best_potentials(fit, BASE, g.CPT_STEPS, potentials, replay))
        for label, (fit, replay) in shifts.items()
    ]
    peak = [
        g.line(label, WEIGHTS, best_peaks(fit, BASE, g.CPT_STEPS, _WARMUP, peaks, replay))
        for label, (fit, replay) in shifts.items()
    ]
    numbers: dict[str, float] = {}
    for what, lines in (("potential", potential), ("peak", peak)):
        for name, line in zip(("strong", "moderate", "weak"), lines, strict=True):
            for weight in (0.2, 0.5, 0.8):
                value = float(np.interp(weight, line.x, line.y))
                numbers[f"eq4.best_{what}.{name}_{weight:g}"] = value
    return g.drawing(
        "fig8",
        "What is best for a weighted loss, by the weight of the pre-training loss",
        (
            Panel("Best loss potential", LAMBDA, _POTENTIAL, tuple(potential)),
            Panel("Best peak LR of the CPT", LAMBDA, "peak LR", tuple(peak)),
            _replay_panel(numbers),
        ),
        numbers,
        "Loss potential: a cosine to 0 over 800 steps from the last LR of a base of 2,000 "
        "steps, as in the paper. Peak: the same from an annealed base, re-warmed over 40 "
        "steps; peaks from 1e-4 to 1e-3 (the base's) were tried. Replay: a constant learning "
        "rate. Lines are Eq. 4 (Eq. 8 with replay).",
        "Points are the best of the six measured replay shares (0, 5, 10, 25, 50 and 100 %) "
        "at that length; regret_N is how much worse the measured run nearest to Eq. 8's "
        "choice ended, at most over all weights (nats).",
    )


def _replay_panel(numbers: dict[str, float]) -> Panel:
    lines: list[Line] = []
    for n in (400, 800):
        schedule = Schedule.constant(g.PEAK, n)
        chosen = best_replays(with_replay(), BASE, schedule, np.linspace(0.0, 1.0, 101))
        best = np.array([_best_share(n, w) for w in WEIGHTS])
        lines.append(g.line(f"{n} steps, Eq. 8", WEIGHTS, 100 * chosen, group=f"{n}"))
        lines.append(g.line(f"{n} steps, measured", WEIGHTS, 100 * best, "points", group=f"{n}"))
        regret = [
            _measured_loss(n, float(w), _nearest(c)) - _measured_loss(n, float(w), b)
            for w, c, b in zip(WEIGHTS, chosen, best, strict=True)
        ]
        numbers[f"eq8.regret_{n}"] = float(max(regret))
        for weight in (0.2, 0.5, 0.8):
            at = int(np.argmin(abs(WEIGHTS - weight)))
            numbers[f"eq8.best_replay_{n}_{weight:g}"] = float(chosen[at])
            numbers[f"measured.best_replay_{n}_{weight:g}"] = float(best[at])
    return Panel("Best replay share", LAMBDA, "replay share (%)", tuple(lines))


def _measured_loss(steps: int, weight: float, share: float) -> float:
    run = replayed(share)
    return weight * g.last(run, "pt", steps) + (1.0 - weight) * g.last(run, "cpt", steps)


def _best_share(steps: int, weight: float) -> float:
    return min(_SHARES, key=lambda share: _measured_loss(steps, float(weight), share))


def _nearest(share: float) -> float:
    return min(_SHARES, key=lambda other: abs(other - share))
