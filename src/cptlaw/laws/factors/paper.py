"""The factors that laws are made of, each with its derivatives and its spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.laws.law import Factor, Prior, Shape, Valued
from cptlaw.laws.points import Points, group_label
from cptlaw.laws.remedies import (
    ANNEALING,
    LEVEL,
    REPLAY,
    SHIFT,
    SHIFT_RATE,
    SIZE,
    UNKNOWN_BASE,
    UNKNOWN_LEVEL,
    Remedy,
)

ALPHA = Shape("alpha", 1e-3, 20.0, (0.15, 1.5), remedy=LEVEL)
BETA = Shape("beta", 1e-4, 1e3, (0.03, 3.0), remedy=SHIFT)
EPSILON = Shape("epsilon", -0.5, 2.0, (0.02, 0.3), "linear", neutral=0.0, remedy=ANNEALING)
PUBLISHED_LAMBDA = 0.999
PHASES = Literal["pt", "cpt"]


def memory(longest: float) -> Shape:
    """lambda, for phases of at most `longest` steps: searches begin at memories up to a third."""
    reach = 1.0 - 1.0 / max(longest / 3.0, 30.0)
    return Shape(
        "lambda",
        0.0,
        1.0 - 1e-6,
        (0.9, reach),
        "memory",
        usual=PUBLISHED_LAMBDA,
        remedy=ANNEALING,
    )


def power_of_area() -> Factor:
    """S1**-alpha."""

    def evaluate(x: Points, alpha: float) -> Valued:
        value = np.exp(-alpha * x.log_s1)
        return value, (-x.log_s1 * value,)

    return Factor((ALPHA,), evaluate, "S1^-<alpha>", "S_1^{-<alpha>}")


def power_of_unknown_area(names: tuple[str, ...], reference: float) -> Factor:
    """(S1_pt + S1cpt)**-alpha, with the S1_pt of each named open model a shape parameter."""
    alpha_of_unknown = replace(ALPHA, remedy=UNKNOWN_LEVEL)
    areas = tuple(_unknown_area(name, reference) for name in (names if len(names) > 1 else [""]))

    def evaluate(x: Points, alpha: float, *s1_pt: float) -> Valued:
        group = x.group(names, "base")
        if (group < 0).any():
            other = group_label(x.histories[int(x.owner[group < 0][0])], "base")
            whose = f"unknown base '{other}'" if other else "a known pre-training"
            raise DataError(f"this law has no S1_pt for {whose}, only for {', '.join(names)}.")
        area = np.array(s1_pt)[group] + x.s1_cpt
        value = area**-alpha
        slope = -alpha * value / area
        return value, (-np.log(area) * value, *(slope * (group == i) for i in range(len(names))))

    several = len(names) > 1
    written = "S1_pt[base]" if several else "S1_pt"
    symbol = _unknown_symbol("base" if several else "")
    return Factor(
        (alpha_of_unknown, *areas),
        evaluate,
        f"({written} + S1cpt)^-<alpha>",
        rf"({symbol} + S_1^{{\mathrm{{cpt}}}})^{{-<alpha>}}",
    )


def _unknown_area(base: str, reference: float) -> Shape:
    """The S1_pt of an open model; where there is only one it needs no name."""
    name = f"S1_pt[{base}]" if base else "S1_pt"
    ends, start = (1e-5 * reference, 1e4 * reference), (0.1 * reference, 30.0 * reference)
    return Shape(name, *ends, start, remedy=UNKNOWN_BASE, latex=_unknown_symbol(base))


def _unknown_symbol(base: str) -> str:
    label = base.replace("_", r"\_")
    return rf"S_{{1,\mathrm{{{label}}}}}^{{\mathrm{{pt}}}}" if base else r"S_1^{\mathrm{pt}}"


def _area_text(phase: PHASES) -> tuple[str, str]:
    return f"S2{phase}", rf"S_2^{{\mathrm{{{phase}}}}}"


def annealing(phase: PHASES, lambda_: Shape) -> Factor:
    """S2 of one phase."""

    def evaluate(x: Points, memory: float) -> Valued:
        areas = x.annealing(memory)
        if phase == "pt":
            return areas.pt, (areas.pt_d_lambda,)
        return areas.cpt, (areas.cpt_d_lambda,)

    return Factor((lambda_,), evaluate, *_area_text(phase))


def weighted_annealing(phase: PHASES, lambda_: Shape) -> Factor:
    """S2 of one phase with every momentum weighted by LR**epsilon (Eq. 9)."""

    def evaluate(x: Points, memory: float, epsilon: float) -> Valued:
        areas = x.annealing(memory, epsilon)
        if phase == "pt":
            return areas.pt, (areas.pt_d_lambda, areas.pt_d_epsilon)
        return areas.cpt, (areas.cpt_d_lambda, areas.cpt_d_epsilon)

    text, latex = _area_text(phase)
    return Factor((lambda_, EPSILON), evaluate, f"{text}(<epsilon>)", f"{latex}(<epsilon>)")


def powered_annealing(phase: PHASES, lambda_: Shape, zeta: str) -> Factor:
    """sign(S2) * |S2|**zeta of one phase (Eq. 10); a re-warm-up makes S2 negative."""

    def evaluate(x: Points, memory: float, power: float) -> Valued:
        areas = x.annealing(memory)
        area, slope = (
            (areas.pt, areas.pt_d_lambda) if phase == "pt" else (areas.cpt, areas.cpt_d_lambda)
        )
        size = np.abs(area)
        live = size > 0
        safe = np.where(live, size, 1.0)
        value = np.where(live, np.sign(area) * safe**power, 0.0)
        d_lambda = np.where(live, power * safe ** (power - 1.0) * slope, 0.0)
        return value, (d_lambda, value * np.log(safe))

    text, latex = _area_text(phase)
    shape = Shape(zeta, 0.1, 3.0, (0.7, 1.2), neutral=1.0, remedy=ANNEALING)
    return Factor((lambda_, shape), evaluate, f"{text}^<{zeta}>", rf"({latex})^{{<{zeta}>}}")


def shift(reference: float, label: str = "") -> Factor:
    """1 - (1 + E*S1cpt)**-beta (Eq. 3)."""
    ends, start = (1e-6 / reference, 1e9 / reference), (0.3 / reference, 1e4 / reference)
    rate = Shape(f"E{label}", *ends, start, remedy=SHIFT_RATE)
    beta = replace(BETA, name=f"beta{label}")

    def evaluate(x: Points, rate: float, beta: float) -> Valued:
        reach = 1.0 + rate * x.s1_cpt
        log_reach = np.log1p(rate * x.s1_cpt)
        left = np.exp(-beta * log_reach)
        d_rate = beta * left * x.s1_cpt / reach
        return -np.expm1(-beta * log_reach), (d_rate, left * log_reach)

    return Factor(
        (rate, beta),
        evaluate,
        f"(1 - (1 + <E{label}>*S1cpt)^-<beta{label}>)",
        rf"\left(1 - (1 + <E{label}>\,S_1^{{\mathrm{{cpt}}}})^{{-<beta{label}>}}\right)",
        tied=(rate.name, beta.name),
    )


def anchored_shift(reference: float) -> Factor:
    """The shift divided by its value at a reference area.

    Its shape parameters are K, the slope d log(shift) / d log(S1cpt) at the reference area,
    between 0 and 1, which data determine, and beta, which often they do not.
    """
    slope = Shape("K", 1e-4, 1.0 - 1e-6, (0.05, 0.8), remedy=SHIFT)

    def evaluate(x: Points, k: float, beta: float) -> Valued:
        at = solve_reach(k, beta)
        value, d_at, d_beta = _relative_shift(x.s1_cpt / reference, at, beta)
        k_at, k_beta = _slope_derivatives(at, beta)
        return value, (d_at / k_at, d_beta - d_at * k_beta / k_at)

    return Factor(
        (slope, BETA),
        evaluate,
        "shift(S1cpt; <K>, <beta>)/shift(S1ref)",
        r"\frac{\Delta(S_1^{\mathrm{cpt}};\,<K>, <beta>)}{\Delta(S_1^{\mathrm{ref}})}",
    )


def relative_slope(reach: float, beta: float) -> float:
    """Slope d log(shift) / d log(S1cpt) where E*S1cpt = reach."""
    return float(beta * reach / (1.0 + reach) / np.expm1(beta * np.log1p(reach)))


def solve_reach(k: float, beta: float) -> float:
    """E*S1cpt at which the shift of exponent beta has the relative slope k, 0 < k < 1."""
    from scipy.optimize import brentq

    def gap(log_reach: float) -> float:
        return relative_slope(float(np.exp(log_reach)), beta) - k

    farthest = 600.0 / beta  # of beta * log(1 + reach), so that its exponential is finite
    low, high = -40.0, 600.0 if farthest > 600.0 else float(np.log(np.expm1(farthest)))
    if gap(high) >= 0:
        return float(np.exp(high))
    return float(np.exp(brentq(gap, low, high, xtol=1e-14, rtol=1e-14)))


def _slope_derivatives(reach: float, beta: float) -> tuple[float, float]:
    log_reach = np.log1p(reach)
    growth = np.exp(beta * log_reach)
    grown = np.expm1(beta * log_reach)
    k = relative_slope(reach, beta)
    d_reach = k * (1.0 / (reach * (1.0 + reach)) - beta * growth / grown / (1.0 + reach))
    return float(d_reach), float(k * (1.0 / beta - growth * log_reach / grown))


def _relative_shift(
    share: FloatArray, reach: float, beta: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shift at share * reference over the shift at the reference, d/d reach, d/d beta."""

    def one(at: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        log_at = np.log1p(reach * at)
        left = np.exp(-beta * log_at)
        return -np.expm1(-beta * log_at), beta * left * at / (1.0 + reach * at), left * log_at

    (top, top_r, top_b), (low, low_r, low_b) = one(share), one(np.ones(1))
    value = top / low
    return value, (top_r - value * low_r) / low, (top_b - value * low_b) / low


def size_power(
    gamma: str, sign: int = 1, prior: Prior | None = None, remedy: Remedy = SIZE
) -> Factor:
    """N**gamma or, with sign -1, N**-gamma; N in millions of non-embedding parameters."""
    neutral = 0.0 if prior is None else None
    shape = Shape(
        gamma,
        -2.0,
        2.0,
        (0.05, 0.3),
        "linear",
        neutral=neutral,
        prior=prior,
        remedy=remedy,
    )

    def evaluate(x: Points, exponent: float) -> Valued:
        log_size = sign * np.log(x.size_millions)
        value = np.exp(exponent * log_size)
        return value, (log_size * value,)

    minus = "-" if sign < 0 else ""
    latex = f"N^{{{minus}<{gamma}>}}"
    return Factor((shape,), evaluate, f"N^{minus}<{gamma}>", latex, conventional=False, sized=True)


def exponential_share(data: PHASES) -> Factor:
    """exp(a1*r) with r the share of one domain's data (Eq. 8)."""
    shape = Shape("a1", -3.0, 3.0, (-0.2, 0.3), "linear", neutral=0.0, remedy=REPLAY)

    def evaluate(x: Points, a1: float) -> Valued:
        share = x.r_pt if data == "pt" else x.r_cpt
        value = np.exp(a1 * share)
        return value, (share * value,)

    latex = rf"e^{{<a1> r_{{\mathrm{{{data}}}}}}}"
    return Factor((shape,), evaluate, f"exp(<a1>*r_{data})", latex)


def replay_share(curve: Literal["convex", "concave"]) -> Factor:
    """How the shift grows with r_cpt, 0 at 0 and 1 at 1: (e^(a r)-1)/(e^a-1), or a < 0."""
    shape = Shape("a2", 1e-3, 60.0, (0.8, 8.0), remedy=REPLAY)
    sign = 1.0 if curve == "convex" else -1.0

    def evaluate(x: Points, a2: float) -> Valued:
        a, r = sign * a2, x.r_cpt
        top, whole = np.expm1(a * r), np.expm1(a)
        value = top / whole
        d_a = (r * np.exp(a * r) - value * np.exp(a)) / whole
        return value, (sign * d_a,)

    minus = "" if curve == "convex" else "-"
    return Factor(
        (shape,),
        evaluate,
        f"(exp({minus}<a2>*r_cpt) - 1)/(exp({minus}<a2>) - 1)",
        rf"\frac{{e^{{{minus}<a2> r_{{\mathrm{{cpt}}}}}} - 1}}{{e^{{{minus}<a2>}} - 1}}",
    )


def only(labels: tuple[str, ...], which: str) -> Factor:
    """1 at the points whose CPT batch is `which`, 0 elsewhere."""

    def evaluate(x: Points) -> Valued:
        return (x.group(labels, "batch") == labels.index(which)).astype(np.float64), ()

    return Factor((), evaluate, f"[batch {which}]", rf"[\mathrm{{batch}}\,{which}]")
