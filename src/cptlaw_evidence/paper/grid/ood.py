"""Figures 9, 21 and 22 on real runs: out-of-domain losses from the D_pt and D_cpt losses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from cptlaw.arrays import FloatArray, IntArray
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel, Table
from cptlaw_evidence.paper.grid import runs as g

SETS = ("docs", "bytecode")
FAR_SETS = ("docs", "code")
_BASE_FROM = 1000
KINDS: dict[str, tuple[str, ...]] = {
    "fitted": g.FITTED,
    **{g.HELD_OUT_WORDS[k]: g.HELD_OUT[k] for k in ("schedule", "half_peak", "rewarmed", "early")},
    "25 % replay": ("mixed-const-replay0.25",),
    "other batches": g.HELD_OUT["repeat"],
    "twice the batch": ("batch128",),
    "model of 0.056M": ("size-cpt-s-const", "size-cpt-s-cosine"),
    "hidden PT": g.HIDDEN[:3],
}
_MIXTURE = (
    "The D_pt of these runs is 65 % docs, 31 % code and 4 % bytecode, and its loss the sum of "
    "theirs by share: a good combination for docs, or for code where it is not D_cpt, is in part "
    "built in. Bytecode is the only set that tests Eq. 6, and it is nearly absent from both sides."
)


@dataclass(frozen=True)
class Combination:
    """l_pt L_pt + l_cpt L_cpt, fitted to measured losses."""

    pt: float
    cpt: float

    def at(self, run: str, ood: str, name: str) -> tuple[IntArray, FloatArray, FloatArray]:
        """Steps of a run, its measured out-of-domain loss, and the combination there."""
        steps, loss = _rows(run, f"ood.{ood}", name)
        pt, cpt = _rows(run, "pt", name)[1], _rows(run, "cpt", name)[1]
        return steps, loss, self.pt * pt + self.cpt * cpt


def _rows(run: str, role: str, name: str) -> tuple[IntArray, FloatArray]:
    steps, loss = g.curve(run, role, name)
    keep = steps >= (_BASE_FROM if g.before(run, name) == 0 else 1)
    return steps[keep], loss[keep]


@cache
def combined(ood: str, runs: tuple[str, ...] = g.FITTED, name: str = g.GRID) -> Combination:
    """The least-squares weights of Eq. 6 over the measured losses of some runs."""
    loss, pt, cpt = (
        np.concatenate([_rows(run, role, name)[1] for run in runs])
        for role in (f"ood.{ood}", "pt", "cpt")
    )
    weights = np.linalg.lstsq(np.column_stack([pt, cpt]), loss, rcond=None)[0]
    return Combination(*weights.tolist())


def _errors(
    found: Combination, ood: str, runs: Sequence[str], name: str = g.GRID
) -> tuple[float, float]:
    """Mean and largest absolute error over runs, nats per token."""
    away = [abs(c - m) for _, m, c in (found.at(run, ood, name) for run in runs)]
    flat = np.concatenate(away)
    return float(flat.mean()), float(flat.max())


def _numbers(
    found: Combination, ood: str, fitted: Sequence[str], held: Sequence[str], name: str
) -> dict[str, float]:
    numbers = {f"{ood}.l_pt": found.pt, f"{ood}.l_cpt": found.cpt}
    for what, runs in (("fitted", fitted), ("held_out", held)):
        mean, largest = _errors(found, ood, runs, name)
        numbers[f"{ood}.{what}.mean_error"] = mean
        numbers[f"{ood}.{what}.largest_error"] = largest
    return numbers


def _panel(found: Combination, ood: str, runs: dict[str, str], name: str) -> Panel:
    lines: list[Line] = []
    for run, label in runs.items():
        steps, measured, combination = found.at(run, ood, name)
        lines.append(g.line(label, steps, measured, "points", group=run))
        lines.append(g.line("", steps, combination, group=run))
    sign = "-" if found.cpt < 0 else "+"
    sum_ = rf"${found.pt:.2f}\,L_\mathrm{{pt}} {sign} {abs(found.cpt):.2f}\,L_\mathrm{{cpt}}$"
    title = f"{ood}: {sum_}"
    return Panel(title, g.AFTER, g.LOSS, tuple(lines))


def _of_sets(
    sets: Sequence[str],
    runs: dict[str, str],
    fitted: tuple[str, ...],
    held: Sequence[str],
    name: str,
) -> tuple[list[Panel], dict[str, float]]:
    """A panel for each set, and the numbers of all."""
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for ood in sets:
        found = combined(ood, fitted, name)
        panels.append(_panel(found, ood, runs, name))
        numbers |= _numbers(found, ood, fitted, held, name)
    return panels, numbers


def fig9() -> Drawing:
    """Docs and bytecode losses as weighted sums of the D_pt and D_cpt losses."""
    runs = {
        "cpt-const": "constant",
        "cpt-twostage": "two-stage",
        "cpt-cosine": "cosine, held out",
    }
    panels, numbers = _of_sets(SETS, runs, g.FITTED, KINDS["other schedules"], g.GRID)
    return g.drawing(
        "fig9",
        "Out-of-domain losses as weighted sums of the D_pt and D_cpt losses",
        panels,
        numbers,
        "Points are measured, lines Eq. 6 from the measured D_pt and D_cpt losses, its "
        f"weights fitted to {', '.join(g.FITTED)} (the base from step {_BASE_FROM} on).",
        _MIXTURE,
    )


def fig21() -> Drawing:
    """The other sets: docs and code of the CPT on bytecode."""
    runs = {
        "far-const": "constant",
        "far-twostage": "two-stage",
        "far-cosine": "cosine, held out",
    }
    panels, numbers = _of_sets(FAR_SETS, runs, g.FAR_FITTED, ("far-cosine",), g.FAR)
    near = combined("docs")
    numbers["docs.l_pt_on_code"], numbers["docs.l_cpt_on_code"] = near.pt, near.cpt
    return g.drawing(
        "fig21",
        "Out-of-domain losses of a CPT on another D_cpt",
        panels,
        numbers,
        "The CPT of these runs is on bytecode (data set tiny-grid-far); docs.l_pt_on_code and "
        ".l_cpt_on_code are the weights of the CPT on code (figure 9).",
        _MIXTURE,
    )


def fig22() -> Drawing:
    """How the weights carry over to other peaks, starts, batches, replay and sizes."""
    shown = {
        "half-const": "half the peak",
        "rewarmed-const": "annealed start",
        "early-const": "early start",
        "mixed-const-replay0.25": "25 % replay",
        "size-cpt-s-const": "model of 0.056M",
    }
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    rows: list[tuple[str | float, ...]] = []
    for ood in SETS:
        found = combined(ood)
        lines: list[Line] = []
        for run, label in shown.items():
            steps, measured, combination = found.at(run, ood, g.GRID)
            lines.append(g.line(label, steps, combination - measured, group=run))
        panels.append(Panel(ood, g.AFTER, "combined minus measured (nats per token)", tuple(lines)))
        for kind, runs in KINDS.items():
            key, own = re.sub(r"\W+", "_", kind), combined(ood, runs)
            mean, largest = _errors(found, ood, runs)
            numbers[f"{ood}.{key}.mean_error"] = mean
            numbers[f"{ood}.{key}.l_pt"], numbers[f"{ood}.{key}.l_cpt"] = own.pt, own.cpt
            cells = (round(mean, 3), round(largest, 3), round(own.pt, 2), round(own.cpt, 2))
            rows.append((ood, kind, *cells))
    headings = ("set", "runs", "mean error", "largest error", "own l_pt", "own l_cpt")
    return g.drawing(
        "fig22",
        "One pair of weights for all runs, and each kind's own",
        panels,
        numbers,
        "Errors (nats per token) of the weights of figure 9 on other kinds of runs; own "
        "weights are fitted to that kind alone.",
        _MIXTURE,
        tables=(Table(headings, tuple(rows)),),
    )
