"""Figures of shifts and out-of-domain losses from published coefficients: 2, 9, 14, 17, 21."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import floats
from cptlaw.fitting import published
from cptlaw.fitting.published import PublishedShift
from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel, Table
from cptlaw_evidence.paper.forms import power_shift
from cptlaw_evidence.paper.pretraining import continued
from cptlaw_evidence.paper.published.setting import (
    BASE,
    CPT_STEP,
    DOMAINS,
    LOSS,
    OURS,
    PEAK,
    PT_STEPS,
    SHIFT,
    WARMUP,
    loss_line,
)

_ROLES = ("pt", "cpt")


def _printed(figure: str, role: str) -> list[PublishedShift]:
    return [s for s in published.shifts() if s.figure == figure and s.domain == role]


def fig2() -> Drawing:
    """The measured shift's two fitted forms."""
    step = np.unique(np.geomspace(1, 20_000, 300).round())
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for role in _ROLES:
        lines: list[Line] = []
        for shift in _printed("2", role):
            lines.append(
                Line(f"{shift.form} form, R2 {shift.r2:g}", step, shift.at(step), group=shift.form)
            )
            numbers[f"R2 of the {shift.form} form, {role}"] = float(shift.r2 or np.nan)
        panels.append(Panel(f"{DOMAINS[role]} shift", CPT_STEP, SHIFT, tuple(lines)))
    return Drawing(
        "fig2",
        "The distribution shift: power form against exponential form, Knowledge-Pile, 106M",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=("Printed forms in CPT steps at constant LR; the measured shifts are not public.",),
    )


def fig14() -> Drawing:
    """One shift for three model sizes, and what the fit of each size gives."""
    step = np.unique(np.geomspace(1, 20_000, 300).round())
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for role in _ROLES:
        (shared,) = _printed("14", role)
        lines = [Line("figure 14, all sizes", step, shared.at(step))]
        numbers[f"{role} shift after 20k steps, figure 14"] = float(lines[0].y[-1])
        for size in ("106m", "594m", "1720m"):
            params = published.load(f"fineweb-kp-{size}").domain(role).params
            own = power_shift(params, PEAK * step)
            lines.append(Line(f"own fit, {size.upper()}", step, own))
            numbers[f"{role} shift after 20k steps, {size.upper()}"] = float(own[-1])
        panels.append(Panel(f"{DOMAINS[role]} shift at 2e-4", CPT_STEP, SHIFT, tuple(lines)))
    return Drawing(
        "fig14",
        "The shift and the model size, Knowledge-Pile",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(
            "Figure 14 draws one curve for all sizes; the fits of figures 3 and 16 are too "
            "coarsely printed to test that on D_pt (beta to one digit).",
        ),
    )


def fig17() -> Drawing:
    """The shift at three batch sizes and sequence lengths."""
    area = np.linspace(0.01, 4.0, 200)
    panels = tuple(
        Panel(
            f"{DOMAINS[role]} shift",
            r"$S_1^\mathrm{cpt}$",
            SHIFT,
            tuple(
                Line(
                    f"run {i}: B {s.B:g}, E {s.E:g}, beta {s.beta:g}",
                    area,
                    s.at(area),
                    group=f"run {i}",
                )
                for i, s in enumerate(_printed("17", role), 1)
            ),
        )
        for role in _ROLES
    )
    numbers = {
        f"{role} shift at S1cpt = 4, run {i}": float(line.y[-1])
        for role, panel in zip(_ROLES, panels, strict=True)
        for i, line in enumerate(panel.lines, 1)
    }
    return Drawing(
        "fig17",
        "The shift and the batch and sequence length of the CPT",
        "published",
        panels,
        numbers=numbers,
        notes=(_printed("17", "pt")[0].note,),
    )


def fig9() -> Drawing:
    """The weights of the out-of-domain losses."""
    weights = _weights()
    lines = tuple(
        Line(name, floats(w["l_pt"]), floats(w["l_cpt"]), "points")
        for name, w in sorted(weights.items())
    )
    whole = Line("weights that add up to 1", floats([-0.7, 1.5]), floats([1.7, -0.5]))
    rows = tuple(
        (name, w["l_pt"], w["l_cpt"], round(w["l_pt"] + w["l_cpt"], 3))
        for name, w in sorted(weights.items())
    )
    return Drawing(
        "fig9",
        "Out-of-domain losses as sums of the two in-domain losses: the weights",
        "published",
        (
            Panel(
                "Weights of Eq. 6",
                r"weight of the $D_\mathrm{pt}$ loss",
                r"weight of the $D_\mathrm{cpt}$ loss",
                (*lines, whole),
            ),
        ),
        (Table(("data set", "D_pt weight", "D_cpt weight", "sum"), rows),),
        {f"sum of weights, {name}": total for name, _, _, total in rows},
        ("The paper gives 0.003 nats as the largest error of these sums.",),
    )


def _weights() -> dict[str, dict[str, float]]:
    fit = published.load("fineweb-kp-106m-ood")
    return {
        role.removeprefix("ood."): dict(domain.params)
        for role, domain in fit.domains.items()
        if role.startswith("ood.")
    }


def fig21() -> Drawing:
    """Out-of-domain losses along a CPT."""
    fit = published.load("fineweb-kp-106m-ood")
    runs = {
        "cosine": continued(BASE.start(), Schedule.cosine(PEAK, 20_000, warmup=WARMUP)),
        "constant": continued(BASE.start(), Schedule.constant(PEAK, 20_000, warmup=WARMUP)),
    }
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for name in sorted(_weights()):
        lines: list[Line] = []
        for label, history in runs.items():
            line = loss_line(fit, f"ood.{name}", history, label, first=PT_STEPS, group=label)
            lines.append(Line(label, line.x - PT_STEPS, line.y, group=label))
            numbers[f"change on {name}, {label}"] = float(line.y[-1] - line.y[0])
        panels.append(Panel(f"{name} loss", CPT_STEP, LOSS, tuple(lines)))
    return Drawing(
        "fig21",
        "Out-of-domain losses along a CPT on Knowledge-Pile, 106M parameters",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(OURS, *fit.notes),
    )
