"""Figure 4 on real runs: the loss as a surface over forward and annealing area."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws.points import Points
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel
from cptlaw_evidence.paper.forms import power_shift
from cptlaw_evidence.paper.grid import runs as g

_S1, _S2 = "forward area S1", "annealing area S2"
_PATHS = {
    "base": "pre-training",
    "cpt-const": "CPT, constant",
    "cpt-cosine": "CPT, cosine",
    "cpt-linear": "CPT, linear to 0",
}
# What each surface's lines of equal loss are drawn at: without the shift, and with it.
_LEVELS = {"pt": ((2.85, 2.9), (3.1, 3.2)), "cpt": ((2.9, 2.95), (2.8, 2.85))}
_SURFACES = ("hidden PT surface", "CPT surface")


def fig4() -> Drawing:
    """Lines of equal loss of both surfaces, the runs' ways over them, and cuts through them."""
    fit = g.fitted("eq4")
    numbers = dict(g.agreement("eq4", fit))
    panels: list[Panel] = []
    for role in g.BOTH:
        s1, s2, measured = _places(fit, role)
        domain = fit.domain(role)
        panels.append(_plane(domain, role, s1, s2))
        panels.append(_cut(domain, role, float(s2["cpt-linear"][-1]), measured, numbers))
    return g.drawing(
        "fig4",
        "The CPT slides from the surface of the pre-training to its own",
        (panels[0], panels[2], panels[1], panels[3]),
        numbers,
        "Eq. 4 as two surfaces over S1 and S2: with its shift (from the transfer at "
        "S1 = 2 on) and without (the hidden PT curves). Above: lines of equal loss and the "
        "runs' ways. Below: cuts at S2 = 0 and at the S2 that a linear decay over 800 steps "
        "ends at, with the measured losses of the runs that keep S2 = 0. S2 is in the unit of "
        "each domain's own lambda.",
    )


Places = dict[str, FloatArray]


def _places(fit: Fit, role: str) -> tuple[Places, Places, dict[str, tuple[FloatArray, FloatArray]]]:
    """S1, S2 along the runs' ways, and S1 with the measured loss of two runs."""
    s1, s2 = dict[str, FloatArray](), dict[str, FloatArray]()
    memory = fit.domain(role).params["lambda"]
    for run in _PATHS:
        steps = np.arange(1, g.study().run(run).steps + 1)
        points = Points.along(g.study().history(run), g.before(run) + steps, fit.convention)
        areas = points.annealing(memory)
        s1[run] = points.s1
        s2[run] = areas.pt + areas.cpt
    measured: dict[str, tuple[FloatArray, FloatArray]] = {}
    for run in ("hidden-pt-const", "cpt-const"):
        steps, loss = g.curve(run, role)
        points = Points.along(g.study().history(run), g.before(run) + steps, fit.convention)
        measured[run] = points.s1, loss
    return s1, s2, measured


def _loss(domain: DomainFit, s1: FloatArray, s2: float, shifted: bool) -> FloatArray:
    p = domain.params
    bare = p["L0"] + p["A"] * s1 ** -p["alpha"] - p["C2"] * s2
    return bare + power_shift(p, s1 - 2.0) if shifted else bare


def _plane(domain: DomainFit, role: str, s1: Places, s2: Places) -> Panel:
    top = 1.15 * max(float(values.max()) for values in s2.values())
    lines = [g.line(label, s1[run], s2[run], group=run) for run, label in _PATHS.items()]
    lines = [line if line.label != "pre-training" else _late(line) for line in lines]
    x = np.linspace(2.0, 2.8, 161)
    for shifted, name in enumerate(_SURFACES):
        for level in _LEVELS[role][shifted]:
            y = (_loss(domain, x, 0.0, bool(shifted)) - level) / domain.params["C2"]
            seen = (y >= 0) & (y <= top)
            lines.append(g.line(f"{level:g} on the {name}", x[seen], y[seen], group=name))
    return Panel(f"{g.TITLES[role]}: lines of equal loss", _S1, _S2, tuple(lines))


def _late(line: Line) -> Line:
    keep = line.x >= 1.6
    return g.line(line.label, line.x[keep], line.y[keep], group=line.group)


def _cut(
    domain: DomainFit,
    role: str,
    deep: float,
    measured: dict[str, tuple[FloatArray, FloatArray]],
    numbers: dict[str, float],
) -> Panel:
    x = np.linspace(2.0, 2.8, 161)
    lines: list[Line] = []
    for shifted, name, run in (
        (False, "hidden PT", "hidden-pt-const"),
        (True, "CPT", "cpt-const"),
    ):
        s1, loss = measured[run]
        lines.append(g.line(f"{name}, measured", s1, loss, "points", group=name))
        lines.append(g.line(f"{name}, S2 = 0", x, _loss(domain, x, 0.0, shifted), group=name))
        below = _loss(domain, x, deep, shifted)
        lines.append(g.line(f"{name}, S2 = {deep:.2g}", x, below, group=f"{name} annealed"))
        numbers[f"eq4.{role}.{name.replace(' ', '_')}_at_end"] = float(lines[-2].y[-1])
    return Panel(f"{g.TITLES[role]}: cuts at two S2", _S1, g.LOSS, tuple(lines))
