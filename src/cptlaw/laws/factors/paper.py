"""The factors of arXiv:2505.07796's laws, each with its spelling."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from cptlaw.errors import DataError
from cptlaw.laws import dual
from cptlaw.laws.dual import Dual
from cptlaw.laws.law import Factor, Prior, Shape
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

    def power(x: Points, alpha: Dual) -> Dual:
        value = np.exp(-float(alpha.value[0]) * x.log_s1)
        return dual.chained(value, (-x.log_s1 * value,) if dual.sloped(alpha) else (), alpha)

    return Factor((ALPHA,), power, "S1^-<alpha>", "S_1^{-<alpha>}")


def power_of_unknown_area(names: tuple[str, ...], reference: float) -> Factor:
    """(S1_pt + S1cpt)**-alpha, with the S1_pt of each named open model a shape parameter."""
    alpha_of_unknown = replace(ALPHA, remedy=UNKNOWN_LEVEL)
    areas = tuple(_unknown_area(name, reference) for name in (names if len(names) > 1 else [""]))

    def power(x: Points, alpha: Dual, *s1_pt: Dual) -> Dual:
        group = x.group(names, "base")
        if (group < 0).any():
            other = group_label(x.histories[int(x.owner[group < 0][0])], "base")
            whose = f"unknown base '{other}'" if other else "a known pre-training"
            raise DataError(f"this law has no S1_pt for {whose}, only for {', '.join(names)}.")
        area = dual.constant(x.s1_cpt)
        for index, before in enumerate(s1_pt):
            area = area + before * (group == index).astype(np.float64)
        return dual.exp(dual.log(area) * -alpha)

    several = len(names) > 1
    written = "S1_pt[base]" if several else "S1_pt"
    symbol = _unknown_symbol("base" if several else "")
    return Factor(
        (alpha_of_unknown, *areas),
        power,
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


def _area(x: Points, phase: PHASES, memory: Dual, epsilon: Dual | None = None) -> Dual:
    """S2 of one phase at n points; its derivatives have a closed form, which `areas` sums."""
    areas = x.annealing(
        float(memory.value[0]), None if epsilon is None else float(epsilon.value[0])
    )
    if phase == "pt":
        value, slopes = areas.pt, (areas.pt_d_lambda, areas.pt_d_epsilon)
    else:
        value, slopes = areas.cpt, (areas.cpt_d_lambda, areas.cpt_d_epsilon)
    given = (memory,) if epsilon is None else (memory, epsilon)
    return dual.chained(value, slopes[: len(given)], *given)


def annealing(phase: PHASES, lambda_: Shape) -> Factor:
    """S2 of one phase."""

    def area(x: Points, memory: Dual) -> Dual:
        return _area(x, phase, memory)

    return Factor((lambda_,), area, *_area_text(phase))


def weighted_annealing(phase: PHASES, lambda_: Shape) -> Factor:
    """S2 of one phase with every momentum weighted by LR**epsilon (Eq. 9)."""

    def area(x: Points, memory: Dual, epsilon: Dual) -> Dual:
        return _area(x, phase, memory, epsilon)

    text, latex = _area_text(phase)
    return Factor((lambda_, EPSILON), area, f"{text}(<epsilon>)", f"{latex}(<epsilon>)")


def powered_annealing(phase: PHASES, lambda_: Shape, zeta: str) -> Factor:
    """sign(S2) * |S2|**zeta of one phase (Eq. 10); a re-warm-up makes S2 negative."""

    def powered(x: Points, memory: Dual, power: Dual) -> Dual:
        area = _area(x, phase, memory)
        sign = np.sign(area.value)
        return dual.power(area * sign, power) * sign

    text, latex = _area_text(phase)
    shape = Shape(zeta, 0.1, 3.0, (0.7, 1.2), neutral=1.0, remedy=ANNEALING)
    return Factor((lambda_, shape), powered, f"{text}^<{zeta}>", rf"({latex})^{{<{zeta}>}}")


def shift(reference: float, label: str = "") -> Factor:
    """1 - (1 + E*S1cpt)**-beta (Eq. 3)."""
    ends, start = (1e-6 / reference, 1e9 / reference), (0.3 / reference, 1e4 / reference)
    rate = Shape(f"E{label}", *ends, start, remedy=SHIFT_RATE)
    beta = replace(BETA, name=f"beta{label}")

    def moved(x: Points, rate: Dual, beta: Dual) -> Dual:
        e, b = float(rate.value[0]), float(beta.value[0])
        reach = e * x.s1_cpt
        log_reach = np.log1p(reach)
        value = -np.expm1(-b * log_reach)
        if not dual.sloped(rate):
            return dual.chained(value, (), rate, beta)
        left = 1.0 - value
        by_rate = b * x.s1_cpt * left / (1.0 + reach)
        return dual.chained(value, (by_rate, log_reach * left), rate, beta)

    return Factor(
        (rate, beta),
        moved,
        f"(1 - (1 + <E{label}>*S1cpt)^-<beta{label}>)",
        rf"\left(1 - (1 + <E{label}>\,S_1^{{\mathrm{{cpt}}}})^{{-<beta{label}>}}\right)",
        tied=(rate.name, beta.name),
    )


def saturated(reach: Dual, beta: Dual) -> Dual:
    """1 - (1 + reach)**-beta, without the loss of digits where the reach is small."""
    return -dual.expm1(dual.log1p(reach) * -beta)


def anchored_shift(reference: float) -> Factor:
    """The shift divided by its value at a reference area.

    Its shape parameters are K, the slope d log(shift) / d log(S1cpt) at the reference area,
    between 0 and 1, which data determine, and beta, which often they do not.
    """
    slope = Shape("K", 1e-4, 1.0 - 1e-6, (0.05, 0.8), remedy=SHIFT)

    def relative(x: Points, k: Dual, beta: Dual) -> Dual:
        reach = _reach(k, beta)
        return saturated(reach * (x.s1_cpt / reference), beta) / saturated(reach, beta)

    return Factor(
        (slope, BETA),
        relative,
        "shift(S1cpt; <K>, <beta>)/shift(S1ref)",
        r"\frac{\Delta(S_1^{\mathrm{cpt}};\,<K>, <beta>)}{\Delta(S_1^{\mathrm{ref}})}",
    )


def relative_slope(reach: dual.Value, beta: dual.Value) -> dual.Value:
    """Slope d log(shift) / d log(S1cpt) where E*S1cpt = reach."""
    return beta * reach / (1.0 + reach) / dual.expm1(beta * dual.log1p(reach))


def _reach(k: Dual, beta: Dual) -> Dual:
    """`solve_reach`, whose derivatives are those of an implicit function."""
    b = float(beta.value[0])
    reach = solve_reach(float(k.value[0]), b)
    d_reach, d_beta = relative_slope(*dual.variables(reach, b)).slopes
    return dual.chained(np.array([reach]), (1.0 / d_reach, -d_beta / d_reach), k, beta)


def solve_reach(k: float, beta: float) -> float:
    """E*S1cpt at which the shift of exponent beta has the relative slope k, 0 < k < 1."""
    from scipy.optimize import brentq

    def gap(log_reach: float) -> float:
        return relative_slope(math.exp(log_reach), beta) - k

    farthest = 600.0 / beta  # of beta * log(1 + reach), so that its exponential is finite
    low, high = -40.0, 600.0 if farthest > 600.0 else float(np.log(np.expm1(farthest)))
    if gap(high) >= 0:
        return float(np.exp(high))
    return float(np.exp(brentq(gap, low, high, xtol=1e-14, rtol=1e-14)))


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

    def power(x: Points, exponent: Dual) -> Dual:
        return dual.exp(exponent * (sign * np.log(x.size_millions)))

    minus = "-" if sign < 0 else ""
    latex = f"N^{{{minus}<{gamma}>}}"
    return Factor((shape,), power, f"N^{minus}<{gamma}>", latex, conventional=False, sized=True)


def exponential_share(data: PHASES) -> Factor:
    """exp(a1*r) with r the share of one domain's data (Eq. 8)."""
    shape = Shape("a1", -3.0, 3.0, (-0.2, 0.3), "linear", neutral=0.0, remedy=REPLAY)

    def growth(x: Points, a1: Dual) -> Dual:
        return dual.exp(a1 * (x.r_pt if data == "pt" else x.r_cpt))

    latex = rf"e^{{<a1> r_{{\mathrm{{{data}}}}}}}"
    return Factor((shape,), growth, f"exp(<a1>*r_{data})", latex)


def replay_share(curve: Literal["convex", "concave"]) -> Factor:
    """How the shift grows with r_cpt, 0 at 0 and 1 at 1: (e^(a r)-1)/(e^a-1), or a < 0."""
    shape = Shape("a2", 1e-3, 60.0, (0.8, 8.0), remedy=REPLAY)
    sign = 1.0 if curve == "convex" else -1.0

    def grown(x: Points, a2: Dual) -> Dual:
        return dual.expm1(a2 * (sign * x.r_cpt)) / dual.expm1(a2 * sign)

    minus = "" if curve == "convex" else "-"
    return Factor(
        (shape,),
        grown,
        f"(exp({minus}<a2>*r_cpt) - 1)/(exp({minus}<a2>) - 1)",
        rf"\frac{{e^{{{minus}<a2> r_{{\mathrm{{cpt}}}}}} - 1}}{{e^{{{minus}<a2>}} - 1}}",
    )


def only(labels: tuple[str, ...], which: str) -> Factor:
    """1 at the points whose CPT batch is `which`, 0 elsewhere."""

    def indicator(x: Points) -> Dual:
        return dual.constant((x.group(labels, "batch") == labels.index(which)).astype(np.float64))

    return Factor((), indicator, f"[batch {which}]", rf"[\mathrm{{batch}}\,{which}]")
