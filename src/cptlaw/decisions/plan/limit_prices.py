"""What the limits that bind cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cptlaw.decisions.plan.effects import tolerance
from cptlaw.decisions.plan.limit import Limit
from cptlaw.decisions.plan.search import Search, descend, zoom

_BINDS = 2e-3  # share of a limit that may be left; of a cost the share of a step more
_WALKS = 2  # from the old optimum to the new one
_GAINS = 0.01  # of what counts as no difference: a limit that gains less does not bind
_LOOSER = 0.1  # share by which a cost is loosened
_LOOSER_LOSS = 0.01  # nats by which a loss is loosened


@dataclass(frozen=True)
class LimitPrice:
    """A limit that binds.

    Args:
        limit: as it was given.
        looser: the limit that was tried in its place.
        gain: by how much the aim's value would fall.
    """

    limit: Limit
    looser: Limit
    gain: float


def prices_of(search: Search, branch: int) -> tuple[LimitPrice, ...]:
    """What each limit that binds at the best recipe costs: it is loosened, and solved again.

    Args:
        search: that has found the best recipe.
        branch: index of its branch.
    """
    samples, judge = search.samples, search.judge
    place = samples.first[1]
    best = float(samples.value[0])
    found: list[LimitPrice] = []
    for i, limit in enumerate(judge.limits):
        step = 1.0 / float(samples.costs["steps"][0]) if limit.is_cost else 0.0
        if samples.excess[i, 0] < -_BINDS - step:
            continue
        looser = _looser(limit)
        limits = tuple(looser if m is limit else m for m in judge.limits)
        again = Search(replace(judge, limits=limits))
        again.look(branch, place[None])
        known = samples.shares[(samples.branch == branch)][:200]
        again.look(branch, known[:, : place.size])
        for _ in range(_WALKS if place.size else 0):
            start = again.samples.shares[0][: place.size]
            zoom(again, branch, descend(again, branch, start))
        gain = best - float(again.samples.value[0])
        if gain > _GAINS * tolerance(judge.aim, best):
            found.append(LimitPrice(limit, looser, gain))
    return tuple(found)


def _looser(limit: Limit) -> Limit:
    if limit.kind == "share":
        return replace(limit, most=limit.most + _LOOSER_LOSS / 2)
    if limit.is_cost:
        return replace(limit, most=limit.most * (1.0 + _LOOSER))
    return replace(limit, most=limit.most + _LOOSER_LOSS)
