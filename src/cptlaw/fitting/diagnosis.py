"""What a fit's numbers do not tell, in words, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.fitting.newton import Minimum
from cptlaw.law import Law
from cptlaw.observations import Observations

_MENDS = {
    ("L0", "A", "alpha"): (
        "The data do not show where the pre-training loss levels off; what it is within their "
        "range is still fitted. A longer PT run, or one at another LR, would determine it."
    ),
    ("C", "C1", "C2", "lambda", "epsilon", "zeta1", "zeta2"): (
        "The runs anneal too little or too smoothly to tell how fast the loss follows the LR. "
        "A run with an abrupt LR drop would."
    ),
    ("B", "E", "beta", "D", "K"): (
        "Read the shift by its value and slope at the reference area, not by these coefficients. "
        "A longer CPT run, or more evaluations in its first steps, would determine them."
    ),
    ("gamma1", "gamma2", "gamma3", "F"): "Runs of more model sizes would determine them.",
    ("a1", "a2"): "CPT runs at more replay shares would determine them.",
    ("S1_pt",): (
        "S1_pt stands for a pre-training nobody knows; a CPT run whose LR varies more would "
        "narrow it."
    ),
    ("l_pt", "l_cpt"): "Evaluations where D_pt and D_cpt move apart would determine them.",
}
_ABSENT = {
    "C1": "A branch of the pre-training that anneals would determine it.",
    "C2": "A CPT run whose LR changes would determine it.",
    "B": "A CPT run would determine it.",
    "D": "A CPT run would determine it.",
}
_LOOSE = 0.5


def _first_mend(names: list[str]) -> str:
    """What would determine the first of the named parameters."""
    name = names[0].partition("[")[0]
    general = next((mend for group, mend in _MENDS.items() if name in group), "")
    return _ABSENT.get(name, general)


@dataclass(frozen=True)
class Diagnosis:
    """What a fit does not tell.

    Args:
        status: "ok", "at bound", "not identified" or "not converged".
        advice: each a sentence.
        loose: parameters that the data leave open.
        unseen: coefficients of terms that are zero at every fitted point.
    """

    status: str
    advice: tuple[str, ...]
    loose: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()


def diagnose(
    law: Law,
    params: Mapping[str, float],
    error: FloatArray,
    minimum: Minimum,
    fixed: Mapping[str, float],
    observed: Observations,
    matrix: FloatArray,
    held: tuple[str, ...] = (),
) -> Diagnosis:
    """Say what is not identified, what rests at a bound, and what would mend it.

    Args:
        law: the fitted law, m terms and k shape parameters.
        params: their values.
        error: standard errors of coefficients and search coordinates, shape (m + k,).
        minimum: where the search ended.
        fixed: shape parameters that were given.
        observed: the n fitted points.
        matrix: the law's columns there, shape (n, m).
        held: shape parameters that the data left open, held at a value without effect.
    """
    absent = [
        name for name, column in zip(law.coefficients, matrix.T, strict=True) if not np.any(column)
    ]
    bound = [
        name
        for name, rests in zip(law.parameters, minimum.at_bound, strict=True)
        if rests and name not in fixed and name not in absent
    ]
    loose = [
        name
        for i, name in enumerate(law.parameters)
        if name not in absent
        and name not in fixed
        and not minimum.at_bound[i]
        and _is_loose(law, i, params[name], float(error[i]))
    ]
    loose = _with_their_shift(law, loose, bound)
    advice = _sentences(law, absent, bound, loose, params)
    advice += [
        f"{name}: the data leave it open; held at {params[name]:g}, where it has no effect. "
        + _first_mend([name])
        for name in held
    ]
    if "C1" in params and all(h.cpt_lr.size for h in observed.points.histories):
        advice.insert(
            0,
            "Only CPT losses were given; they cannot tell L0, A, alpha and C1 apart. Add the "
            'PT log, or treat the base as unknown (after = "unknown:NAME").',
        )
    if not minimum.converged:
        advice.insert(0, "The search did not settle; the coefficients are the best it found.")
    status = "not identified" if absent or loose or held else "at bound" if bound else "ok"
    status = status if minimum.converged else "not converged"
    return Diagnosis(status, tuple(advice), (*loose, *held), tuple(absent))


def _is_loose(law: Law, index: int, value: float, error: float) -> bool:
    """Whether a standard error is past half the value (half a unit of a logarithm)."""
    terms = len(law.terms)
    if index < terms:
        return not error <= _LOOSE * abs(value)
    if law.shapes[index - terms].scale == "linear":
        return not error <= _LOOSE * max(abs(value), 0.2)
    return not error <= _LOOSE


def _with_their_shift(law: Law, loose: list[str], bound: list[str]) -> list[str]:
    """B, E and beta trade off against one another: one that is open leaves all three open."""
    labels = {n.partition("[")[2] for n in (*loose, *bound) if n.partition("[")[0] in _SHIFT}
    return [
        n
        for n in law.parameters
        if n in loose
        or (n.partition("[")[0] in _SHIFT and n.partition("[")[2] in labels and n not in bound)
    ]


_SHIFT = ("B", "E", "beta")


def _mends(law: Law) -> dict[tuple[str, ...], str]:
    """What would determine which parameters; an open model's pre-training cannot be had."""
    if not any(name.startswith("S1_pt") for name in law.parameters):
        return _MENDS
    base = (
        "The pre-training is unknown, and the CPT's losses do not show where the loss would level "
        "off. Within the fitted range the curve is fitted; outside it is a guess. A longer CPT "
        "run would tell more."
    )
    return {**_MENDS, ("L0", "A", "alpha"): base}


def _sentences(
    law: Law,
    absent: list[str],
    bound: list[str],
    loose: list[str],
    params: Mapping[str, float],
) -> list[str]:
    found: list[str] = []
    if absent:
        found.append(
            f"{', '.join(absent)}: nothing in the data depends on it, so its value means nothing. "
            + _first_mend(absent)
        )
    for names, mend in _mends(law).items():
        mine = [n for n in law.parameters if n.partition("[")[0] in names]
        at = [f"{n} = {params[n]:.4g}" for n in mine if n in bound]
        open_ = [n for n in mine if n in loose]
        if at:
            found.append(f"{', '.join(at)}: at its bound. {mend}")
        if open_:
            found.append(f"{', '.join(open_)}: not identified. {mend}")
    return found
