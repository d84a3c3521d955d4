"""What each source's law says of recipes for a CPT that is not its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cptlaw.arrays import FloatArray
from cptlaw.caching import remembers
from cptlaw.decisions.prior.options import PriorOptions
from cptlaw.decisions.prior.result import OwnBest, PriorRange
from cptlaw.decisions.prior.sources import PriorSource
from cptlaw.laws.points import Points
from cptlaw.schedules.schedule import Schedule

PASSES = (1.0, 2.0, 4.0, 8.0, 16.0)
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
_PEAKS = 7
NEAR = 0.005  # of the losses: recipes that differ by less are as good
_HALF_LIFE = 15.0
"""Passes after which repeats have given most of what they give (arXiv:2305.16264, R*)."""
_BEYOND, _BELOW = 3.0, 10.0  # times longer, or shorter, than the runs that a law was fitted to


@dataclass(frozen=True)
class Response:
    """Relative changes of the losses by one source, log L_end / L_start.

    Args:
        source: whose.
        peaks: shares of the pre-training's peak, shape (p,).
        shares: of replay, shape (r,).
        change: "pt" and "cpt" -> shape (passes, p, r).
    """

    source: PriorSource
    peaks: FloatArray
    shares: FloatArray
    change: Mapping[str, FloatArray]

    def value(self, goal: Mapping[str, float]) -> FloatArray:
        """The weighted mean change, shape (passes, p, r)."""
        total = sum(goal.values())
        zero = np.zeros((len(PASSES), self.peaks.size, self.shares.size))
        return sum((w * self.change[role] for role, w in goal.items() if w), zero) / total


def response(source: PriorSource, options: PriorOptions) -> Response:
    """What a source's law says of the recipes that its runs can tell apart."""
    low, high = source.peaks
    peaks = np.geomspace(low / 2, high, _PEAKS).tolist() if source.tells_peak else [high]
    least, most = source.shares
    shares = [s for s in _SHARES if s <= most + 0.051] if source.tells_replay else [least]
    return changes(source, options.pass_steps, tuple(peaks), tuple(shares))


@remembers(4)  # of plans that differ in goal alone
def changes(
    source: PriorSource, pass_steps: float, peaks: tuple[float, ...], shares: tuple[float, ...]
) -> Response:
    """What a source's law says of recipes with these peaks and replay shares.

    Args:
        source: whose law.
        pass_steps: in which the D_cpt data are seen once, without replay.
        peaks: p of them, as shares of the pre-training's.
        shares: r of replay.
    """
    base = source.base
    top = float(base.pt_lr.max())
    histories = [
        replace(base, cpt_lr=_schedule(peak * top, _steps(source, n, r)).lr(), replay=r)
        for n in (_worth(passes) * pass_steps for passes in PASSES)
        for peak in peaks
        for r in shares
    ]
    found: dict[str, FloatArray] = {}
    for role, domain in source.fit.domains.items():
        losses = domain.loss(Points.at_ends([base, *histories], source.fit.convention))
        shape = (len(PASSES), len(peaks), len(shares))
        found[role] = np.log(losses[1:] / losses[0]).reshape(shape)
    return Response(source, np.array(peaks), np.array(shares), found)


def _worth(passes: float) -> float:
    """How many passes over new data so many over the same are worth."""
    return 1 + _HALF_LIFE * float(1 - np.exp(-(passes - 1) / _HALF_LIFE))


def _steps(source: PriorSource, own: float, share: float) -> int:
    """Steps with replay, within what the source's law was fitted to."""
    least = max(source.steps / _BELOW, 20)
    return int(np.clip(own / (1 - share), least, _BEYOND * source.steps))


def _schedule(peak: float, steps: int) -> Schedule:
    return Schedule.cosine(peak, steps, warmup=max(steps // 50, 1))


def completed(found: Sequence[Response], options: PriorOptions) -> list[Response]:
    """The responses, with the median D_pt of the others where a source has measured none."""
    full = [each for each in found if "pt" in each.change]
    done: list[Response] = []
    for each in found:
        if "pt" not in each.change and options.goal.get("pt"):
            recipes = tuple(each.peaks.tolist()), tuple(each.shares.tolist())
            others = [changes(o.source, options.pass_steps, *recipes) for o in full]
            median = np.median([other.change["pt"] for other in others], axis=0)
            each = replace(each, change={**each.change, "pt": median})
        done.append(each)
    return done


def own_best(each: Response, options: PriorOptions) -> OwnBest:
    """What is best by one source, and what is nearly as good."""
    value = each.value(options.goal)
    by_passes = value.min(axis=(1, 2))
    gains = -np.diff(by_passes)
    enough = int(np.argmax(gains < NEAR)) if (gains < NEAR).any() else len(gains)
    plane = value[enough]
    at = np.unravel_index(int(np.argmin(plane)), plane.shape)
    near = plane <= plane.min() + NEAR
    source = each.source
    return OwnBest(
        source.name,
        source.family,
        source.words,
        source.model_size,
        _range(each.peaks, near.any(axis=1), int(at[0])) if source.tells_peak else None,
        source.tells_peak and int(at[0]) == each.peaks.size - 1,
        _range(each.shares, near.any(axis=0), int(at[1])) if source.tells_replay else None,
        PASSES[enough],
        {role: float(change[enough][at]) for role, change in each.change.items()},
    )


def _range(values: FloatArray, near: FloatArray, best: int) -> PriorRange:
    some = values[near.astype(bool)]
    return PriorRange(float(some.min()), float(values[best]), float(some.max()))
