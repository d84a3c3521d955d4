"""The runs that the figures from published coefficients show.

The paper prints the coefficients of its curves, not every step of their schedules: those here are
the ones its text and axes name, a pre-training of 40,000 steps at a peak of 2e-4 with a warm-up of
500 steps, and CPT schedules of the same peak.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cptlaw.arrays import FloatArray, IntArray, floats
from cptlaw.fitting.result import Fit
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw_evidence.paper.drawing import Line, Panel
from cptlaw_evidence.paper.pretraining import PreTraining

PEAK = 2e-4
WARMUP = 500
PT_STEPS = 40_000
BASE = PreTraining(PEAK, PT_STEPS, WARMUP, potential=0.0)
STEP = "step"
CPT_STEP = "CPT step"
LR = "learning rate"
LOSS = "loss (nats per token)"
SHIFT = "shift (nats per token)"
DOMAINS = {"pt": r"$D_\mathrm{pt}$", "cpt": r"$D_\mathrm{cpt}$"}
OURS = (
    "The paper prints coefficients, not schedules step by step; those drawn are "
    "40,000 steps of pre-training at a peak of 2e-4 with 500 of warm-up, then CPT as labelled."
)


def schedules(steps: int) -> dict[str, Schedule]:
    """The CPT schedules that most figures show, each with a warm-up from 0."""
    return {
        "constant": Schedule.constant(PEAK, steps, warmup=WARMUP),
        "cosine": Schedule.cosine(PEAK, steps, warmup=WARMUP),
        "WSD": Schedule.wsd(PEAK, steps, steps // 4, warmup=WARMUP),
    }


def grid(history: History, first: int = 0) -> IntArray:
    """Steps to draw a history at, closer together just after the transfer."""
    before = history.pt_lr.size
    last = history.steps
    parts = [np.linspace(first, last, 300)]
    if first <= before < last:
        parts += [before + np.geomspace(1, last - before, 120), np.array([before])]
    return np.unique(np.concatenate(parts).round().astype(np.int64))


def losses(fit: Fit, role: str, history: History, step: IntArray) -> FloatArray:
    """The loss of a domain at n steps of a history, shape (n,)."""
    return fit.domain(role).loss(Points.along(history, step, fit.convention))


def loss_line(
    fit: Fit, role: str, history: History, label: str, *, first: int = 0, group: str = ""
) -> Line:
    """The loss of a domain along a history, from step `first` on."""
    step = grid(history, first)
    return Line(label, floats(step), losses(fit, role, history, step), group=group)


def rate_panel(runs: Mapping[str, History], title: str = "Learning rates", first: int = 0) -> Panel:
    """The learning rates of several histories from step `first` on, their bases as own lines."""
    bases = {label: (history, first) for label, history in _bases(runs).items()}
    after = {label: (history, history.pt_lr.size) for label, history in runs.items()}
    return _rates({**bases, **after}, title)


def whole_rate_panel(runs: Mapping[str, History], title: str, first: int) -> Panel:
    """The learning rates of several histories from step `first` on, each with its own base."""
    return _rates({label: (history, first) for label, history in runs.items()}, title)


def _rates(runs: Mapping[str, tuple[History, int]], title: str) -> Panel:
    lines: list[Line] = []
    for label, (history, first) in runs.items():
        lr = history.lr
        step = _corners(lr, first)
        lines.append(Line(label, floats(step), lr[step - 1], group=label))
    return Panel(title, STEP, LR, tuple(lines))


def _bases(runs: Mapping[str, History]) -> dict[str, History]:
    """The pre-trainings of several histories, by a label each."""
    found: dict[str, History] = {}
    for history in runs.values():
        label = "pre-training" + ("" if history.pt_lr[-1] == 0 else ", not annealed")
        found.setdefault(label, History(history.pt_lr, np.empty(0)))
    return found


def _corners(lr: FloatArray, first: int) -> IntArray:
    """Steps, from 1, at which learning rates are drawn: spread out, and beside every bend."""
    bends = np.flatnonzero(np.abs(np.diff(lr, 2)) > 1e-3 * lr.max() / 500) + 2
    step = np.concatenate(
        [np.linspace(first + 1, lr.size, 300).round().astype(np.int64), bends, bends + 1, bends - 1]
    )
    return np.unique(step[(step > first) & (step <= lr.size)])


def loss_panels(
    fit: Fit, runs: Mapping[str, History], *, first: int, titles: Mapping[str, str] | None = None
) -> tuple[Panel, ...]:
    """The loss of each domain along several histories, and along their bases.

    Args:
        fit: of both domains.
        runs: label -> history.
        first: step from which the bases are drawn.
        titles: role -> title.
    """
    named = titles or {role: f"{domain} loss" for role, domain in DOMAINS.items()}
    found: list[Panel] = []
    for role in DOMAINS:
        lines = [
            loss_line(fit, role, history, label, first=begin, group=label)
            for label, history, begin in (
                *((label, history, first) for label, history in _bases(runs).items()),
                *((label, history, history.pt_lr.size) for label, history in runs.items()),
            )
        ]
        found.append(Panel(named[role], STEP, LOSS, tuple(lines)))
    return tuple(found)


def fit_panels(
    fits: Mapping[str, Fit], runs: Mapping[str, History], *, first: int
) -> tuple[Panel, ...]:
    """The loss of each domain along several histories from step `first`, each with its own fit."""
    return tuple(
        Panel(
            f"{domain} loss, cosine CPT",
            STEP,
            LOSS,
            tuple(
                loss_line(fits[label], role, history, label, first=first, group=label)
                for label, history in runs.items()
            ),
        )
        for role, domain in DOMAINS.items()
    )
