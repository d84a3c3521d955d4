"""How far one parameter may go: the rest refitted at each of its values.

The objective's rise along a profile is judged by what noise alone would give. Neighbouring
residuals are alike, so that many points say as much as a few independent ones; the rise is
calibrated by how many (lag sums of the clipped residuals, as the standard errors are).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray, IntArray, floats
from cptlaw.errors import DataError, suggestion
from cptlaw.fitting.multistart import best_minimum
from cptlaw.fitting.neighbours import summed_products
from cptlaw.fitting.newton import minimise, whitening
from cptlaw.fitting.objective import Objective, Place
from cptlaw.fitting.projection import begun
from cptlaw.fitting.result import DomainFit, Fit
from cptlaw.fitting.uncertainty import Interval, check_level, objective_of
from cptlaw.laws.law import Shape
from cptlaw.page import number

# Where the objective is a parabola, a 90 % interval ends 1.6 standard errors off: the second value
# passes it, and the end is read off between the two. Steps grow, so that a flat side is followed
# two hundred standard errors far; in search coordinates the first is neither so long that it
# leaves the valley nor so short that nothing moves.
_FIRST, _SHORTEST, _LONGEST = 0.8, 1e-3, 0.5
_GROWTH = 1.4
_MOST = 14  # values on either side
_PAST = 1.5  # times the limit, after which a side is done
_JUMP = 4.0  # times the limit: a rise between two values that is looked at again


class _End(NamedTuple):
    """Coefficients and search coordinates, shape (m + k,), and the objective there."""

    z: FloatArray
    value: float


@dataclass(frozen=True, eq=False)
class Profile:
    """The objective over the values of one shape parameter, the rest refitted at each.

    Args:
        role: the domain.
        name: of the parameter.
        values: at which the rest was refitted, rising, the fitted one among them; shape (g,).
        rise: of the objective above its lowest, shape (g,).
        params: name -> value of every parameter along the profile, shape (g,) each.
        limit: the rise at the ends of the interval.
        interval: the values with less rise; an open end is the last value that was tried.
        open_low: whether the data set no lower limit among the values that were tried.
        open_high: the same for an upper limit.
        points_alike: how many neighbouring points say as much as one independent point.
    """

    role: str
    name: str
    values: FloatArray
    rise: FloatArray
    params: Mapping[str, FloatArray]
    limit: float
    interval: Interval
    open_low: bool
    open_high: bool
    points_alike: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))

    def __repr__(self) -> str:
        return f"<Profile over {self.values.size} values: {self.sentence}>"

    @property
    def sentence(self) -> str:
        """The interval in words."""
        low, high = number(self.interval.low, 3), number(self.interval.high, 3)
        level = f"{number(100 * self.interval.level, 6)} %"
        if self.open_low and self.open_high:
            said = f"the data set no limit from {low} to {high}"
        elif self.open_low:
            said = f"at most {high}; the data set no lower limit down to {low}"
        elif self.open_high:
            said = f"at least {low}; the data set no upper limit up to {high}"
        else:
            said = f"{low} to {high}"
        return f"{self.name} on {self.role}: {number(self.interval.value, 3)}, {said} ({level})."


def profile(
    fit: Fit,
    role: str,
    name: str,
    values: ArrayLike | None = None,
    level: float = 0.9,
) -> Profile:
    """Fix one shape parameter at each of several values, and refit all others.

    Args:
        fit: fitted coefficients of one law.
        role: the domain.
        name: of a shape parameter, such as "E", "beta", "lambda" or "S1_pt[NAME]"; one that was
            given or kept is freed.
        values: to try; left out, from the fitted one outwards until the objective has risen
            enough, or to the parameter's bounds.
        level: share of cases in which the interval is to hold.

    Raises:
        DataError: published coefficients, a mean of laws, no such shape parameter, a value
            outside its bounds.
    """
    check_level(level)
    domain, observed = fit.domain(role), fit.observed(role)
    shape = _shape(domain, name)
    objective = objective_of(fit, domain, observed)
    fixed = {n: v for n, v in objective.fixed.items() if n != name}
    objective = replace(objective, fixed=fixed)
    start = domain.place
    place = objective.at(start)
    scale, alike = _noise(place, observed.run)
    limit, error = _limit(place, name, scale, level)
    best = place.value
    if values is None:
        ends = _outwards(objective, start, shape, best, limit, error)
    else:
        ends = _along(objective, start, shape, _given(shape, values), best + _JUMP * limit)
    ends.append(_End(start, best))
    return _profiled(domain, objective, shape, ends, limit, level, alike)


def _shape(domain: DomainFit, name: str) -> Shape:
    if domain.combines is not None or domain.members:
        raise DataError(
            f"domain '{domain.role}' is a sum of fitted losses; profile the law of a single domain."
        )
    found = next((s for s in domain.law.shapes if s.name == name), None)
    if found is None:
        kind = "is a coefficient" if name in domain.law.coefficients else "is not a parameter"
        raise DataError(
            f"'{name}' {kind} of {domain.law.name} on '{domain.role}'; profiles are of shape "
            f"parameters. {suggestion(name, [s.name for s in domain.law.shapes])}"
        )
    return found


def _given(shape: Shape, values: ArrayLike) -> list[float]:
    found = sorted(np.asarray(values, dtype=np.float64).reshape(-1).tolist())
    for value in found:
        if not shape.low <= value <= shape.high:
            raise DataError(
                f"{shape.name} = {number(value, 6)} must lie in {number(shape.low, 6)} to "
                f"{number(shape.high, 6)}."
            )
    return [shape.inner(value) for value in found]


# --- what noise alone gives ------------------------------------------------------------------


def _noise(place: Place, run: IntArray) -> tuple[float, float]:
    """Scale of the objective's rise by chance, and how many points say as much as one."""
    objective, residual = place.objective, place.residual
    pull = np.clip(residual, -objective.delta, objective.delta)
    free = max(pull.size - place.z.size + len(objective.fixed), 1)
    counts = objective.counts
    live = counts @ (np.abs(residual) < objective.delta)
    products = max(_products(counts * pull, run), float((counts * pull) @ (counts * pull)))
    scale = products * pull.size / free / max(float(live), 1e-3 * float(counts.sum()))
    alike = _products(pull, run) / max(float(pull @ pull), 1e-300)
    return scale, max(alike, 1.0)


def _products(pull: FloatArray, run: IntArray) -> float:
    """Summed products of the pulls of n points, those of neighbours in a run included."""
    each = (summed_products(pull[run == index, None])[0, 0] for index in np.unique(run))
    return float(sum(each))


def _limit(place: Place, name: str, chance: float, level: float) -> tuple[float, float]:
    """The rise that chance exceeds in 1 - level of cases, and the standard error at a place.

    The part of what is known that the priors bring keeps their own scale.
    """
    objective, z = place.objective, place.z
    low, high = objective.bounds
    free = (low < high) & (z > low) & (z < high)
    index = objective.terms + [s.name for s in objective.law.shapes].index(name)
    free[index] = True
    axes = whitening(place, free)
    mine = int(free[:index].sum())
    row = axes[mine] @ axes.T
    drawn = objective.drawn(z)[free]
    own = max(float(row[mine]), 1e-300)
    share = min(float(row @ (drawn * row)) / own, 1.0)
    scale = chance * (1.0 - share) + objective.prior_weight * share
    normal = NormalDist().inv_cdf(0.5 + level / 2)  # its square is that of chi squared
    return 0.5 * normal**2 * scale, float(np.sqrt(own * scale))


# --- refits ----------------------------------------------------------------------------------


def _refitted(
    objective: Objective, before: FloatArray, shape: Shape, inner: float, doubtful: float
) -> _End:
    """The minimum with one shape parameter at a search coordinate, from a minimum nearby.

    One that is above `doubtful` may be that of another valley: all starts are tried then. A fixed
    parameter loses its prior; what it would cost is added.
    """
    value = min(max(shape.outer(inner), shape.low), shape.high)
    tried = replace(objective, fixed={**objective.fixed, shape.name: value})
    z = before.copy()
    place = objective.law.shapes.index(shape)
    z[objective.terms + place] = shape.inner(value)
    end = minimise(begun(tried, z[objective.terms :]), steps=60)
    if end.value > doubtful:
        end = min(end, best_minimum(tried), key=lambda found: found.value)
    priors = objective.prior_costs(z)
    return _End(end.z, end.value + float(priors[objective.terms + place]))


def _along(
    objective: Objective,
    start: FloatArray,
    shape: Shape,
    inner: Sequence[float],
    doubtful: float,
) -> list[_End]:
    """Refits at given search coordinates, each side of the fitted one from there outwards."""
    at = start[objective.terms + objective.law.shapes.index(shape)]
    above = [u for u in inner if u > at]
    below = [u for u in reversed(inner) if u < at]
    found: list[_End] = []
    for side in (above, below):
        before = start
        for u in side:
            found.append(_refitted(objective, before, shape, u, doubtful))
            before = found[-1].z
    return found


def _outwards(
    objective: Objective,
    start: FloatArray,
    shape: Shape,
    best: float,
    limit: float,
    error: float,
) -> list[_End]:
    """Refits on either side, in growing steps, until the objective has risen or at a bound."""
    index = objective.terms + objective.law.shapes.index(shape)
    step = min(max(_FIRST * error, _SHORTEST), _LONGEST)
    low, high = shape.inner(shape.low), shape.inner(shape.high)
    found: list[_End] = []
    for sign in (-1.0, 1.0):
        before, u, reach = start, float(start[index]), step
        for _ in range(_MOST):
            there = min(max(u + sign * reach, low), high)
            if there == u:
                break
            end = _refitted(objective, before, shape, there, best + _JUMP * limit)
            found.append(end)
            before, u, reach = end.z, there, _GROWTH * reach
            if end.value - best > _PAST * limit:
                break
    return found


def _profiled(
    domain: DomainFit,
    objective: Objective,
    shape: Shape,
    ends: list[_End],
    limit: float,
    level: float,
    alike: float,
) -> Profile:
    law, m = domain.law, objective.terms
    index = m + law.shapes.index(shape)
    ends = sorted(ends, key=lambda end: end.z[index])
    inner = np.array([end.z[index] for end in ends])
    value = np.array([end.value for end in ends])
    rise = value - value.min()
    low, high = (_crossing(inner, rise, limit, side) for side in (-1, 1))
    outer = floats([shape.outer(u) for u in inner])
    params = {c: floats([e.z[i] for e in ends]) for i, c in enumerate(law.coefficients)}
    for i, s in enumerate(law.shapes):
        params[s.name] = floats([s.outer(float(e.z[m + i])) for e in ends])
    own = float(domain.params[shape.name])
    between = Interval(
        own,
        shape.outer(float(inner[0] if low is None else low)),
        shape.outer(float(inner[-1] if high is None else high)),
        level,
    )
    return Profile(
        domain.role,
        shape.name,
        values=outer,
        rise=floats(rise),
        params=params,
        limit=limit,
        interval=between,
        open_low=low is None,
        open_high=high is None,
        points_alike=alike,
    )


def _crossing(inner: FloatArray, rise: FloatArray, limit: float, side: int) -> float | None:
    """Where the rise first passes the limit on one side of the lowest value; None if nowhere."""
    height = np.sqrt(np.maximum(rise, 0.0) / limit)
    i = int(rise.argmin())
    while 0 <= i + side < inner.size:
        if height[i + side] > 1.0:
            share = (1.0 - height[i]) / (height[i + side] - height[i])
            return float(inner[i] + share * (inner[i + side] - inner[i]))
        i += side
    return None
