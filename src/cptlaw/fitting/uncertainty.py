"""How sure a fit is: refits of resampled data, and intervals of anything computed from a fit.

Runs and their stretches get random weights (`resampling`). Each refit starts at the fitted
coefficients and follows the weighted objective in the directions that the data determine
(`refits`); where there are very many points, one stands for each stretch (`merging`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from cptlaw.arrays import FloatArray
from cptlaw.caching import remembers
from cptlaw.errors import DataError
from cptlaw.fitting.curved import Curved
from cptlaw.fitting.kept import Refits, rounded
from cptlaw.fitting.merging import merged
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.observations import Observations
from cptlaw.fitting.projection import huber_weight
from cptlaw.fitting.refits import Effort, refitted, solved
from cptlaw.fitting.resampling import Resampled, resampled
from cptlaw.fitting.result import DomainFit, Fit, combination, mean_law
from cptlaw.fitting.weighing import pose
from cptlaw.laws.points import Points
from cptlaw.page import typed

COUNT = 200
MANY = 40_000  # points, above which one stands for each stretch: a pass takes seconds
AT_ONCE = 8_000_000  # points of all refits that are looked at together, 64 MB an array
# The more points, the more a share of their objective is worth.
OF_STRETCHES = Effort(150, 1e-7)
_REWEIGHTINGS = 6  # of a refit of a sum of losses: it begins at the fit


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A fit and refits of it to resampled data.

    Args:
        fit: the fit.
        moves: role -> by how much each refit moves the parameters of that domain, in coefficients
            and search coordinates, shape (count, m + k); for an average, of each member in turn.
            The same row means the same resampled data.
    """

    fit: Fit
    moves: Mapping[str, tuple[FloatArray, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "moves", MappingProxyType(dict(self.moves)))

    def __repr__(self) -> str:
        count = max((len(m) for moves in self.moves.values() for m in moves), default=0)
        return f"<Ensemble: {count} refits of {self.fit!r}>"

    def __len__(self) -> int:
        return next((m.shape[0] for moves in self.moves.values() for m in moves), 0)

    def fits(self) -> Iterator[Fit]:
        """The refits, one after the other, each with all domains."""
        for i in range(len(self)):
            found: dict[str, DomainFit] = {}
            for role in _members_first(self.fit):
                found[role] = _moved(
                    self.fit.domains[role], [m[i] for m in self.moves[role]], found
                )
            yield replace(self.fit, domains={role: found[role] for role in self.fit.domains})

    def losses(self, role: str, points: Points) -> FloatArray:
        """What every refit predicts at n points, shape (count, n).

        Each factor of the law is taken to first order in its logarithm.
        """
        return self.fit.domain(role).loss(points) + self._deviations(role, points)

    def _deviations(self, role: str, points: Points) -> FloatArray:
        domain, moves = self.fit.domain(role), self.moves[role]
        if domain.combines is None:
            shares = (
                [domain.params[c] for c in domain.law.coefficients] if domain.members else [1.0]
            )
            leaves = domain.members or (domain,)
            each = zip(shares, leaves, moves, strict=True)
            found = [share * _bent(leaf, points, move) for share, leaf, move in each]
            return np.sum(found, axis=0)
        (own,) = moves
        found = own @ domain.law.columns(points, np.empty(0)).matrix.T
        for name, both in zip(domain.law.coefficients, domain.combines, strict=False):
            found = found + domain.params[name] * self._deviations(both.role, points)
        return found


@dataclass(frozen=True)
class Interval:
    """A value with the interval that it lies in at a level.

    Args:
        value: from the fit itself.
        low: lower end.
        high: upper end.
        level: share of cases in which such an interval holds.
    """

    value: float
    low: float
    high: float
    level: float = 0.9


def bootstrap(
    fit: Fit, count: int = COUNT, seed: int = 0, progress: Callable[[str], None] = lambda _: None
) -> Ensemble:
    """Refit a fit to resampled data.

    Args:
        fit: fitted coefficients.
        count: number of refits.
        seed: of the resampling.
        progress: is told of every domain.

    Raises:
        DataError: published coefficients, which come without data.
    """
    if fit.study is None:
        raise DataError(
            "published coefficients come without the points they were fitted to, so their "
            "uncertainty is not known. Fit a study of your own."
        )
    if count < 2:
        raise DataError(f"count = {count}: an interval needs at least 2 refits.")
    moves: dict[str, tuple[FloatArray, ...]] = {}
    for number, role in enumerate(_members_first(fit), 1):
        progress(f"refitting {role} to resampled data ({number} of {len(fit.domains)}) ...")
        domain, observed = fit.domains[role], fit.observed(role)
        drawn = resampled(observed, count, seed)
        if domain.combines is None:
            moves[role] = tuple(
                _of_one_law(objective_of(fit, leaf, observed), leaf, drawn, seed)
                for leaf in domain.members or (domain,)
            )
        else:
            moves[role] = (_combined(fit, moves, domain, observed, drawn),)
        moves[role] = tuple(rounded(each) for each in moves[role])
    return Ensemble(fit, {role: moves[role] for role in fit.domains})


@remembers(1)
def ensemble_of(fit: Fit) -> Ensemble:
    """The default refits of a fit: those that it keeps, or such as are made now, once.

    Args:
        fit: of a study.

    Raises:
        DataError: published coefficients.
    """
    kept = _kept(fit)
    return bootstrap(fit) if kept is None else kept


def _kept(fit: Fit) -> Ensemble | None:
    """The refits that a fit keeps; None where there are none, or they are of another fit."""
    if fit.refits is None or fit.refits.made_of != _fingerprint(fit):
        return None
    return Ensemble(fit, fit.refits.moves)


def with_refits(fit: Fit, progress: Callable[[str], None] | None = None) -> Fit:
    """The fit with its default refits, which then are stored with it.

    Args:
        fit: fitted coefficients.
        progress: is told of every domain.

    Raises:
        DataError: published coefficients.
    """
    ensemble = _kept(fit)
    if ensemble is None:
        ensemble = ensemble_of(fit) if progress is None else bootstrap(fit, progress=progress)
    return replace(fit, refits=Refits(_fingerprint(fit), len(ensemble), ensemble.moves))


def _fingerprint(fit: Fit) -> str:
    """Of all that refits depend on: what was fitted, how, and what came out."""
    digest = hashlib.sha256((fit.study.fingerprint if fit.study else "").encode())
    o = fit.options
    digest.update(repr((o.convention, o.delta, o.prior_weight, o.weigh, COUNT)).encode())
    for role, domain in fit.domains.items():
        for leaf in (domain, *domain.leaves):
            held = sorted(leaf.fixed), leaf.kept, leaf.law.name
            digest.update(repr((role, held, sorted(leaf.params.items()))).encode())
    return digest.hexdigest()


def interval(ensemble: Ensemble, quantity: Callable[[Fit], float], level: float = 0.9) -> Interval:
    """The interval of a number that is computed from a fit.

    It lies about the fit's own value, in the logarithm where all values are above 0, as far as a
    share `level` of the refits deviates, made wider for few runs. Infinite values are
    allowed (a length that is never reached); NaN ones are left out.

    Args:
        ensemble: a fit and its refits.
        quantity: what is computed.
        level: share of cases in which the interval is to hold.

    Raises:
        DataError: a level that is not between 0 and 1, or nothing but NaN.
    """
    value = float(quantity(ensemble.fit))
    draws = np.array([float(quantity(fit)) for fit in ensemble.fits()])
    low, high = limits(draws, level)
    draws = draws[~np.isnan(draws)]
    if not np.isfinite(value) or not np.isfinite(draws).all():
        return Interval(value, float(low), float(high), level)
    runs = max(len(ensemble.fit.observed(role).runs) for role in ensemble.fit.domains)
    wider = _for_few(runs, level)
    if value > 0 and (draws > 0).all():
        reach = float(np.exp(wider * np.quantile(np.abs(np.log(draws / value)), level)))
        return Interval(value, value / reach, value * reach, level)
    reach = float(wider * np.quantile(np.abs(draws - value), level))
    return Interval(value, value - reach, value + reach, level)


def _for_few(runs: int, level: float) -> float:
    """By how much the spread over R runs is short of what holds a share `level`.

    A resample of R things varies by sqrt((R - 1) / R) too little, and how much they vary is itself
    known from R - 1 differences: Student's t in place of the normal. One run counts as two.
    """
    from scipy.special import ndtri, stdtrit  # here: no command waits for it

    count, below = float(max(runs, 2)), (1.0 + level) / 2.0
    return float(np.sqrt(count / (count - 1.0)) * stdtrit(count - 1.0, below) / ndtri(below))


def check_level(level: float) -> None:
    """Whether intervals may have a level.

    Args:
        level: share of such runs that end within an interval.

    Raises:
        DataError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError(f"level = {typed(level)} must lie between 0 and 1, such as 0.9.")


def limits(values: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper end that hold a share `level` of the draws, over the first axis.

    Args:
        values: draws, shape (count, ...).
        level: above 0 and below 1, such as 0.9.

    Raises:
        DataError: a level that is not between 0 and 1, or a place with nothing but NaN.
    """
    check_level(level)
    draws = np.asarray(values, dtype=np.float64)
    if np.isnan(draws).all(axis=0).any():
        raise DataError("none of the refits gives a value, so there is no interval.")
    tail = (1.0 - level) / 2
    with np.errstate(invalid="ignore"):
        ends = np.nanquantile(draws, [tail, 1.0 - tail], axis=0, method="nearest")
    return ends[0], ends[1]


def _of_one_law(objective: Objective, domain: DomainFit, drawn: Resampled, seed: int) -> FloatArray:
    """How far every refit of a law moves its parameters, shape (count, m + k)."""
    centres = _centres(domain, drawn.weights.shape[0], seed)
    if drawn.stretch.size <= MANY:
        return refitted(objective, domain, drawn.of_points(), centres)
    few, found = merged(objective, domain.place, drawn), list[FloatArray]()
    for some in _together(len(centres), few.loss.size):
        weights = drawn.weights[some]
        found.append(refitted(few, domain, weights, centres[some], OF_STRETCHES))
    return np.concatenate(found)


def _together(count: int, points: int) -> Iterator[slice]:
    """Of so many refits of so many points, as many at a time as fit into memory."""
    each = max(AT_ONCE // points, 1)
    return (slice(i, i + each) for i in range(0, count, each))


def objective_of(fit: Fit, domain: DomainFit, observed: Observations) -> Objective:
    """What was minimised for one domain.

    Args:
        fit: of a study.
        domain: of that fit.
        observed: its points.
    """
    fixed = {**domain.fixed, **{name: domain.params[name] for name in domain.kept}}
    return pose(domain.law, observed, fit.options, fixed)


def _members_first(fit: Fit) -> list[str]:
    return sorted(fit.domains, key=lambda role: fit.domains[role].combines is not None)


def _moved(domain: DomainFit, moves: list[FloatArray], found: Mapping[str, DomainFit]) -> DomainFit:
    if domain.members:
        each = zip(domain.members, moves, strict=True)
        members = tuple(_moved(member, [move], found) for member, move in each)
        return replace(domain, members=members, law=mean_law(members))
    law, m = domain.law, len(domain.law.terms)
    at = domain.place + moves[0]
    shapes = [min(max(s.outer(u), s.low), s.high) for s, u in zip(law.shapes, at[m:], strict=True)]
    params = dict(zip(law.parameters, [*at[:m].tolist(), *map(float, shapes)], strict=True))
    if domain.combines is None:
        return replace(domain, params=params)
    both = found["pt"], found["cpt"]
    return replace(domain, params=params, combines=both, law=combination(*both, law.name))


def _bent(domain: DomainFit, points: Points, moves: FloatArray) -> FloatArray:
    """By how much every refit of one law moves the losses at n points, shape (count, n)."""
    columns = domain.law.columns(points, domain.law.inner(domain.params))
    curved = Curved.of(columns, domain.place)
    moved: FloatArray = curved.losses(moves) - domain.loss(points)
    return moved


def _centres(domain: DomainFit, count: int, seed: int) -> FloatArray:
    """How far every refit's priors lie from where they are, shape (count, m + k)."""
    # Named by the parameter, so that domains which share one draw the same.
    law = domain.law
    drawn = np.zeros((count, len(law.parameters)))
    priors = [one.prior for one in (*law.terms, *law.shapes)]
    for column, (name, prior) in enumerate(zip(law.parameters, priors, strict=True)):
        if prior is not None:
            random = np.random.default_rng([seed, *name.encode()])
            drawn[:, column] = prior.spread * random.standard_normal(count)
    return drawn


def _combined(
    fit: Fit,
    moves: Mapping[str, tuple[FloatArray, ...]],
    domain: DomainFit,
    observed: Observations,
    drawn: Resampled,
) -> FloatArray:
    """How far every refit moves the weights of D_pt and D_cpt loss and a constant, (count, m)."""
    count = drawn.weights.shape[0]
    found: list[FloatArray] = []
    for some in _together(count, len(observed)):
        own = {b.role: tuple(m[some] for m in moves[b.role]) for b in domain.combines or ()}
        found.append(_weighed(Ensemble(fit, own), domain, observed, drawn.of_points(some)))
    return np.concatenate(found)


def _weighed(
    both: Ensemble, domain: DomainFit, observed: Observations, weights: FloatArray
) -> FloatArray:
    """As `_combined`, of some of the refits."""
    assert domain.combines is not None
    own = np.array([domain.params[c] for c in domain.law.coefficients])
    parts = np.stack([both.losses(b.role, observed.points) for b in domain.combines], axis=2)
    parts = np.concatenate([parts, np.ones((*parts.shape[:2], own.size - parts.shape[2]))], axis=2)
    slopes: FloatArray = parts / observed.loss[:, None]
    found: FloatArray = np.tile(own, (weights.shape[0], 1))
    for _ in range(_REWEIGHTINGS):
        residual: FloatArray = (slopes @ found[:, :, None])[:, :, 0] - 1.0
        robust = weights * huber_weight(residual, both.fit.options.delta) ** 2
        weighed = robust[:, :, None] * slopes
        hessian = np.swapaxes(weighed, 1, 2) @ slopes
        # A refit's weights may leave out the very points that tell two losses apart.
        trace = np.trace(hessian, axis1=1, axis2=2)
        hessian += 1e-9 * trace[:, None, None] * np.eye(own.size)
        pull: FloatArray = (np.swapaxes(weighed, 1, 2) @ residual[:, :, None])[:, :, 0]
        found = found - solved(hessian, pull)
    moved: FloatArray = found - own
    return moved
