"""How far a forecast leaves what was fitted."""

from __future__ import annotations

import numpy as np

from cptlaw import catalog
from cptlaw.fitted import DomainFit, Fit
from cptlaw.points import Points
from cptlaw.runs import Run


def fitted_range(fit: Fit, quantity: str) -> tuple[float, float] | None:
    """Smallest and largest fitted value of a quantity (see `fit.ranges`), None if unknown."""
    found = [d.ranges[quantity] for d in fit.domains.values() if quantity in d.ranges]
    return (min(f[0] for f in found), max(f[1] for f in found)) if found else None


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
    assert run.schedule is not None
    history, phase, schedule = points.histories[0], run.data, run.schedule
    laws = {d.law.name for d in fit.domains.values() if d.combines is None}
    unseen = " The fitted law does not see it, so it has no effect on the forecast."
    of_size = "" if laws & set(catalog.SIZE_LAWS) else unseen
    of_replay = "" if laws & set(catalog.REPLAY_LAWS) else unseen
    length = float(history.cpt_lr.size if phase == "cpt" else history.pt_lr.size)
    asked: list[tuple[str, str, float | None, str]] = [
        ("A peak LR of {:g}", f"{phase}_peak_lr", schedule.peak, _PEAKS),
        ("A length of {:g} steps", f"{phase}_steps", length, ""),
        ("A model size of {:g}", "model_size", history.model_size, of_size),
    ]
    if phase == "cpt":
        asked.append(("A replay share of {:g}", "replay", history.replay, of_replay))
        if history.pt_lr.size:
            asked.append(("A start at step {:g}", "start_step", float(history.pt_lr.size), _STARTS))
    found: list[str] = []
    for words, key, value, more in asked:
        fitted = fitted_range(fit, key)
        if value is None or fitted is None:
            continue
        if not fitted[0] * 0.99 <= value <= fitted[1] * 1.01:
            found.append(_outside(words, value, fitted) + more)
    if of_size and model_size is not None and fitted_range(fit, "model_size") is None:
        found.append(f"A model size of {model_size:g} was given.{of_size}")
    for role, domain in fit.domains.items():
        found.extend(_undetermined(role, domain, points))
        found.extend(f"{role}: {a}" for a in domain.advice if domain.status == "published")
    return tuple(found)


def _undetermined(role: str, domain: DomainFit, points: Points) -> list[str]:
    """Terms that the forecast needs and that no fitted point has shown."""
    if not domain.unseen:
        return []
    with np.errstate(over="ignore", invalid="ignore"):
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
        f"shows; it is taken as {', '.join(f'{domain.params[n]:g}' for n in needed)}."
    ]


_PEAKS = " Laws of this form have missed other peaks by 2 to 8 % on real curves."
_STARTS = " The shift is taken to be the same from every start, which holds only roughly."


def _outside(words: str, value: float, fitted: tuple[float, float]) -> str:
    low, high = fitted
    what = f"{low:g}" if f"{low:g}" == f"{high:g}" else f"{low:g} to {high:g}"
    near = low if value < low else high
    if near > 0 and value > 0:
        away = f"{max(value / near, near / value):.3g} times away"
    else:
        away = f"{abs(value - near):.3g} away"
    return f"{words.format(value)} lies outside what was fitted ({what}; {away})."
