"""Figures of what is best to choose, from the published coefficients: 5, 7, 8, 13."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cptlaw.arrays import floats
from cptlaw.decisions.analysis import (
    critical_point,
    release_value,
    turning_length,
)
from cptlaw.decisions.analysis.turning import return_curve
from cptlaw.fitting import published
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw_evidence.paper.drawing import Drawing, Line, Panel
from cptlaw_evidence.paper.pretraining import continued
from cptlaw_evidence.paper.published.setting import (
    BASE,
    CPT_STEP,
    LOSS,
    OURS,
    PEAK,
    PT_STEPS,
    STEP,
    WARMUP,
    loss_line,
    losses,
    whole_rate_panel,
)
from cptlaw_evidence.paper.weighing import (
    LAMBDA,
    WEIGHTS,
    best_peaks,
    best_potentials,
    best_replays,
    weighted,
)

_KP = "fineweb-kp-106m"
_DCPT, _DPT = r"$D_\mathrm{cpt}$", r"$D_\mathrm{pt}$"
_POTENTIAL = "loss potential (final / peak LR of the pre-training)"
_LENGTHS = (20_000, 30_000, 40_000, 50_000)
_LOW = 0.1  # of the peak, to which figure 5 re-warms


# --- figure 5: the loss potential -------------------------------------------------------------


def fig5() -> Drawing:
    """The loss potential of the start and the D_cpt loss."""
    fit = published.load(_KP)
    numbers = {
        f"final D_cpt loss at {p:.0%} without re-warm-up, 20k": _final(fit, _as_it_is(p, 20_000))
        for p in (0.1, 0.3, 0.5, 1.0)
    }
    saved = release_value(fit, BASE.start, _peaked, (0.0, 0.1, 0.3, 0.5, 1.0), 10_000)
    for each in saved[1:]:
        numbers[f"CPT steps saved of 10,000 by a potential of {each.potential:.0%}"] = each.saved
    without = {_percent(p): _as_it_is(p, 20_000) for p in (0.1, 0.3, 0.5, 1.0)}
    warmed = {_percent(p): _rewarmed(p, 20_000) for p in (0.0, 0.3, 0.5, 1.0)}
    return Drawing(
        "fig5",
        "Loss potential of the checkpoint and the loss of the CPT, Knowledge-Pile, 106M parameters",
        "published",
        (
            *_potential_panels(fit, without, "without re-warm-up", _as_it_is, (0.1, 1.0)),
            *_potential_panels(fit, warmed, "re-warmed to 10 %", _rewarmed, (0.0, 1.0)),
        ),
        numbers=numbers,
        notes=(
            OURS,
            "A higher loss potential always ends lower on D_cpt.",
            "CPT steps saved: how much earlier a CPT from that checkpoint reaches the D_cpt loss "
            "of one of 10,000 steps from a fully annealed one, both with a cosine from 2e-4.",
        ),
    )


def _as_it_is(potential: float, steps: int) -> History:
    return continued(BASE.start(potential), Schedule.linear(potential * PEAK, steps))


def _rewarmed(potential: float, steps: int) -> History:
    return continued(BASE.start(potential), Schedule.linear(_LOW * PEAK, steps, warmup=WARMUP))


def _peaked(_: float, steps: int) -> Schedule:
    return Schedule.cosine(PEAK, steps, warmup=min(WARMUP, steps // 20))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _final(fit: Fit, history: History, role: str = "cpt") -> float:
    return float(losses(fit, role, history, np.array([history.steps]))[0])


def _potential_panels(
    fit: Fit,
    runs: dict[str, History],
    words: str,
    run: Callable[[float, int], History],
    ends: tuple[float, float],
) -> tuple[Panel, ...]:
    """Learning rates, D_cpt losses along the CPT, and final losses against the potential."""
    curves: list[Line] = []
    for label, history in runs.items():
        line = loss_line(fit, "cpt", history, label, first=PT_STEPS, group=label)
        late = line.x >= PT_STEPS + 1_000
        curves.append(Line(label, line.x[late] - PT_STEPS, line.y[late], group=label))
    tried = np.linspace(*ends, 31)
    finals = tuple(
        Line(
            f"CPT of {n // 1000}k steps",
            100 * tried,
            floats([_final(fit, run(p, n)) for p in tried.tolist()]),
        )
        for n in _LENGTHS
    )
    return (
        whole_rate_panel(runs, f"Learning rates, {words}", first=28_000),
        Panel(f"{_DCPT} loss, {words}", CPT_STEP, LOSS, tuple(curves)),
        Panel(f"Final {_DCPT} loss, {words}", "loss potential (%)", LOSS, finals),
    )


# --- figure 7: peak learning rate, critical point ---------------------------------------------


def fig7() -> Drawing:
    """The peak LR and length of the CPT, the critical point and the turning length."""
    fit = published.load(_KP)
    numbers: dict[str, float] = {}
    found = critical_point(
        fit, Schedule.constant(PEAK, 60_000, warmup=WARMUP), Schedule.constant(PEAK, 400_000)
    )
    numbers["critical point, PT step"] = found.limit_step
    numbers["last start back within 400k CPT steps"] = found.last_return
    panels = [_peak_panel(fit, role, numbers) for role in ("pt", "cpt")]
    return Drawing(
        "fig7",
        "Peak LR and length of the CPT, critical point, turning length, Knowledge-Pile, 106M",
        "published",
        (*panels, _critical_panel(fit), _turning_panel(fit, found.limit_step)),
        numbers=numbers,
        notes=(
            OURS,
            "The critical point is the pre-training step at which the D_pt loss equals the value "
            "that the CPT tends to; it is a rule of thumb, since later starts still come back: "
            "beta is below alpha.",
        ),
    )


def _peak_panel(fit: Fit, role: str, numbers: dict[str, float]) -> Panel:
    peaks = np.linspace(0.25e-4, 2e-4, 29)
    lines: list[Line] = []
    for steps in (20_000, 40_000, 60_000, 80_000):
        cosines = [Schedule.cosine(peak, steps, warmup=WARMUP) for peak in peaks.tolist()]
        runs = [continued(BASE.start(), cosine) for cosine in cosines]
        final = np.array([_final(fit, run, role) for run in runs])
        lines.append(Line(f"CPT of {steps // 1000}k steps", peaks, final))
        numbers[f"final {role} loss at 2e-4, {steps // 1000}k"] = float(final[-1])
        numbers[f"final {role} loss at 0.25e-4, {steps // 1000}k"] = float(final[0])
        numbers[f"peak of the highest {role} loss, {steps // 1000}k"] = float(peaks[final.argmax()])
    domain = _DPT if role == "pt" else _DCPT
    return Panel(f"Final {domain} loss", "peak LR of the CPT", LOSS, tuple(lines))


def _critical_panel(fit: Fit) -> Panel:
    """The loss of the base, and of CPT from before and after the critical point."""
    steady = BASE.start(1.0, 60_000)
    whole = loss_line(fit, "pt", steady, "pre-training", first=2_000, group="base")
    limit = fit.domain("pt").params["L0"] + fit.domain("pt").params["B"]
    lines = [whole]
    for n in (4_000, 7_000, 12_000):
        history = continued(BASE.start(1.0, n), Schedule.constant(PEAK, 60_000 - n))
        lines.append(loss_line(fit, "pt", history, f"CPT from {n // 1000}k", first=n))
    lines.append(
        Line(r"$L_0 + B$, what CPT tends to", floats([2_000, 60_000]), floats([limit, limit]))
    )
    return Panel(f"{_DPT} loss at constant LR", STEP, LOSS, tuple(lines))


def _turning_panel(fit: Fit, critical: float) -> Panel:
    horizon = Schedule.constant(PEAK, 1_000_000)
    starts = np.array([2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 10_500])
    lengths = [
        turning_length(fit, BASE.start(1.0, n), horizon, {"pt": 1.0}, every=200)(fit)
        for n in starts.tolist()
    ]
    return Panel(
        f"Turning length of the {_DPT} loss",
        "start of the CPT (pre-training step)",
        "turning length (CPT steps)",
        (
            Line("found on the curve", starts, floats(lengths)),
            Line("critical point", floats([critical] * 2), floats([min(lengths), max(lengths)])),
        ),
        log_y=True,
    )


# --- figure 8: what is best for a weighted loss -----------------------------------------------

_SHIFTS = {
    "strong shift (Pile-of-Law)": ("fineweb-law-106m", 0.0),
    "moderate shift (Knowledge-Pile)": (_KP, 0.0),
    "weak shift (67 % replay)": ("fineweb-kp-106m-replay67", 0.67),
}


def fig8() -> Drawing:
    """The best loss potential, peak LR and replay share against the weight of the D_pt loss."""
    fits = {label: (published.load(name), r) for label, (name, r) in _SHIFTS.items()}
    potentials, peaks = np.geomspace(0.01, 1.0, 24), np.geomspace(2e-6, PEAK, 24)
    potential = tuple(
        Line(label, WEIGHTS, best_potentials(fit, BASE, 10_000, potentials, replay))
        for label, (fit, replay) in fits.items()
    )
    peak = tuple(
        Line(label, WEIGHTS, best_peaks(fit, BASE, 10_000, WARMUP, peaks, replay))
        for label, (fit, replay) in fits.items()
    )
    law, shares = published.load("fineweb-kp-106m-r"), np.linspace(0, 1, 41)
    replay = tuple(
        Line(
            f"CPT of {n // 1000}k steps",
            WEIGHTS,
            100 * best_replays(law, BASE, Schedule.cosine(PEAK, n), shares),
        )
        for n in (20_000, 30_000, 40_000)
    )
    diagonal = Line("diagonal", floats([0, 1]), floats([0, 100]))
    return Drawing(
        "fig8",
        "What is best for lambda1 * L_pt + lambda2 * L_cpt, 106M parameters",
        "published",
        (
            Panel("Best loss potential", LAMBDA, "loss potential (%)", potential),
            Panel("Best peak LR of the CPT", LAMBDA, "peak LR", peak),
            Panel("Best replay share", LAMBDA, "replay share (%)", (*replay, diagonal)),
        ),
        numbers=_best_numbers(potential, peak, replay),
        notes=(
            "Pre-training of 40k steps (WSD). Loss potential: the CPT is a cosine of 10k steps "
            "from the pre-training's last LR. Peak LR: a cosine of 10k steps re-warmed from an "
            "annealed base. Replay: a cosine from 2e-4.",
            "The loss counts, not its change since the transfer: where the start is chosen, the "
            "change would reward starts whose own loss is bad.",
            "Peaks from 2e-6 to 2e-4 and potentials from 1 to 100 % were tried; with a re-warm-up "
            "the best loss potential is 100 % at every weight.",
        ),
    )


def _best_numbers(*panels: tuple[Line, ...]) -> dict[str, float]:
    """The best choices at a few weights."""
    found: dict[str, float] = {}
    words = ("best loss potential (%)", "best peak LR", "best replay share (%)")
    for what, lines in zip(words, panels, strict=True):
        for line in lines:
            for weight in (0.2, 0.4, 0.6, 0.8):
                at = int(np.argmin(np.abs(WEIGHTS - weight)))
                found[f"{what}, {line.label}, lambda1 = {weight:g}"] = float(line.y[at])
    return found


# --- figure 13: turning length of a weighted loss ---------------------------------------------


def fig13() -> Drawing:
    """The turning length of a weighted loss against its weight."""
    numbers: dict[str, float] = {}
    panels = [
        _weighted_turning("Knowledge-Pile", _KP, (0.7, 1.0), numbers),
        _weighted_turning("Pile-of-Law", "fineweb-law-106m", (0.55, 0.85), numbers),
    ]
    return Drawing(
        "fig13",
        "Turning length of lambda1 * L_pt + lambda2 * L_cpt at constant LR, 106M parameters",
        "published",
        tuple(panels),
        numbers=numbers,
        notes=(
            f"CPT at 2e-4 from a base that was never annealed, looked at for {_HORIZON:,} steps. "
            "Left of a line the loss never rises, right of it it is not back within those steps.",
            "The length counts from where the loss stays below its value at the transfer: a "
            "weighted loss falls at once, for the D_cpt loss shifts faster, and may rise above "
            "that value later.",
        ),
    )


_HORIZON = 400_000


def _weighted_turning(
    label: str, name: str, between: tuple[float, float], numbers: dict[str, float]
) -> Panel:
    fit, horizon = published.load(name), Schedule.constant(PEAK, _HORIZON)
    weights = np.linspace(*between, 61)
    lines: list[Line] = []
    for n in (2_000, 5_000, 10_000, 20_000, 40_000):
        history, words = BASE.start(1.0, n), f"CPT from {n // 1000}k"
        curve = return_curve(fit, history, horizon, every=200)
        length = curve.turned(fit, [weighted(w) for w in weights.tolist()], for_good=True)
        turns, never = np.isfinite(length) & (length > 0), weights[~np.isfinite(length)]
        if turns.any():
            lines.append(Line(words, weights[turns], length[turns], group=words))
        if never.size:
            numbers[f"{label}, {words}: weight from which it never comes back"] = float(never.min())
    return Panel(label, LAMBDA, "turning length (CPT steps)", tuple(lines), log_y=True)
