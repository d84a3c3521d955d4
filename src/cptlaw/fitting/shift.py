"""The shift in the form that data determine: its value and slope at a forward area.

E and beta are nearly degenerate with B when beta is small, so that each alone may be anything;
what the shift is, and how fast it moves, within the data's range is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import DataError
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.laws.points import Points
from cptlaw.studies.history import MOST_STEPS, History
from cptlaw.studies.runs import batch_label


@dataclass(frozen=True)
class ShiftAt:
    """The shift of one domain at one forward area of the CPT, without replay.

    Args:
        area: S1cpt.
        value: nats per token.
        slope: d value / d S1cpt.
        value_stderr: standard error of the value; None if the fit has no covariance.
        slope_stderr: the same of the slope.
    """

    area: float
    value: float
    slope: float
    value_stderr: float | None = None
    slope_stderr: float | None = None


def shift_at(
    fit: Fit,
    role: str,
    area: float,
    batch: str | tuple[float | None, int | None] | None = None,
) -> ShiftAt:
    """Value and slope of a domain's shift at S1cpt = area.

    A law that follows a state of the run has a shift that depends on more than the area; there
    it is that of a constant CPT at the peak LR of the study's longest, from the same base, which
    may have 20 million steps (`greatest_area`).

    Args:
        fit: fitted or published coefficients.
        role: the domain.
        area: forward area of the CPT, above 0.
        batch: the CPT's (batch tokens, sequence length), or its label, for a law with several.

    Raises:
        DataError: the law has no shift, or the area is not above 0 or too large.

    Source: arXiv:2505.07796, Eq. 3.
    """
    domain = fit.domain(role)
    if all(term.part != "shift" for leaf in domain.leaves for term in leaf.law.terms):
        raise DataError(f"law {domain.law.name} of domain '{role}' has no shift.")
    if not 0 < area < float("inf"):
        raise DataError(f"a forward area of {area:g} must be above 0.")
    if area > (most := greatest_area(fit, role)):
        raise DataError(
            f"a forward area of {area:g} is too large: a constant CPT at the peak LR of the "
            f"study's longest reaches {most:g} in {MOST_STEPS:,} steps. Ask for a smaller one."
        )
    one = domain.leaves[0]
    points = (
        _on_a_constant_run(fit, area)
        if one.law.counts_warmup_as_it_was
        else _three_points(fit, one, area, batch)
    )
    reach = float(points.s1_cpt[2] - points.s1_cpt[0])

    def pair(domain: DomainFit) -> FloatArray:
        low, middle, high = domain.parts(points)["shift"]
        return np.array([middle, (high - low) / reach])

    value, slope = pair(domain).tolist()
    errors = _errors(domain, pair) if domain.covariance.size else (None, None)
    return ShiftAt(area, value, slope, *errors)


def greatest_area(fit: Fit, role: str) -> float:
    """The largest forward area at which a domain's shift can be worked out.

    Args:
        fit: fitted or published coefficients.
        role: the domain.
    """
    if not fit.domain(role).leaves[0].law.counts_warmup_as_it_was:
        return float("inf")
    return MOST_STEPS * float(_longest_cpt(fit).cpt_lr.max())


def _longest_cpt(fit: Fit) -> History:
    assert fit.study is not None
    runs = [r for r in fit.study.runs if r.curves and r.data == "cpt"]
    known = [h for h in (fit.study.history(r.name) for r in runs) if h.has_base]
    return max(known, key=lambda history: float(history.cpt_lr.sum()))


_GAP = 1e-4


def _three_points(
    fit: Fit,
    domain: DomainFit,
    area: float,
    batch: str | tuple[float | None, int | None] | None,
) -> Points:
    lr = area * np.array([1.0 - _GAP, _GAP, _GAP])
    bases = domain.facts.bases
    history = History(
        np.empty(0) if bases else np.ones(1),
        lr,
        model_size=domain.ranges.get("model_size", (1e8, 1e8))[0],
        batch=_batch(domain, batch),
        unknown_base=bases[0] if bases else None,
    )
    before = 0 if bases else 1
    step = before + np.array([1, 2, 3])
    return Points.along(history, step, fit.convention)


def _on_a_constant_run(fit: Fit, area: float) -> Points:
    """Three neighbouring places around an area of a constant CPT at the longest run's peak LR."""
    longest = _longest_cpt(fit)
    peak = float(longest.cpt_lr.max())
    steps = max(round(area / peak), 1)
    near = max(round(0.01 * steps), 1)
    flat = replace(longest, cpt_lr=np.full(steps + near, peak), replay=0.0)
    step = flat.pt_lr.size + np.array([steps - near, steps, steps + near])
    return Points.along(flat, step, fit.convention)


def _batch(
    domain: DomainFit, batch: str | tuple[float | None, int | None] | None
) -> tuple[float | None, int | None]:
    if not domain.law.sees("batch"):
        return None, None
    labels = domain.facts.batches
    label = batch_label(*batch) if isinstance(batch, tuple) else batch
    if label not in labels:
        raise DataError(f"this fit has a shift for each batch; name one of {', '.join(labels)}.")
    tokens, length = label.split("x")
    return (
        None if tokens == "?" else float(tokens),
        None if length == "?" else int(float(length)),
    )


def _errors(domain: DomainFit, quantity: Callable[[DomainFit], FloatArray]) -> tuple[float, float]:
    """Standard errors of a pair of quantities by the delta method."""
    law, spread = domain.law, domain.covariance
    m = len(law.terms)
    centre = domain.place
    sure = np.isfinite(np.diag(spread))
    jacobian = np.zeros((2, centre.size))
    for i in np.flatnonzero(sure & (np.diag(spread) > 0)):
        step = 1e-4 * max(abs(float(centre[i])), 1e-3)
        ends: list[FloatArray] = []
        for sign in (1, -1):
            z = centre.copy()
            z[i] += sign * step
            shapes = [s.outer(u) for s, u in zip(law.shapes, z[m:].tolist(), strict=True)]
            params = dict(zip(law.parameters, [*z[:m].tolist(), *shapes], strict=True))
            ends.append(quantity(replace(domain, params=params)))
        jacobian[:, i] = (ends[0] - ends[1]) / (2 * step)
    finite = np.where(np.isfinite(spread), spread, 0.0)
    variance = np.einsum("ij,jk,ik->i", jacobian, finite, jacobian)
    value, slope = np.sqrt(np.maximum(variance, 0.0)).tolist()
    return value, slope
