"""Figures 7 and 13 on real runs: the peak LR, and whether and when a loss comes back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.decisions.analysis import critical_point, turning_length
from cptlaw.fitting.result import Fit
from cptlaw.schedules.schedule import Schedule
from cptlaw.studies.history import History
from cptlaw_evidence.paper.drawing import Drawing, Line, Look, Panel
from cptlaw_evidence.paper.grid import runs as g
from cptlaw_evidence.paper.grid.plans import BASE, with_replay
from cptlaw_evidence.paper.grid.settings import REPLAYS, replayed
from cptlaw_evidence.paper.pretraining import continued
from cptlaw_evidence.paper.weighing import LAMBDA, WEIGHTS, weighted

# --- figure 7: the peak learning rate, what comes back ----------------------------------------


def fig7() -> Drawing:
    """The peak and length of the CPT; whether the D_pt loss comes back."""
    fit, mixed = g.fitted("eq4"), with_replay()
    numbers: dict[str, float] = {}
    panels = [_peak_panel(fit, role, numbers) for role in g.BOTH]
    found = critical_point(fit, BASE.schedule(steps=4000), Schedule.constant(g.PEAK, 8000))
    numbers["eq4.last_return"] = found.last_return
    return g.drawing(
        "fig7",
        "Peak LR and length of the CPT; whether the pre-training loss comes back",
        (*panels, _patterns(mixed, numbers), _turning_panel(mixed)),
        numbers,
        "Above: CPT at a constant learning rate and with a cosine to 10 % of its peak; lines "
        "Eq. 4 of figure 3, points measured. Below: the three patterns of the D_pt loss, by "
        "replay share, and the step from which it stays below its value at the transfer "
        "(drawn as 1 where it never rises, left out where it is not back within 20,000 "
        "steps); lines Eq. 8 of figure 19.",
        f"The critical point: {found.reason or f'step {found.limit_step:.0f}.'}",
        "last_return: the last start of the base from which the D_pt loss comes back within "
        "8,000 steps of CPT without replay, by Eq. 4; 0 if from none.",
    )


def _peak_panel(fit: Fit, role: str, numbers: dict[str, float]) -> Panel:
    lines: list[Line] = []
    for kind, n in (("const", 200), ("const", 400), ("const", 800), ("cosine", 800)):
        label = f"{'constant' if kind == 'const' else kind}, {n} steps"
        runs = [_at_peak(kind, p, n) for p in _PEAKS.tolist()]
        lines.append(g.line(label, _PEAKS, g.finals(fit, role, runs), group=label))
        measured = [g.last(f"half-{kind}", role, n), g.last(f"cpt-{kind}", role, n)]
        lines.append(g.line("", [5e-4, 1e-3], measured, "points", group=label))
        numbers[f"measured.{role}.{kind}_{n}.peak_minus_half"] = measured[1] - measured[0]
        ends = g.finals(fit, role, [_at_peak(kind, p, n) for p in (5e-4, 1e-3)])
        numbers[f"eq4.{role}.{kind}_{n}.peak_minus_half"] = float(ends[1] - ends[0])
    return Panel(f"Final {g.TITLES[role]} loss by peak", "peak LR of the CPT", g.LOSS, tuple(lines))


_PEAKS = np.linspace(2.5e-4, 1e-3, 31)


def _at_peak(kind: str, peak: float, steps: int) -> History:
    rest = f"constant {steps - 1}" if kind == "const" else f"cosine {steps - 1} to {peak / 10!r}"
    return continued(BASE.start(), Schedule.parse(f"constant 1 to {peak!r} | {rest}"))


def _patterns(fit: Fit, numbers: dict[str, float]) -> Panel:
    lines: list[Line] = []
    for share in (0.0, 0.1, 0.25, 0.5, 1.0):
        run = replayed(share)
        steps, loss = g.curve(run, "pt")
        change = loss - _before_transfer()
        lines.append(g.line(f"{g.percent(share)} replay", steps, change, "points", group=run))
        guess = g.predicted(fit, run, "pt", g.DENSE)
        lines.append(g.line("", g.DENSE, guess - guess[0], group=run))
        smooth = _smoothed(change)
        key = f"measured.replay_{share:g}"
        numbers[f"{key}.highest"] = float(smooth[1:].max())
        numbers[f"{key}.final"] = float(smooth[-1])
    return Panel(f"{g.TITLES['pt']} loss by replay", g.AFTER, _CHANGE, tuple(lines))


_CHANGE = "change of the loss (nats per token)"


def _before_transfer(role: str = "pt") -> float:
    return g.last("base", role, g.BASE_STEPS)


def _smoothed(values: FloatArray) -> FloatArray:
    """The mean of three neighbours, of two at the ends."""
    total = np.convolve(values, np.ones(3), "same")
    return total / np.convolve(np.ones(values.size), np.ones(3), "same")


def _turning_panel(fit: Fit) -> Panel:
    horizon = Schedule.constant(g.PEAK, 20_000)
    starts = np.array([200, 300, 500, 700, 1000, 1400, 2000, 2800, 4000])
    lines: list[Line] = []
    for share in (0.1, 0.25, 0.5):
        length = np.array(
            [_turned(fit, BASE.start(1.0, n), horizon, share) for n in starts.tolist()]
        )
        back = np.isfinite(length)
        if back.any():
            lines.append(
                g.line(
                    f"{g.percent(share)} replay",
                    starts[back],
                    np.maximum(length[back], 1.0),
                    group=replayed(share),
                )
            )
        seen = _measured_turning(replayed(share), 1.0)
        if np.isfinite(seen):
            label = f"{g.percent(share)}, measured"
            lines.append(
                g.line(label, [g.BASE_STEPS], [max(seen, 1.0)], "points", group=replayed(share))
            )
    return Panel(
        f"Turning length of the {g.TITLES['pt']} loss",
        "start of the CPT (pre-training step)",
        "turning length (CPT steps)",
        tuple(lines),
        log_y=True,
    )


def _turned(fit: Fit, history: History, schedule: Schedule, share: float, w: float = 1.0) -> float:
    turned = turning_length(
        fit, history, schedule, weighted(w), replay=share, every=5, for_good=True
    )
    return turned(fit)


def _measured_turning(run: str, weight: float) -> float:
    """The measured step from which a weighted loss stays below its value at the transfer.

    Over the mean of three neighbouring evaluations; infinite if it lies above at the end, 0 if
    it never rises.
    """
    steps = g.curve(run, "pt")[0]
    loss = sum(
        w * (_smoothed(g.curve(run, role)[1]) - _before_transfer(role))
        for role, w in (("pt", weight), ("cpt", 1.0 - weight))
    )
    over = np.flatnonzero(np.asarray(loss)[1:] > 0) + 1
    if not over.size:
        return 0.0
    return float("inf") if over[-1] == steps.size - 1 else float(steps[over[-1] + 1])


# --- figure 13: turning length of a weighted loss ---------------------------------------------


def fig13() -> Drawing:
    """The turning length of a weighted loss against its weight, measured and forecast."""
    numbers: dict[str, float] = {}
    panel = _weighted_turning(numbers)
    return g.drawing(
        "fig13",
        "Turning length of a weighted loss",
        (panel, _break_even_panel(numbers)),
        numbers,
        "Left: from which step on the weighted loss stays below its value at the transfer "
        "(0: it never rises; a line ends where it is not back within 800 steps); CPT at a "
        "constant learning rate from the end of the base, lines Eq. 8 of figure 19. Right: the "
        "weight of the D_pt loss at which 800 steps of CPT neither gain nor lose.",
    )


def _weighted_turning(numbers: dict[str, float]) -> Panel:
    fit, schedule = with_replay(), Schedule.constant(g.PEAK, 800)
    lines: list[Line] = []
    for share in (0.0, 0.1, 0.25):
        run = replayed(share)
        law = [_turned(fit, BASE.start(), schedule, share, w) for w in WEIGHTS.tolist()]
        seen = [_measured_turning(run, w) for w in WEIGHTS.tolist()]
        both: tuple[tuple[str, list[float], Look], ...] = (
            (", Eq. 8", law, "line"),
            (", measured", seen, "points"),
        )
        for label, values, look in both:
            length = np.array(values)
            back = np.isfinite(length)
            lines.append(
                g.line(
                    f"{g.percent(share)} replay{label}",
                    WEIGHTS[back],
                    length[back],
                    look,
                    group=run,
                )
            )
            key = "eq8" if look == "line" else "measured"
            numbers[f"{key}.replay_{share:g}.highest_weight_back"] = float(WEIGHTS[back].max())
    return Panel("Turning length", LAMBDA, "turning length (CPT steps)", tuple(lines))


Ends = Callable[[str], tuple[float, float]]


def _break_even_panel(numbers: dict[str, float]) -> Panel:
    fit = with_replay()
    shares = (0.0, *REPLAYS)

    def measured(run: str) -> tuple[float, float]:
        pt, cpt = (g.last(run, role) - _before_transfer(role) for role in g.BOTH)
        return pt, cpt

    def forecast(run: str) -> tuple[float, float]:
        steps = np.array([0, 800])
        pt, cpt = (np.diff(g.predicted(fit, run, role, steps))[0] for role in g.BOTH)
        return float(pt), float(cpt)

    lines: list[Line] = []
    both: tuple[tuple[str, Ends, Look], ...] = (
        ("measured", measured, "points"),
        ("eq8", forecast, "line"),
    )
    for name, ends, look in both:
        weights = np.array([_break_even(ends, replayed(share)) for share in shares])
        label = "measured" if name == "measured" else "Eq. 8"
        lines.append(g.line(label, 100 * np.array(shares), weights, look, group=name))
        for share, weight in zip(shares, weights.tolist(), strict=True):
            numbers[f"{name}.replay_{share:g}.break_even"] = weight
    y_label = r"$\lambda_1$ that breaks even after 800 steps"
    return Panel("Break-even weight", "replay share (%)", y_label, tuple(lines))


def _break_even(ends: Ends, run: str) -> float:
    """The weight at which the rise on D_pt is worth the fall on D_cpt; 1 if there is no rise."""
    rise, fall = ends(run)
    return 1.0 if rise <= 0 else -fall / (rise - fall)
