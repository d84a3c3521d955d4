"""How far a forecast leaves what was fitted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.shift import greatest_area, shift_at
from cptlaw.forecasting.causes import distances, youth
from cptlaw.forecasting.measured import OTHERS, figures_of, measured, one_kind
from cptlaw.laws.points import Points
from cptlaw.page import number, quantity
from cptlaw.studies.history import History
from cptlaw.studies.runs import Run


def fitted_range(fit: Fit, quantity: str) -> tuple[float, float] | None:
    """Smallest and largest fitted value of a quantity (see `fit.ranges`), None if unknown."""
    found = [d.ranges[quantity] for d in fit.domains.values() if quantity in d.ranges]
    return (min(f[0] for f in found), max(f[1] for f in found)) if found else None


_BLIND = (("length", 0, 30.0), ("peak LR", 1, 10.0), ("model size", 3, 100.0))
"""What, its column in `distances`, and how many times outside the fitted range nothing is known."""


def check_known(fit: Fit, points: Points) -> None:
    """Whether a forecast lies where anything is known at all; a low LR is less of a leap.

    Args:
        fit: fitted or published coefficients; of the latter nothing is refused.
        points: the places of the forecast, on one history.

    Raises:
        DataError: naming how far outside it lies.
    """
    if fit.study is None:
        return
    history = points.histories[0]
    peak = float(history.phase_lr.max(initial=0.0))
    for domain in fit.domains.values():
        with np.errstate(over="ignore"):
            away = np.exp(distances(domain, points.histories[0], points.step)[-1])
        for what, column, most in _BLIND:
            lowest = domain.ranges.get("cpt_peak_lr" if history.is_cpt else "pt_peak_lr")
            gentle = what == "peak LR" and lowest is not None and peak < lowest[0]
            if away[column] >= 0.999 * most * (3.0 if gentle else 1.0):
                times = number(away[column], 3) if away[column] < 1e6 else "over a million"
                raise DataError(
                    f"the {what} is {times} times outside what was fitted; nothing is "
                    "known there. Fit a run nearer to it, or insist: anyway = True (--anyway)."
                )


def warnings(
    fit: Fit, points: Points, run: Run, model_size: float | None = None
) -> tuple[str, ...]:
    """How far a forecast leaves what was fitted, each a sentence.

    Args:
        fit: fitted or published coefficients.
        points: the places of the forecast, on one history.
        run: the forecast run.
        model_size: the size that was asked for, if any.
    """
    history = points.histories[0]
    sees_size = any(d.depends_on_size for d in fit.domains.values())
    found: list[str] = []
    for each in _asked(fit, history):
        fitted = fitted_range(fit, each.quantity)
        if each.value is None or fitted is None:
            continue
        if not fitted[0] * 0.99 <= each.value <= fitted[1] * 1.01:
            more = "" if any(each.more in told for told in found) else each.more
            found.append(_outside(each.words, each.value, fitted) + more)
    if not sees_size and model_size is not None and fitted_range(fit, "model_size") is None:
        found.append(f"A model size of {quantity(model_size)} was given.{_UNSEEN}")
    found.extend(_batch(fit, run))
    for role, domain in fit.domains.items():
        with np.errstate(over="ignore", invalid="ignore"):  # what is absurd is told in words
            found.extend(_undetermined(role, domain, points))
            found.extend(_split(fit, role, points))
        found.extend(f"{role}: {a}" for a in domain.advice if domain.status == "published")
    return tuple(found)


_UNSEEN = " The fitted law does not see it, so it has no effect on the forecast."


class _Asked(NamedTuple):
    """What a forecast asks of a fit: in words, the quantity, its value, and what is known of it."""

    words: str
    quantity: str
    value: float | None
    more: str = ""


def _asked(fit: Fit, history: History) -> list[_Asked]:
    """Every quantity of a forecast that may lie outside what was fitted."""
    leaves = [leaf for domain in fit.domains.values() for leaf in domain.leaves]
    kind = one_kind((leaf.law.traits.forecasts for leaf in leaves), OTHERS)
    of_size = "" if any(leaf.depends_on_size for leaf in leaves) else _UNSEEN
    of_replay = "" if any(leaf.law.sees("replay") for leaf in leaves) else _UNSEEN
    phase, length = "cpt" if history.is_cpt else "pt", float(history.phase_lr.size)
    young = _of_a_young_base(kind, history)
    more, known = _of_other_peaks(kind), young or _of_other_starts(kind)
    phases = (
        ("pt", "the pre-training", history.pt_lr, more),
        ("cpt", "the CPT", history.cpt_lr, young or more),
    )
    found = [
        _Asked(f"A peak LR of {{}} in {words}", f"{of}_peak_lr", float(lr.max()), told)
        for of, words, lr, told in phases
        if lr.size
    ]
    found.append(_Asked("A length of {} steps", f"{phase}_steps", length))
    found.append(_Asked("A model size of {}", "model_size", history.model_size, of_size))
    if phase == "cpt":
        found.append(_Asked("A replay share of {}", "replay", history.replay, of_replay))
    if phase == "cpt" and history.pt_lr.size:
        start = float(history.pt_lr.size)
        found.append(_Asked("A start at step {}", "start_step", start, known))
    return found


def _batch(fit: Fit, run: Run) -> list[str]:
    """A CPT batch that was not fitted, where the fitted runs say theirs."""
    labels = {label for domain in fit.domains.values() for label in domain.facts.batches}
    seen = any(domain.law.sees("batch") for domain in fit.domains.values())
    if run.data == "pt" or seen or not labels or "?x?" in labels:
        return []
    if run.batch_label in labels or run.batch_label == "?x?":
        return []
    return [
        f"A batch of {run.batch_label} (tokens x sequence length) was not fitted "
        f"({', '.join(sorted(labels))}). The fitted law does not see it."
    ]


def _split(fit: Fit, role: str, points: Points) -> list[str]:
    """Whether the loss is known better than its parts, the hidden PT curve and the shift."""
    domain, area = fit.domain(role), float(points.s1_cpt[-1])
    has_shift = any(term.part == "shift" for term in domain.law.terms)
    if not (has_shift and domain.covariance.size and area > 0):
        return []
    if area > greatest_area(fit, role):
        return [
            f"{role}: so far out it was not looked at whether the data tell the hidden PT curve "
            "and the shift apart."
        ]
    at = shift_at(fit, role, area, points.histories[0].batch)
    if at.value_stderr is None or at.value_stderr <= 0.5 * abs(at.value):
        return []
    return [
        f"{role}: the data do not tell the hidden PT curve and the shift apart (shift "
        f"{number(at.value, 3)}, standard error {number(at.value_stderr, 2)}); read their sum, "
        "the loss."
    ]


def _undetermined(role: str, domain: DomainFit, points: Points) -> list[str]:
    """Terms that the forecast needs and that no fitted point has shown."""
    if not domain.unseen:
        return []
    matrix = domain.law.columns(points, domain.law.inner(domain.params), slopes=False).matrix
    needed = [
        name
        for name, column in zip(domain.law.coefficients, matrix.T, strict=True)
        if name in domain.unseen and column.any()
    ]
    if not needed:
        return []
    return [
        f"{role}: this forecast depends on {', '.join(needed)}, which nothing in the fitted data "
        f"shows; it is taken as {', '.join(f'{number(domain.params[n], 6)}' for n in needed)}."
    ]


def _of_other_peaks(kind: str) -> str:
    """How laws of a kind have done at peaks that were not fitted."""
    known = measured().peaks
    if kind != OTHERS and kind in known:
        return (
            f" On real curves this law was off by {_percent(known[kind].least)} to "
            f"{_percent(known[kind].most)} % at twice and half the fitted peak; farther off it is "
            "untested."
        )
    others = known[OTHERS]
    return (
        f" On real curves laws of this form were off by {_percent(others.least)} to "
        f"{_percent(others.most)} % at other peaks."
    )


def _of_other_starts(kind: str) -> str:
    """How laws of a kind have done from starts that were not fitted."""
    known = measured().starts.get(kind)
    if known is None:
        return " The shift is taken to be the same from every start, which holds only roughly."
    return (
        f" On real curves this law was off by up to {_percent(known.pt)} % (D_pt) and "
        f"{_percent(known.cpt)} % (D_cpt) for starts at a third or half of the base's steps."
    )


def _of_a_young_base(kind: str, history: History) -> str:
    """How forecasts have done after a base that had hardly begun; "" after any other."""
    wider = youth((kind,), history)
    read = history.tokens_a_parameter
    if wider <= 1.0 or read is None:
        return ""
    known = figures_of(measured().young, (kind,))
    return (
        f" Its base had read {number(read, 2)} tokens a parameter, and those that this was checked "
        f"after {number(known.tokens, 2)} or more. After the one like it ({known.study}) forecasts "
        f"were off by {_percent(known.least)} to {_percent(known.most)} %, so intervals are made "
        f"wider, {number(wider, 2)} times at twice or half the fitted. Do a run of this kind first."
    )


def _percent(share: float) -> str:
    return number(100 * share, 1)


def _outside(words: str, value: float, fitted: tuple[float, float]) -> str:
    low, high = fitted
    one, other = quantity(low), quantity(high)
    what = one if one == other else f"{one} to {other}"
    near, end = (low, "smallest") if value < low else (high, "largest")
    if near > 0 and value > 0:
        away = f"{number(value / near, 3)}x the {end}"
    else:
        away = f"{number(abs(value - near), 3)} away"
    return f"{words.format(quantity(value))} lies outside what was fitted ({what}; {away})."
