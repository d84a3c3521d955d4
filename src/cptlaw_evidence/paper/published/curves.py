"""Figures of loss curves from the published coefficients: 3, 10, 11, 12, 15, 16, 18, 19, 20."""

from __future__ import annotations

import numpy as np

from cptlaw.arrays import floats
from cptlaw.fitting import published
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel
from cptlaw_evidence.paper.forms import power_shift
from cptlaw_evidence.paper.pretraining import continued
from cptlaw_evidence.paper.published.setting import (
    BASE,
    CPT_STEP,
    DOMAINS,
    LOSS,
    OURS,
    PEAK,
    SHIFT,
    WARMUP,
    fit_panels,
    loss_line,
    loss_panels,
    rate_panel,
    schedules,
)

_FIRST = 8_000  # where curves of the pre-training are drawn from
_CPT = 20_000
_REPLAYS = {0.0: "", 0.33: "-replay33", 0.5: "-replay50", 0.67: "-replay67"}
_GAP = "difference (nats per token)"
_AREA = published.REFERENCE_AREA


def fig3() -> Drawing:
    """The CPT law on Knowledge-Pile."""
    return _schedules_figure("fig3", "fineweb-kp-106m", "Knowledge-Pile")


def fig11() -> Drawing:
    """The CPT law on Pile-of-Law."""
    return _schedules_figure("fig11", "fineweb-law-106m", "Pile-of-Law")


def _schedules_figure(name: str, coefficients: str, data: str) -> Drawing:
    fit = published.load(coefficients)
    runs = {label: continued(BASE.start(), s) for label, s in schedules(_CPT).items()}
    runs["cosine, base not annealed"] = continued(BASE.start(1.0), Schedule.cosine(PEAK, _CPT))
    numbers = _finals(fit, runs)
    return Drawing(
        name,
        f"The CPT law on FineWeb to {data}, 106M parameters",
        "published",
        (
            rate_panel(runs, first=_FIRST),
            *loss_panels(fit, runs, first=_FIRST),
        ),
        numbers=numbers,
        notes=(OURS, *fit.notes),
    )


def _finals(fit: Fit, runs: dict[str, History]) -> dict[str, float]:
    """The last loss of every run on both domains."""
    found: dict[str, float] = {}
    for label, history in runs.items():
        for role in ("pt", "cpt"):
            line = loss_line(fit, role, history, label, first=_FIRST)
            found[f"final {role} loss, {label}"] = float(line.y[-1])
    return found


def fig10() -> Drawing:
    """Forecasts of schedules that figure 3's coefficients were not fitted to."""
    fit = published.load("fineweb-kp-106m")
    runs = {
        "linear, no re-warm-up": continued(BASE.start(1.0), Schedule.linear(PEAK, _CPT)),
        "cosine re-warmed to 10 % of the peak": continued(
            BASE.start(), Schedule.cosine(0.1 * PEAK, _CPT, warmup=WARMUP)
        ),
    }
    return Drawing(
        "fig10",
        "Forecasts of two schedules that were not fitted, Knowledge-Pile, 106M parameters",
        "published",
        (
            rate_panel(runs, first=_FIRST),
            *loss_panels(fit, runs, first=_FIRST),
        ),
        numbers=_finals(fit, runs),
        notes=(OURS, "The measured curves of the paper are not public, so no errors are given."),
    )


def fig12() -> Drawing:
    """A fit for each replay share, and how replay acts on the shift."""
    fits = {_share(r): published.load(f"fineweb-kp-106m{name}") for r, name in _REPLAYS.items()}
    schedule = Schedule.cosine(PEAK, _CPT, warmup=WARMUP)
    runs = {_share(r): continued(BASE.start(), schedule, r) for r in _REPLAYS}
    losses = fit_panels(fits, runs, first=36_000)
    numbers = {
        f"{role} shift at S1cpt = {_AREA:g}, {label}": _shift(fit, role, _AREA)
        for label, fit in fits.items()
        for role in ("pt", "cpt")
    }
    return Drawing(
        "fig12",
        "Replay of 0, 33, 50 and 67 % of pre-training data, Knowledge-Pile, 106M parameters",
        "published",
        (*losses, *(_share_panel(role) for role in ("pt", "cpt"))),
        numbers=numbers,
        notes=(
            OURS,
            "Every share has a fit of its own. Their shifts are convex in the share of D_cpt on "
            "D_pt and concave on D_cpt; Eq. 8 prints the two factors the other way round.",
            *published.load("fineweb-kp-106m-replay33").notes,
        ),
    )


def _share(replay: float) -> str:
    return f"{replay:.0%} replay".replace("%", " %")


def _shift(fit: Fit, role: str, area: float) -> float:
    """The shift of an Eq. 4 fit at S1cpt = area, its own share of replay."""
    return float(power_shift(fit.domain(role).params, np.array(area)))


def _share_panel(role: str) -> Panel:
    """The shift at the reference area against the share of D_cpt, with both readings of Eq. 8."""
    own = [_shift(published.load(f"fineweb-kp-106m{n}"), role, _AREA) for n in _REPLAYS.values()]
    share = 1.0 - np.array(list(_REPLAYS))
    a2 = published.load("fineweb-kp-106m-r").domain(role).params["a2"]
    r = np.linspace(0, 1, 61)
    convex, concave = np.expm1(a2 * r) / np.expm1(a2), np.expm1(-a2 * r) / np.expm1(-a2)
    exchanged, printed = (convex, concave) if role == "pt" else (concave, convex)
    return Panel(
        f"{DOMAINS[role]} shift at $S_1^\\mathrm{{cpt}}$ = {_AREA:g}",
        r"share of $D_\mathrm{cpt}$ in the CPT data",
        SHIFT,
        (
            Line("fit of each share", share, floats(own), "points", group="points"),
            Line("Eq. 8, factors exchanged", r, own[0] * exchanged),
            Line("Eq. 8 as printed", r, own[0] * printed),
        ),
    )


def fig15() -> Drawing:
    """One law for three model sizes against a fit for each."""
    law = published.load("fineweb-kp-N")
    own = {106: "fineweb-kp-106m", 594: "fineweb-kp-594m", 1720: "fineweb-kp-1720m"}
    schedule = Schedule.cosine(PEAK, _CPT, warmup=WARMUP)
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for role in ("pt", "cpt"):
        lines: list[Line] = []
        for size, name in own.items():
            history = continued(BASE.start(), schedule, size=size * 1e6)
            whole = loss_line(law, role, history, f"{size}M, Eq. 7", first=_FIRST, group=str(size))
            each = published.load(name)
            single = loss_line(
                each, role, history, f"{size}M, own fit", first=_FIRST, group=str(size)
            )
            lines += [whole, single]
            gap = whole.y - single.y
            numbers[f"{role} Eq. 7 minus own fit, {size}M, root mean square"] = float(
                np.sqrt(np.mean(gap**2))
            )
            numbers[f"{role} Eq. 7 minus own fit, {size}M, final"] = float(gap[-1])
        panels.append(Panel(f"{DOMAINS[role]} loss, cosine CPT", "step", LOSS, tuple(lines)))
    return Drawing(
        "fig15",
        "One law for 106M, 594M and 1720M parameters (Eq. 7), Knowledge-Pile",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(OURS, "Solid: Eq. 7 for all sizes. Dashed: the fits of figures 3 and 16."),
    )


def fig16() -> Drawing:
    """A fit for each of the larger models, and what the print leaves open of their shift."""
    fits = {"594M": "fineweb-kp-594m", "1720M": "fineweb-kp-1720m"}
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for size, name in fits.items():
        fit = published.load(name)
        runs = {label: continued(BASE.start(), s) for label, s in schedules(_CPT).items()}
        titles = {role: f"{domain} loss, {size}" for role, domain in DOMAINS.items()}
        panels += loss_panels(fit, runs, first=_FIRST, titles=titles)
        numbers |= {f"{size} {k}": v for k, v in _finals(fit, runs).items()}
        for role in ("pt", "cpt"):
            params = fit.domain(role).params
            numbers[f"{size} C2 minus C1 on {role}"] = params["C2"] - params["C1"]
        panels.append(_open_shift("pt" if size == "594M" else "cpt"))
    notes = [a for n in fits.values() for a in published.load(n).domain("pt").advice]
    return Drawing(
        "fig16",
        "The CPT law at 594M and 1720M parameters, Knowledge-Pile",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(
            OURS,
            "On D_cpt C2 lies below C1 at 594M and at 1720M, while it lies above at 106M.",
            *dict.fromkeys(notes),
        ),
    )


def _open_shift(role: str) -> Panel:
    """The shift of every size, within what half a digit of the printed beta leaves open."""
    area = np.linspace(0.02, 6.0, 120)
    lines: list[Line] = []
    for size in ("106m", "594m", "1720m"):
        params = published.load(f"fineweb-kp-{size}").domain(role).params
        low, usual, high = (
            power_shift({**params, "beta": params["beta"] + d}, area) for d in (-5e-4, 0.0, 5e-4)
        )
        lines.append(Line(size.upper(), area, usual, group=size))
        if size != "106m" and role == "pt":
            lines.append(Line("", area, low, "band", high, group=size))
    return Panel(
        f"{DOMAINS[role]} shift" + (", beta ± half a printed digit" if role == "pt" else ""),
        r"$S_1^\mathrm{cpt}$",
        SHIFT,
        tuple(lines),
    )


def fig18() -> Drawing:
    """Open models: the first steps are fitted, the others forecast."""
    models = {
        "LLaMA3.2-1B": ("llama3.2-1b-law", 5_000, 20_000),
        "FineWeb base taken as unknown": ("fineweb-as-unknown-law", 10_000, 50_000),
    }
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    notes: list[str] = []
    for title, (name, fitted, last) in models.items():
        fit = published.load(name)
        notes += [*fit.domain("pt").advice, *fit.notes]
        base = fit.domain("pt").facts.bases[0]
        unknown = History(np.empty(0), np.empty(0), unknown_base=base)
        for role in ("pt", "cpt"):
            lines: list[Line] = []
            for label, schedule in schedules(last).items():
                history = continued(unknown, schedule)
                whole = loss_line(fit, role, history, label, group=label)
                numbers[f"final {role} loss, {title}, {label}"] = float(whole.y[-1])
                early = whole.x <= fitted
                lines.append(Line(f"{label}, fitted", whole.x[early], whole.y[early], group=label))
                late = whole.x >= fitted
                lines.append(Line(f"{label}, forecast", whole.x[late], whole.y[late], group=label))
            panels.append(
                Panel(f"{DOMAINS[role]} loss, {title}", CPT_STEP, LOSS, _framed(lines, last))
            )
    return Drawing(
        "fig18",
        "Models of unknown pre-training, CPT on Pile-of-Law",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(
            "Solid: the steps that the paper fitted. Dashed: those that it forecast.",
            "The CPT schedules drawn have a peak of 2e-4; D_pt is RedPajama-C4 in place of the "
            "unknown data.",
            *dict.fromkeys(notes),
        ),
    )


def _framed(lines: list[Line], last: int) -> tuple[Line, ...]:
    """Without the first hundredth of the steps, where the loss falls out of any frame."""
    kept: list[Line] = []
    for line in lines:
        on = line.x >= 0.01 * last
        kept.append(Line(line.label, line.x[on], line.y[on], group=line.group))
    return tuple(kept)


def fig19() -> Drawing:
    """One law for all replay shares (Eq. 8) against a fit for each."""
    law = published.load("fineweb-kp-106m-r")
    schedule = Schedule.cosine(PEAK, _CPT, warmup=WARMUP)
    panels: list[Panel] = []
    numbers: dict[str, float] = {}
    for role in ("pt", "cpt"):
        lines: list[Line] = []
        for replay, name in _REPLAYS.items():
            label = _share(replay)
            history = continued(BASE.start(), schedule, replay)
            whole = loss_line(law, role, history, f"{label}, Eq. 8", first=38_000, group=label)
            own = published.load(f"fineweb-kp-106m{name}")
            single = loss_line(own, role, history, f"{label}, own fit", first=38_000, group=label)
            lines += [whole, single]
            numbers[f"{role} Eq. 8 minus own fit, {label}, final"] = float(
                whole.y[-1] - single.y[-1]
            )
        panels.append(Panel(f"{DOMAINS[role]} loss, cosine CPT", "step", LOSS, tuple(lines)))
    advice = [a for role in ("pt", "cpt") for a in law.domain(role).advice]
    return Drawing(
        "fig19",
        "One law for all replay shares (Eq. 8), Knowledge-Pile, 106M parameters",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(
            OURS,
            "Solid: Eq. 8 for all shares. Dashed: the fits of figures 3 and 12.",
            *law.notes,
            *advice,
        ),
    )


def fig20() -> Drawing:
    """Variants of the annealing term on the same run."""
    names = {
        "Eq. 4": "fineweb-kp-106m",
        "Eq. 9, LR weight 0.1": "fineweb-kp-106m-eq9-0.1",
        "Eq. 9, LR weight 0.2": "fineweb-kp-106m-eq9-0.2",
        "Eq. 10, powers of S2": "fineweb-kp-106m-eq10",
    }
    fits = {label: published.load(name) for label, name in names.items()}
    schedule = Schedule.cosine(PEAK, _CPT, warmup=WARMUP)
    runs = dict.fromkeys(fits, continued(BASE.start(), schedule))
    numbers: dict[str, float] = {}
    gaps: list[Panel] = []
    for role, domain in DOMAINS.items():
        usual, *others = (
            loss_line(f, role, runs["Eq. 4"], n, first=_FIRST) for n, f in fits.items()
        )
        lines = tuple(Line(o.label, o.x, o.y - usual.y, group=o.label) for o in others)
        for line in lines:
            numbers[f"{role} {line.label} minus Eq. 4, largest"] = float(np.abs(line.y).max())
            numbers[f"{role} {line.label} minus Eq. 4, final"] = float(line.y[-1])
        gaps.append(Panel(f"{domain} loss minus that of Eq. 4", "step", _GAP, lines))
    return Drawing(
        "fig20",
        "Variants of the annealing term, Knowledge-Pile, 106M parameters",
        "published",
        (*fit_panels(fits, runs, first=_FIRST), *gaps),
        numbers=numbers,
        notes=(OURS, *dict.fromkeys(n for fit in fits.values() for n in fit.notes)),
    )
