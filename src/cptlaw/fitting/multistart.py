"""Many starts, one minimum: which are tried, which are searched from, which are settled.

The objective over the shape parameters has several valleys, the more the less is known: a slow
memory can stand in for annealing, a shift for a floor. A single search ends in the one that it
begins in. Looking at a start is one linear problem, a search some dozens of them with derivatives,
and to settle its end exactly costs as much again: many are screened, some searched, few settled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.errors import FitError
from cptlaw.fitting.newton import Minimum, minimise
from cptlaw.fitting.objective import Objective
from cptlaw.fitting.projection import Projected, project, search


class Effort(NamedTuple):
    """How much is tried.

    Args:
        screened: starts that are looked at, for each free shape parameter.
        searched: of them, at most.
        enough: equal ends, as low as the lowest, after which no more are searched.
        settled: different ends, at most, that are followed to their minimum.
    """

    screened: int
    searched: int
    enough: int
    settled: int


# Priors on all shape parameters leave one valley as a rule, and their centre lies in it; a second
# search is there to see that it ends in the same place.
WITH_PRIORS = Effort(2, 4, 2, 2)
# An end without a whole term is a valley of its own: nothing there pulls the term's shape
# parameters to where it would help.
TERM_LOST = Effort(4, 8, 3, 3)
FEW_SHAPES = Effort(16, 12, 3, 8)  # up to three: searches mostly meet
MANY_SHAPES = Effort(32, 12, 12, 8)  # equal ends prove little there, so that all are searched
SAME = 1e-6  # share of the objective by which two ends are one
APART = 0.2  # of the range of starts, in one parameter at least, or two starts lead to one end
CLOSE = 1.5  # times the lowest; one higher in relative residuals is not the lowest in log ones
PROMISING = 1.01  # times the lowest


def best_minimum(objective: Objective, seed: int = 0) -> Minimum:
    """The lowest minimum over many starts: screen, search the best, settle exactly.

    Args:
        objective: what is minimised.
        seed: 0 for a fixed set of starts; any other number adds searches from its own.

    Raises:
        FitError: no start gives a finite objective.
    """
    free = [s for s in objective.law.shapes if s.name not in objective.fixed]
    drawn = all(s.prior for s in free) and objective.prior_weight > 0
    effort = WITH_PRIORS if drawn else FEW_SHAPES if len(free) <= 3 else MANY_SHAPES
    found = _ends(objective, seed, effort, len(free))
    if effort is WITH_PRIORS and free and _lost_a_term(found[0]):
        effort = TERM_LOST
        found = _ends(objective, seed, effort, len(free))
    distinct: list[Projected] = []
    for end in found:
        if all(end.score > other.score * (1 + SAME) for other in distinct):
            distinct.append(end)
    close = [e for e in distinct[: effort.settled] if e.score <= CLOSE * distinct[0].score]
    return _settled(objective, [end.z for end in close])


def _ends(objective: Objective, seed: int, effort: Effort, free: int) -> list[Projected]:
    """Where searches end, lowest first."""
    found: list[Projected] = []
    for one in dict.fromkeys((0, seed)):
        tried = _screened(objective, one, effort.screened * max(free, 1))
        found += _searched(objective, tried[: effort.searched if free else 1], effort.enough)
    return sorted(found, key=lambda f: f.score)


def _lost_a_term(end: Projected) -> bool:
    """Whether a coefficient is 0 though its column is not."""
    return bool((end.columns.matrix.any(axis=0) & (end.coefficients == 0)).any())


def _settled(objective: Objective, ends: list[FloatArray]) -> Minimum:
    """The lowest minimum from several ends: all for some steps, the promising ones to the end.

    What has not settled after 40 steps creeps along a ridge of parameters that the data leave
    open; hundreds of steps there are only worth while for what may become the best, and once
    for several that are one by then.
    """
    first = sorted((minimise(objective, z, steps=40) for z in ends), key=lambda m: m.value)
    best = min(first, key=_order)
    followed: list[float] = []
    for end in [m for m in first if not m.converged and m.value <= PROMISING * best.value][:3]:
        if all(end.value > value * (1 + SAME) for value in followed):
            best = min(best, minimise(objective, end.z, 600, beat=best.value), key=_order)
            followed.append(end.value)
    return best


def _order(minimum: Minimum) -> tuple[float, bool]:
    """Lower first; of equal ones the one that settled."""
    return minimum.value, not minimum.converged


def _screened(objective: Objective, seed: int, count: int) -> list[Projected]:
    """Starts, best first, each apart from those before it.

    They are drawn evenly, in search coordinates, from the ranges in which parameters of real runs
    lie, and have the best coefficients from the first: a start costs one linear problem.
    """
    shapes = objective.law.shapes
    low = np.array([s.inner(s.start[0]) for s in shapes])
    reach = np.array([s.inner(s.start[1]) for s in shapes]) - low
    free = np.array([s.name not in objective.fixed for s in shapes], dtype=np.bool_)
    random = np.random.default_rng(seed)
    centre = np.array([s.inner(s.prior.centre) if s.prior else np.nan for s in shapes])
    starts = [low + reach * draw for draw in random.random((count, low.size))]
    if not np.isnan(centre).any():
        starts.insert(0, centre)
    lowest, highest = (bound[objective.terms :] for bound in objective.bounds)
    starts = [np.where(lowest == highest, lowest, start) for start in starts]  # what is fixed
    tried = [project(objective, start, slopes=False) for start in starts]
    tried = sorted((t for t in tried if np.isfinite(t.score)), key=lambda t: t.score)
    if not tried:
        raise FitError(f"no start of {objective.law.name} gives a finite objective on these data.")
    apart: list[Projected] = []
    for start in tried:
        gaps = [np.abs((start.u - other.u) / reach)[free].max(initial=0.0) for other in apart]
        if all(gap > APART for gap in gaps):
            apart.append(start)
    return apart


def _searched(objective: Objective, tried: list[Projected], enough: int) -> list[Projected]:
    """Where searches from the best starts end, lowest first."""
    found: list[Projected] = []
    for start in tried:
        found.append(search(objective, start.u))
        found.sort(key=lambda f: f.score)
        same = sum(f.score <= found[0].score * (1 + SAME) for f in found)
        if same >= enough:
            break
    return found
