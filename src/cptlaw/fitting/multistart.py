"""Many starts, one minimum: which are tried, which are searched from, which are followed.

The objective over the shape parameters may have several valleys, the more the less is known: a slow
memory can stand in for annealing, a shift for a floor. A single search ends in the one that it
begins in. Looking at a start is one evaluation, a search some dozens of them: many are screened,
some searched, few followed to the end of a ridge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import FitError
from cptlaw.fitting.newton import Minimum, bend_at, minimise
from cptlaw.fitting.objective import Objective, Place
from cptlaw.fitting.projection import begun
from cptlaw.fitting.thinning import thinned


class Effort(NamedTuple):
    """How much is tried.

    Args:
        screened: starts that are looked at, for each free shape parameter.
        searched: of them, at most.
        enough: equal ends, as low as the lowest and with all terms, after which no more are
            searched.
    """

    screened: int
    searched: int
    enough: int


# Priors on all shape parameters leave one valley as a rule, and their centre lies in it; a second
# search is there to see that it ends in the same place.
WITH_PRIORS = Effort(0, 3, 2)
# An end without a whole term is a valley of its own: nothing there pulls the term's shape
# parameters to where it would help. About every third search from elsewhere leads out of it.
TERM_LOST = Effort(2, 6, 2)
FEW_SHAPES = Effort(8, 12, 2)  # up to three: searches mostly meet
MANY_SHAPES = Effort(8, 12, 3)
SAME = 1e-6  # share of the objective by which two ends are one
APART = 0.2  # of the range of starts, in one parameter at least, or two starts lead to one end
PROMISING = 1.01  # times the lowest
STEPS, FOLLOWED = 40, 600  # of a search, and of one that may become the best and has not settled
MOST_FOLLOWED = 3
FEWEST = 4  # starts that are looked at


def best_minimum(objective: Objective, seed: int = 0) -> Minimum:
    """The lowest minimum over several starts.

    Args:
        objective: what is minimised.
        seed: 0 for a fixed set of starts; any other number adds searches from its own.

    Raises:
        FitError: no start gives a finite objective.
    """
    if (few := thinned(objective)) is not None:
        near = best_minimum(few, seed)
        bend = bend_at(near.place, ~near.at_bound)
        return _followed([minimise(objective.at(near.z), STEPS, bend=bend)])
    free = [s for s in objective.law.shapes if s.name not in objective.fixed]
    drawn = all(s.prior for s in free) and objective.prior_weight > 0
    effort = WITH_PRIORS if drawn else FEW_SHAPES if len(free) <= 3 else MANY_SHAPES
    found: list[Minimum] = []
    if drawn:
        found = _searched([begun(objective, _centre(objective))], effort)
        if found and _lost_a_term(found[0].place):
            effort = TERM_LOST
    for one in dict.fromkeys((0, seed)) if free or not found else ():
        starts = _screened(objective, one, max(effort.screened * len(free), FEWEST))
        found = _searched(starts, effort, found)
    if not found:
        raise FitError(f"no start of {objective.law.name} gives a finite objective on these data.")
    return _followed(found)


def _lost_a_term(end: Place) -> bool:
    """Whether a coefficient is 0 though its column is not."""
    return bool((end.columns.matrix.any(axis=0) & (end.coefficients == 0)).any())


def _centre(objective: Objective) -> FloatArray:
    """Where the priors lie, shape (k,); fixed parameters at their value."""
    inner = [s.inner(s.prior.centre) if s.prior else 0.0 for s in objective.law.shapes]
    return _clipped(objective, np.array(inner))


def _clipped(objective: Objective, u: FloatArray) -> FloatArray:
    """Search coordinates within their bounds, those of fixed parameters at their value."""
    return np.clip(u, *(bound[objective.terms :] for bound in objective.bounds))


def _screened(objective: Objective, seed: int, count: int) -> Iterable[Place]:
    """Starts, best first, each apart from those before it.

    They are drawn evenly, in search coordinates, from the ranges in which parameters of real runs
    lie, and have the best coefficients from the first: a start costs one evaluation.
    """
    shapes, m = objective.law.shapes, objective.terms
    low = np.array([s.inner(s.start[0]) for s in shapes])
    reach = np.array([s.inner(s.start[1]) for s in shapes]) - low
    free = np.array([s.name not in objective.fixed for s in shapes], dtype=np.bool_)
    draws = np.random.default_rng(seed).random((count, low.size))
    starts = [_clipped(objective, low + reach * draw) for draw in draws]
    tried = [begun(objective, start, slopes=False) for start in starts]
    tried = sorted((t for t in tried if np.isfinite(t.value)), key=lambda t: t.value)
    apart: list[FloatArray] = []
    for start in tried:
        u = start.z[m:]
        if all(np.abs((u - other) / reach)[free].max(initial=0.0) > APART for other in apart):
            apart.append(u)
            yield objective.at(start.z)


def _searched(
    starts: Iterable[Place], effort: Effort, before: Iterable[Minimum] = ()
) -> list[Minimum]:
    """Where searches from the best starts end, lowest first, with ends that are known before."""
    found = list(before)
    for count, start in enumerate(starts, 1):
        if np.isfinite(start.value):
            settled = found[0].place if found and found[0].converged else None
            found.append(minimise(start, STEPS, known=settled))
            found.sort(key=_order)
        lowest = [end for end in found if end.value <= found[0].value * (1 + SAME)]
        same = sum(not _lost_a_term(end.place) for end in lowest)
        if same >= effort.enough or count >= effort.searched:
            break
    return found


def _followed(found: list[Minimum]) -> Minimum:
    """The lowest minimum of several ends, of which the promising ones are followed.

    What has not settled after 40 steps creeps along a ridge of parameters that the data leave
    open; hundreds of steps there are only worth while for what may become the best, and once
    for several that are one by then.
    """
    best = min(found, key=_order)
    values: list[float] = []
    open_ = [m for m in found if not m.converged and m.value <= PROMISING * best.value]
    for end in sorted(open_, key=_order)[:MOST_FOLLOWED]:
        if all(end.value > value * (1 + SAME) for value in values):
            best = min(best, minimise(end.place, FOLLOWED, beat=best.value), key=_order)
            values.append(end.value)
    return best


def _order(minimum: Minimum) -> tuple[float, bool]:
    """Lower first; of equal ones the one that settled."""
    return minimum.value, not minimum.converged
